/**
 * What a router is on a node: as it is wanted (`RouterState`, made by render) and as it is found (`ObservedRouter`, made by a driver's observe).
 * Plain data in canonical text; lists are sorted, so that equal states are equal text.
 */
import { SavedTables, Table } from './rule.js';

/** `address` with its prefix length as iproute2 prints it; `broadcast` null where the prefix has none (IPv6, /31, /32 of a subnet). */
export type Address = Readonly<{ address: string; broadcast: string | null }>;

/** `destination` is `default` or a prefix with its length; `via` null: on link. `device` the link it leaves by. */
export type Route = Readonly<{ version: 4 | 6; destination: string; via: string | null; device: string }>;

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
  routes: readonly Route[];
  /** In the order in which they are to be written: some reset others. */
  sysctls: Readonly<Record<string, string>>;
  rules4: readonly Table[];
  rules6: readonly Table[];
}>;

export type ObservedLink = Readonly<{
  device: string;
  mac: string;
  mtuBytes: number;
  up: boolean;
  txChecksum: boolean;
  addresses: readonly Address[];
  /** Name of the other end in the node's root namespace; null when it is not there. */
  outside: string | null;
}>;

export type ObservedRouter = Readonly<{
  id: string;
  netns: string;
  loUp: boolean;
  /** Devices of ours only. */
  links: readonly ObservedLink[];
  /** Routes on devices of ours, those the kernel makes by itself left out. */
  routes: readonly Route[];
  sysctls: Readonly<Record<string, string>>;
  rules4: SavedTables;
  rules6: SavedTables;
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
}>;
