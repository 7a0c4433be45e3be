/**
 * Rules of security groups as lines of iptables, as iptables-save prints them but for protocols, which are numbers here: it prints the names that the node's
 * /etc/protocols has, and we compare text (`comparable`).
 *
 * A rule is written for the packets of its own direction, and once more for their replies, the other way round. ICMP has no ports: there the type and code of the
 * packet that opened the connection are compared, which conntrack keeps where it keeps the port of others (type * 256 + code).
 *
 * An ICMP error is no packet of the connection that it is about: for errors the rule is written a third time, by what conntrack keeps of the packet that opened it.
 */
import { canonicalCidr, protocolNumber, PROTOCOL_NUMBERS, type SecurityGroupRule } from '@plumbline/contracts';
import { type IpVersion, positionComment } from '@plumbline/iptables';
import type { Way } from './names.js';

const [ANY, ICMP, ICMP_V6, UDPLITE] = [0, 1, 58, 136] as const;
/** Protocols whose ports iptables matches by a module of their name. */
const MODULES: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 33: 'dccp', 132: 'sctp' };

type Rule = Pick<SecurityGroupRule, 'protocol' | 'portRangeMin' | 'portRangeMax'>;

const range = (first: number, last: number): string => (first === last ? `${first}` : `${first}:${last}`);

/** Where conntrack keeps type and code of the ICMP packet that opened a connection. */
const icmpPort = (type: number, code: number | null): string =>
  range(type * 256 + (code ?? 0), type * 256 + (code ?? 255));

/** Ends in a blank, or is empty for every protocol. Null: no packet can match it. */
export function protocolText(rule: Rule, version: IpVersion, reply: boolean): string | null {
  const number = protocolNumber(rule.protocol ?? `${ANY}`);
  if (number === ANY) return '';
  const { portRangeMin: min, portRangeMax: max } = rule;
  if (number === ICMP || number === ICMP_V6) {
    const own = (number === ICMP) === (version === 4);
    if (min === null || !own) return `-p ${number} `;
    if (reply) return `-p ${number} -m conntrack --ctorigdstport ${icmpPort(min, max)} `;
    const type = max === null ? `${min}` : `${min}/${max}`;
    return number === ICMP ? `-p 1 -m icmp --icmp-type ${type} ` : `-p 58 -m icmp6 --icmpv6-type ${type} `;
  }
  if (min === null || max === null || (min === 0 && max === 0xffff)) return `-p ${number} `;
  const side = reply ? 'sport' : 'dport';
  const module = MODULES[number];
  if (module) return `-p ${number} -m ${module} --${side} ${range(min, max)} `;
  return number === UDPLITE ? `-p ${number} -m multiport --${side}s ${range(min, max)} ` : null;
}

/** The connection that an error is about, by the packet that opened it: `remote` is its other end. As `protocolText`, for whole lines. */
export function errorText(
  rule: Rule & Pick<SecurityGroupRule, 'direction'>,
  version: IpVersion,
  remote: string | null,
): string | null {
  const protocol = protocolText(rule, version, false);
  if (protocol === null) return null;
  const number = protocolNumber(rule.protocol ?? `${ANY}`);
  const { portRangeMin: min, portRangeMax: max } = rule;
  const icmp = number === ICMP || number === ICMP_V6;
  // Whatever `protocolText` has of ports, and no more.
  const ports =
    protocol === '' || protocol === `-p ${number} ` ? '' : icmp ? icmpPort(min ?? 0, max) : range(min ?? 0, max ?? 0);
  const prefix = remote === null ? '/0' : cidrOf(remote);
  const end = rule.direction === 'ingress' ? 'src' : 'dst';
  const match = [
    ...(number === ANY ? [] : [`--ctproto ${number}`]),
    ...(prefix.endsWith('/0') ? [] : [`--ctorig${end} ${withoutLength(prefix)}`]),
    ...(ports === '' ? [] : [`--ctorigdstport ${ports}`]),
  ];
  return match.length === 0 ? '' : `-m conntrack ${match.join(' ')} `;
}

const cidrOf = (prefix: string): string =>
  canonicalCidr(prefix.includes('/') ? prefix : `${prefix}/${prefix.includes(':') ? 128 : 32}`);

/** Where the remote's address is in a packet that goes this way. Empty for any. */
export function prefixText(prefix: string, way: Way): string {
  const canonical = cidrOf(prefix);
  return canonical.endsWith('/0') ? '' : `-${way === 'i' ? 's' : 'd'} ${canonical} `;
}

export const setText = (name: string, way: Way): string => `-m set --match-set ${name} ${way === 'i' ? 'src' : 'dst'} `;

/** `match` ends in a blank or is empty. */
export const line = (match: string, position: number, action: string): string =>
  `${match}${positionComment(position)}${action}`;

/** Prefixes of a set as ipset(8) prints them. It has no prefix of length 0. */
export function entryOf(prefix: string): string[] {
  const canonical = cidrOf(prefix);
  if (canonical.endsWith('/0')) return prefix.includes(':') ? ['::/1', '8000::/1'] : ['0.0.0.0/1', '128.0.0.0/1'];
  return [withoutLength(canonical)];
}

/** A single address without its length. */
const withoutLength = (canonical: string): string =>
  canonical.replace(canonical.includes(':') ? /\/128$/ : /\/32$/, '');

/** Name -> number, by the text of /etc/protocols and by what iptables knows itself. */
export function protocolNames(etcProtocols: string): ReadonlyMap<string, number> {
  const names = new Map([...Object.entries(PROTOCOL_NUMBERS), ['ipv6-mh', 135], ['mh', 135]] as [string, number][]);
  for (const line of etcProtocols.split('\n')) {
    const [, name = '', number = '', aliases = ''] = /^(\S+)\s+(\d+)([^#]*)/.exec(line) ?? [];
    for (const each of [name, ...aliases.split(/\s+/)])
      if (each !== '' && !each.startsWith('#')) names.set(each, Number(number));
  }
  return names;
}

/** A line or a set's entry as it was printed, in our form: protocols as numbers, no IPv4 notation at the end of IPv6 addresses. */
export function comparable(text: string, names: ReadonlyMap<string, number>): string {
  return plainAddress(text).replace(/(^| )-p (\S+) /, (whole, before: string, name: string) => {
    const number = names.get(name);
    return number === undefined ? whole : `${before}-p ${number} `;
  });
}

const plainAddress = (text: string): string =>
  text.replace(/:(\d+)\.(\d+)\.(\d+)\.(\d+)/g, (_whole, a, b, c, d) => {
    const pair = (high: string, low: string): string => (Number(high) * 256 + Number(low)).toString(16);
    return `:${pair(a, b)}:${pair(c, d)}`;
  });
