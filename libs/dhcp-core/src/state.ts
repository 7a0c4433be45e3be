/** What the DHCP of a network is on a node: as it is wanted, and as it is found. Plain data in canonical text. */
import type { Address, ObservedPort, PortMark } from '@plumbline/l3-core';
import type { Found, WantedProcess } from '@plumbline/processes';

export type DhcpRoute = Readonly<{ version: 4 | 6; via: string }>;

export type DhcpState = Readonly<{
  /** The network's. */
  id: string;
  netns: string;
  device: string;
  outside: string;
  mac: string;
  mtuBytes: number;
  addresses: readonly Address[];
  /** Default routes, at most one of each version: by them it answers what routers forward. */
  routes: readonly DhcpRoute[];
  sysctls: Readonly<Record<string, string>>;
  port: PortMark;
  process: WantedProcess;
  /** Who may have which address: address -> MAC. */
  holders: ReadonlyMap<string, string>;
}>;

/** A lease as dnsmasq keeps it. */
export type FoundLease = Readonly<{ address: string }> &
  (
    | Readonly<{ version: 4; mac: string; clientId: string | null }>
    | Readonly<{ version: 6; iaid: string; duid: string; serverDuid: string }>
  );

export type FoundLink = Readonly<{
  device: string;
  mac: string;
  mtuBytes: number;
  up: boolean;
  txChecksum: boolean;
  /** Those that are global, and that of metadata: the kernel makes the other link-local ones. */
  addresses: readonly string[];
  /** Name of the other end in the node's root namespace; null when it is not there. */
  outside: string | null;
}>;

export type FoundDhcp = Readonly<{
  /** A dnsmasq of the network runs in another namespace: one that was there before. */
  strayProcess: boolean;
  loUp: boolean;
  /** Devices of ours only. */
  links: readonly FoundLink[];
  /** Default routes on devices of ours. */
  routes: readonly (DhcpRoute & Readonly<{ device: string }>)[];
  sysctls: Readonly<Record<string, string>>;
}>;

/** Everything of ours on a node, or of some networks. */
export type DhcpFound = Readonly<{
  /** False while the integration bridge is missing. */
  bridge: boolean;
  /** Network -> its namespace, as far as there is one. */
  namespaces: ReadonlyMap<string, FoundDhcp>;
  /** Networks whose namespace is there and cannot be read, and why. */
  unreadable: ReadonlyMap<string, string>;
  /** Outer ends by name. */
  outsides: ReadonlyMap<string, Readonly<{ up: boolean; mtuBytes: number; ipv6: boolean }>>;
  /** Ports of the integration bridge by name. */
  ports: ReadonlyMap<string, ObservedPort>;
  processes: Found;
  /** Network -> leases that its dnsmasq has given. */
  leases: ReadonlyMap<string, readonly FoundLease[]>;
  /** Network -> who had which address by the hosts file that is there. */
  holders: ReadonlyMap<string, ReadonlyMap<string, string>>;
}>;
