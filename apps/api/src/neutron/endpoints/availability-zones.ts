/** Availability zones: the zones that admitted agents say they are in (alias availability_zone, with its filters). Networks have none: no agent is theirs alone. */
import { agentOf, carrierOf } from '@plumbline/contracts';
import { shown } from '../types/attribute-types.js';
import { badRequest } from '../../errors/edge-error.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { parseFields, parseQuery } from '../query.js';
import { agents, isAdmittedAgent } from '../resources/agents.js';

type Zone = Readonly<{ name: string; resource: string; state: 'available' | 'unavailable' }>;

const FILTERS = ['name', 'resource', 'state'] as const;
const L3 = new URLSearchParams({ agent_type: agentOf(carrierOf.router).type });

/** A zone is available while one of its agents takes routers. */
const zones: Handler = async (request, _ids, { read }) => {
  const { search } = request;
  const strange = [...new Set(search.keys())].filter(
    (name) => name !== 'fields' && !FILTERS.includes(name as (typeof FILTERS)[number]),
  );
  if (strange.length > 0)
    throw badRequest(`[${strange.map((name) => `'${shown(name)}'`).join(', ')}] is invalid attribute for filtering`);
  const states = new Map<string, boolean>();
  for (const row of await read.list(agents, parseQuery(agents, L3), null, request)) {
    if (!isAdmittedAgent(row)) continue;
    const name = String(row['availability_zone']);
    states.set(name, (states.get(name) ?? false) || row['admin_state_up'] === true);
  }
  const all = [...states]
    .sort()
    .map(([name, available]): Zone => ({ name, resource: 'router', state: available ? 'available' : 'unavailable' }));
  const wanted = all.filter((zone) =>
    FILTERS.every((name) => !search.has(name) || search.getAll(name).includes(zone[name])),
  );
  const fields = parseFields(search);
  const shownOf = (zone: Zone) => Object.entries(zone).filter(([name]) => fields === null || fields.has(name));
  return ok({ availability_zones: wanted.map((zone) => Object.fromEntries(shownOf(zone))) });
};

export const availabilityZoneEndpoints: readonly Endpoint[] = [
  { path: ['availability_zones'], about: 'Zones that agents are in.', who: 'any', methods: { GET: zones } },
];
