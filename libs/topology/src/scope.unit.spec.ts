/**
 * Scope over kinds that this spec declares: security groups as hosts that enforce them will need them. What a port's host must know of its rules lies three
 * objects away and more, and a group's members are derived: nobody writes events of them.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Declarations, Steps } from './kinds/declaration.js';
import { modelOf } from './model.js';
import { type Change, ObjectIndex } from './object-index.js';
import { hostsOf, objectsFor, type Passed, scopeMoves } from './scope.js';

type Node = Readonly<{ kind: 'node'; id: string; projectId: string }>;
type Port = Readonly<{
  kind: 'port';
  id: string;
  projectId: string;
  host: string;
  groups: readonly string[];
  address: string;
  /** Position of the event that set the address. */
  at: number;
}>;
type Group = Readonly<{ kind: 'group'; id: string; projectId: string }>;
type Rule = Readonly<{ kind: 'rule'; id: string; projectId: string; group: string; remote: string }>;
type Member = Readonly<{ kind: 'member'; id: string; projectId: string; group: string; address: string; at: number }>;
type Thing = Node | Port | Group | Rule | Member;
type Key = `${Thing['kind']}/${string}`;

const written = { stream: 'own', claims: () => [], terms: () => [], access: {}, table: 'things' } as const;
const portsOf: Steps<Thing> = [{ from: 'port', by: 'groups' }, 'host'];

const DECLARATIONS: Declarations<Thing> = {
  node: { ...written, relations: {}, scope: [[]] },
  port: {
    ...written,
    relations: {
      host: { to: 'node', ids: ({ host }) => (host ? [host] : []) },
      groups: { to: 'group', ids: ({ groups }) => groups, claimedUnder: (group) => `member/${group}/`, gather: 'host' },
    },
    scope: [['host']],
  },
  group: {
    ...written,
    relations: {},
    scope: [portsOf, [{ from: 'rule', by: 'remote' }, 'group', ...portsOf]],
  },
  rule: {
    ...written,
    relations: {
      group: { to: 'group', ids: ({ group }) => [group], fixed: true },
      remote: {
        to: 'group',
        ids: ({ remote }) => (remote ? [remote] : []),
        fixed: true,
        claimedUnder: (group) => `remote/${group}/`,
        gather: 'group',
      },
    },
    scope: [['group', ...portsOf]],
  },
  member: {
    access: {},
    relations: { group: { to: 'group', ids: ({ group }) => [group] } },
    scope: [['group', { from: 'rule', by: 'remote' }, 'group', ...portsOf]],
    derived: {
      from: 'port',
      of: (source) => {
        if (source.kind !== 'port') return [];
        const { id, projectId, groups, address, at } = source;
        return groups.map((group) => ({ kind: 'member', id: `${group}.${id}`, projectId, group, address, at }));
      },
      source: (id) => id.slice(id.indexOf('.') + 1),
      by: { group: 'groups' },
    },
  },
};
const MODEL = modelOf<Thing>(DECLARATIONS);

const of = { projectId: 'p' } as const;
const node = (id: string): Node => ({ kind: 'node', id, ...of });
const port = (id: string, host: string, groups: readonly string[], address = '10.0.0.1', at = 1): Port => ({
  kind: 'port',
  id,
  ...of,
  host,
  groups,
  address,
  at,
});
const group = (id: string): Group => ({ kind: 'group', id, ...of });
const rule = (id: string, own: string, remote = ''): Rule => ({ kind: 'rule', id, ...of, group: own, remote });
const keyOf = ({ kind, id }: Thing): Key => `${kind}/${id}`;

function indexOf(...things: readonly Thing[]): ObjectIndex<Thing> {
  const index = new ObjectIndex(MODEL);
  for (const thing of things) index.put(keyOf(thing), thing);
  return index;
}
const names = (things: readonly Thing[]) => things.map(keyOf);
const changeTo = (index: ObjectIndex<Thing>, key: Key, after: Thing | undefined): Change<Thing> => ({
  key,
  before: index.byKey(key),
  after,
});
const movesOf = (index: ObjectIndex<Thing>, changes: readonly Change<Thing>[], passed?: Passed) =>
  Object.fromEntries(
    [...scopeMoves(index, changes, 'after', passed)].map(([key, { entered, left, stayed }]) => [
      key,
      [[...entered].sort(), [...left].sort(), [...stayed].sort()],
    ]),
  );

