/**
 * What security groups mean, packet by packet, written without the renderer; and what flows do with a packet, written without the switch. A test holds one beside the
 * other.
 */
import { canonicalCidr, cidrContains, protocolNumber, type SecurityGroupRule, versionOf } from '@plumbline/contracts';
import { type HostView, objectIn } from '@plumbline/topology';
import type { Flow } from '../flow.js';

/** The packet that opens a connection, as one port sees it. For ICMP `sport` is the type and `dport` the code. */
export type Packet = Readonly<{
  direction: 'egress' | 'ingress';
  protocol: number;
  /** The address of the other end. */
  remote: string;
  sport: number;
  dport: number;
}>;

const [ICMP, ICMP_V6] = [1, 58] as const;

/** Whether a port with these groups may send it, or get it. */
export function allows(view: HostView, groups: readonly string[], packet: Packet): boolean {
  return [...view.objects.values()].some(
    (object) =>
      object.kind === 'securitygrouprule' && groups.includes(object.securityGroupId) && of(view, object, packet),
  );
}

function of(view: HostView, rule: SecurityGroupRule, packet: Packet): boolean {
  if (rule.direction !== packet.direction || rule.ethertype !== `IPv${versionOf(packet.remote)}`) return false;
  if (!remotes(view, rule).some((prefix) => cidrContains(canonicalCidr(prefix), packet.remote))) return false;
  const number = rule.protocol === null ? 0 : protocolNumber(rule.protocol);
  if (number === 0) return true;
  if (number !== packet.protocol) return false;
  const { portRangeMin: min, portRangeMax: max } = rule;
  if (number === ICMP || number === ICMP_V6)
    return (min === null || min === packet.sport) && (max === null || max === packet.dport);
  return min === null || max === null || (packet.dport >= min && packet.dport <= max);
}

function remotes(view: HostView, { ethertype, ...rule }: SecurityGroupRule): readonly string[] {
  if (rule.remoteGroupId)
    return [...view.objects.values()].flatMap((object) =>
      object.kind === 'securitygroupmember' && object.securityGroupId === rule.remoteGroupId ? object.addresses : [],
    );
  if (rule.remoteAddressGroupId) return objectIn(view, 'addressgroup', rule.remoteAddressGroupId)?.addresses ?? [];
  return [rule.remoteIpPrefix ?? (ethertype === 'IPv4' ? '0.0.0.0/0' : '::/0')];
}

/** Whether the flows of one table let a tracked packet of a class on, by their conjunctions (ovs-fields(7), "Conjunctive Match Fields"). */
export function passes(flows: readonly Flow[], table: number, classNumber: string, packet: Packet): boolean {
  const here = flows.filter(({ key }) => key.startsWith(`table=${table}, priority=10,`));
  const clauses = new Map<string, { found: Set<string>; of: number; flows: number }>();
  for (const { key, actions } of here) {
    const match = key.slice(key.indexOf('priority=10,') + 'priority=10,'.length);
    if (match.includes('conj_id=') || !match.split(',').every((each) => fits(each, classNumber, packet))) continue;
    const ofThis = new Set<string>();
    for (const [, id = '', clause = '', all = ''] of actions.matchAll(/conjunction\((\d+),(\d)\/(\d)\)/g)) {
      const known = clauses.get(id) ?? { found: new Set<string>(), of: Number(all), flows: 0 };
      clauses.set(id, known);
      known.found.add(clause);
      if (!ofThis.has(id)) known.flows += 1;
      ofThis.add(id);
    }
  }
  // The switch wants a flow for each clause: one that is two clauses of a conjunction counts once.
  return [...clauses].some(
    ([id, { found, of: all, flows: count }]) =>
      found.size === all && count >= all && here.some(({ key }) => key.includes(`conj_id=${id},`)),
  );
}

function fits(part: string, classNumber: string, packet: Packet): boolean {
  const [name = '', text = ''] = part.split('=');
  const masked = (value: number): boolean => {
    const [wanted = '', mask = '0xffff'] = text.split('/');
    return (value & Number(mask)) === Number(wanted);
  };
  switch (name) {
    case 'ip':
      return versionOf(packet.remote) === 4;
    case 'ipv6':
      return versionOf(packet.remote) === 6;
    case 'sctp':
    case 'sctp6':
      return packet.protocol === 132;
    case 'reg7':
      return text === classNumber;
    case 'ct_state':
      return !text.includes('+rpl');
    case 'ct_nw_src':
    case 'ct_ipv6_src':
    case 'ct_nw_dst':
    case 'ct_ipv6_dst':
      return name.endsWith('src') === (packet.direction === 'ingress') && isIn(text, packet.remote);
    case 'ct_nw_proto':
      return Number(text) === packet.protocol;
    case 'ct_tp_src':
    case 'tp_src':
      return masked(packet.sport);
    case 'ct_tp_dst':
    case 'tp_dst':
      return masked(packet.dport);
    default:
      throw new Error(`the model knows no match on ${name}`);
  }
}

function isIn(text: string, address: string): boolean {
  const prefix = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
  return cidrContains(prefix, address);
}
