/**
 * Attributes for administrators or a network's owner, and attributes that name other objects: an object of another project is treated as absent. The spec goes
 * through the declarations: a new attribute is covered by itself, or the spec fails until policy-fixtures.ts has a line for it.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import type { Resource } from '../../apps/api/src/neutron/resource.js';
import { keyOf, Reference } from './policy-fixtures.js';
import { collectionPath, fixtureOf, make, pathOf, valuesOf, without } from './policy-rights.js';
import { EVERYBODY, NOBODY, PolicyWorld } from './policy-world.js';

let world: PolicyWorld;
beforeAll(async () => {
  world = await PolicyWorld.start();
});
afterAll(() => world?.stop());

const made = RESOURCES.filter(({ create }) => create !== undefined);

describe.each(made.map((resource) => [keyOf(resource), resource] as const))('%s', (_key, resource) => {
  it('attributes for administrators are not shown to others, who cannot filter by them or set them', async () => {
    const one = await make(world, resource, resource.write === 'admin' ? 'admin' : 'owner');
    const path = pathOf(resource, one);
    const hidden = resource.attributes.filter(({ read }) => read === 'admin');
    for (const persona of EVERYBODY) {
      const { body, status } = await world.as(persona, 'GET', path);
      if (status !== 200) continue;
      const names = Object.keys((body as Record<string, object>)[resource.name] as object);
      const listed = (await world.as(persona, 'GET', `${collectionPath(resource, one.whole)}?id=${one.id}`)).body;
      const [first] = (listed as Record<string, object[]>)[resource.collection] as object[];
      for (const { name, visible, filter, sort } of hidden) {
        const isShown = persona === 'admin' && visible !== false;
        expect({
          persona,
          name,
          shown: names.includes(name),
          listed: Object.keys(first as object).includes(name),
        }).toEqual({ persona, name, shown: isShown, listed: isShown });
        const asked = await world.as(persona, 'GET', `${path}?fields=${name}`);
        expect({
          persona,
          name,
          fields: Object.keys((asked.body as Record<string, object>)[resource.name] as object),
        }).toEqual({ persona, name, fields: isShown ? [name] : [] });
        for (const [is, query] of [
          [filter, `${name}=1`],
          [sort, `sort_key=${name}&sort_dir=asc`],
        ] as const)
          if (is) {
            const answer = await world.as(persona, 'GET', `${collectionPath(resource, one.whole)}?${query}`);
            expect({ persona, query, is403: answer.status === 403 }).toEqual({
              persona,
              query,
              is403: persona !== 'admin',
            });
          }
      }
    }
    for (const attribute of resource.attributes.filter(({ write }) => write === 'admin')) {
      for (const value of valuesOf(attribute)) {
        if (attribute.post) {
          const { whole, ...fields } = await fixtureOf(resource).fields(world, 'owner');
          const created = await world.as('owner', 'POST', collectionPath(resource, whole), {
            [resource.name]: { ...fields, [attribute.name]: value },
          });
          expect({ name: attribute.name, value, ...created }).toMatchObject({
            status: 403,
            body: { NeutronError: { type: 'PolicyNotAuthorized' } },
          });
        }
        if (attribute.put && resource.update) {
          const changed = await world.as('owner', 'PUT', path, { [resource.name]: { [attribute.name]: value } });
          expect({ name: attribute.name, value, ...changed }).toMatchObject({
            status: 403,
            body: { NeutronError: { type: 'PolicyNotAuthorized' } },
          });
        }
      }
    }
  });

  it("names another project's object in a body, and gets the answer for one that does not exist", async () => {
    const { references = {}, actionReferences = {} } = fixtureOf(resource);
    const theirs = async (key: string): Promise<string> =>
      (await make(world, RESOURCES.find((each) => keyOf(each) === key) as Resource, 'other')).id;
    const isThere = (key: string) => RESOURCES.some((each) => keyOf(each) === key);
    for (const [name, reference] of Object.entries(references)) {
      const attribute = resource.attributes.find((each) => each.name === name);
      if (!attribute || 'none' in reference || !isThere(reference.of)) continue;
      const id = await theirs(reference.of);
      const { value = (each: string) => each, also } = reference as Extract<Reference, { of: string }>;
      const compare = async (method: string, path: string, wrap: (given: unknown) => unknown) => {
        const asked = await world.as('owner', method, path, wrap(value(id)));
        const absent = await world.as('owner', method, path, wrap(value(NOBODY)));
        const there = await world.ids();
        const said = { method, name, said: without(absent, NOBODY, there) };
        expect({ method, name, said: without(asked, id, there) }).toEqual(said);
        expect({ method, name, refused: asked.status >= 400 && asked.status < 500 }).toEqual({
          method,
          name,
          refused: true,
        });
      };
      if (attribute.post) {
        const { whole, ...fields } = await fixtureOf(resource).fields(world, 'owner');
        const more = (await also?.(world)) ?? {};
        await compare('POST', collectionPath(resource, whole), (given) => ({
          [resource.name]: { ...fields, ...more, [name]: given },
        }));
      }
      if (attribute.put && resource.update) {
        const path = pathOf(resource, await make(world, resource, 'owner'));
        await compare('PUT', path, (given) => ({ [resource.name]: { [name]: given } }));
      }
    }
    for (const [action, named] of Object.entries(actionReferences))
      for (const [name, { of, body }] of Object.entries(named)) {
        if (!isThere(of)) continue;
        const path = `${pathOf(resource, await make(world, resource, 'owner'))}/${action}`;
        const id = await theirs(of);
        const asked = await world.as('owner', 'PUT', path, body(id));
        const absent = await world.as('owner', 'PUT', path, body(NOBODY));
        expect({ action, name, said: without(asked, id) }).toEqual({ action, name, said: without(absent, NOBODY) });
        expect({ action, name, refused: asked.status >= 400 && asked.status < 500 }).toEqual({
          action,
          name,
          refused: true,
        });
      }
  });
});

const owned = made.flatMap((resource) =>
  resource.attributes
    .filter(({ write }) => write === 'network-owner')
    .map((attribute) => [resource.name, attribute.name, resource, attribute] as const),
);
if (owned.length > 0)
  it.each(owned)("%s: %s is the network's owner's to choose", async (_of, name, resource, attribute) => {
    const shared = await world.once('a shared network of B', () =>
      world.make('admin', 'networks', 'network', { project_id: world.projectOf('other'), shared: true }),
    );
    const subnet = await world.once('its subnet', () =>
      world.make('other', 'subnets', 'subnet', {
        network_id: shared,
        ip_version: 4,
        cidr: '10.99.0.0/24',
        allocation_pools: [{ start: '10.99.0.2', end: '10.99.0.60' }],
      }),
    );
    const values = [
      ...valuesOf(attribute),
      ...(name === 'fixed_ips' ? [[{ subnet_id: subnet, ip_address: '10.99.0.77' }]] : []),
    ];
    const { network_id: own } = await fixtureOf(resource).fields(world, 'owner');
    for (const value of values) {
      const create = (networkId: unknown) =>
        world.as('owner', 'POST', collectionPath(resource), {
          [resource.name]: { network_id: networkId, [name]: value },
        });
      if (attribute.post) {
        expect({ value, ...(await create(shared)) }).toMatchObject({ value, status: 403 });
        if (name !== 'fixed_ips') expect({ value, ...(await create(own)) }).toMatchObject({ value, status: 201 });
      }
      if (!attribute.put) continue;
      const there = await world.make('owner', collectionPath(resource), resource.name, { network_id: shared });
      const change = { [resource.name]: { [name]: value } };
      expect({
        value,
        ...(await world.as('owner', 'PUT', `${collectionPath(resource)}/${there}`, change)),
      }).toMatchObject({ status: 403 });
    }
  });