/** web's port is on h1; web lets db in; db's port is on h2, other's on h3. */
const world = () =>
  indexOf(
    node('h1'),
    group('web'),
    group('db'),
    group('other'),
    rule('web-from-db', 'web', 'db'),
    port('w', 'h1', ['web']),
    port('d', 'h2', ['db'], '10.0.0.2', 7),
    port('o', 'h3', ['other'], '10.0.0.3', 8),
  );

describe('scope of declared kinds', () => {
  it('is walked over any number of relations, towards hosts and back', () => {
    const index = world();
    expect(names(objectsFor(index, 'h1'))).toEqual([
      'group/db',
      'group/web',
      'member/db.d',
      'node/h1',
      'port/w',
      'rule/web-from-db',
    ]);
    expect(names(objectsFor(index, 'h2'))).toEqual(['group/db', 'port/d']);
    expect([...hostsOf(index, index.byKey('member/db.d'))]).toEqual(['h1']);
    expect([...hostsOf(index, index.byKey('member/web.w'))]).toEqual([]);
  });

  it('what a change far away moves is found, and nothing else', () => {
    const index = world();
    expect(movesOf(index, [changeTo(index, 'port/w', port('w', 'h4', ['web']))])).toEqual({
      'port/w': [['h4'], ['h1'], []],
      'group/web': [['h4'], ['h1'], []],
      'group/db': [['h4'], ['h1'], []],
      'rule/web-from-db': [['h4'], ['h1'], []],
      'member/db.d': [['h4'], ['h1'], []],
    });
    expect(movesOf(index, [changeTo(index, 'port/w2', port('w2', 'h4', ['web']))])).toEqual({
      'port/w2': [['h4'], [], []],
      'member/web.w2': [[], [], []],
    });
    expect(movesOf(index, [changeTo(index, 'rule/web-from-db', undefined)])).toEqual({
      'rule/web-from-db': [[], ['h4'], []],
      'group/db': [[], ['h4'], []],
      'member/db.d': [[], ['h4'], []],
    });
  });

  it('a derived object comes anew, with the position of its source, where it is known and only when it differs', () => {
    const index = world();
    const moved = port('d', 'h2', ['db'], '10.0.0.9', 12);
    expect(movesOf(index, [changeTo(index, 'port/d', moved)])).toEqual({
      'port/d': [[], [], ['h2']],
      'member/db.d': [[], [], ['h1']],
    });
    expect(index.byKey('member/db.d')).toMatchObject({ address: '10.0.0.9', at: 12 });
    const rebound = { ...moved, host: 'h5' };
    expect(movesOf(index, [changeTo(index, 'port/d', rebound)])).toEqual({
      'port/d': [['h5'], ['h2'], []],
      'group/db': [['h5'], ['h2'], []],
    });
  });

  it('names what must stay as it is for the answer to hold', () => {
    const index = world();
    const through = new Set<string>();
    const naming = new Set<string>();
    const passed: Passed = {
      through: (kind, id) => through.add(`${kind}/${id}`),
      allNaming: (_kind, relation, _name, id) =>
        naming.add(('ids' in relation && relation.claimedUnder?.(id)) || 'no claim'),
      gathering: (relation, id, leadTo) =>
        naming.add(`${('ids' in relation && relation.claimedUnder?.(id)) || 'no claim'} ${[...leadTo].sort().join()}`),
    };
    movesOf(index, [changeTo(index, 'rule/new', rule('new', 'web', 'other'))], passed);
    // Who is in the group that has the rule decides who must know the rule, the other group and its members.
    expect([...through]).toEqual([]);
    expect([...naming]).toEqual(['member/web/ h1']);
  });
});

describe('declarations', () => {
  const withScope = (scope: readonly Steps<Thing>[]) => () =>
    modelOf<Thing>({ ...DECLARATIONS, rule: { ...DECLARATIONS.rule, scope } as never });

  it.each([
    ['of a relation that is not there', [['gruop', 'host']], 'names relation "gruop" of kind rule'],
    ['that ends somewhere else', [['group']], 'ends at group, not at a node'],
    ['back from a kind that names another', [['group', { from: 'port', by: 'host' }]], 'names objects of kind node'],
    ['back over what nobody claims', [['group', { from: 'member', by: 'group' }]], 'must say claimedUnder'],
  ] as const)('a walk %s does not start', (_what, scope, message) => {
    expect(withScope(scope as readonly Steps<Thing>[])).toThrow(message);
  });

  it('access by a relation that is not there does not start', () => {
    const group = { ...DECLARATIONS.group, access: { seenWith: 'owner' } } as never;
    expect(() => modelOf<Thing>({ ...DECLARATIONS, group })).toThrow('access of kind group names relation "owner"');
  });
});

