/** What a trace says. Data for programs (`--json`, the API); text.ts makes lines of it. Names are single words: the same in the API's JSON. */
import type { ObjectKey, TracedPacket } from '@plumbline/contracts';
import type { EventTold } from '../told.js';

/** As it is told: of ICMP both ports are 0. */
export type PacketTold = Readonly<{
  protocol: TracedPacket['protocol'];
  source: string;
  destination: string;
  sport: number;
  dport: number;
}>;

/**
 * - `instance`: it sends the packet, or gets it. - `flow`: of the switch. - `group`: rules of security groups that let it through. - `tunnel`, `wire`: from node to node, or
 * outside. - `namespace`: of a router, or of a network's DHCP. - `rule`: of iptables. - `route`, `neighbour`: where the kernel sends it. - `outside`: beyond the cloud.
 * - `port`: what the log says of a port that packets do not pass.
 */
export type HopKind =
  'instance' | 'flow' | 'group' | 'tunnel' | 'wire' | 'namespace' | 'rule' | 'route' | 'neighbour' | 'outside' | 'port';

export type Hop = Readonly<{
  kind: HopKind;
  /** The node; null: none of the cloud, or none that is known. */
  host: string | null;
  /** A bridge, a namespace; empty: the node's own. */
  place: string;
  /** The flow or rule as the node prints it, or what happens in words. */
  what: string;
  /** Whose the flow or rule is; null: it is neither. `none`: no flow matched. */
  of: 'ours' | 'learned' | 'foreign' | 'none' | null;
  /** Behind it. */
  packet: PacketTold;
  /** Before it, where it changed the packet. */
  before: PacketTold | null;
  /** VXLAN network number, in a tunnel. */
  vni: number | null;
  /** Tag on the wire or on the node. */
  vlan: number | null;
  /** The object that it is there for, as far as the log itself says so. */
  object: ObjectKey | null;
  /** The event that put it there; null: none is known. 0: the node's own configuration. */
  position: number | null;
}>;

/** Where it ends and why. `arrives`: at whom it is for, or on the wire that leads out of the cloud. */
export type Verdict = 'arrives' | 'dropped' | 'unknown';
export type Way = Readonly<{
  packet: PacketTold;
  hops: readonly Hop[];
  verdict: Verdict;
  /** One word for programs: `arrives`, `group`, `no-route`, ... */
  reason: string;
  /** A sentence. */
  why: string;
  /** The object by which it ends, or where it arrives. */
  object: ObjectKey | null;
}>;

export type EndTold = Readonly<{ asked: string; address: string; object: ObjectKey | null; name: string }>;

/** As the walk finds it: events are positions. */
export type Walked = Readonly<{
  from: EndTold;
  to: EndTold;
  there: Way;
  /** The way of an answer; null: there is nobody to answer. */
  back: Way | null;
  /** What it does not know, a sentence each. */
  unknown: readonly string[];
}>;

export type HopTold = Hop & Readonly<{ event: EventTold | null }>;
export type WayTold = Omit<Way, 'hops'> & Readonly<{ hops: readonly HopTold[] }>;
export type Trace = Readonly<{
  from: EndTold;
  to: EndTold;
  /** Of the log by which it is answered. */
  position: number;
  there: WayTold;
  back: WayTold | null;
  unknown: readonly string[];
}>;

export const packetTold = ({
  protocol,
  source,
  destination,
  sourcePort,
  destinationPort,
}: TracedPacket): PacketTold => ({
  ...{ protocol, source, destination, sport: sourcePort, dport: destinationPort },
});
