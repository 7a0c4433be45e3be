/** What can be done with agents: they are observations, so these are plain statements on their table, not commands. */
import { removeNode } from '@plumbline/domain';
import { isUuid, shown, text } from '../attribute-types.js';
import { parseJson, parseUpdate } from '../body.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { present } from '../present.js';
import { parseQuery } from '../query.js';
import { IS_ALIVE } from '../read-model.js';
import type { Resource, Row } from '../resource.js';
import { agents } from '../resources/agents.js';
import { routers } from '../resources/routers.js';

function idOf(resource: Resource, [id = '']: readonly string[]): string {
  if (!isUuid(id)) throw resource.notFound(shown(id));
  return id.toLowerCase();
}

const change: Handler = async ({ raw, caller }, ids, { read }) => {
  const { wish } = parseUpdate(agents, parseJson(raw));
  const id = idOf(agents, ids);
  const text = 'UPDATE plumbline.agents SET admin_state_up = coalesce($2, admin_state_up) WHERE id = $1 RETURNING id';
  if (!(await read.agentChange(text, [id, wish['adminStateUp'] ?? null]))) throw agents.notFound(id);
  const [row] = await read.byIds(agents, [id], null);
  return ok({ agent: present(agents, row as Row, caller, null) });
};

/**
 * Forgets an agent. With a silent Open vSwitch agent its node goes too, out of the log. One that speaks on is back at its next report, and its node's tunnels
 * must not flap for that.
 */
const forget: Handler = async ({ caller }, ids, { read, execute }) => {
  const id = idOf(agents, ids);
  const agent = await read.agentChange<{ host: string; kind: string; alive: boolean }>(
    `DELETE FROM plumbline.agents WHERE id = $1 RETURNING host, kind, ${IS_ALIVE} AS alive`,
    [id],
  );
  if (!agent) throw agents.notFound(id);
  if (agent.kind === 'ovs' && !agent.alive) await execute(removeNode(agent.host), caller);
  return { outcome: 'no-content' };
};

/** The L3 agent that carries a router, as a list. */
const agentsOfRouter: Handler = async ({ caller }, ids, { read }) => {
  const [router] = await read.byIds(routers, [idOf(routers, ids)], null);
  const host = router?.doc['host'];
  if (typeof host !== 'string') return ok({ agents: [] });
  const query = parseQuery(agents, new URLSearchParams({ host, agent_type: 'L3 agent' }));
  return ok({ agents: (await read.list(agents, query, null)).map((row) => present(agents, row, caller, null)) });
};

/** The routers an L3 agent carries. */
const routersOfAgent: Handler = async ({ caller }, ids, { read }) => {
  const [agent] = await read.byIds(agents, [idOf(agents, ids)], null);
  if (agent?.['kind'] !== 'l3') return ok({ routers: [] });
  const onHost = { attribute: { name: 'host', path: 'host', type: text(), about: '' }, values: [agent['host']] };
  const query = { ...parseQuery(routers, new URLSearchParams()), filters: [onHost] };
  return ok({ routers: (await read.list(routers, query, null)).map((row) => present(routers, row, caller, null)) });
};

export const agentEndpoints: readonly Endpoint[] = [
  {
    path: ['agents', ':id'],
    about: 'Changes or forgets an agent.',
    who: 'admin',
    methods: { PUT: change, DELETE: forget },
  },
  {
    path: ['agents', ':id', 'l3-routers'],
    about: 'Routers that an agent carries.',
    who: 'admin',
    methods: { GET: routersOfAgent },
  },
  {
    path: ['routers', ':id', 'l3-agents'],
    about: 'Agents that carry a router.',
    who: 'admin',
    methods: { GET: agentsOfRouter },
  },
];
