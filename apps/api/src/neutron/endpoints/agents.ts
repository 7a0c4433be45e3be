/** What can be done with agents: they are observations, so their rows are changed and deleted as they are; which of them carries a router is a fact, and a command. */
import { NODE_AGENT } from '@plumbline/contracts';
import { removeNode } from '@plumbline/domain';
import { parseJson } from '../../json-body.js';
import { parseUpdate } from '../body.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { present } from '../present.js';
import { IS_ALIVE } from '../alive.js';
import type { Row } from '../attribute.js';
import { type AgentChanges, agents } from '../resources/agents.js';
import { dhcpScheduleEndpoints } from './dhcp-schedules.js';
import { idIn } from './ids.js';
import { routerScheduleEndpoints } from './router-schedules.js';

const change: Handler = async ({ raw, caller }, ids, { read, agents: rows }) => {
  const { adminStateUp, description }: AgentChanges = parseUpdate(agents, parseJson(raw)).input;
  const id = idIn(agents, ids);
  const changes = {
    ...(adminStateUp !== undefined && { adminStateUp }),
    ...(description !== undefined && { description: description ?? '' }),
  };
  // An empty update is no statement; the read below then says whether the agent exists.
  if (Object.keys(changes).length > 0) await rows.update({ id }, changes);
  const [row] = await read.byIds(agents, [id], null);
  return ok({ agent: present(agents, row as Row, caller, null) });
};

/**
 * Deletes an agent's row. If an Open vSwitch agent was silent, its node is removed from the log, too. An agent that still reports gets a new row with its next
 * report; its node stays in the log, so that tunnels to it do not flap.
 */
const forget: Handler = async ({ caller }, ids, { agents: rows, execute }) => {
  const id = idIn(agents, ids);
  const deletion = rows.createQueryBuilder().delete().where({ id }).returning(`host, kind, ${IS_ALIVE} AS alive`);
  const [agent] = (await deletion.execute()).raw as { host: string; kind: string; alive: boolean }[];
  if (!agent) throw agents.notFound(id);
  if (agent.kind === NODE_AGENT && !agent.alive) await execute(removeNode(agent.host), caller);
  return { outcome: 'no-content' };
};

export const agentEndpoints: readonly Endpoint[] = [
  {
    path: ['agents', ':id'],
    about: 'Changes or forgets an agent.',
    who: 'admin',
    methods: { PUT: change, DELETE: forget },
  },
  ...routerScheduleEndpoints,
  ...dhcpScheduleEndpoints,
];
