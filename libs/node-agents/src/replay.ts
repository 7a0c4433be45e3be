/**
 * Makes a node what a view says, by the functions that the agents run: first the agent that makes the switch; the others beside it as soon as the bridge is there into
 * which they plug ports, as on a node where each is a process; then the first again, for the tags and flows of the ports that were plugged.
 *
 * The same work can be printed as a shell script instead, one agent after the other. Printed "from nothing", it is what rebuilds a wiped node.
 */
import { AGENT_KINDS, NODE_AGENT, type AgentKind } from '@plumbline/contracts';
import { PrintingRunner } from '@plumbline/exec';
import { BR_INT } from '@plumbline/ovs-core';
import type { OvsdbMirror } from '@plumbline/ovsdb';
import type { Convergence, HostView } from '@plumbline/topology';
import { withNode } from './node-connection.js';
import type { NodeAccess, NodeAgent, NodeConnection, Opened, Printout } from './node-agent.js';

export type Rebuilt = Readonly<{ applied: number; failed: readonly Readonly<{ key: string; reason: string }>[] }>;
type Agents = Readonly<Record<AgentKind, Pick<NodeAgent, 'replay'>>>;

/** Applies the view to this node. Idempotent: a node that is right already is not touched. Rejects when the node cannot be reached or the log does not know it. */
export function rebuildBy(agents: Agents, view: HostView, access: NodeAccess): Promise<Rebuilt> {
  return withNode(access, (node) =>
    inOrder(
      (kind) => agents[kind].replay.open(view, node),
      view,
      (first) => bridged(node.mirror, first),
    ),
  );
}

export type PrintOptions = Readonly<{
  print: (command: string) => void;
  /** Null: print as if nothing of ours were on the node. */
  access: NodeAccess | null;
  datapathType: NodeAccess['datapathType'];
  firewall: NodeAccess['firewall'];
  foreignPorts: NodeAccess['foreignPorts'];
  answersMetadata: NodeAccess['answersMetadata'];
  dns: NodeAccess['dns'];
  runDir: string;
  /** As in Printout. */
  lab?: string | undefined;
}>;

/** Prints what `rebuildBy` would run, in order; resolves with the number of commands. Changes nothing. */
export async function printRebuildBy(agents: Agents, view: HostView, options: PrintOptions): Promise<number> {
  let printed = 0;
  const print = (command: string): void => {
    printed += 1;
    options.print(command);
  };
  const printAll = async (node: NodeConnection | null): Promise<number> => {
    const printout: Printout = {
      ...{ print, printForOperator: options.print, node },
      ...{ datapathType: options.datapathType, firewall: options.firewall, foreignPorts: options.foreignPorts },
      answersMetadata: options.answersMetadata,
      ...{ dns: options.dns, runDir: options.runDir, lab: options.lab },
      runner: new PrintingRunner({ ...(node && { reader: node.runner }), print }),
      ...{ integrationBridge: null, plugged: [] },
    };
    const open = (kind: AgentKind): Opened => agents[kind].replay.openPrinting(view, printout);
    await inOrder(open, view, (first) => first);
    return printed;
  };
  return options.access === null ? printAll(null) : withNode(options.access, printAll);
}

/** `mayBegin`: resolves when the others may begin, given what the first does. */
async function inOrder(
  open: (kind: AgentKind) => Opened,
  view: HostView,
  mayBegin: (first: Promise<unknown>) => Promise<unknown>,
): Promise<Rebuilt> {
  const opened: Opened[] = [];
  const ready = (kind: AgentKind): Opened => {
    const each = open(kind);
    opened.push(each);
    return each;
  };
  try {
    const first = ready(NODE_AGENT);
    const making = first.converge(view);
    const afterIt = async (): Promise<Convergence[]> => {
      await mayBegin(making);
      const others: Convergence[] = [];
      for (const kind of AGENT_KINDS) if (kind !== NODE_AGENT) others.push(await ready(kind).converge(view));
      return others;
    };
    const [before, others] = await both(making, afterIt());
    // What failed the first time, before the others had plugged their ports, may work now: only the second result counts.
    return together([{ ...before, failed: [] }, ...others, await first.converge(view)]);
  } finally {
    for (const each of opened) each.close();
  }
}

/** Resolves with both; rejects when both have ended, with the first's reason before the other's. */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<readonly [A, B]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}

/** Resolves when the integration bridge is in the switch's database, or `first` has ended. */
async function bridged(mirror: OvsdbMirror, first: Promise<unknown>): Promise<void> {
  let unwatch = (): void => undefined;
  const there = new Promise<void>((resolve) => {
    const look = (): void => void (mirror.bridge(BR_INT) && resolve());
    unwatch = mirror.onChange(look);
    look();
  });
  await Promise.race([there, first.catch(() => undefined)]);
  unwatch();
}

function together(parts: readonly Convergence[]): Rebuilt {
  const failed = new Map(parts.flatMap((part) => part.failed.map(({ key, reason }) => [key, reason] as const)));
  return {
    applied: parts.reduce((sum, part) => sum + part.applied, 0),
    failed: [...failed].map(([key, reason]) => ({ key, reason })),
  };
}
