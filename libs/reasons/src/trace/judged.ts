/** What security groups do with a packet, as hops: by which rules it was let through, and where no flow judges, whether the log lets it. */
import { firewallOf, keyOf, type Port, type TracedPacket } from '@plumbline/contracts';
import { type Direction, rulesFor } from './groups.js';
import { portText } from './reasons.js';
import type { Ended, Trail } from './trail.js';

const isJudged = ({ portSecurityEnabled, deviceOwner }: Port): boolean =>
  portSecurityEnabled && !deviceOwner.startsWith('network:');

/** By which rules a switch that let it through did so. */
export function letBy(trail: Trail, port: Port, direction: Direction, packet: TracedPacket, host: string): void {
  if (!isJudged(port)) return;
  for (const { rule, opening } of fitting(trail, port, direction, packet))
    trail.hop('group', host, packet, ruleText(rule, opening), {
      object: keyOf(rule),
      position: rule.setAt['securitygrouprule'],
    });
}

/** The rules that let it through, by the log; none where nothing judges it, or where this part of the log does not have all of its groups. */
export function rulesThatLet(trail: Trail, port: Port, direction: Direction, packet: TracedPacket): readonly string[] {
  if (!isJudged(port) || lacksGroups(trail, port)) return [];
  return fitting(trail, port, direction, packet).map(({ rule, opening }) => ruleText(rule, opening));
}

const lacksGroups = ({ objects }: Trail, { securityGroupIds }: Port): boolean =>
  securityGroupIds.some((id) => !objects.get('securitygroup', id));

/** Rules that let it through: of an answer, those that let through what it answers. */
function fitting(trail: Trail, port: Port, direction: Direction, packet: TracedPacket) {
  const opened = trail.answers ? trail.passed.opened.get(port.networkId) : undefined;
  const turned = direction === 'ingress' ? 'egress' : 'ingress';
  const own_ = rulesFor(trail.objects, port, direction, packet).filter(({ stateful }) => !opened || !stateful);
  const opening = opened ? rulesFor(trail.objects, port, turned, opened).filter(({ stateful }) => stateful) : [];
  return [
    ...own_.map(({ rule }) => ({ rule, opening: false })),
    ...opening.map(({ rule }) => ({ rule, opening: true })),
  ];
}

/** Where no flow judges, the log does: an end when no rule fits. A node's part of the log has the groups of its own ports alone: of others it is not known. */
export function byGroups(
  trail: Trail,
  port: Port,
  direction: Direction,
  packet: TracedPacket,
  host: string,
): Ended | null {
  if (!isJudged(port)) return null;
  if (firewallOf(trail.objects.get('node', host)) === 'none') return null;
  const out = direction === 'egress' ? 'out' : 'in';
  if (lacksGroups(trail, port)) {
    trail.byLog = true;
    trail.unknown.add(
      `whether the security groups of ${portText(port)} let it ${out}: they are not in this part of the log`,
    );
    return null;
  }
  if (fitting(trail, port, direction, packet).length === 0)
    return trail.dropped(
      { reason: 'group', why: `no rule of the security groups of ${portText(port)} lets it ${out}` },
      port,
    );
  letBy(trail, port, direction, packet, host);
  return null;
}

function ruleText(
  { direction, ethertype, protocol, portRangeMin, portRangeMax, securityGroupId, remoteIpPrefix }: SecurityRule,
  opening: boolean,
): string {
  const ports =
    portRangeMin === null ? '' : ` ${portRangeMin}${portRangeMax === portRangeMin ? '' : `-${portRangeMax}`}`;
  const whom = remoteIpPrefix === null ? '' : ` ${direction === 'ingress' ? 'from' : 'to'} ${remoteIpPrefix}`;
  const rule = `${direction} ${ethertype} ${protocol ?? 'any'}${ports}${whom} of security group ${securityGroupId}`;
  return opening ? `it answers what was let through: ${rule}` : rule;
}
type SecurityRule = ReturnType<typeof rulesFor>[number]['rule'];
