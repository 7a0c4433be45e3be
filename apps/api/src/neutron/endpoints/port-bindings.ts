/** The bindings of a port (alias binding-extended): what Nova's live migration makes, activates and deletes. They have no ids: a binding is named by its host. */
import { NODE_AGENT } from '@plumbline/contracts';
import {
  activateBinding,
  addBinding,
  bindingNotFound,
  bindingsOf,
  changeBinding,
  removeBinding,
  type ShownBinding,
} from '@plumbline/domain';
import type { Caller } from '@plumbline/identity/login';
import { badRequest } from '../../errors/edge-error.js';
import { parseJson } from '../../json-body.js';
import { table } from '../attribute.js';
import { parseCreate, parseUpdate } from '../body.js';
import { type Endpoint, type Handler, ok, type Tools } from '../endpoint.js';
import type { CreateInput, UpdateInput } from '../input.js';
import { parseFields } from '../query.js';
import { declare, type Resource } from '../resource.js';
import { ports } from '../resources/ports.js';
import { constant } from '../resources/standard.js';
import { dictionary, hostId, oneOf, shown } from '../types/attribute-types.js';
import { vifOf, VNIC_TYPES } from '../vif.js';
import { idIn } from './ids.js';

const attributes = table([
  { name: 'host', path: 'host', type: hostId, post: 'required', put: true, about: 'The node.' },
  {
    name: 'vnic_type',
    path: 'vnicType',
    type: oneOf(VNIC_TYPES),
    post: 'allowed',
    put: true,
    default: 'normal',
    about: 'Only normal can be wired.',
  },
  {
    name: 'profile',
    path: 'profile',
    type: dictionary,
    post: 'allowed',
    put: true,
    default: {},
    about: 'Stored with the binding.',
  },
  constant('vif_type', '', 'ovs or binding_failed.'),
  constant('vif_details', {}, 'How an instance is plugged.'),
  constant('status', '', 'ACTIVE or INACTIVE.'),
]);
/** For its parser: it is served by the endpoints below. */
const bindings: Resource = declare({
  name: 'binding',
  collection: 'bindings',
  kind: null,
  visible: 'admin',
  about: 'A binding of a port.',
  attributes,
  notFound: (host) => bindingNotFound('', host),
});

type Shown = Readonly<Record<string, unknown>>;

async function shownBindings(portId: string, caller: Caller, { execute, agents }: Tools): Promise<readonly Shown[]> {
  const all: readonly ShownBinding[] = await execute(bindingsOf(portId), caller);
  return Promise.all(
    all.map(async ({ host, active, vnicType, profile, carried, firewall }) => {
      const agent = await agents.findOneBy({ host, kind: NODE_AGENT });
      const datapathType = (agent?.configurations['datapath_type'] as string | undefined) ?? null;
      const { vifType, vifDetails } = vifOf({ host, vnicType, carried, firewall, datapathType });
      const status = active ? 'ACTIVE' : 'INACTIVE';
      return { host, vnic_type: vnicType, profile, vif_type: vifType, vif_details: vifDetails, status };
    }),
  );
}

async function shownBinding(portId: string, host: string, caller: Caller, tools: Tools): Promise<Shown> {
  const found = (await shownBindings(portId, caller, tools)).find((each) => each['host'] === host);
  if (!found) throw bindingNotFound(portId, shown(host));
  return found;
}

const FILTERS = ['host', 'vif_type', 'vnic_type', 'status'];

const list: Handler = async ({ search, caller }, ids, tools) => {
  const strange = [...new Set(search.keys())].filter((name) => name !== 'fields' && !FILTERS.includes(name));
  if (strange.length > 0)
    throw badRequest(`[${strange.map((name) => `'${shown(name)}'`).join(', ')}] is invalid attribute for filtering`);
  const asked = FILTERS.filter((name) => search.has(name)).map((name) => [name, search.getAll(name)] as const);
  const all = await shownBindings(idIn(ports, ids), caller, tools);
  const found = all.filter((each) => asked.every(([name, values]) => values.includes(String(each[name]))));
  return ok({ bindings: found.map((each) => withFields(each, search)) });
};

const show: Handler = async ({ search, caller }, ids, tools) =>
  ok({ binding: withFields(await shownBinding(idIn(ports, ids), ids[1] ?? '', caller, tools), search) });

function withFields(binding: Shown, search: URLSearchParams): Shown {
  const fields = parseFields(search);
  return fields ? Object.fromEntries(Object.entries(binding).filter(([name]) => fields.has(name))) : binding;
}

const create: Handler = async ({ raw, caller }, ids, tools) => {
  const portId = idIn(ports, ids);
  const { bulk, items } = parseCreate(bindings, parseJson(raw), caller);
  if (bulk) throw badRequest("Unable to find 'binding' in request body");
  const { host, vnicType = 'normal', profile = {} } = items[0]?.input as CreateInput<typeof attributes>;
  if (host === '') throw badRequest("Failed to parse request. Required attribute 'host' not specified");
  await tools.execute(addBinding(portId, { host, vnicType, profile }), caller);
  return { outcome: 'created', body: { binding: await shownBinding(portId, host, caller, tools) } };
};

const update: Handler = async ({ raw, caller }, ids, tools) => {
  const portId = idIn(ports, ids);
  const host = ids[1] ?? '';
  const { host: given, ...changes }: UpdateInput<typeof attributes> = parseUpdate(bindings, parseJson(raw)).input;
  if (given !== undefined && given !== host)
    throw badRequest('A binding does not move to another host: create one there and activate it');
  await tools.execute(changeBinding(portId, host, changes), caller);
  return ok({ binding: await shownBinding(portId, host, caller, tools) });
};

const remove: Handler = async ({ caller }, ids, { execute }) => {
  await execute(removeBinding(idIn(ports, ids), ids[1] ?? ''), caller);
  return { outcome: 'no-content' };
};

/** What the request's body says is no matter: some clients send the binding, others nothing. */
const activate: Handler = async ({ caller }, ids, tools) => {
  const [portId, host] = [idIn(ports, ids), ids[1] ?? ''];
  await tools.execute(activateBinding(portId, host), caller);
  return ok(await shownBinding(portId, host, caller, tools));
};

export const portBindingEndpoints: readonly Endpoint[] = [
  {
    path: ['ports', ':id', 'bindings'],
    about: 'Bindings of a port; adds one, which is inactive if the port has another.',
    who: 'admin',
    methods: { GET: list, POST: create },
  },
  {
    path: ['ports', ':id', 'bindings', ':host'],
    about: 'A binding of a port.',
    who: 'admin',
    methods: { GET: show, PUT: update, DELETE: remove },
  },
  {
    path: ['ports', ':id', 'bindings', ':host', 'activate'],
    about: 'Makes an inactive binding the active one, and the active one inactive.',
    who: 'admin',
    methods: { PUT: activate },
  },
];
