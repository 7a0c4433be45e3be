/**
 * The protocol part of a rule as matches: of today's packet for stateless groups, of the packet that opened the connection for stateful ones. The switch keeps that
 * packet's addresses, protocol and ports (for ICMP: type and code) with each connection (ovs-fields(7), ct_nw_proto, ct_tp_src), so one match judges both directions.
 *
 * SCTP is the exception: the userspace datapath tracks it without ports. There the ports are those of the packet itself, which a reply has the other way round.
 */
import { protocolNumber, type SecurityGroupRule } from '@plumbline/contracts';
import { type Family, type Mode, TRACKED } from './tables.js';

const [ANY, ICMP, TCP, UDP, ICMP_V6, SCTP] = [0, 1, 6, 17, 58, 132] as const;

type Rule = Pick<SecurityGroupRule, 'protocol' | 'portRangeMin' | 'portRangeMax'>;

/** What matches the rule's packets by protocol: at least one of these. Empty: the switch cannot tell them (ports of DCCP and UDP-Lite without tracking). */
export function protocolMatches(rule: Rule, family: Family, mode: Mode): string[] {
  const number = protocolNumber(rule.protocol ?? `${ANY}`);
  // `ip` is every protocol, as iptables has it: no packet ends in a header of protocol 0.
  if (number === ANY) return [family];
  const { portRangeMin: min, portRangeMax: max } = rule;
  if (number === ICMP || number === ICMP_V6) return [icmp(number, min, max, family, mode)];
  const ports = min === null || max === null ? null : portMasks(min, max);
  if (mode === 'stateless') return stateless(number, ports, family);
  if (!ports) return [`${TRACKED},ct_nw_proto=${number},${family}`];
  if (number === SCTP)
    return ports.flatMap((port) => [
      `ct_state=-rpl+trk,${named('sctp', family)},tp_dst=${port}`,
      `ct_state=+rpl+trk,${named('sctp', family)},tp_src=${port}`,
    ]);
  return ports.map((port) => `${TRACKED},ct_nw_proto=${number},ct_tp_dst=${port},${family}`);
}

function icmp(number: number, type: number | null, code: number | null, family: Family, mode: Mode): string {
  if (mode === 'stateless') {
    const of = (number === ICMP) === (family === 'ip');
    if (!of) return `${family},nw_proto=${number}`;
    const name = family === 'ip' ? 'icmp' : 'icmp6';
    return `${name}${type === null ? '' : `,icmp_type=${type}`}${code === null ? '' : `,icmp_code=${code}`}`;
  }
  const ports = `${type === null ? '' : `,ct_tp_src=${type}`}${code === null ? '' : `,ct_tp_dst=${code}`}`;
  return `${TRACKED},ct_nw_proto=${number}${ports},${family}`;
}

const NAMES: Readonly<Record<number, string>> = { [TCP]: 'tcp', [UDP]: 'udp', [SCTP]: 'sctp' };

function stateless(number: number, ports: readonly string[] | null, family: Family): string[] {
  const name = NAMES[number];
  if (!ports) return [name ? named(name, family) : `${family},nw_proto=${number}`];
  return name ? ports.map((port) => `${named(name, family)},tp_dst=${port}`) : [];
}

const named = (name: string, family: Family): string => (family === 'ip' ? name : `${name}6`);

/** A range of ports as the fewest value/mask pairs, as the switch prints them. */
export function portMasks(min: number, max: number): string[] {
  const masks: string[] = [];
  for (let at = min; at <= max;) {
    let size = at === 0 ? 0x10000 : at & -at;
    while (at + size - 1 > max) size >>= 1;
    const mask = 0x10000 - size;
    masks.push(size === 1 ? `${at}` : `0x${at.toString(16)}/0x${mask.toString(16)}`);
    at += size;
  }
  return masks;
}
