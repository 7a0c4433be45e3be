/** Asks all agents' own look at this node, without the agents; and looks as any of them would. */
import type { Answers } from '@plumbline/agent-runtime';
import { AGENT_KINDS, type AgentKind, type LookName, type ParamsOf, type Thing } from '@plumbline/contracts';
import type { HostView } from '@plumbline/topology';
import { looksAt } from './looks/index.js';
import type { NodeAccess, NodeAgent } from './node-agent.js';
import { connectNode } from './node-connection.js';

/** `failed`: what could not be looked at, in words. */
export type ThingsHere = Readonly<{
  things(params: ParamsOf<'things'>): Promise<Readonly<{ things: readonly Thing[]; failed: readonly string[] }>>;
  close(): void;
}>;

/** Rejects when the node cannot be reached. A look at the node serves for several questions, as an agent's does. */
export async function openThings(
  agents: Readonly<Record<AgentKind, Pick<NodeAgent, 'looks'>>>,
  view: HostView,
  access: NodeAccess,
): Promise<ThingsHere> {
  const node = await connectNode(access);
  const looks = new Map<AgentKind, ReturnType<NodeAgent['looks']>>();
  const looksOf = (kind: AgentKind): ReturnType<NodeAgent['looks']> => {
    const known = looks.get(kind) ?? agents[kind].looks(view, node);
    looks.set(kind, known);
    return known;
  };
  return {
    async things(params) {
      const { signal } = new AbortController();
      const things: Thing[] = [];
      const failed: string[] = [];
      for (const kind of AGENT_KINDS)
        try {
          things.push(...(await looksOf(kind).things(params, { view, signal })).things);
        } catch (error) {
          failed.push(`what the ${kind} agent looks after: ${error instanceof Error ? error.message : String(error)}`);
        }
      return { things, failed };
    },
    close() {
      for (const looking of looks.values()) looking.close();
      node.close();
    },
  };
}

export type LooksHere = Readonly<{ answers: Answers<LookName>; close(): void }>;

/** Rejects when the node cannot be reached. */
export async function openLooks(access: NodeAccess): Promise<LooksHere> {
  const node = await connectNode(access);
  return { answers: looksAt(node.runner, () => Promise.resolve(node)), close: () => node.close() };
}
