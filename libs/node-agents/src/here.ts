/** Asks all agents' own look at this node, without the agents. */
import { AGENT_KINDS, type AgentKind, type ParamsOf, type Thing } from '@plumbline/contracts';
import type { HostView } from '@plumbline/topology';
import type { NodeAccess, NodeAgent } from './node-agent.js';
import { withNode } from './node-connection.js';

/** `failed`: what could not be looked at, in words. */
export const thingsBy = (
  agents: Readonly<Record<AgentKind, Pick<NodeAgent, 'looks'>>>,
  view: HostView,
  access: NodeAccess,
  params: ParamsOf<'things'>,
): Promise<Readonly<{ things: readonly Thing[]; failed: readonly string[] }>> =>
  withNode(access, async (node) => {
    const { signal } = new AbortController();
    const things: Thing[] = [];
    const failed: string[] = [];
    for (const kind of AGENT_KINDS) {
      const looking = agents[kind].looks(view, node);
      try {
        things.push(...(await looking.things(params, { view, signal })).things);
      } catch (error) {
        failed.push(`what the ${kind} agent looks after: ${error instanceof Error ? error.message : String(error)}`);
      } finally {
        looking.close();
      }
    }
    return { things, failed };
  });
