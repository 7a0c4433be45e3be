/** Who may use paths that are not ordinary resources, and resources that are only observed. Fails for a declared endpoint that is not listed here. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import { ENDPOINTS } from '../../apps/api/src/neutron/endpoints/index.js';
import { segmentOf } from '../../apps/api/src/neutron/resource.js';
import { EVERYBODY, NOBODY, Persona, PolicyWorld } from './policy-world.js';

let world: PolicyWorld;
beforeAll(async () => {
  world = await PolicyWorld.start();
});
afterAll(() => world?.stop());

type Expected = Readonly<{ path: () => string; statuses: Readonly<Record<Persona, number>>; body?: unknown }>;
const ofA = (rest = '') => `quotas/${world.projectOf('owner')}${rest}`;
const ownersAndAdmin = { owner: 200, reader: 200, other: 403, admin: 200 };
/** Endpoints that are not for administrators only, by method and declared path. */
const everybody = { owner: 200, reader: 200, other: 200, admin: 200 };
const nobody = { owner: 404, reader: 404, other: 404, admin: 404 };

const OPEN: Readonly<Record<string, Expected>> = {
  'GET quotas/:project': { path: () => ofA(), statuses: ownersAndAdmin },
  'GET quotas/:project/default': { path: () => ofA('/default'), statuses: ownersAndAdmin },
  'GET quotas/:project/details': { path: () => ofA('/details'), statuses: ownersAndAdmin },
  'GET availability_zones': { path: () => 'availability_zones', statuses: everybody },
  'GET flavors': { path: () => 'flavors', statuses: everybody },
  'GET flavors/:id': { path: () => `flavors/${NOBODY}`, statuses: nobody },
  'GET floatingip-pools': { path: () => 'floatingip-pools', statuses: everybody },
  'GET floatingip_pools': { path: () => 'floatingip_pools', statuses: everybody },
  'GET service_profiles': { path: () => 'service_profiles', statuses: everybody },
  'GET service_profiles/:id': { path: () => `service_profiles/${NOBODY}`, statuses: nobody },
  'GET service-providers': { path: () => 'service-providers', statuses: everybody },
  'GET network-ip-availabilities': {
    path: () => 'network-ip-availabilities',
    statuses: { owner: 200, reader: 200, other: 200, admin: 200 },
  },
  'GET network-ip-availabilities/:network': {
    path: () => `network-ip-availabilities/${NOBODY}`,
    statuses: { owner: 404, reader: 404, other: 404, admin: 404 },
  },
  // The object it needs does not exist: a caller who may use the endpoint gets that answer.
  'GET auto-allocated-topology/:project': {
    path: () => `auto-allocated-topology/${world.projectOf('owner')}?fields=dry-run`,
    statuses: { owner: 409, reader: 409, other: 403, admin: 409 },
  },
  'DELETE auto-allocated-topology/:project': {
    path: () => `auto-allocated-topology/${world.projectOf('owner')}`,
    statuses: { owner: 204, reader: 403, other: 403, admin: 204 },
  },
  // What it answers of objects that are there: reasons.int.spec.ts.
  'GET reasons': { path: () => `reasons?of=${NOBODY}`, statuses: everybody },
  // What it answers of ways that there are: trace.int.spec.ts.
  'GET trace': { path: () => `trace?from=${NOBODY}&to=${NOBODY}&packet=icmp`, statuses: nobody },
  // What it answers of an instance that is there: instance-metadata.int.spec.ts.
  'GET instance-metadata/:device': { path: () => `instance-metadata/${NOBODY}`, statuses: nobody },
  'PUT instance-metadata/:device': {
    path: () => `instance-metadata/${NOBODY}`,
    body: { instance_metadata: { hostname: 'web' } },
    statuses: { owner: 404, reader: 403, other: 404, admin: 404 },
  },
  'DELETE instance-metadata/:device': {
    path: () => `instance-metadata/${NOBODY}`,
    statuses: { owner: 404, reader: 403, other: 404, admin: 404 },
  },
  // What it answers of what is there: doctor.int.spec.ts.
  'GET doctor/:sort/:name': { path: () => `doctor/port/${NOBODY}`, statuses: nobody },
};

const declared = ENDPOINTS.flatMap((endpoint) =>
  Object.keys(endpoint.methods).map((method) => ({
    ...endpoint,
    method,
    name: `${method} ${endpoint.path.join('/')}`,
  })),
);
const open = declared.filter(({ who }) => who === 'any');
const closed = declared.filter(({ who }) => who === 'admin');

describe('endpoints', () => {
  it('are all listed here', () => {
    expect(open.map(({ name }) => name).filter((name) => !OPEN[name])).toEqual([]);
  });

  it.each(open.filter(({ name }) => OPEN[name]).map(({ name, method }) => [name, method] as const))(
    '%s',
    async (name, method) => {
      const { path, statuses, body } = OPEN[name] as Expected;
      const found: Partial<Record<Persona, number>> = {};
      for (const persona of EVERYBODY) found[persona] = (await world.as(persona, method, path(), body)).status;
      expect(found).toEqual(statuses);
    },
  );

  it.each(closed.map(({ name, method, path }) => [name, method, path] as const))(
    '%s is for administrators',
    async (_name, method, path) => {
      const where = path.map((segment) => (segment.startsWith(':') ? NOBODY : segment)).join('/');
      for (const persona of EVERYBODY) {
        const { status } = await world.as(
          persona,
          method,
          where,
          method === 'GET' || method === 'DELETE' ? undefined : {},
        );
        expect({ persona, isRefused: status === 403, isFault: status >= 500 }).toEqual({
          persona,
          isRefused: persona !== 'admin',
          isFault: false,
        });
      }
    },
  );
});

/** Objects that no request makes: only administrators see them, or everybody sees the same ones. */
describe('what is observed', () => {
  const observed = RESOURCES.filter(({ create, partOf }) => !create && !partOf);
  it.each(observed.map((resource) => [resource.name, resource] as const))('%s', async (_name, resource) => {
    const path = segmentOf(resource);
    const lists: Partial<Record<Persona, unknown[]>> = {};
    for (const persona of EVERYBODY) {
      const { status, body } = await world.as(persona, 'GET', path);
      expect({ persona, status }).toEqual({ persona, status: 200 });
      lists[persona] = (body as Record<string, unknown[]>)[resource.collection] as unknown[];
    }
    const [first] = lists.admin as { id?: string }[];
    for (const persona of EVERYBODY.filter((each) => each !== 'admin')) {
      if (resource.visible === 'admin') expect({ persona, list: lists[persona] }).toEqual({ persona, list: [] });
      const hidden = resource.attributes.filter(({ read }) => read === 'admin').map(({ name }) => name);
      for (const each of lists[persona] as object[])
        expect(Object.keys(each).filter((name) => hidden.includes(name))).toEqual([]);
      if (first?.id === undefined || resource.visible !== 'admin') continue;
      const asked = await world.as(persona, 'GET', `${path}/${first.id}`);
      expect({ persona, status: asked.status }).toEqual({ persona, status: 404 });
    }
  });

  it('an unknown path and a known one are refused alike to whoever has no token', async () => {
    for (const path of [
      'networks',
      `networks/${NOBODY}`,
      'agents',
      'extensions',
      '',
      'no-such-thing',
      `quotas/${NOBODY}`,
    ]) {
      const { status, body } = await world.api.call('GET', `/v2.0/${path}`);
      expect({ path, status, body }).toMatchObject({
        path,
        status: 401,
        body: { error: { code: 401, title: 'Unauthorized' } },
      });
    }
  });
});
