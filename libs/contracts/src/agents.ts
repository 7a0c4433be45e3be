/**
 * The kinds of agents, each declared once. Whatever has to do with "which agents there are" reads it here: subjects and NATS logins, reports and beacons, the
 * agents API, `plumb status`, `plumb replay`, the lab, the containers, the reference of agents. Outside this file, and outside an agent's own code, no source
 * names a kind; test/agents walks the sources and says so.
 *
 * What is here is data that the control plane and the nodes both need. What runs on a node (settings, driver, replay) is in libs/node-agents, one folder a
 * kind; a kind that is declared here and has no part there does not compile. docs/how-to/add-an-agent.md leads through both.
 *
 * The road not taken: the database checking the names of kinds. It would have to learn each new kind by a migration, and the API already refuses a report of
 * a kind that it does not know.
 */
import { z } from 'zod';
import type { Kind } from './objects.js';
import { LOOK_NAMES } from './looks.js';
import type { QuestionName } from './questions.js';

/**
 * What the API makes of an agent's report about an object:
 * - `decides`: it is the status that the object shows. One agent decides for a kind of object.
 * - `kept`: it is stored beside, and may be part of what is shown (apps/api/src/neutron/computed/statuses.ts); another agent decides.
 */
export type ReportRule = 'decides' | 'kept';

export type AgentDeclaration = Readonly<{
  /** `agent_type` of the agents API: the words of the reference implementation, where clients filter by them. */
  type: string;
  /** `binary` of the agents API; the name of the process in its log and at NATS; packaging/systemd/<binary>.service starts it. */
  binary: string;
  /** `topic` of the agents API, kept for clients. */
  topic: string;
  /** Its folder below apps/, and its name where the programs of a node are listed. */
  app: string;
  /** What it does, in one sentence for operators. */
  about: string;
  runsOn: 'every-node' | 'network-node';
  /** False: the lab, the containers and the how-to for real machines do not run it; an operator starts it where he wants it. */
  byDefault: boolean;
  /** What it and what it starts keep of root (capabilities(7), lower case): in its unit, in the lab. */
  capabilities: readonly string[];
  /** Port of 127.0.0.1 on its node where it answers `GET /health`, in the lab, in containers and by its unit. */
  healthPort: number;
  /** Kinds of objects it reports the status of, and what the API makes of it. */
  reports: Readonly<Partial<Record<Kind, ReportRule>>>;
  /** The kind of objects that the API schedules to agents of this kind; null: none. Those that carry something have an availability zone. */
  carries: Kind | null;
  /** True of one kind: it says what its node is (tunnel address, bridges, firewall). Its first report makes the node known; deleted while silent, it takes the node out of the log. */
  describesNode: boolean;
  /** Fixed entries of `configurations` in the agents API, which clients of the reference implementation look for. */
  configurations: Readonly<Record<string, string>>;
  /** Questions about its node that it answers (questions.ts). */
  answers: readonly QuestionName[];
  /** Entries of `configurations` that count objects: name -> kind of object that this agent reports as ACTIVE. */
  counts: Readonly<Record<string, Kind>>;
}>;

/** The network, namespaces and their mounts (`ip netns`), raw sockets (ARP). */
const NETWORK = ['net_admin', 'sys_admin', 'net_raw'];
/** To find and signal programs that become another user (radvd, dnsmasq), and for these to become one. */
const SUPERVISION = ['sys_ptrace', 'kill', 'setuid', 'setgid'];

