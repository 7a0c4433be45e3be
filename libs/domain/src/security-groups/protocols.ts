/**
 * IP protocols as the Networking API names them. A rule keeps the client's spelling (a name, or an IANA number as text); it means the number, with one exception
 * from the reference: in a rule for IPv6, ICMP is ICMPv6, however it is spelt.
 */
import { protocolNumber, PROTOCOL_NUMBERS } from '@plumbline/contracts';
import { invalidProtocol } from './errors.js';

export const PROTOCOL_NAMES: readonly string[] = Object.keys(PROTOCOL_NUMBERS);

const ICMP = 1;
const ICMP_V6 = 58;
/** Those that have ports, by name. */
export const WITH_PORTS: readonly string[] = ['dccp', 'sctp', 'tcp', 'udp', 'udplite'];
const PORTED: ReadonlySet<number> = new Set(WITH_PORTS.map(protocolNumber));
const IPV6_ONLY: ReadonlySet<number> = new Set([41, 43, 44, 58, 59, 60]);

/** A client's text for a protocol as it is stored: lower case, null for any. Throws SecurityGroupRuleInvalidProtocol. */
export function toProtocol(value: unknown): string | null {
  if (value === null || value === 'any') return null;
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') throw invalidProtocol(value, PROTOCOL_NAMES);
  if (/^\d{1,3}$/.test(text) && Number(text) <= 255) return String(Number(text));
  const name = text.toLowerCase();
  if (!Object.hasOwn(PROTOCOL_NUMBERS, name)) throw invalidProtocol(value, PROTOCOL_NAMES);
  return name;
}

/** The number of a stored protocol. */
export const numberOf = protocolNumber;

/** As the reference stores it: `icmp` and `icmpv6` in a rule for IPv6 are `ipv6-icmp`, and 1 is 58. */
export function inEthertype(protocol: string | null, ethertype: 'IPv4' | 'IPv6'): string | null {
  if (ethertype === 'IPv4' || protocol === null) return protocol;
  if (protocol === 'icmp' || protocol === 'icmpv6') return 'ipv6-icmp';
  return protocol === String(ICMP) ? String(ICMP_V6) : protocol;
}

export const hasPorts = (protocol: string): boolean => PORTED.has(numberOf(protocol));
export const isIcmp = (protocol: string): boolean => [ICMP, ICMP_V6].includes(numberOf(protocol));
/** True for protocols that exist in IPv6 only. */
export const isOfIpv6 = (protocol: string): boolean => IPV6_ONLY.has(numberOf(protocol));
