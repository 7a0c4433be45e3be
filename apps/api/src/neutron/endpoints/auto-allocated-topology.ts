/** A project's topology that makes itself on first use (alias auto-allocated-topology). Ids follow from the project, so that it is made once. */
import { createHash } from 'node:crypto';
import {
  autoAllocate,
  autoAllocationRequirements,
  badRequest,
  deleteAutoAllocated,
  DomainError,
  notAuthorized,
  type TopologyIds,
} from '@plumbline/domain';
import type { Caller } from '@plumbline/identity/login';
import { isStorable } from '../types/attribute-types.js';
import { noSuchPath } from '../../errors/edge-error.js';
import { type Endpoint, type Handler, ok } from '../endpoint.js';
import { isAdmin } from '../policy.js';

const NAME = 'auto_allocated_topology';
const LONGEST_PROJECT = 255;
/** A field that asks whether it could be made, and makes nothing. */
const DRY_RUN = 'dry-run';

/** Whose topology: 'None' is the caller's own. */
function projectOf([id = '']: readonly string[], caller: Caller): string {
  if (id === '' || !isStorable(id) || encodeURIComponent(id).length > LONGEST_PROJECT) throw noSuchPath();
  const projectId = id === 'None' ? caller.projectId : id;
  if (!isAdmin(caller) && projectId !== caller.projectId)
    throw new DomainError('NotAuthorized', 'forbidden', 'Not authorized.');
  return projectId;
}

/** Version 5 of RFC 9562 in form, in a name space of our own. */
function namedId(name: string): string {
  const hex = createHash('sha1').update(`plumbline ${name}`).digest('hex');
  const variant = ((Number.parseInt(hex[16] as string, 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}

const idsOf = (projectId: string): TopologyIds => ({
  networkId: namedId(`auto-allocated network ${projectId}`),
  routerId: namedId(`auto-allocated router ${projectId}`),
});

const show: Handler = async ({ caller, search }, ids, { execute, around }) => {
  const projectId = projectOf(ids, caller);
  const fields = search.getAll('fields').filter((field) => field !== '');
  if (fields.includes(DRY_RUN)) {
    await execute(autoAllocationRequirements, caller);
    return ok({ [NAME]: { id: 'dry-run=pass', tenant_id: projectId } });
  }
  if (fields.length > 0) throw badRequest('auto_allocate', 'Unrecognized field');
  const [fleet, dhcp] = await Promise.all([around.fleet(), around.dhcpFleet()]);
  const make = autoAllocate(projectId, idsOf(projectId), { fleet, dhcp, segments: around.segments });
  const id = await execute(make, caller);
  return ok({ [NAME]: { id, tenant_id: projectId, project_id: projectId } });
};

const remove: Handler = async ({ caller }, ids, { execute }) => {
  const projectId = projectOf(ids, caller);
  if (caller.role === 'reader') throw notAuthorized('delete_auto_allocated_topology');
  await execute(deleteAutoAllocated(idsOf(projectId)), caller);
  return { outcome: 'no-content' };
};

export const autoAllocatedTopologyEndpoints: readonly Endpoint[] = [
  {
    path: ['auto-allocated-topology', ':project'],
    about: 'The network of a project that is made, with its router, on first use.',
    who: 'any',
    methods: { GET: show, DELETE: remove },
  },
];
