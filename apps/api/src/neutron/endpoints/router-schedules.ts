/** Which L3 agent carries which router: shown, and changed by hand (alias l3_agent_scheduler). */
import { agentOf, carrierOf } from '@plumbline/contracts';
import { assignRouter, invalidL3Agent, type L3Agent, unassignRouter } from '@plumbline/domain';
import { isUuid, shown, text } from '../types/attribute-types.js';
import { parseJson } from '../../json-body.js';
import { badRequest } from '../../errors/edge-error.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { ListAnswer } from '../long-answer.js';
import { present, texter } from '../present.js';
import { type ListQuery, parseQuery } from '../query.js';
import type { ReadModel } from '../read-model.js';
import type { Row } from '../attribute.js';
import { agents } from '../resources/agents.js';
import { routers } from '../resources/routers.js';
import { idIn } from './ids.js';

const L3 = { agent_type: agentOf(carrierOf.router).type };

/** The L3 agent that carries a router, as a list. */
const agentsOfRouter: Handler = async (request, ids, { read }) => {
  const { caller } = request;
  const [router] = await read.byIds(routers, [idIn(routers, ids)], null);
  const host = router?.doc['host'];
  if (typeof host !== 'string') return ok({ agents: [] });
  const query = parseQuery(agents, new URLSearchParams({ host, ...L3 }));
  return ok({
    agents: (await read.list(agents, query, null, request)).map((row) => present(agents, row, caller, null)),
  });
};

/** The routers an L3 agent carries. */
const routersOfAgent: Handler = async (request, ids, { read }) => {
  const { caller } = request;
  const [agent] = await read.byIds(agents, [idIn(agents, ids)], null);
  if (agent?.['kind'] !== carrierOf.router) return ok({ routers: [] });
  const onHost = { attribute: { name: 'host', path: 'host', type: text(), about: '' }, values: [agent['host']] };
  const query: ListQuery = { ...parseQuery(routers, new URLSearchParams()), filters: [onHost] };
  return ok(
    new ListAnswer('routers', await read.page(routers, query, null, request, texter(routers, caller, null)), []),
  );
};

async function l3Agent(read: ReadModel, ids: readonly string[]): Promise<L3Agent & { row: Row }> {
  const id = idIn(agents, ids);
  const [row] = await read.byIds(agents, [id], null);
  if (row?.['kind'] !== carrierOf.router) throw invalidL3Agent(id);
  return { id, host: String(row['host']), row };
}

/** Puts a router on an agent's node: also on one that no more routers come to by themselves is refused, as an agent that is disabled. */
const assign: Handler = async (request, ids, { read, execute }) => {
  const { raw, caller } = request;
  const routerId = routerIn(parseJson(raw));
  const agent = await l3Agent(read, ids);
  if (agent.row['admin_state_up'] !== true) throw invalidL3Agent(agent.id);
  const all = await read.list(agents, parseQuery(agents, new URLSearchParams(L3)), null, request);
  const agentOn = (host: string) => all.find((row) => row['host'] === host)?.id ?? host;
  await execute(assignRouter(routerId, agent, agentOn), caller);
  return { outcome: 'created', body: null };
};

function routerIn(body: unknown): string {
  const id = body !== null && typeof body === 'object' && !Array.isArray(body) ? body['router_id' as never] : undefined;
  if (id === undefined) throw badRequest(`Unable to find 'router_id' in request body`);
  if (typeof id !== 'string' || !isUuid(id)) throw routers.notFound(shown(id));
  return (id as string).toLowerCase();
}

/** Takes a router off: it waits until somebody asks for it again. */
const unassign: Handler = async ({ caller }, ids, { read, execute }) => {
  const agent = await l3Agent(read, ids);
  await execute(unassignRouter(idIn(routers, ids, 1), agent), caller);
  return { outcome: 'no-content' };
};

export const routerScheduleEndpoints: readonly Endpoint[] = [
  {
    path: ['agents', ':id', 'l3-routers'],
    about: 'Routers that an agent carries; puts one there.',
    who: 'admin',
    methods: { GET: routersOfAgent, POST: assign },
  },
  {
    path: ['agents', ':id', 'l3-routers', ':router'],
    about: 'Takes a router off an agent.',
    who: 'admin',
    methods: { DELETE: unassign },
  },
  {
    path: ['routers', ':id', 'l3-agents'],
    about: 'Agents that carry a router.',
    who: 'admin',
    methods: { GET: agentsOfRouter },
  },
];
