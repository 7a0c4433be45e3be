/**
 * Names on a node whose instances are plugged through a bridge of their own. The plugger (os-vif) made the devices and we only find them; chains and sets are ours.
 *
 *   instance ── tap<11> ── qbr<11> ── qvb<11> ══ qvo<11> ── br-int            11: the first characters of the port's id
 */
import type { IpVersion } from '@plumbline/iptables';

/** All chains of ours in the node's own namespace begin so. */
export const CHAIN_PREFIX = 'neutron-openvswi-';
export const isOurChain = (name: string): boolean => name.startsWith(CHAIN_PREFIX);

const short = (portId: string): string => portId.slice(0, 11);
/** The interface of br-int. By its name we know that the instance has a bridge. */
export const switchEnd = (portId: string): string => `qvo${short(portId)}`;
/** The other end of the pair, in the bridge. */
export const bridgeEnd = (portId: string): string => `qvb${short(portId)}`;
export const bridgeOf = (portId: string): string => `qbr${short(portId)}`;
/** The instance's own device, while the instance runs. */
export const tapOf = (portId: string): string => `tap${short(portId)}`;
/** The same, by the name of the interface of br-int; null: that is no end of such a pair. */
export const tapBehind = (device: string): string | null =>
  /^qvo.{11}$/.test(device) ? device.replace('qvo', 'tap') : null;

/** The chain that asks which way a packet of this port goes. */
export const portChain = (portId: string): string => `${CHAIN_PREFIX}p${portId.slice(0, 10)}`;

/** The chain that tells of what rules accepted of it. */
export const logChain = (portId: string): string => `${CHAIN_PREFIX}l${portId.slice(0, 10)}`;

/** Packets to instances (`i`) and from them (`o`). */
export type Way = 'i' | 'o';

const eight = (number: number): string => number.toString(16).padStart(8, '0');
/** What all ports with the same groups have in common. */
export const classChain = (way: Way, number: number): string => `${CHAIN_PREFIX}${way}${eight(number)}`;
/** A group's rules of one direction (`rules`) for packets that go one way: its own, or that of replies. */
export const groupChain = (rules: Way, way: Way, number: number): string =>
  `${CHAIN_PREFIX}${rules}${way}${eight(number)}`;
/** The same for errors about a connection that the rules of this direction let be opened. 28 characters: iptables has no longer names. */
export const errorChain = (rules: Way, way: Way, number: number): string =>
  `${CHAIN_PREFIX}e${rules}${way}${eight(number)}`;

/** ipset(8) has names of at most 31 characters: the last 26 of an id tell it from every other. */
const setName = (kind: 'N' | 'A', version: IpVersion, id: string): string => `${kind}IPv${version}${id.slice(-26)}`;
export const memberSet = (version: IpVersion, groupId: string): string => setName('N', version, groupId);
export const addressSet = (version: IpVersion, groupId: string): string => setName('A', version, groupId);
export const isOurSet = (name: string): boolean => /^[NA]IPv[46][0-9a-f-]{26}$/.test(name);
