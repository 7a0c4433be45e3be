/**
 * What a port may say it is: its MAC with its fixed IPs, and the allowed address pairs, each with its own MAC. In everything it sends, in ARP and in ND; and the
 * frames that are for it. Costs 13 flows for a port with one IPv4 address, 3 more for each further IPv4 address and 4 for each of IPv6.
 */
import { canonicalAddress, canonicalCidr, type ObjectKey, type Port } from '@plumbline/contracts';
import { portText, type Flow } from '../flow.js';
import { linkLocal } from '../link-local.js';
import { hex } from './numbers.js';
import { flow, goto, type Made, NO_OPTION, TABLE, UNTAGGED } from './tables.js';

/** A MAC that a port may use, and the addresses it may use with it, as matches have them ('' for any). Sorted. */
export type Sender = Readonly<{ mac: string; ipv4: readonly string[]; ipv6: readonly string[] }>;

/** The link-local address of each MAC is permitted with it (RFC 4291, appendix A): without it a host has no IPv6 at all. */
export function sendersOf(port: Pick<Port, 'macAddress' | 'fixedIps' | 'allowedAddressPairs'>): Sender[] {
  const prefixes = new Map<string, Set<string>>();
  const of = (mac: string): Set<string> => {
    const found = prefixes.get(mac) ?? new Set([linkLocal(mac)]);
    prefixes.set(mac, found);
    return found;
  };
  const add = (mac: string, prefix: string) => of(mac).add(prefix);
  of(port.macAddress);
  for (const { ipAddress } of port.fixedIps) add(port.macAddress, canonicalAddress(ipAddress));
  for (const { macAddress, ipAddress } of port.allowedAddressPairs) add(macAddress, pairPrefix(ipAddress));
  return [...prefixes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([mac, all]) => {
      const sorted = [...all].sort();
      return {
        mac,
        ipv4: sorted.filter((each) => !each.includes(':')).map(asMatched),
        ipv6: sorted.filter((each) => each.includes(':')).map(asMatched),
      };
    });
}

const pairPrefix = (text: string): string => {
  const canonical = text.includes('/') ? canonicalCidr(text) : canonicalAddress(text);
  return canonical.replace(canonical.includes(':') ? /\/128$/ : /\/32$/, '');
};
const asMatched = (prefix: string): string => (prefix.endsWith('/0') ? '' : prefix);

/** `name=value`, or nothing for any value. */
const field = (name: string, value: string): string => (value === '' ? '' : `,${name}=${value}`);

export function identityFlows(
  device: string,
  port: Readonly<{
    owner: ObjectKey;
    localVlanId: number;
    classNumber: number;
    receiver: number;
    senders: readonly Sender[];
    /** Positions of the events that put the port here, and that set its MAC, addresses and pairs. */
    placedAt: number;
    addressesAt: number;
  }>,
): Flow[] {
  const placed: Made = { position: port.placedAt, owner: port.owner };
  const made: Made = { position: port.addressesAt, owner: port.owner };
  const from = `in_port=${portText(device)}`;
  const put = (table: number, priority: number, match: string, next: number): Flow =>
    flow(made, table, priority, match, goto(next), [device]);
  const own = `set_field:${hex(port.localVlanId)}->reg6,set_field:${hex(port.classNumber)}->reg7`;
  return [
    flow(placed, TABLE.classify, 10, `${from},${UNTAGGED}`, `${own},${goto(TABLE.identity)}`, [device]),
    flow(placed, TABLE.deliver, 10, `reg5=${hex(port.receiver)}`, `output:${portText(device)}`, [device]),
    ...port.senders.flatMap(({ mac, ipv4, ipv6 }): Flow[] => {
      const sender = `${from},dl_src=${mac}`;
      const nd = (type: number, rest: string): string => `icmp6,${sender},icmp_type=${type}${rest}`;
      return [
        ...ipv4.flatMap((ip) => [
          put(TABLE.identity, 95, `arp,${sender}${field('arp_spa', ip)},arp_sha=${mac}`, TABLE.allowed),
          ...(ip === '' // any sender is a probe's too
            ? []
            : [
                put(
                  TABLE.identity,
                  95,
                  `arp,${sender},arp_spa=0.0.0.0,arp_tpa=${ip},arp_op=1,arp_sha=${mac}`,
                  TABLE.allowed,
                ),
              ]),
          put(TABLE.identity, 90, `ip,${sender}${field('nw_src', ip)}`, TABLE.beforeRulesFrom),
        ]),
        put(TABLE.identity, 95, `udp,${sender},nw_src=0.0.0.0,tp_src=68,tp_dst=67`, TABLE.allowed),
        put(TABLE.identity, 95, `ipv6,${sender},ipv6_src=::`, TABLE.unspecified),
        ...ipv6.flatMap((ip) => [
          put(TABLE.identity, 90, `ipv6,${sender}${field('ipv6_src', ip)}`, TABLE.beforeRulesFrom),
          put(TABLE.ndTarget, 10, nd(136, field('nd_target', ip)), TABLE.allowed),
          put(TABLE.unspecified, 10, nd(135, `${field('nd_target', ip)},nd_sll=${NO_OPTION}`), TABLE.allowed),
        ]),
        put(TABLE.ndOption, 10, nd(135, `,nd_sll=${mac}`), TABLE.allowed),
        put(TABLE.ndOption, 10, nd(136, `,nd_tll=${mac}`), TABLE.ndTarget),
      ];
    }),
  ];
}
