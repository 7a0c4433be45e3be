/**
 * Looks at a node: questions (questions.ts) that tell where packets end, for `plumb doctor` and `plumb trace`. None changes anything; a probe sends frames that any
 * neighbour may send, and hears the answer. Names of ports, namespaces and devices are computed from ids on the node: no parameter becomes syntax.
 */
import { z } from 'zod';
import { PACKET_LOOKS } from './packet-looks.js';
import type { QuestionDeclaration } from './question-declaration.js';
import { Id, IpAddress, Ipv4, LinkName, Mac, VlanId } from './primitives.js';

/** Things of one sort that one question may name. */
const MOST_NAMED = 200;
/** Foreign rules or flows that an answer shows. */
export const MOST_SHOWN = 50;
const listOf = <T extends z.ZodType>(item: T, most = MOST_NAMED) => z.array(item).max(most);
const text = z.string().max(1_000);
/** How long answers are waited for, in milliseconds. Whoever is not sure asks again with more. */
const forMs = z.number().int().min(100).max(2_000);

/** An interface of the switch that has the id of a port, or its MAC or name and another id. */
const Plugged = z.object({
  device: text,
  bridge: text,
  tag: z.number().int().nullable(),
  /** `external_ids:iface-id`. */
  ifaceId: z.string().max(255),
  /** Why no packet passes the device, as the switch says it; null: one may. */
  fault: text.nullable(),
});
export type Plugged = Readonly<z.infer<typeof Plugged>>;

/** Where a probe is sent from: a device in the namespace of a router or of a network's DHCP, or the device of an instance's port, towards the instance. */
export const ProbePlace = z.discriminatedUnion('in', [
  z.strictObject({ in: z.literal('router'), routerId: Id, portId: Id, gateway: z.boolean() }),
  z.strictObject({ in: z.literal('network'), networkId: Id, portId: Id }),
  z.strictObject({ in: z.literal('port'), portId: Id }),
]);
export type ProbePlace = Readonly<z.infer<typeof ProbePlace>>;

/**
 * - `nd`: the same of IPv6 (RFC 4861), `echo6`: of IPv6 (RFC 4443). Their addresses are of IPv6, those of the others of IPv4.
 * - `arp`: who has the address (RFC 826; with `from.ip` 0.0.0.0 an ARP probe, RFC 5227). An answer is a reply or an announcement by whoever has it.
 * - `echo`: an ICMP echo request. - `syn`: the first segment of a TCP connection; a reset is an answer.
 * - `others`: the same question; heard is an answer of somebody else than `to.mac`. `others6`: the same of IPv6.
 * - `asked`: nothing is sent but an ARP probe for `to.ip`; heard is for whom `to.mac` asks by ARP meanwhile.
 */
const ProbeKind = z.enum(['arp', 'others', 'echo', 'syn', 'asked', 'nd', 'echo6', 'others6']);
const OF_IPV6: readonly string[] = ['nd', 'echo6', 'others6'] satisfies z.infer<typeof ProbeKind>[];
export const Probe = z
  .strictObject({
    place: ProbePlace,
    kind: ProbeKind,
    from: z.strictObject({ mac: Mac, ip: IpAddress }),
    to: z.strictObject({ mac: Mac, ip: IpAddress }),
    /** TCP port of `syn`; 0 for the others. */
    port: z.number().int().min(0).max(65535),
  })
  .refine(({ kind, from, to }) => [from, to].every(({ ip }) => ip.includes(':') === OF_IPV6.includes(kind)), {
    message: 'addresses of the IP version that the kind of probe is for',
  });
export type Probe = Readonly<z.infer<typeof Probe>>;

