/** Which DHCP agent serves which network: shown, and changed by hand (alias dhcp_agent_scheduler). */
import { agentOf, carrierOf } from '@plumbline/contracts';
import { assignDhcp, type DhcpAgent, invalidDhcpAgent, unassignDhcp } from '@plumbline/domain';
import { isUuid, shown, text } from '../types/attribute-types.js';
import { parseJson } from '../../json-body.js';
import { badRequest } from '../../errors/edge-error.js';
import { dhcpHost } from '../dhcp-host.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { present } from '../present.js';
import { type ListQuery, parseQuery } from '../query.js';
import type { ReadModel } from '../read-model.js';
import type { Row } from '../attribute.js';
import { agents } from '../resources/agents.js';
import { networks } from '../resources/networks.js';
import { ports } from '../resources/ports.js';
import { idIn } from './ids.js';

const DHCP = { agent_type: agentOf(carrierOf.network).type };
const SERVERS = { device_owner: 'network:dhcp' };

/** Only ports of our servers, of all that have their device owner. */
const isServer = (row: Row): boolean => row.doc['servesDhcp'] === true;

/** The DHCP agents that serve a network. */
const agentsOfNetwork: Handler = async (request, ids, { read }) => {
  const { caller } = request;
  const id = idIn(networks, ids);
  await read.byIds(networks, [id], null);
  const query = parseQuery(ports, new URLSearchParams({ network_id: id, ...SERVERS }));
  const servers = (await read.list(ports, query, null, request)).filter(isServer);
  const hosts = new Set(servers.map((row) => row['host']));
  const all = await read.list(agents, parseQuery(agents, new URLSearchParams(DHCP)), null, request);
  return ok({
    agents: all.filter((row) => hosts.has(row['host'])).map((row) => present(agents, row, caller, null)),
  });
};

/** The networks that a DHCP agent serves. */
const networksOfAgent: Handler = async (request, ids, { read }) => {
  const { caller } = request;
  const [agent] = await read.byIds(agents, [idIn(agents, ids)], null);
  if (agent?.['kind'] !== carrierOf.network) return ok({ networks: [] });
  const query = parseQuery(ports, new URLSearchParams({ 'binding:host_id': String(agent['host']), ...SERVERS }));
  const servers = (await read.list(ports, query, null, request)).filter(isServer);
  const served = [...new Set(servers.map(({ doc }) => String(doc['networkId'])))];
  if (served.length === 0) return ok({ networks: [] });
  const byId: ListQuery = {
    ...parseQuery(networks, new URLSearchParams()),
    filters: [{ attribute: { name: 'id', path: 'id', type: text(), about: '' }, values: served }],
  };
  const rows = await read.list(networks, byId, null, request);
  return ok({ networks: rows.map((row) => present(networks, row, caller, null)) });
};

async function dhcpAgent(read: ReadModel, ids: readonly string[]): Promise<DhcpAgent & { row: Row }> {
  const id = idIn(agents, ids);
  const [row] = await read.byIds(agents, [id], null);
  if (row?.['kind'] !== carrierOf.network) throw invalidDhcpAgent(id);
  return { id, ...dhcpHost(String(row['host'])), row };
}

const assign: Handler = async ({ raw, caller }, ids, { read, execute }) => {
  const networkId = networkIn(parseJson(raw));
  const agent = await dhcpAgent(read, ids);
  if (agent.row['admin_state_up'] !== true) throw invalidDhcpAgent(agent.id);
  await execute(assignDhcp(networkId, agent), caller);
  return { outcome: 'created', body: null };
};

function networkIn(body: unknown): string {
  const id =
    body !== null && typeof body === 'object' && !Array.isArray(body) ? body['network_id' as never] : undefined;
  if (id === undefined) throw badRequest(`Unable to find 'network_id' in request body`);
  if (typeof id !== 'string' || !isUuid(id)) throw networks.notFound(shown(id));
  return (id as string).toLowerCase();
}

const unassign: Handler = async ({ caller }, ids, { read, execute }) => {
  const agent = await dhcpAgent(read, ids);
  await execute(unassignDhcp(idIn(networks, ids, 1), agent), caller);
  return { outcome: 'no-content' };
};

export const dhcpScheduleEndpoints: readonly Endpoint[] = [
  {
    path: ['agents', ':id', 'dhcp-networks'],
    about: 'Networks that a DHCP agent serves; has it serve one.',
    who: 'admin',
    methods: { GET: networksOfAgent, POST: assign },
  },
  {
    path: ['agents', ':id', 'dhcp-networks', ':network'],
    about: 'Takes a network off a DHCP agent.',
    who: 'admin',
    methods: { DELETE: unassign },
  },
  {
    path: ['networks', ':id', 'dhcp-agents'],
    about: 'DHCP agents that serve a network.',
    who: 'admin',
    methods: { GET: agentsOfNetwork },
  },
];
