/**
 * What a kind of agent does on a node. What the control plane must know of the kind is its declaration in contracts (AGENTS); index.ts must list one NodeAgent
 * for each kind declared there, or it does not compile.
 */
import type { Firewall } from '@plumbline/contracts';
import type { PrintingRunner, Spawner } from '@plumbline/exec';
import type { Answerer } from '@plumbline/agent-runtime';
import type { AgentDefinition, SettingsShape } from '@plumbline/agent-runtime/nest';
import type { OvsdbMirror } from '@plumbline/ovsdb';
import type { Convergence, HostView } from '@plumbline/topology';
import type { NodeDns } from './dhcp/terms.js';

/** The agent's process (settings, backend), its part of `plumb replay`, and of `plumb why` on a node alone. */
export type NodeAgent<S extends SettingsShape = SettingsShape> = AgentDefinition<S> &
  Readonly<{ replay: ReplayPart; looks: Looks }>;

/** How a `plumb` command reaches the switch of the node it runs on. */
export type NodeAccess = Readonly<{
  /** `unix:<socket>` of the node's Open vSwitch database. */
  ovsdb: string;
  datapathType: 'system' | 'netdev';
  /** As PLUMB_FIREWALL and PLUMB_FOREIGN_PORTS of its OVS agent. */
  firewall: Firewall;
  foreignPorts: readonly string[];
  /** Whether its guests are answered who ask for metadata: PLUMB_METADATA of its agents is not `off`. */
  answersMetadata: boolean;
  /** As PLUMB_DNS_DOMAIN and PLUMB_DNS_RESOLVERS of its DHCP agent. */
  dns: NodeDns;
  /** Directory of the bridges' management sockets. */
  runDir: string;
}>;

/** An open connection to the node's switch and a runner for commands, shared by all agents. The caller opens and closes it. */
export type NodeConnection = Readonly<{
  access: NodeAccess;
  runner: Spawner;
  mirror: OvsdbMirror;
}>;

/** Where a replay prints its commands, and what an agent that prints later must know of what others printed before. */
export type Printout = {
  /** Gets each command, in order. */
  readonly print: (command: string) => void;
  /** Gets a command that the operator runs, not an agent: it is shown and not counted. */
  readonly printForOperator: (command: string) => void;
  readonly datapathType: NodeAccess['datapathType'];
  readonly firewall: NodeAccess['firewall'];
  readonly foreignPorts: NodeAccess['foreignPorts'];
  readonly answersMetadata: NodeAccess['answersMetadata'];
  readonly dns: NodeDns;
  readonly runDir: string;
  /** Id of the lab that the node is in, if it is in one: its programs bear it. */
  readonly lab: string | undefined;
  /** The node as it is; null: print as if nothing of ours were on it. */
  readonly node: NodeConnection | null;
  /** Prints commands instead of running them; reads from `node`. */
  readonly runner: PrintingRunner;
  /** The integration bridge, once its commands are printed or when it was there before; null until then. The OVS agent sets it. */
  integrationBridge: Readonly<{ datapathType: string }> | null;
  /** Ports that printed commands put into the integration bridge. */
  readonly plugged: PluggedPort[];
};
export type PluggedPort = Readonly<{ name: string; portId: string; position: number }>;

/** An agent's part of a replay, ready to run once or several times. */
export type Opened = Readonly<{
  /** Looks at everything, and may remove. */
  converge(view: HostView): Promise<Convergence>;
  close(): void;
}>;

export type ReplayPart = Readonly<{
  /** Runs the agent's own functions on this node. Throws when the view lacks what this agent needs. */
  open(view: HostView, node: NodeConnection): Opened;
  /** The same, but prints the commands and runs none. */
  openPrinting(view: HostView, printout: Printout): Opened;
}>;

/** How a command on the node answers what an agent would, by a view: without the agent, and without its memory. */
export type Looking = Readonly<{ things: Answerer<'things'>; close(): void }>;
export type Looks = (view: HostView, node: NodeConnection) => Looking;

/** The options of a replay's converge. */
export const EVERYTHING = { touched: 'all', mayRemove: true, unverified: false } as const;
/** The result of a converge that changed nothing and has nothing to report, for example one that only prints. */
export const NOTHING_DONE: Convergence = { applied: 0, drift: 0, statuses: [], failed: [] };
