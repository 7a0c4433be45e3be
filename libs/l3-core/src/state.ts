/**
 * What a router is on a node: as it is wanted (`RouterState`, made by render) and as it is found (`ObservedRouter`, made by a driver's observe).
 * Plain data in canonical text; lists are sorted, so that equal states are equal text.
 */
import { Advertising } from './advertising.js';
import { FoundPrograms } from './radvd.js';
import { SavedTables, Table, TableName } from './rule.js';

/** `address` with its prefix length as iproute2 prints it; `broadcast` null where the prefix has none (IPv6, /31, /32 of a subnet). */
export type Address = Readonly<{ address: string; broadcast: string | null }>;

/** `via` null: on link. `device`: the link it leaves by. */
export type Hop = Readonly<{ via: string | null; device: string }>;
/**
 * `destination` is `default` or a prefix with its length. Routes of one version and destination are one route with several next hops: the kernel shares the
 * connections out among them (equal-cost multipath).
 */
export type Route = Readonly<{ version: 4 | 6; destination: string } & Hop>;

/**
 * A route that the kernel makes by itself for an address or a link that is up: to the connected subnet (`unicast`, table main), and in table local to the
 * address itself, to the broadcast address, to multicast groups. `source`: the router's own address in it; null where the kernel sets none.
 */
export type KernelRoute = Readonly<{
  version: 4 | 6;
  type: 'unicast' | 'local' | 'broadcast' | 'multicast';
  destination: string;
  device: string;
  source: string | null;
}>;

/** A route as found in table main or local, whoever made it. `type`: as in ip-route(8). No hops: it drops what it is for (`blackhole` and the like). */
export type FoundRoute = Readonly<{
  version: 4 | 6;
  destination: string;
  hops: readonly Hop[];
  type: string;
  table: 'main' | 'local';
  /** Made by the kernel. */
  kernel: boolean;
  source: string | null;
  metric: number | null;
  /** False with attributes that no route has that we or the kernel make (another metric, an MTU of its own, a weight). */
  plain: boolean;
}>;

/** A neighbour that was entered by hand: fixed to a MAC, or (`proxy`) answered for by the router. We make none. */
export type FoundNeighbour = Readonly<{ device: string; address: string; proxy: boolean }>;

/** The OVS port of a link's outer end. `position`: of the event that made the link. */
export type PortMark = Readonly<{ portId: string; mac: string; position: number }>;

export type Link = Readonly<{
  device: string;
  outside: string;
  mac: string;
  mtuBytes: number;
  up: boolean;
  /** False where packets pass a userspace datapath, which takes no half-made checksum. */
  txChecksum: boolean;
  addresses: readonly Address[];
  port: PortMark;
}>;

export type RouterState = Readonly<{
  id: string;
  netns: string;
  links: readonly Link[];
  /** Those that we make. What the kernel makes for the links and their addresses follows from them (routes.ts). */
  routes: readonly Route[];
  /** Next hops of `routes` that no kernel takes, and why. They are left out of a route that has others. */
  badHops: readonly Readonly<{ route: Route; reason: string }>[];
  /** In the order in which they are to be written: some reset others. */
  sysctls: Readonly<Record<string, string>>;
  rules4: readonly Table[];
  rules6: readonly Table[];
  /** Of interfaces that are advertised, by device. */
  advertising: readonly Advertising[];
}>;

/** `table` null: it is not one of those that a namespace is born with. `devices`: the only ones that it concerns; none: it concerns all packets. */
export type FoundPolicyRule = Readonly<{
  priority: number;
  table: string | null;
  devices: readonly string[];
}>;

/** By IP version; one that the kernel does not have is absent. */
export type FoundPolicyRules = ReadonlyMap<4 | 6, readonly FoundPolicyRule[]>;

export type ObservedLink = Readonly<{
  device: string;
  mac: string;
  mtuBytes: number;
  up: boolean;
  txChecksum: boolean;
  /** False when it does not answer ARP, hears no multicast, or is part of another device. */
  plain: boolean;
  /** Null: as a veth is born, packets wait nowhere. Else the queueing discipline that somebody put on it. */
  qdisc: string | null;
  /** The same for packets that come in, where filters may drop them: its kind. */
  ingress: string | null;
  /** The kernel has IPv6 on it: it is up, its carrier has been noticed, its MTU suffices. Until then the kernel gives it nothing of its own. */
  ipv6: boolean;
  /** Those of IPv6 that are link-local, too. */
  addresses: readonly Address[];
  /** IPv6 addresses that the kernel is still checking (duplicate address detection): their routes in table local come when it has. */
  tentative: ReadonlySet<string>;
  /** Name of the other end in the node's root namespace; null when it is not there. */
  outside: string | null;
}>;

/** As conntrack lists it: as its first packet was, and as the answer to it is. Ports null for a protocol without. */
export type Connection = Readonly<{
  protocol: string;
  source: string;
  destination: string;
  destinationPort: number | null;
  answerFrom: string;
  answerTo: string;
  answerPort: number | null;
}>;

export type ObservedRouter = Readonly<{
  id: string;
  netns: string;
  loUp: boolean;
  /** Devices of ours only. */
  links: readonly ObservedLink[];
  /** Routes of tables main and local on devices of ours, and those of table main that are on no device. */
  routes: readonly FoundRoute[];
  neighbours: readonly FoundNeighbour[];
  policyRules: FoundPolicyRules;
  sysctls: Readonly<Record<string, string>>;
  rules4: SavedTables;
  rules6: SavedTables;
  /** Tables that cannot be read: they are neither judged nor changed. */
  unreadable: readonly Readonly<{ version: 4 | 6; table: TableName }>[];
  /** IPv4 connections that pass it or end at it; null: not asked for, or not to be had. */
  connections: readonly Connection[] | null;
}>;

/** A link in the node's root namespace that may be an outer end: veths named `tap...`. */
export type OutsideLink = Readonly<{ name: string; up: boolean; mtuBytes: number; ipv6: boolean }>;
export type ObservedPort = Readonly<{ name: string; portId: string; mac: string; position: number; ours: boolean }>;

/** Everything on a node that has our mark. */
export type L3State = Readonly<{
  /** False while br-int is missing: ports cannot be plugged. */
  bridge: boolean;
  /** True when br-int is on the userspace datapath. */
  userspace: boolean;
  routers: ReadonlyMap<string, ObservedRouter>;
  /** Routers whose namespace is there but could not be read, and why. */
  unreadable: ReadonlyMap<string, string>;
  /** Routers whose namespace is a name without a namespace behind it: what is left in /run/netns after a container was stopped. */
  damaged: ReadonlySet<string>;
  outsides: ReadonlyMap<string, OutsideLink>;
  /** Ports of br-int by name: ours, and those that hold a name we want. */
  ports: ReadonlyMap<string, ObservedPort>;
  /** Null: whoever looks has no programs on the node (a replay). */
  programs: FoundPrograms | null;
}>;
