/**
 * Makes a node what a view says, by the functions that the agents run: first the agent that makes the switch, because the others plug ports into it; then the
 * others; then the first again, for the tags and flows of the ports that were plugged.
 *
 * The same work can be printed as a shell script instead. Printed "from nothing", it is what rebuilds a wiped node.
 */
import { AGENT_KINDS, NODE_AGENT, type AgentKind } from '@plumbline/contracts';
import { PrintingRunner } from '@plumbline/exec';
import type { Convergence, HostView } from '@plumbline/topology';
import { withNode } from './node-connection.js';
import type { NodeAccess, NodeAgent, NodeConnection, Opened, Printout } from './node-agent.js';

export type Rebuilt = Readonly<{ applied: number; failed: readonly Readonly<{ key: string; reason: string }>[] }>;
type Agents = Readonly<Record<AgentKind, Pick<NodeAgent, 'replay'>>>;

/** Applies the view to this node. Idempotent: a node that is right already is not touched. Rejects when the node cannot be reached or the log does not know it. */
export function rebuildBy(agents: Agents, view: HostView, access: NodeAccess): Promise<Rebuilt> {
  return withNode(access, (node) => inOrder((kind) => agents[kind].replay.open(view, node), view));
}

export type PrintOptions = Readonly<{
  print: (command: string) => void;
  /** Null: print as if nothing of ours were on the node. */
  access: NodeAccess | null;
  datapathType: NodeAccess['datapathType'];
  firewall: NodeAccess['firewall'];
  foreignPorts: NodeAccess['foreignPorts'];
  runDir: string;
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
      runDir: options.runDir,
      runner: new PrintingRunner({ ...(node && { reader: node.runner }), print }),
      ...{ integrationBridge: null, plugged: [] },
    };
    await inOrder((kind) => agents[kind].replay.openPrinting(view, printout), view);
    return printed;
  };
  return options.access === null ? printAll(null) : withNode(options.access, printAll);
}

async function inOrder(open: (kind: AgentKind) => Opened, view: HostView): Promise<Rebuilt> {
  const opened: Opened[] = [];
  const ready = (kind: AgentKind): Opened => {
    const each = open(kind);
    opened.push(each);
    return each;
  };
  try {
    const first = ready(NODE_AGENT);
    const before = await first.converge(view);
    const others: Convergence[] = [];
    for (const kind of AGENT_KINDS) if (kind !== NODE_AGENT) others.push(await ready(kind).converge(view));
    // What failed the first time, before the others had plugged their ports, may work now: only the second result counts.
    return together([{ ...before, failed: [] }, ...others, await first.converge(view)]);
  } finally {
    for (const each of opened) each.close();
  }
}

function together(parts: readonly Convergence[]): Rebuilt {
  const failed = new Map(parts.flatMap((part) => part.failed.map(({ key, reason }) => [key, reason] as const)));
  return {
    applied: parts.reduce((sum, part) => sum + part.applied, 0),
    failed: [...failed].map(([key, reason]) => ({ key, reason })),
  };
}
