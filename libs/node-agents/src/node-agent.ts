/**
 * What a kind of agent is on a node. Its other half, what the control plane must know of it, is its declaration in contracts (AGENTS); the registry in index.ts
 * wants one of these for each kind declared there, or does not compile.
 */
import type { PrintingRunner, Runner } from '@plumbline/exec';
import type { AgentDefinition, SettingsShape } from '@plumbline/agent-runtime/nest';
import type { OvsdbMirror } from '@plumbline/ovsdb';
import type { Convergence, HostView } from '@plumbline/topology';

/** The agent's process (settings, hands), and its part of `plumb replay`. */
export type NodeAgent<S extends SettingsShape = SettingsShape> = AgentDefinition<S> & Readonly<{ replay: ReplayPart }>;

/** How a command reaches the node it runs on. */
export type NodeAccess = Readonly<{
  /** `unix:<socket>` of the node's Open vSwitch database. */
  ovsdb: string;
  datapathType: 'system' | 'netdev';
  /** Directory of the bridges' management sockets. */
  runDir: string;
}>;

/** A node that can be looked at and changed: one connection and one runner for all agents. Opened and closed by the caller. */
export type NodeAtHand = Readonly<{
  access: NodeAccess;
  runner: Runner & { close(): void };
  mirror: OvsdbMirror;
}>;

/** What is printed, and what those who print later must know of those who printed before. */
export type Paper = {
  /** Gets each command, in order. */
  readonly print: (command: string) => void;
  /** Gets a command that is the operator's, not ours: it is shown and not counted. */
  readonly printForOperator: (command: string) => void;
  readonly datapathType: NodeAccess['datapathType'];
  readonly runDir: string;
  /** The node as it is; null: as if nothing of ours were on it. */
  readonly node: NodeAtHand | null;
  /** Prints commands instead of running them; reads from `node`. */
  readonly runner: PrintingRunner;
  /** The integration bridge once it has been printed or was there before; null until then. Set by the agent that makes it. */
  integrationBridge: Readonly<{ datapathType: string }> | null;
  /** Ports that printed commands put into the integration bridge. */
  readonly plugged: PluggedPort[];
};
export type PluggedPort = Readonly<{ name: string; portId: string; position: number }>;

/** An agent's work, ready to be done once or several times. */
export type Opened = Readonly<{
  /** Everything, and with the right to remove. */
  converge(view: HostView): Promise<Convergence>;
  close(): void;
}>;

export type ReplayPart = Readonly<{
  /** By the very functions that the agent runs, on this node. Throws when the view says nothing of what this agent needs. */
  open(view: HostView, node: NodeAtHand): Opened;
  /** The same, printed. */
  openPrinting(view: HostView, paper: Paper): Opened;
}>;

/** What a replay asks of a converge. */
export const EVERYTHING = { touched: 'all', mayRemove: true, unverified: false } as const;
/** What a converge answers that changed nothing and has nothing to report: one that only prints, for example. */
export const NOTHING_DONE: Convergence = { applied: 0, drift: 0, statuses: [], failed: [] };
