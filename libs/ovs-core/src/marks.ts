/**
 * How we recognise what is ours on a switch we have never seen (invariant 7), and why a flow exists (invariant 10).
 *
 *   cookie   63            48 47  46                                           0
 *           +----------------+---+---------------------------------------------+
 *           |     0x504c     | L |  position of the event that set the flow    |
 *           +----------------+---+---------------------------------------------+
 *            our mark, "PL"    L = 1: the switch learned this flow by itself (table 20 of br-tun); it ages out, we do not compare it
 *
 *   bridges and ports we made   external_ids:plumb=<position>
 *   bridges we found and use    the same, and external_ids:plumb-adopted=true: never deleted, only released
 *   tags we set on others' ports   Port external_ids:plumb-tag=<position>
 *   the Open_vSwitch record      external_ids:plumb-uplinks-<bridge>=<names>: the uplinks that this provider bridge has, or had last (uplinks.ts)
 *                                external_ids:plumb-bridge-mappings=<physical network>:<bridge>,...: the operator's; read, and written by `plumb node map` alone
 *
 * Position 0: set by the node's own configuration, before any event named this node.
 */

/** external_ids key on bridges and ports of ours. */
export const MARK_KEY = 'plumb';
/** external_ids key on a bridge that was there before us. */
export const ADOPTED_KEY = 'plumb-adopted';
/** external_ids key on the Port record of an interface somebody plugged: position of the event that set its tag. */
export const TAG_KEY = 'plumb-tag';

/** Begins the external_ids keys of the Open_vSwitch record that name the uplinks of a provider bridge, separated by commas; the bridge's name follows. */
export const UPLINKS_KEY = 'plumb-uplinks-';

/** external_ids key of the Open_vSwitch record by which an operator maps physical networks to bridges while the agent runs. */
export const MAPPINGS_KEY = 'plumb-bridge-mappings';

const MARK = 0x504cn;
const LEARNED_BIT = 1n << 47n;
const hex64 = (value: bigint): string => `0x${value.toString(16)}`;

/** Matches every flow of ours, learned ones too, in `ovs-ofctl` syntax. */
export const OUR_COOKIES = `${hex64(MARK << 48n)}/0xffff000000000000`;
/** Matches only those that we wrote. */
export const WRITTEN_COOKIES = `${hex64(MARK << 48n)}/0xffff800000000000`;
/** Matches only flows that the switch learned from ours. */
export const LEARNED_COOKIES = `${hex64((MARK << 48n) | LEARNED_BIT)}/0xffff800000000000`;

export const cookieOf = (position: number): string => hex64((MARK << 48n) | BigInt(position));
/** The cookie our learn() action gives the flows it makes. */
export const LEARNED_COOKIE = hex64((MARK << 48n) | LEARNED_BIT);

/** Whether a flow is ours, according to its cookie. */
export type CookieOwner = Readonly<{ ours: false } | { ours: true; learned: boolean; position: number }>;

export function readCookie(cookie: string): CookieOwner {
  const value = BigInt(cookie);
  if (value >> 48n !== MARK) return { ours: false };
  const low = value & ((1n << 48n) - 1n);
  return { ours: true, learned: (low & LEARNED_BIT) !== 0n, position: Number(low & (LEARNED_BIT - 1n)) };
}

export const BR_INT = 'br-int';
export const BR_TUN = 'br-tun';
/** On br-int, towards br-tun. */
export const PATCH_TUN = 'patch-tun';
/** On br-tun, towards br-int. */
export const PATCH_INT = 'patch-int';
/** The tag of a port that may reach nothing. */
export const DEAD_VLAN = 4095;

/** OpenFlow names a port in 15 characters; a longer one could not be written in a flow. */
const LONGEST_NAME = 15;

/** The patch port on br-int that leads to a provider bridge. */
export const intPatch = (bridge: string): string => joined('int-', bridge);
/** The patch port on a provider bridge that leads to br-int. */
export const phyPatch = (bridge: string): string => joined('phy-', bridge);

function joined(prefix: string, bridge: string): string {
  if (prefix.length + bridge.length <= LONGEST_NAME) return prefix + bridge;
  const digest = fnv1a(bridge).slice(0, 6);
  return prefix + bridge.slice(0, LONGEST_NAME - prefix.length - digest.length) + digest;
}

/** The tunnel port to a node: `vxlan-` and its address as eight hex digits (IPv6: a digest of eight). */
export function tunnelName(remoteIp: string): string {
  const v4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(remoteIp);
  if (!v4) return `vxlan-${fnv1a(remoteIp)}`;
  return `vxlan-${v4
    .slice(1)
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .join('')}`;
}

/** FNV-1a, eight hex digits: names, not secrets. */
const fnv1a = (text: string): string => hash32(text).toString(16).padStart(8, '0');

/** FNV-1a, 32 bits. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return hash;
}