export const LOOKS = {
  ...PACKET_LOOKS,
  wiring: {
    about: 'Which interfaces of the switch the named ports are plugged by, and whether bridges lead where they should.',
    params: z.strictObject({
      ports: listOf(z.strictObject({ id: Id, mac: Mac })),
      /** Provider bridges. */
      bridges: listOf(LinkName, 50),
    }),
    answer: z.object({
      /** The process of the switch answers. */
      switchAnswers: z.boolean(),
      /** The integration bridge is there. */
      integrationBridge: z.boolean(),
      ports: z.array(
        z.object({
          id: Id,
          plugged: z.array(Plugged),
          /** Interfaces that have the port's MAC, or the name it would have, and another id. */
          almost: z.array(Plugged),
        }),
      ),
      bridges: z.array(
        z.object({
          name: LinkName,
          there: z.boolean(),
          /** Both ports of the patch pair are there and name each other. */
          patched: z.boolean(),
          uplinks: z.array(text),
          /** Least MTU of the uplinks' devices; null: none is known. */
          uplinkMtuBytes: z.number().int().nullable(),
          /** Why no packet leaves by the bridge, with who can mend it; null: one may. */
          cut: text.nullable(),
        }),
      ),
      tunnels: z.array(z.object({ remoteIp: IpAddress, up: z.boolean() })),
      /** Where the node's own tunnels begin: their `local_ip`, with the device that has it; null: none has. An older release says nothing of it. */
      tunnelEnds: z.array(z.object({ localIp: IpAddress, device: text.nullable(), up: z.boolean() })).default([]),
    }),
    withinMs: 3_000,
  },
  flows: {
    about:
      'Flows of others on bridges that packets of the cloud pass, and whether the flows that change tags are there.',
    params: z.strictObject({
      /** A provider bridge with the networks that leave by it, each by its local VLAN. */
      bridges: listOf(z.strictObject({ name: LinkName, localVlanIds: listOf(VlanId) }), 50),
    }),
    answer: z.object({
      /** Without those that are there when nobody has written any (priority 0, NORMAL). */
      foreign: z.array(z.object({ bridge: text, priority: z.number().int(), match: text, actions: text })),
      foreignCount: z.number().int().nonnegative(),
      /** Flows of ours on the bridges that the agent makes, by bridge; one that is not there is absent. */
      ours: z.record(z.string(), z.number().int()),
      /** Of each bridge and local VLAN: the flows that translate its tag, out of the node and into it. */
      translated: z.array(z.object({ bridge: LinkName, localVlanId: VlanId, out: z.boolean(), in: z.boolean() })),
    }),
    withinMs: 3_000,
  },
  namespace: {
    about: "What is in the namespace of a router or of a network's DHCP: links, routes, rules of others, who listens.",
    params: z.strictObject({ sort: z.enum(['router', 'network']), id: Id }),
    answer: z.object({
      there: z.boolean(),
      links: z.array(z.object({ device: text, up: z.boolean(), mac: text, addresses: z.array(text) })),
      /** Next hops of the default routes. */
      defaults: z.array(text),
      forwards: z.boolean(),
      /** The same of IPv6. */
      forwards6: z.boolean(),
      /** Ports of the router whose prefixes are advertised: radvd runs. */
      advertises: z.array(Id),
      /** Rules of others that drop or reject, as `iptables-save` prints them, behind `<table> `. */
      foreign: z.array(text),
      /** As `ip6tables-save` prints them. */
      foreign6: z.array(text),
      foreignCount: z.number().int().nonnegative(),
      /** What of others leads packets elsewhere, in words: neighbours, routes, policy rules. `of`: for which addresses; null: for all. */
      astray: z.array(z.object({ what: text, of: text.nullable() })),
      /** Entries of the connection tracking table, and how many there may be; null: the kernel does not say. */
      connections: z.object({ count: z.number().int(), most: z.number().int() }).nullable(),
      /** What instances ask of 169.254.169.254 is led to this namespace. */
      redirects: z.boolean(),
      /** `udp/67`, `tcp/9697`. */
      listens: z.array(text),
    }),
    withinMs: 3_000,
  },
  probe: {
    about:
      'Who answers frames that are sent from the node: to an instance, to a neighbour of a router, for an address.',
    params: z.strictObject({ probes: listOf(Probe, 60), forMs }),
    answer: z.object({
      answers: z.array(
        z.object({
          /** Whether a frame answered. Null: the frame could not be sent, and `text` says why. */
          answered: z.boolean().nullable(),
          /** Sender and receiver of the answer's frame; empty when there was none. */
          fromMac: text,
          toMac: text,
          /** Of `asked`: the address that was asked for. Of a frame that could not be sent: why. */
          text,
        }),
      ),
    }),
    withinMs: 3_000,
  },
  path: {
    about: 'Whether packets of a length reach other tunnel ends undivided.',
    params: z.strictObject({ from: Ipv4, to: listOf(Ipv4, 50), bytes: z.number().int().min(576).max(65_535), forMs }),
    answer: z.object({
      ends: z.array(
        z.object({
          to: Ipv4,
          /** A short packet was answered. */
          reached: z.boolean(),
          /** One of this length was, which may not be divided on the way. */
          whole: z.boolean(),
        }),
      ),
    }),
    withinMs: 3_000,
  },
} as const satisfies Readonly<Record<string, QuestionDeclaration>>;

export type LookName = keyof typeof LOOKS;
export const LOOK_NAMES = [
  'wiring',
  'flows',
  'namespace',
  'probe',
  'path',
  'switching',
  'routing',
] as const satisfies readonly LookName[];
