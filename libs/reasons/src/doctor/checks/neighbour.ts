/**
 * How a neighbour is asked for, whatever the IP version: by ARP (RFC 826), by a neighbour solicitation (RFC 4861).
 *
 * A solicitation is sent from the link-local address that belongs to the MAC. Every interface has one (RFC 4291, section 2.8), and it is on the link whatever prefixes are,
 * so whoever has the target answers to that MAC (RFC 4861, section 7.2.2: any address of the interface will do). Not from the unspecified address, as ARP probes are: that is
 * how a host looks whether an address is free, and an instance that is about to take the address would give it up (RFC 4862, section 5.4.3).
 */
import type { Probe } from '@plumbline/contracts';
import { linkLocal } from '@plumbline/ovs-core';
import { NO_MAC } from './names.js';

export const isIpv6 = (address: string): boolean => address.includes(':');

/** Asks for `address` in the name of `from`; its `ip` is of IPv4, and counts for ARP alone. */
export function neighbourProbe(place: Probe['place'], from: Probe['from'], address: string): Probe {
  const to = { mac: NO_MAC, ip: address };
  return isIpv6(address)
    ? { place, kind: 'nd', from: { mac: from.mac, ip: linkLocal(from.mac) }, to, port: 0 }
    : { place, kind: 'arp', from, to, port: 0 };
}

/** In a sentence: by what somebody answers for the address. */
export const askedBy = (address: string): string => (isIpv6(address) ? 'a neighbour solicitation' : 'ARP');
