/** What rules on the bridge of an instance do with a packet (a node whose firewall is `hybrid`), as hops: what the node said of them; where it said nothing, the log. */
import {
  type AnswerOf,
  type BridgeSaid,
  type MetRule,
  firewallOf,
  type Port,
  type TracedPacket,
} from '@plumbline/contracts';
import type { Direction } from './groups.js';
import { byGroups, rulesThatLet, letBy } from './judged.js';
import { portText } from './reasons.js';
import type { Ended, Trail } from './trail.js';

const OUT = { egress: 'out', ingress: 'in' } as const;

/** An end where it does not pass. Of a port that has no bridge nothing is told. */
export function overBridge(
  trail: Trail,
  port: Port,
  direction: Direction,
  packet: TracedPacket,
  host: string,
  told: AnswerOf<'switching'>,
): Ended | null {
  const said = told.bridges.find((each) => each.portId === port.id && each.direction === direction);
  if (said && said.end !== 'unread') return asSaid(trail, port, direction, packet, host, said);
  if (!said && !isHybrid(trail, port, host)) return null;
  const why = said ? `: ${said.remark}` : '';
  trail.unknown.add(
    `what the rules of the bridge of ${portText(port)} on ${host} say${why}. It is judged by its security groups in the log`,
  );
  return byGroups(trail, port, direction, packet, host);
}

const isHybrid = ({ objects }: Trail, { deviceOwner }: Port, host: string): boolean =>
  firewallOf(objects.get('node', host)) === 'hybrid' && !deviceOwner.startsWith('network:');

function asSaid(
  trail: Trail,
  port: Port,
  direction: Direction,
  packet: TracedPacket,
  host: string,
  { rules, unjudged, bridge, end, remark }: BridgeSaid,
): Ended | null {
  for (const { table, chain, line, did, of, position } of rules)
    if (did !== 'mark' || of === 'foreign')
      trail.hop('rule', host, packet, `-t ${table} -A ${chain} ${line === '' ? '(policy of the chain)' : line}`, {
        ...{ place: bridge, of, position },
      });
  for (const { table, chain, line } of unjudged)
    trail.unknown.add(
      `whether a rule of somebody else applies, which cannot be judged: ${table} ${chain} ${line} on the bridge of ${portText(port)}`,
    );
  if (end === 'dropped') return trail.dropped(whyDropped(trail, port, direction, packet, host, rules.at(-1)), port);
  if (remark !== '') trail.hop('rule', host, packet, remark, { place: bridge });
  else letBy(trail, port, direction, packet, host);
  return null;
}

/** Where the groups of the log let it through, a rule is not on the node that should be. */
function whyDropped(
  trail: Trail,
  port: Port,
  direction: Direction,
  packet: TracedPacket,
  host: string,
  by: MetRule | undefined,
): Readonly<{ reason: string; why: string }> {
  const out = OUT[direction];
  if (by?.of === 'foreign')
    return { reason: 'foreign-rule', why: `a rule of somebody else on the bridge of ${portText(port)} drops it` };
  const [missing] = rulesThatLet(trail, port, direction, packet);
  if (missing === undefined)
    return { reason: 'group', why: `no rule of the security groups of ${portText(port)} lets it ${out}` };
  return {
    reason: 'rule-missing',
    why: `a rule of a security group lets it ${out}, and on the bridge of ${portText(port)} on ${host} it is missing: ${missing}`,
  };
}