/** Who must know what, said once more without walks. */
function hostsByHand(things: readonly Thing[], thing: Thing): Set<string> {
  const ports = things.filter((each): each is Port => each.kind === 'port' && each.host !== '');
  const rules = things.filter((each): each is Rule => each.kind === 'rule');
  const inGroup = (id: string) => ports.filter(({ groups }) => groups.includes(id)).map(({ host }) => host);
  const letIn = (id: string) => rules.filter(({ remote }) => remote === id).flatMap((each) => inGroup(each.group));
  switch (thing.kind) {
    case 'node':
      return new Set([thing.id]);
    case 'port':
      return new Set(thing.host ? [thing.host] : []);
    case 'group':
      return new Set([...inGroup(thing.id), ...letIn(thing.id)]);
    case 'rule':
      return new Set(inGroup(thing.group));
    case 'member':
      return new Set(letIn(thing.group));
  }
}

describe('for any objects and any commands', () => {
  const groups = ['a', 'b', 'c'];
  const someGroup = fc.constantFrom(...groups);
  const host = fc.constantFrom('', 'h1', 'h2', 'h3');
  const number = fc.nat({ max: 4 });
  const change: fc.Arbitrary<readonly [Key, Thing | undefined]> = fc.oneof(
    fc
      .tuple(number, host, fc.uniqueArray(someGroup, { maxLength: 2 }), number)
      .map(([n, on, of, at]): [Key, Thing] => [`port/p${n}`, port(`p${n}`, on, of, `10.0.0.${at}`, at)]),
    fc
      .tuple(number, someGroup, fc.constantFrom('', ...groups))
      .map(([n, own, remote]): [Key, Thing] => [`rule/r${n}`, rule(`r${n}`, own, remote)]),
    someGroup.map((id): [Key, Thing] => [`group/${id}`, group(id)]),
    fc.constantFrom('h1', 'h2').map((id): [Key, Thing] => [`node/${id}`, node(id)]),
    fc
      .oneof(
        number.map((n) => `port/p${n}` as Key),
        number.map((n) => `rule/r${n}` as Key),
        someGroup.map((id) => `group/${id}` as Key),
      )
      .map((key) => [key, undefined] as const),
  );

  it('moves are the difference of all scopes before and after, and the index is left as asked', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(change, { minLength: 1, maxLength: 4, selector: ([key]) => key }), { maxLength: 25 }),
        fc.boolean(),
        (commands, undone) => {
          const index = new ObjectIndex(MODEL);
          const picture = () => {
            const things = MODEL.kinds.flatMap((kind): Thing[] => index.all(kind));
            for (const thing of things) expect(index.byKey(keyOf(thing))).toEqual(thing);
            for (const thing of things) expect(hostsOf(index, thing)).toEqual(hostsByHand(things, thing));
            return new Map(things.map((thing) => [keyOf(thing), { thing, hosts: hostsByHand(things, thing) }]));
          };
          for (const command of commands) {
            const changes = command
              .map(([key, after]) => changeTo(index, key, after))
              .filter(({ before, after }) => before || after);
            const before = picture();
            if (undone) {
              scopeMoves(index, changes, 'before');
              expect(picture()).toEqual(before);
            }
            const moves = movesOf(index, changes);
            const after = picture();
            for (const key of new Set([...before.keys(), ...after.keys()])) {
              const [was, is] = [
                before.get(key)?.hosts ?? new Set<string>(),
                after.get(key)?.hosts ?? new Set<string>(),
              ];
              const entered = [...is].filter((each) => !was.has(each)).sort();
              const left = [...was].filter((each) => !is.has(each)).sort();
              expect((moves[key] ?? [[], []]).slice(0, 2)).toEqual([entered, left]);
            }
            for (const each of ['h1', 'h2', 'h3'])
              expect(names(objectsFor(index, each))).toEqual(
                [...after]
                  .filter(([, { hosts }]) => hosts.has(each))
                  .map(([key]) => key)
                  .sort(),
              );
          }
        },
      ),
      { numRuns: 120 },
    );
  });
});
