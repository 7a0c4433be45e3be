/** For the policy specs: resources with their fixtures, what the domain says about an object, and how an answer is compared with that. */
import { expect } from '@jest/globals';
import type { AnyObject } from '@plumbline/contracts';
import { canChange, canSee } from '@plumbline/domain';
import type { Topology } from '@plumbline/topology';
import { z } from 'zod';
import { RESOURCES } from '../../apps/api/src/neutron/catalogue.js';
import { type Attribute, isProject } from '../../apps/api/src/neutron/attribute.js';
import { type Resource, segmentOf } from '../../apps/api/src/neutron/resource.js';
import type { Answer } from './api-process.js';
import { FIXTURES, Fixture, keyOf, Made } from './policy-fixtures.js';
import { Fields, Maker, NOBODY, Persona, PolicyWorld } from './policy-world.js';

/** The fixture of a resource. Throws when it has none. */
export const fixtureOf = (resource: Resource): Fixture => {
  const fixture = FIXTURES[keyOf(resource)];
  if (!fixture) throw new Error(`no fixture for ${keyOf(resource)}: add it to policy-fixtures.ts`);
  return fixture;
};
/** The parent of a sub-resource. */
export const wholeOf = (resource: Resource): Resource | undefined =>
  RESOURCES.find(({ name }) => name === resource.partOf?.name);
/** Its path below /v2.0. */
export const collectionPath = (resource: Resource, whole?: string): string => {
  const above = wholeOf(resource);
  return above ? `${segmentOf(above)}/${whole}/${segmentOf(resource)}` : segmentOf(resource);
};
export const pathOf = (resource: Resource, { id, whole }: Made): string => `${collectionPath(resource, whole)}/${id}`;

/** One, in a place of its own. */
export async function make(world: PolicyWorld, resource: Resource, by: Maker): Promise<Made> {
  const { whole, ...fields } = await fixtureOf(resource).fields(world, by);
  // What only administrators may make is made by one, for the project.
  const [maker, its]: [Maker, Fields] =
    resource.write === 'admin' ? ['admin', { ...fields, project_id: world.projectOf(by) }] : [by, fields];
  const id = await world.make(maker, collectionPath(resource, whole), resource.name, its);
  return { id, ...(whole !== undefined && { whole }) };
}
export const changeOf = (resource: Resource): Fields => ({
  [resource.name]: fixtureOf(resource).change ?? { description: 'changed' },
});

/** What the domain says about an object; for a sub-resource, about it and its parent. */
export type Rights = Readonly<{ sees: boolean; changes: boolean; deletes: boolean }>;
export function rightsOf(
  world: PolicyWorld,
  topology: Topology,
  resource: Resource,
  { id, whole }: Made,
  persona: Persona,
): Rights {
  const actor = world.actor(persona);
  const object = topology.byKey(`${resource.kind as 'network'}/${id}`) as AnyObject;
  const above = whole === undefined ? undefined : topology.byKey(`${wholeOf(resource)?.kind as 'network'}/${whole}`);
  const sees = canSee(topology, actor, object) && (!above || canSee(topology, actor, above));
  const may = (deletes: boolean) =>
    canChange(topology, actor, object, deletes) &&
    (!above || canChange(topology, actor, above, false)) &&
    (resource.write !== 'admin' || actor.role === 'admin');
  return { sees, changes: sees && may(false), deletes: sees && may(true) };
}

/** An answer without what may differ between two ids: the id itself, and ids that were made for this answer only. */
export const without = ({ status, body }: Answer, id: string, there?: ReadonlySet<string>): string =>
  `${status} ${JSON.stringify(body)}`
    .replaceAll(id, '<id>')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (each) => (there && !there.has(each) ? '<new>' : each));

/** An object that the caller may not see is answered exactly like an id that does not exist. One that it may see, but not change: 403. */
export async function expectAnswer(
  world: PolicyWorld,
  persona: Persona,
  method: string,
  path: string,
  id: string,
  body: unknown,
  rights: { sees: boolean; may: boolean },
  good: number,
) {
  const answer = await world.as(persona, method, path, body);
  const what = { persona, method, path };
  if (!rights.sees) {
    const absent = await world.as(persona, method, path.replaceAll(id, NOBODY), body);
    expect({ ...what, answer: without(answer, id) }).toEqual({ ...what, answer: without(absent, NOBODY) });
    expect({ ...what, status: answer.status }).toEqual({ ...what, status: 404 });
  } else if (!rights.may) {
    expect({ ...what, ...answer }).toMatchObject({
      ...what,
      status: 403,
      body: { NeutronError: { type: 'PolicyNotAuthorized' } },
    });
  } else expect({ ...what, ...answer }).toMatchObject({ ...what, status: good });
  return answer;
}

/** Its values name objects, by its name or by its type. */
export const namesObject = ({ name, type }: Attribute): boolean =>
  name !== 'id' &&
  !isProject(name) &&
  (/_(id|ids|groups)$/.test(name) ||
    JSON.stringify(z.toJSONSchema(type.schema, { unrepresentable: 'any' })).includes('"format":"uuid"'));

const CANDIDATES: readonly unknown[] = [
  true,
  false,
  'policy1',
  'vlan',
  'physnet1',
  150,
  1,
  { a: 1 },
  ['x'],
  NOBODY,
  '10.0.0.9',
  'fa:16:3e:00:00:01',
  '10.0.0.0/8',
];
/** Values that the attribute accepts and that are not its default. */
export const valuesOf = ({ name, type, default: value }: Attribute): unknown[] =>
  CANDIDATES.filter((candidate) => {
    try {
      const parsed = type.parse(candidate, name);
      return (
        parsed !== undefined &&
        JSON.stringify(parsed) !== JSON.stringify(value ?? (candidate === false ? false : undefined))
      );
    } catch {
      return false;
    }
  }).slice(0, 2);
