/** What can be done with agents: they are observations, so their rows are changed and deleted as they are; which of them carries a router is a fact, and a command. */
import { removeNode } from '@plumbline/domain';
import { parseJson } from '../../json-body.js';
import { parseUpdate } from '../body.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { present } from '../present.js';
import { IS_ALIVE } from '../read-model.js';
import type { Row } from '../resource.js';
import { type AgentChanges, agents } from '../resources/agents.js';
import { networks } from '../resources/networks.js';
import { idIn } from './ids.js';
import { routerScheduleEndpoints } from './router-schedules.js';

const change: Handler = async ({ raw, caller }, ids, { read, agents: rows }) => {
  const { adminStateUp, description }: AgentChanges = parseUpdate(agents, parseJson(raw)).input;
  const id = idIn(agents, ids);
  const changes = {
    ...(adminStateUp !== undefined && { adminStateUp }),
    ...(description !== undefined && { description: description ?? '' }),
  };
  // One that changes nothing is no statement: whether the agent is there is then said by the read.
  if (Object.keys(changes).length > 0) await rows.update({ id }, changes);
  const [row] = await read.byIds(agents, [id], null);
  return ok({ agent: present(agents, row as Row, caller, null) });
};

/**
 * Forgets an agent. With a silent Open vSwitch agent its node goes too, out of the log. One that speaks on is back at its next report, and its node's tunnels
 * must not flap for that.
 */
const forget: Handler = async ({ caller }, ids, { agents: rows, execute }) => {
  const id = idIn(agents, ids);
  const deletion = rows.createQueryBuilder().delete().where({ id }).returning(`host, kind, ${IS_ALIVE} AS alive`);
  const [agent] = (await deletion.execute()).raw as { host: string; kind: string; alive: boolean }[];
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
