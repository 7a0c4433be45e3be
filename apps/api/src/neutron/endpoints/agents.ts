/** What can be done with agents: they are observations, so these are plain statements on their table; which of them carries a router is a fact, and a command. */
import { removeNode } from '@plumbline/domain';
import { parseJson } from '../../json-body.js';
import { parseUpdate } from '../body.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { present } from '../present.js';
import { IS_ALIVE } from '../read-model.js';
import type { Row } from '../resource.js';
import { agents } from '../resources/agents.js';
import { networks } from '../resources/networks.js';
import { idIn } from './ids.js';
import { routerScheduleEndpoints } from './router-schedules.js';

const CHANGE = `UPDATE plumbline.agents SET admin_state_up = coalesce($2, admin_state_up),
  description = CASE WHEN $3 THEN coalesce($4, '') ELSE description END WHERE id = $1 RETURNING id`;

const change: Handler = async ({ raw, caller }, ids, { read }) => {
  const { wish } = parseUpdate(agents, parseJson(raw));
  const id = idIn(agents, ids);
  const { adminStateUp = null, description } = wish;
  const values = [id, adminStateUp, description !== undefined, description ?? null];
  if (!(await read.agentChange(CHANGE, values))) throw agents.notFound(id);
  const [row] = await read.byIds(agents, [id], null);
  return ok({ agent: present(agents, row as Row, caller, null) });
};

/**
 * Forgets an agent. With a silent Open vSwitch agent its node goes too, out of the log. One that speaks on is back at its next report, and its node's tunnels
 * must not flap for that.
 */
const forget: Handler = async ({ caller }, ids, { read, execute }) => {
  const id = idIn(agents, ids);
  const agent = await read.agentChange<{ host: string; kind: string; alive: boolean }>(
    `DELETE FROM plumbline.agents WHERE id = $1 RETURNING host, kind, ${IS_ALIVE} AS alive`,
    [id],
  );
  if (!agent) throw agents.notFound(id);
  if (agent.kind === 'ovs' && !agent.alive) await execute(removeNode(agent.host), caller);
  return { outcome: 'no-content' };
};

/** There are no DHCP agents: what they would carry is an empty list. */
const networksOfAgent: Handler = async (_request, ids, { read }) => {
  await read.byIds(agents, [idIn(agents, ids)], null);
  return ok({ networks: [] });
};
const agentsOfNetwork: Handler = async (_request, ids, { read }) => {
  await read.byIds(networks, [idIn(networks, ids)], null);
  return ok({ agents: [] });
};

export const agentEndpoints: readonly Endpoint[] = [
  {
    path: ['agents', ':id'],
    about: 'Changes or forgets an agent.',
    who: 'admin',
    methods: { PUT: change, DELETE: forget },
  },
  ...routerScheduleEndpoints,
  {
    path: ['agents', ':id', 'dhcp-networks'],
    about: 'Networks that a DHCP agent serves: none.',
    who: 'admin',
    methods: { GET: networksOfAgent },
  },
  {
    path: ['networks', ':id', 'dhcp-agents'],
    about: 'DHCP agents that serve a network: none.',
    who: 'admin',
    methods: { GET: agentsOfNetwork },
  },
];
