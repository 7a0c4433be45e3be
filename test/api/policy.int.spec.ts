/**
 * Every verb of every declared resource, sub-resource, tag and action, as A's owner and reader, B's member and the administrator, on objects in every situation
 * of the fixtures. The declarations and libs/domain/src/access.ts say what to expect; reads come from SQL, so both implementations of "who may see it" are compared.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AnyObject } from '@plumbline/contracts';
import { canSee } from '@plumbline/domain';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import { FIXTURES, Fixture, keyOf, Made } from './policy-fixtures.js';
import {
  changeOf,
  collectionPath,
  expectAnswer,
  fixtureOf,
  make,
  namesObject,
  pathOf,
  rightsOf,
  wholeOf,
  without,
} from './policy-rights.js';
import { EVERYBODY, Fields, Maker, NOBODY, Persona, PolicyWorld } from './policy-world.js';

let world: PolicyWorld;
beforeAll(async () => {
  world = await PolicyWorld.start();
});
afterAll(() => world?.stop());

const made = RESOURCES.filter(({ create }) => create !== undefined);

it('each declared resource has a fixture, and each action and each attribute that names an object is in it', () => {
  expect(RESOURCES.filter((resource) => !FIXTURES[keyOf(resource)]).map(keyOf)).toEqual([]);
  for (const resource of RESOURCES) {
    const { actions = {}, references = {}, actionReferences = {} } = fixtureOf(resource);
    expect({ of: resource.name, lacks: Object.keys(resource.actions ?? {}).filter((name) => !actions[name]) }).toEqual({
      of: resource.name,
      lacks: [],
    });
    const naming = resource.attributes.filter(
      (attribute) => (attribute.post || attribute.put) && namesObject(attribute),
    );
    expect({ of: resource.name, lacks: naming.map(({ name }) => name).filter((name) => !references[name]) }).toEqual({
      of: resource.name,
      lacks: [],
    });
    for (const named of [
      ...Object.values(references),
      ...Object.values(actionReferences).flatMap((each) => Object.values(each)),
    ])
      if ('of' in named) expect(Object.keys(FIXTURES)).toContain(named.of);
  }
});

describe.each(made.map((resource) => [keyOf(resource), resource] as const))('%s', (_key, resource) => {
  const situations = ['nobody let in', ...Object.keys(fixtureOf(resource).situations ?? {})];
  const makeIn = (situation: string): Promise<Made> =>
    situation === situations[0]
      ? make(world, resource, 'owner')
      : (fixtureOf(resource).situations?.[situation] as (w: PolicyWorld) => Promise<Made>)(world);

  it('shared with nobody: only its project and administrators see it', async () => {
    if (resource.write === 'admin') return;
    const one = await make(world, resource, 'owner');
    const topology = await world.topology();
    const seen = EVERYBODY.map((persona) => rightsOf(world, topology, resource, one, persona));
    expect(seen.map(({ sees }) => sees)).toEqual([true, true, false, true]);
    expect(seen.map(({ changes }) => changes)).toEqual([true, false, false, true]);
  });

  it.each(situations)('%s: shown, changed, tagged and deleted only by those who may', async (situation) => {
    const one = await makeIn(situation);
    const topology = await world.topology();
    const path = pathOf(resource, one);
    for (const persona of EVERYBODY) {
      const rights = rightsOf(world, topology, resource, one, persona);
      const { sees, changes } = rights;
      await expectAnswer(world, persona, 'GET', path, one.id, undefined, { sees, may: true }, 200);
      if (resource.update)
        await expectAnswer(world, persona, 'PUT', path, one.id, changeOf(resource), { sees, may: changes }, 200);
      if (resource.tagged) {
        const tag = `${path}/tags/of-${persona}`;
        await expectAnswer(world, persona, 'PUT', tag, one.id, undefined, { sees, may: changes }, 201);
        await expectAnswer(world, persona, 'GET', `${path}/tags`, one.id, undefined, { sees, may: true }, 200);
        await expectAnswer(world, persona, 'GET', tag, one.id, undefined, { sees, may: true }, changes ? 204 : 404);
        await expectAnswer(world, persona, 'PUT', `${path}/tags`, one.id, { tags: ['x'] }, { sees, may: changes }, 200);
        await expectAnswer(world, persona, 'DELETE', `${path}/tags/x`, one.id, undefined, { sees, may: changes }, 204);
        await expectAnswer(world, persona, 'DELETE', `${path}/tags`, one.id, undefined, { sees, may: changes }, 204);
      }
    }
    if (!resource.delete) return;
    for (const persona of EVERYBODY) {
      const target =
        rightsOf(world, topology, resource, one, persona).deletes && persona !== 'admin'
          ? await makeIn(situation)
          : one;
      if (persona === 'owner' && situation.includes('interface')) continue;
      const { sees, deletes } = rightsOf(world, await world.topology(), resource, target, persona);
      if (situation.includes('interface') && deletes) continue;
      await expectAnswer(
        world,
        persona,
        'DELETE',
        pathOf(resource, target),
        target.id,
        undefined,
        { sees, may: deletes },
        204,
      );
    }
  });

  it('actions: by everybody who may change the object', async () => {
    for (const action of Object.keys(resource.actions ?? {})) {
      const body = fixtureOf(resource).actions?.[action] as NonNullable<Fixture['actions']>[string];
      for (const persona of EVERYBODY) {
        const one = await make(world, resource, 'owner');
        const { sees, changes } = rightsOf(world, await world.topology(), resource, one, persona);
        const sent = await body(world, one, 'owner');
        await expectAnswer(
          world,
          persona,
          'PUT',
          `${pathOf(resource, one)}/${action}`,
          one.id,
          sent,
          { sees, may: changes },
          200,
        );
      }
    }
  });

  it('lists hold exactly what each may see, and say nothing of the rest by filter, marker or tag', async () => {
    for (const situation of situations) await makeIn(situation);
    const mine = await make(world, resource, 'owner');
    await make(world, resource, 'other').catch(() => undefined);
    for (const persona of EVERYBODY) await world.as(persona, 'GET', collectionPath(resource, mine.whole));
    const topology = await world.topology();
    for (const persona of EVERYBODY) {
      const all = [...topology.all(resource.kind as 'network')] as AnyObject[];
      const path = collectionPath(resource, mine.whole);
      const { status, body } = await world.as(persona, 'GET', path);
      const above = wholeOf(resource);
      if (above && !rightsOf(world, topology, above, { id: mine.whole as string }, persona).sees) {
        expect({ persona, status }).toEqual({ persona, status: 404 });
        continue;
      }
      const ids = (body as Record<string, { id: string }[]>)[resource.collection]?.map(({ id }) => id).sort();
      const inWhole = (object: AnyObject) =>
        !resource.partOf || (object as unknown as Fields)[resource.partOf.path] === mine.whole;
      const seen = all
        .filter((object) => inWhole(object) && canSee(topology, world.actor(persona), object))
        .map(({ id }) => id);
      expect({ persona, ids }).toEqual({ persona, ids: seen.sort() });
      const [hidden] = all.filter((object) => !canSee(topology, world.actor(persona), object));
      if (!hidden || resource.partOf) continue;
      for (const query of [`id=${hidden.id}`, `marker=${hidden.id}&limit=2`]) {
        const asked = await world.as(persona, 'GET', `${path}?${query}`);
        const absent = await world.as(persona, 'GET', `${path}?${query.replace(hidden.id, NOBODY)}`);
        expect({ persona, query, said: without(asked, hidden.id) }).toEqual({
          persona,
          query,
          said: without(absent, NOBODY),
        });
      }
    }
  });

  it('is created by members for themselves and by administrators for anybody', async () => {
    const tries: [Persona, Maker, number][] = [
      ['owner', 'owner', 201],
      ['reader', 'owner', 403],
      // As in the reference, to name another project is a bad request.
      ['other', 'owner', resource.partOf ? 404 : 400],
      ['admin', 'owner', 201],
    ];
    for (const [persona, forWhom, status] of tries) {
      const { whole, ...fields } = await fixtureOf(resource).fields(world, forWhom);
      const hasProject = resource.attributes.some(({ name, post }) => name === 'project_id' && post);
      const body = { [resource.name]: { ...fields, ...(hasProject && { project_id: world.projectOf(forWhom) }) } };
      const answer = await world.as(persona, 'POST', collectionPath(resource, whole), body);
      const wanted = resource.write === 'admin' && persona !== 'admin' ? 403 : status;
      expect({ persona, ...answer }).toMatchObject({ persona, status: wanted });
    }
  });

  const above = wholeOf(resource);
  if (above)
    it("is found under its own parent only, and by nobody under another project's parent", async () => {
      const [mine, theirs] = [await make(world, resource, 'owner'), await make(world, resource, 'other')];
      const crossed: [Persona, Made][] = [
        ['owner', { id: theirs.id, whole: mine.whole as string }],
        ['owner', { id: mine.id, whole: theirs.whole as string }],
        ['other', { id: mine.id, whole: theirs.whole as string }],
        ['admin', { id: theirs.id, whole: mine.whole as string }],
      ];
      for (const [persona, one] of crossed)
        for (const [method, body] of [
          ['GET', undefined],
          ['PUT', changeOf(resource)],
          ['DELETE', undefined],
        ] as const) {
          const answer = await world.as(persona, method, pathOf(resource, one), body);
          expect({ persona, method, ...answer }).toMatchObject({ status: 404 });
        }
      for (const method of ['GET', 'POST']) {
        const { whole: _whole, ...fields } = await fixtureOf(resource).fields(world, 'owner');
        const body = method === 'POST' ? { [resource.name]: fields } : undefined;
        const asked = await world.as('owner', method, collectionPath(resource, theirs.whole), body);
        const absent = await world.as('owner', method, collectionPath(resource, NOBODY), body);
        expect(without(asked, theirs.whole as string)).toBe(without(absent, NOBODY));
        expect(asked.status).toBe(404);
      }
    });
});
