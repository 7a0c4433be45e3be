/** Whether what somebody else wrote (a flow, a rule of iptables) can be about packets of a scene: pure, on the text that the tools print. */
import { cidrContains } from '@plumbline/contracts';

/** Who sends and receives. One of them is enough: packets go both ways, to whomever. */
export type Packet = Readonly<{ macs: readonly string[]; addresses: readonly string[] }>;

const PREFIX = /^(?:\d+(?:\.\d+){3}|[0-9a-f:]*:[0-9a-f:.]*)(?:\/\d+)?$/;
const withLength = (text: string): string => (text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`);
/** What is no prefix (a mask) may be about any address. */
export const covers = (prefix: string, addresses: readonly string[]): boolean =>
  !PREFIX.test(prefix) || addresses.some((address) => cidrContains(withLength(prefix), address));

const fieldsOf = (match: string): ReadonlyMap<string, readonly string[]> => {
  const found = new Map<string, string[]>();
  for (const part of match.split(/[ ,]+/)) {
    const [name = '', value] = part.split('=');
    if (value !== undefined) found.set(name, [...(found.get(name) ?? []), value]);
  }
  return found;
};

/** A match with addresses of which none is the scene's. Whoever matches nothing, or what cannot be judged (ports, registers), may be about it. */
export function contradicts(match: string, { macs, addresses }: Packet): boolean {
  const fields = fieldsOf(match);
  const named = (names: readonly string[]): string[] => names.flatMap((name) => fields.get(name) ?? []);
  const ethernet = named(['dl_dst', 'dl_src', 'eth_dst', 'eth_src']);
  const ip = named([
    ...['nw_dst', 'nw_src', 'ip_dst', 'ip_src', 'arp_spa', 'arp_tpa'],
    ...['ipv6_src', 'ipv6_dst', 'nd_target'],
  ]);
  if (/\b(?:ipv6|icmp6|tcp6|udp6|sctp6)\b/.test(match) && !addresses.some((address) => address.includes(':')))
    return true;
  if (ethernet.length > 0 && !ethernet.some((mac) => macs.includes(mac) || mac.includes('/'))) return true;
  return ip.length > 0 && !ip.some((prefix) => covers(prefix, addresses));
}

/** The same of a line of `iptables-save`. */
export function ruleContradicts(line: string, { addresses }: Packet): boolean {
  const named = [...line.matchAll(/ (!)? ?-[sd] (\S+)/g)].flatMap(([, not, prefix = '']) => (not ? [] : [prefix]));
  // A rule for a range of loopback, or of others alone.
  return named.length > 0 && !named.some((prefix) => covers(prefix, addresses));
}
