/**
 * What an owner gives an instance to know of itself (our alias instance-metadata): public keys, user data and a host name, by the device id of its ports. Kept beside the
 * log, shown to its project and to administrators, and told to the nodes that serve it (apps/api/src/instances).
 */
import type { InstanceName } from '@plumbline/contracts';
import { DomainError, notAuthorized } from '@plumbline/domain';
import type { Caller } from '@plumbline/identity/login';
import { badRequest } from '../../errors/edge-error.js';
import type { InstanceRow } from '../../instances/instance-store.js';
import { parseJson } from '../../json-body.js';
import { table } from '../attribute.js';
import { parseUpdate } from '../body.js';
import { type Endpoint, type Handler, ok, type Tools } from '../endpoint.js';
import type { UpdateInput } from '../input.js';
import { isAdmin } from '../policy.js';
import { declare, type Resource } from '../resource.js';
import { constant } from '../resources/standard.js';
import { isStorable, orNull, projectId, shown } from '../types/attribute-types.js';
import { instanceHostname, publicKeys, userData } from '../types/instance-types.js';

const LONGEST_DEVICE_ID = 255;

const attributes = table([
  { name: 'project_id', path: 'projectId', type: projectId, put: true, about: 'Whose instance; by administrators.' },
  {
    name: 'hostname',
    path: 'hostname',
    type: orNull(instanceHostname),
    put: true,
    about: 'Its host name; null: the name of its port.',
  },
  { name: 'public_keys', path: 'publicKeys', type: orNull(publicKeys), put: true, about: 'Name -> public key.' },
  { name: 'user_data', path: 'userData', type: orNull(userData), put: true, about: 'Base64; null: none.' },
  constant('device_id', '', 'As of its ports.'),
  constant('user_id', '', 'Who set it last.'),
  constant('updated_at', '', 'When.'),
]);
/** For its parser: it is served by the endpoint below. */
const instances: Resource = declare({
  name: 'instance_metadata',
  collection: 'instance_metadata',
  kind: null,
  visible: 'own',
  about: 'What an instance is given to know.',
  attributes,
  notFound: (deviceId) => notFound(deviceId),
});

const notFound = (deviceId: string): DomainError =>
  new DomainError(
    'InstanceMetadataNotFound',
    'not-found',
    `Metadata of instance ${shown(deviceId)} could not be found.`,
  );

/** What no port can have as its device id is not found. */
function deviceIn([deviceId = '']: readonly string[]): string {
  if (deviceId === '' || deviceId.length > LONGEST_DEVICE_ID || !isStorable(deviceId)) throw notFound(deviceId);
  return deviceId;
}

/** Which instance is meant: a member's own, or of an administrator the one there is. `given`: the project that the request names. */
async function instanceFor(
  deviceId: string,
  given: string | undefined,
  caller: Caller,
  { instances: kept }: Tools,
): Promise<InstanceName> {
  if (!isAdmin(caller)) {
    if (given !== undefined && given !== caller.projectId) throw notFound(deviceId);
    return { projectId: caller.projectId, deviceId };
  }
  if (given !== undefined) return { projectId: given, deviceId };
  const projects = await kept.projectsOf(deviceId);
  if (projects.length > 1)
    throw new DomainError(
      'InstanceAmbiguous',
      'conflict',
      `Several projects have ports with the device id ${shown(deviceId)}: name one of them with project_id.`,
    );
  return { projectId: projects[0] ?? caller.projectId, deviceId };
}

function projectAsked(search: URLSearchParams): string | undefined {
  const strange = [...new Set(search.keys())].filter((name) => name !== 'project_id');
  if (strange.length > 0)
    throw badRequest(`[${strange.map((name) => `'${shown(name)}'`).join(', ')}] is invalid attribute for filtering`);
  const given = search.get('project_id');
  return given === null ? undefined : projectId.parse(given, 'project_id');
}

const present = (row: InstanceRow): unknown => ({
  instance_metadata: {
    device_id: row.deviceId,
    project_id: row.projectId,
    hostname: row.hostname,
    public_keys: row.publicKeys,
    user_data: row.userData,
    user_id: row.userId,
    updated_at: `${row.setAt.toISOString().slice(0, 19)}Z`,
  },
});

const show: Handler = async ({ search, caller }, ids, tools) => {
  const deviceId = deviceIn(ids);
  const row = await tools.instances.find(await instanceFor(deviceId, projectAsked(search), caller, tools));
  if (!row) throw notFound(deviceId);
  return ok(present(row));
};

const set: Handler = async ({ search, raw, caller }, ids, tools) => {
  const deviceId = deviceIn(ids);
  const asked = projectAsked(search);
  const { projectId: given = asked, ...named }: UpdateInput<typeof attributes> = parseUpdate(
    instances,
    parseJson(raw),
  ).input;
  if (caller.role === 'reader') throw notAuthorized('update_instance_metadata');
  const { publicKeys: keys, ...others } = named;
  const change = { ...others, ...(keys !== undefined && { publicKeys: keys ?? {} }) };
  const instance = await instanceFor(deviceId, given, caller, tools);
  return ok(present(await tools.instances.set(instance, change, caller.userId)));
};

const unset: Handler = async ({ search, caller }, ids, tools) => {
  const deviceId = deviceIn(ids);
  const instance = await instanceFor(deviceId, projectAsked(search), caller, tools);
  if (caller.role === 'reader') throw notAuthorized('delete_instance_metadata');
  if (!(await tools.instances.remove(instance))) throw notFound(deviceId);
  return { outcome: 'no-content' };
};

export const instanceMetadataEndpoints: readonly Endpoint[] = [
  {
    path: ['instance-metadata', ':device'],
    about:
      'Public keys, user data and host name of the instance whose ports have this device id; PUT changes what it names.',
    who: 'any',
    methods: { GET: show, PUT: set, DELETE: unset },
  },
];