export const AGENTS = {
  ovs: {
    type: 'Open vSwitch agent',
    binary: 'plumb-ovs-agent',
    topic: 'N/A',
    app: 'ovs-agent',
    about: 'Makes the Open vSwitch of its node: bridges, ports, VLAN tags, flows and tunnels.',
    runsOn: 'every-node',
    byDefault: true,
    capabilities: NETWORK,
    healthPort: 9710,
    reports: { port: 'decides' },
    carries: null,
    describesNode: true,
    configurations: { integration_bridge: 'br-int' },
    answers: ['state', 'things', ...LOOK_NAMES],
    counts: { devices: 'port' },
  },
  l3: {
    type: 'L3 agent',
    binary: 'plumb-l3-agent',
    topic: 'l3_agent',
    app: 'l3-agent',
    about: 'Makes routers: namespaces, addresses, routes, iptables rules and connection tracking.',
    runsOn: 'network-node',
    byDefault: true,
    // To hear of changes in all namespaces by one program (NETLINK_LISTEN_ALL_NSID of netlink(7)).
    capabilities: [...NETWORK, ...SUPERVISION, 'net_broadcast'],
    healthPort: 9711,
    reports: { router: 'decides', floatingip: 'decides', portforwarding: 'decides', port: 'kept' },
    carries: 'router',
    describesNode: false,
    configurations: { agent_mode: 'legacy', interface_driver: 'openvswitch' },
    answers: ['state', 'things', ...LOOK_NAMES],
    counts: {},
  },
  dhcp: {
    type: 'DHCP agent',
    binary: 'plumb-dhcp-agent',
    topic: 'dhcp_agent',
    app: 'dhcp-agent',
    about: 'Serves DHCP on networks: namespaces, addresses, and a dnsmasq for each network.',
    runsOn: 'network-node',
    byDefault: true,
    // dnsmasq's ports 53 and 67.
    capabilities: [...NETWORK, ...SUPERVISION, 'net_bind_service'],
    healthPort: 9712,
    reports: { port: 'kept' },
    carries: 'network',
    describesNode: false,
    configurations: { dhcp_driver: 'dnsmasq' },
    answers: ['state', 'things', ...LOOK_NAMES],
    counts: {},
  },
  metadata: {
    type: 'Metadata agent',
    binary: 'plumb-metadata-agent',
    topic: 'N/A',
    app: 'metadata-agent',
    about: 'Answers guests who ask who they are: a proxy in the namespaces of routers and of DHCP.',
    runsOn: 'network-node',
    byDefault: true,
    // haproxy's port 80; a socket that its user alone may open.
    capabilities: [...NETWORK, ...SUPERVISION, 'net_bind_service', 'chown'],
    healthPort: 9713,
    reports: {},
    carries: null,
    describesNode: false,
    configurations: {},
    answers: ['state', 'things', ...LOOK_NAMES],
    counts: {},
  },
} as const satisfies Readonly<Record<string, AgentDeclaration>>;

type Declared = typeof AGENTS;
export type AgentKind = keyof Declared;
/** In the order of their declaration. */
export const AGENT_KINDS = Object.keys(AGENTS) as [AgentKind, ...AgentKind[]];
export const AgentKind = z.enum(AGENT_KINDS);

/** The declaration of a kind, without the literal types. */
export const agentOf = (kind: AgentKind): AgentDeclaration => AGENTS[kind];

/** Questions that agents of a kind answer. */
export type AnsweredBy<K extends AgentKind> = Declared[K]['answers'][number];

/** Kinds of agents with this property, in the order of their declaration. */
export const agentsWhere = (holds: (agent: AgentDeclaration) => boolean): readonly AgentKind[] =>
  AGENT_KINDS.filter((kind) => holds(AGENTS[kind]));

/** Kinds of objects that agents carry. */
export type CarriedKind = Exclude<Declared[AgentKind]['carries'], null>;
/** Kinds of objects whose status an agent decides. */
export type DecidedKind = {
  [A in AgentKind]: {
    [K in keyof Declared[A]['reports']]: Declared[A]['reports'][K] extends 'decides' ? K : never;
  }[keyof Declared[A]['reports']];
}[AgentKind];

/** The agent that carries objects of a kind. */
export const carrierOf = Object.fromEntries(
  AGENT_KINDS.flatMap((kind) => (agentOf(kind).carries === null ? [] : [[agentOf(kind).carries, kind]])),
) as Readonly<Record<CarriedKind, AgentKind>>;

/** The agent whose report is the status of objects of a kind. */
export const decidingAgent = Object.fromEntries(
  AGENT_KINDS.flatMap((kind) =>
    Object.entries(agentOf(kind).reports).flatMap(([object, rule]) => (rule === 'decides' ? [[object, kind]] : [])),
  ),
) as Readonly<Record<DecidedKind, AgentKind>>;

/** The agent that says what its node is. */
export const NODE_AGENT: AgentKind = agentsWhere(({ describesNode }) => describesNode)[0] as AgentKind;
