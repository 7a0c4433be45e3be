/** What can be done with agents: they are observations, so these are plain statements on their table, not commands. */
import { text } from './attribute-types.js';
import { parseQuery } from './query.js';
import { present } from './present.js';
import { IS_ALIVE, type ReadModel } from './read-model.js';
import type { Resource, Wish } from './resource.js';
import { agents } from './resources/agents.js';
import { routers } from './resources/routers.js';

export const AGENT_COLLECTION = agents.collection;

export async function changeAgent(
  read: ReadModel,
  resource: Resource,
  id: string,
  { adminStateUp }: Wish,
): Promise<void> {
  const text = 'UPDATE plumbline.agents SET admin_state_up = coalesce($2, admin_state_up) WHERE id = $1 RETURNING id';
  if (!(await read.agentChange(text, [id, adminStateUp ?? null]))) throw resource.notFound(id);
}

/**
 * Forgets an agent. With a silent Open vSwitch agent its node goes too: the host to take out of the log, else null. One that speaks on is back at its next
 * report, and its node's tunnels must not flap for that.
 */
export async function deleteAgent(read: ReadModel, resource: Resource, id: string): Promise<string | null> {
  const agent = await read.agentChange<{ host: string; kind: string; alive: boolean }>(
    `DELETE FROM plumbline.agents WHERE id = $1 RETURNING host, kind, ${IS_ALIVE} AS alive`,
    [id],
  );
  if (!agent) throw resource.notFound(id);
  return agent.kind === 'ovs' && !agent.alive ? agent.host : null;
}

/** The L3 agent that carries a router, as a list. */
export async function agentsOfRouter(read: ReadModel, resource: Resource, id: string): Promise<unknown> {
  const [router] = await read.byIds(resource, [id]);
  const host = router?.doc['host'];
  if (typeof host !== 'string') return { agents: [] };
  const query = parseQuery(agents, new URLSearchParams({ host, agent_type: 'L3 agent' }));
  return { agents: (await read.list(agents, query)).map((row) => present(agents, row, null)) };
}

/** The routers an L3 agent carries. */
export async function routersOfAgent(read: ReadModel, resource: Resource, id: string): Promise<unknown> {
  const [agent] = await read.byIds(resource, [id]);
  if (agent?.['kind'] !== 'l3') return { routers: [] };
  const onHost = { attribute: { name: 'host', path: 'host', type: text(), about: '' }, values: [agent['host']] };
  const query = { ...parseQuery(routers, new URLSearchParams()), filters: [onHost] };
  return { routers: (await read.list(routers, query)).map((row) => present(routers, row, null)) };
}

/** `GET /<collection>/{id}/<name>`: lists of what belongs to one object. */
export const SUB_LISTS: ReadonlyMap<string, (read: ReadModel, resource: Resource, id: string) => Promise<unknown>> =
  new Map([
    ['routers/l3-agents', agentsOfRouter],
    ['agents/l3-routers', routersOfAgent],
  ]);
