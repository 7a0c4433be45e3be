/**
 * Looks at a node by one packet that is thought of and never sent, for `plumb trace`: what the flow tables of its switch and rules on the bridges of its instances do
 * with it (`switching`), and what the namespace of a router does (`routing`). Ports and namespaces are named by ids, and the packet is of addresses and numbers: no
 * parameter becomes syntax.
 */
import { z } from 'zod';
import type { QuestionDeclaration } from './question-declaration.js';
import { Id, IpAddress, LinkName, Mac, Position, VlanId, Vni } from './primitives.js';

/** Flows, rules and outputs that one answer has at most. */
export const MOST_STEPS = 200;
const text = z.string().max(1_000);
const port = z.number().int().min(0).max(65_535);

/** `icmp`: an echo request, of either family; with `answers` an echo reply. Its ports are 0. */
export const TracedPacket = z.strictObject({
  protocol: z.enum(['tcp', 'udp', 'icmp']),
  source: IpAddress,
  destination: IpAddress,
  sourcePort: port,
  destinationPort: port,
});
export type TracedPacket = Readonly<z.infer<typeof TracedPacket>>;

/** Where the switch gets it: from what is plugged in for a port, by a tunnel from another node, by the wire of a provider bridge. */
export const SwitchEntry = z.discriminatedUnion('at', [
  z.strictObject({ at: z.literal('port'), portId: Id }),
  z.strictObject({ at: z.literal('tunnel'), remoteIp: IpAddress, vni: Vni }),
  z.strictObject({ at: z.literal('wire'), bridge: LinkName, vlanId: VlanId.nullable() }),
]);
export type SwitchEntry = Readonly<z.infer<typeof SwitchEntry>>;

/** A flow that the packet met, in order. */
const MetFlow = z.object({
  bridge: text,
  table: z.number().int(),
  /** As the switch prints it; empty: it matches everything. */
  match: text,
  priority: z.number().int(),
  actions: z.array(text).max(MOST_STEPS),
  /** `none`: no flow of the table matched. */
  of: z.enum(['ours', 'learned', 'foreign', 'none']),
  /** The event of its cookie. */
  position: Position.nullable(),
});
export type MetFlow = Readonly<z.infer<typeof MetFlow>>;

/** Where a copy of it leaves the switch. */
const SwitchOutput = z.object({
  bridge: text,
  device: text,
  /** The port of the API that this is plugged in for. */
  portId: Id.nullable(),
  /** The other end of a tunnel. */
  remoteIp: IpAddress.nullable(),
  /** In the tunnel. */
  vni: z.number().int().nullable(),
});
export type SwitchOutput = Readonly<z.infer<typeof SwitchOutput>>;

/** A rule that did something with the packet: let it on or not, led it to a chain that did, or changed it. */
const MetRule = z.object({
  table: text,
  chain: text,
  /** As the packet filter prints it, without table and chain. Empty: the policy of the chain. */
  line: text,
  /** `back`: it was translated back as its connection says, which needs no rule. */
  did: z.enum(['accept', 'drop', 'reset', 'dnat', 'redirect', 'snat', 'mark', 'back']),
  of: z.enum(['ours', 'foreign']),
  position: Position.nullable(),
  /** The packet behind it. */
  packet: TracedPacket,
});
export type MetRule = Readonly<z.infer<typeof MetRule>>;

const Unjudged = z.object({ table: text, chain: text, line: text });

/** The bridge of an instance that has one of its own (`hybrid`), where iptables judges what comes from it and what goes to it. */
const BridgeSaid = z.object({
  portId: Id,
  bridge: text,
  direction: z.enum(['egress', 'ingress']),
  /** `dropped`: by the last of `rules`. `unread`: what the rules are is not known. */
  end: z.enum(['passed', 'dropped', 'unread']),
  rules: z.array(MetRule),
  /** Rules of others on its way that cannot be judged: it is told as if none of them applied. */
  unjudged: z.array(Unjudged),
  /** Why it is unread, or why no rule sees the packet; empty: rules judge it. */
  remark: text,
});
export type BridgeSaid = Readonly<z.infer<typeof BridgeSaid>>;

/** What a router's namespace knows of a connection: its first packet as it came in and as it left, and the mark. */
export const TracedConnection = z.strictObject({
  opened: TracedPacket,
  sent: TracedPacket,
  mark: z.number().int().min(0).max(0xffff_ffff),
});
export type TracedConnection = Readonly<z.infer<typeof TracedConnection>>;

export const PACKET_LOOKS = {
  switching: {
    about:
      "What the flow tables of the node's switch and the rules on bridges of its instances do with one packet, and where it leaves. Nothing is sent.",
    params: z.strictObject({
      entry: SwitchEntry,
      sourceMac: Mac,
      destinationMac: Mac,
      packet: TracedPacket,
      /** The packet that opened its connection, as this network saw it: this one answers. Null: it is the first. */
      opened: TracedPacket.nullable(),
    }),
    answer: z.object({
      /** The device by which it comes in; null: there is none. */
      device: text.nullable(),
      flows: z.array(MetFlow),
      outputs: z.array(SwitchOutput),
      /** What the switch itself says of why it drops it; empty: nothing. */
      remarks: z.array(text),
      /** Bridges that it crosses before the switch and behind it. Where the first drops it, the switch never gets it. An older release says nothing of them. */
      bridges: z.array(BridgeSaid).default([]),
    }),
    withinMs: 3_000,
  },
  routing: {
    about:
      'What the namespace of a router does with one packet: rules, translation, route and next hop. Nothing is sent.',
    params: z.strictObject({
      routerId: Id,
      /** The port that it comes in by; null: the router itself sends it. */
      enters: z.strictObject({ portId: Id, gateway: z.boolean() }).nullable(),
      packet: TracedPacket,
      /** It answers a packet of this connection. Null: it is the first of one. */
      connection: TracedConnection.nullable(),
    }),
    answer: z.object({
      there: z.boolean(),
      rules: z.array(MetRule),
      /** Rules of others on its way that cannot be judged: it is told as if none of them applied. */
      unjudged: z.array(Unjudged),
      /** As it leaves, or where it ended. */
      packet: TracedPacket,
      /** `dropped`: by the last of `rules`. `unroutable`: `route` says why, in the kernel's words. */
      end: z.enum(['forwarded', 'delivered', 'dropped', 'unroutable']),
      /** As the kernel prints it. */
      route: text,
      device: text.nullable(),
      nextHop: IpAddress.nullable(),
      /** Of the next hop, as far as the namespace knows it. */
      neighbour: z.object({ mac: Mac.nullable(), state: text }).nullable(),
      /** For the answer to it; null: it was never forwarded. */
      connection: TracedConnection.nullable(),
      /** Connections like it that the kernel tracks now, a line each. */
      tracked: z.array(text),
    }),
    withinMs: 3_000,
  },
} as const satisfies Readonly<Record<string, QuestionDeclaration>>;
export type PacketLookName = keyof typeof PACKET_LOOKS;
