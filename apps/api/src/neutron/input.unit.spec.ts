/** The types of what `create` and `update` are given come from the table of attributes: `npm run check` compiles this file, and each planted error must be one. */
import { describe, expect, it } from '@jest/globals';
import { DomainError } from '@plumbline/domain';
import { parseCreate, parseUpdate } from './body.js';
import type { CreateInput, UpdateInput } from './input.js';
import { table } from './attribute.js';
import { type Declaration, declare } from './resource.js';
import { bool, onlyNull, orNull, text, uuid } from './types/attribute-types.js';

const attributes = table([
  { name: 'project_id', path: 'projectId', type: text(), post: 'allowed', about: '' },
  { name: 'a_name', path: 'aName', type: text(), post: 'required', put: true, about: '' },
  { name: 'port_id', path: 'portId', type: orNull(uuid), post: 'allowed', put: true, default: null, about: '' },
  { name: 'is_on', path: 'isOn', type: bool, post: 'allowed', about: '' },
  { name: 'flavor_id', type: onlyNull, post: 'allowed', about: '' },
  { name: 'shown', path: 'shown', type: text(), about: '' },
]);
type Create = CreateInput<typeof attributes>;
type Update = UpdateInput<typeof attributes>;

const described = {
  name: 'thing',
  collection: 'things',
  kind: null,
  visible: 'own',
  about: '',
  attributes,
  notFound: (id: string) => new DomainError('ThingNotFound', 'not-found', id),
} as const;
const caller = { userId: 'u', projectId: 'p', role: 'member', requestId: 'r' } as const;

describe('the input of a resource', () => {
  it('has the fields that the table of attributes gives, of their types', () => {
    const whole: Create = { projectId: 'p', aName: 'n', portId: null, isOn: true };
    const least: Create = { projectId: 'p', aName: 'n', portId: null };
    const changes: Update = { aName: 'n' };
    const nothing: Update = {};
    // @ts-expect-error a required attribute is always there
    const withoutName: Create = { projectId: 'p', portId: null };
    // @ts-expect-error so is one with a default
    const withoutPort: Create = { projectId: 'p', aName: 'n' };
    // @ts-expect-error of the attribute's type
    const wrongType: Create = { projectId: 'p', aName: 'n', portId: 5 };
    // @ts-expect-error what cannot be updated is not in an update
    const notInUpdate: Update = { isOn: true };
    // @ts-expect-error what is only shown is in neither
    const onlyShown: Create = { projectId: 'p', aName: 'n', portId: null, shown: 'x' };
    expect([whole, least, changes, nothing]).toHaveLength(4);
    expect([withoutName, withoutPort, wrongType, notInUpdate, onlyShown]).toHaveLength(5);
  });

  it('does not compile where a decision needs what no attribute gives', () => {
    const needs = async (inputs: readonly Readonly<{ aName: string; weight: number }>[]) => () => ({
      events: [],
      reads: [],
      none: [],
      result: inputs.map(({ weight }) => String(weight)),
    });
    const declaration: Declaration<typeof attributes> = {
      ...described,
      // @ts-expect-error nothing gives a weight
      create: (inputs) => needs(inputs),
    };
    expect(declare(declaration).name).toBe('thing');
  });

  it('is what parsing a body by the same table makes', () => {
    const resource = declare(described);
    const created = parseCreate(resource, { thing: { a_name: 'n', is_on: 'true', flavor_id: null } }, caller);
    expect(created.items.map(({ input }) => input)).toEqual([
      { projectId: 'p', aName: 'n', portId: null, isOn: true } satisfies Create,
    ]);
    expect(parseUpdate(resource, { thing: { a_name: 'm' } }).input).toEqual({ aName: 'm' } satisfies Update);
  });
});
