/**
 * Several writers over kinds that this spec declares: the longest walk goes from a note over an address list, the rules that name it, their group, its ports and
 * their bindings to hosts. Each command is decided on a past that may lack the last few, as in another process or beside others in flight. The log stores it if
 * what it expects still holds, and else it is decided again. It then reaches only the hosts that were decided, and each host must know what it has to.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Declarations, Steps } from './kinds/declaration.js';
import { modelOf } from './model.js';
import { type Change, ObjectIndex } from './object-index.js';
import { objectsFor, type Passed, scopeMoves } from './scope.js';

type Base<K extends string, Facts> = Readonly<{ kind: K; id: string; projectId: string }> & Readonly<Facts>;
type Note = Base<'note', { list: string; text: number }>;
type List = Base<'list', { entries: number }>;
type Rule = Base<'rule', { group: string; list: string; remote: string }>;
type Group = Base<'group', object>;
type Port = Base<'port', { groups: readonly string[]; address: number }>;
type Binding = Base<'binding', { port: string; host: string }>;
type Member = Base<'member', { group: string; address: number }>;
type Zone = Base<'zone', { meshed: boolean }>;
type Placement = Base<'placement', { hosts: readonly string[] }>;
type Node = Base<'node', object>;
type Thing = Note | List | Rule | Group | Port | Binding | Member | Zone | Placement | Node;
type Key = `${Thing['kind']}/${string}`;

const written = { stream: 'own', claims: () => [], terms: () => [], access: {}, table: 'things' } as const;
const one = (id: string): string[] => (id ? [id] : []);
const ofPort: Steps<Thing> = [{ from: 'binding', by: 'port' }, 'host'];
const ofGroup: Steps<Thing> = [{ from: 'port', by: 'groups' }, ...ofPort];
const ofList: Steps<Thing> = [{ from: 'rule', by: 'list' }, 'group', ...ofGroup];

const DECLARATIONS: Declarations<Thing> = {
  note: {
    ...written,
    relations: { list: { to: 'list', ids: ({ list }) => [list], fixed: true } },
    scope: [['list', ...ofList]],
  },
  list: { ...written, relations: {}, scope: [ofList] },
  rule: {
    ...written,
    relations: {
      group: { to: 'group', ids: ({ group }) => [group], fixed: true },
      list: { to: 'list', ids: ({ list }) => one(list), claimedUnder: (list) => `listed/${list}/` },
      remote: {
        to: 'group',
        ids: ({ remote }) => one(remote),
        claimedUnder: (group) => `remote/${group}/`,
        gather: 'group',
      },
    },
    scope: [['group', ...ofGroup]],
  },
  group: { ...written, relations: {}, scope: [] },
  port: {
    ...written,
    relations: { groups: { to: 'group', ids: ({ groups }) => groups, claimedUnder: (group) => `member/${group}/` } },
    scope: [ofPort],
  },
  binding: {
    ...written,
    relations: {
      port: {
        to: 'port',
        ids: ({ port }) => [port],
        fixed: true,
        claimedUnder: (port) => `bound/${port}/`,
        gather: 'host',
      },
      host: { to: 'node', ids: ({ host }) => one(host) },
    },
    scope: [['host']],
  },
  member: {
    access: {},
    relations: { group: { to: 'group', ids: ({ group }) => [group], fixed: true } },
    scope: [['group', { from: 'rule', by: 'remote' }, 'group', ...ofGroup]],
    derived: {
      from: 'port',
      of: (source) => {
        if (source.kind !== 'port') return [];
        const { id, projectId, groups, address } = source;
        return groups.map((group) => ({ kind: 'member', id: `${group}.${id}`, projectId, group, address }));
      },
      source: (id) => id.slice(id.indexOf('.') + 1),
      by: { group: 'groups' },
    },
  },
  zone: {
    ...written,
    relations: {
      placement: { to: 'placement', sameId: true },
      mesh: { to: 'placement', sameId: true, when: ({ meshed }) => meshed },
    },
    scope: [['placement', 'host']],
  },
  placement: {
    ...written,
    relations: {
      zone: { to: 'zone', sameId: true },
      host: { to: 'node', ids: ({ hosts }) => hosts, claimedUnder: (host) => `vlan/${host}/` },
    },
    scope: [['host']],
  },
  node: { ...written, relations: {}, scope: [[], [{ from: 'placement', by: 'host' }, 'zone', 'mesh', 'host']] },
};
const MODEL = modelOf<Thing>(DECLARATIONS);

describe('a walk whose objects on the way are not known where it leads', () => {
  const without = (kind: Thing['kind'], scope: readonly Steps<Thing>[] = []) => {
    const declaration = { ...DECLARATIONS[kind], scope };
    return () => modelOf<Thing>({ ...DECLARATIONS, [kind]: declaration });
  };

  it('does not start, and the message has the scope that is missing', () => {
    expect(without('rule')).toThrow(
      "the scope of kind note walks ['list', { from: 'rule', by: 'list' }, 'group', { from: 'port', by: 'groups' }, { from: 'binding', by: 'port' }, 'host'], so kind rule on its way must have ['group', { from: 'port', by: 'groups' }, { from: 'binding', by: 'port' }, 'host'] in its own scope",
    );
    expect(without('port')).toThrow("kind port on its way must have [{ from: 'binding', by: 'port' }, 'host']");
    expect(without('binding')).toThrow("kind binding on its way must have ['host']");
    expect(without('placement')).toThrow("kind placement on its way must have ['host']");
    expect(without('zone')).toThrow("kind zone on its way must have ['mesh', 'host']");
  });

  it('starts when the kind reaches as many hosts over the same relations, with fewer demands', () => {
    expect(without('placement', [['zone', 'mesh', 'host']])).toThrow("kind placement on its way must have ['host']");
    expect(without('zone', [['mesh', 'host']])).not.toThrow();
    const label = {
      ...written,
      relations: { zone: { to: 'zone', ids: () => [] } },
      scope: [['zone', 'placement', 'host']],
    };
    const all = (zone: readonly Steps<Thing>[]) => () =>
      modelOf({ ...DECLARATIONS, zone: { ...DECLARATIONS.zone, scope: zone }, label } as never);
    expect(all([['mesh', 'host']])).toThrow("kind zone on its way must have ['placement', 'host']");
    expect(all([['placement', 'host']])).not.toThrow();
  });

  it.each([
    ['over a derived kind', 'note', [['list', { from: 'member', by: 'group' }]], 'names objects of kind group'],
    ['back over a derived kind', 'group', [[{ from: 'member', by: 'group' }, 'group', ...ofGroup]], 'claimedUnder'],
    ['back over the same id', 'zone', [[{ from: 'placement', by: 'zone' }, 'host']], 'let kind zone name placement'],
  ] as const)('nor does a walk %s', (_what, kind, scope, message) => {
    expect(without(kind, scope as readonly Steps<Thing>[])).toThrow(message);
  });

  it('nor does one that passes through a derived kind which claims', () => {
    const { relations } = DECLARATIONS.member;
    const group = { ...relations['group'], claimedUnder: (id: string) => `member/${id}/` };
    const member = { ...DECLARATIONS.member, relations: { group } };
    const list = { ...DECLARATIONS.group, scope: [[{ from: 'member', by: 'group' }, 'group', ...ofGroup]] };
    expect(() => modelOf({ ...DECLARATIONS, member, group: list } as never)).toThrow('kind member is derived');
  });
});

type State = ReadonlyMap<Key, Thing>;
type Choice = Readonly<{ does: number; a: number; b: number; c: number }>;

const HOSTS = ['h1', 'h2', 'h3'];
const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % list.length];
const all = <K extends Thing['kind']>(state: State, kind: K): Extract<Thing, { kind: K }>[] =>
  [...state.values()].filter((each): each is Extract<Thing, { kind: K }> => each.kind === kind);
const keyOf = ({ kind, id }: Thing): Key => `${kind}/${id}`;
const base = <K extends string>(kind: K, id: string) => ({ kind, id, projectId: 'p' });

/** What a choice would make of the objects that it finds. No id is given twice, but those of placements and nodes. */
const DOINGS: readonly ((state: State, choice: Choice, newId: () => string) => Thing | Key | undefined)[] = [
  (state, { a, b }, newId) => ({ ...base('note', newId()), list: pick(['l1', 'l2'], a) as string, text: b }),
  (state, { a, b }) => withFacts(pick(all(state, 'note'), a), { text: b }),
  (_state, { a, b }) => ({ ...base('list', pick(['l1', 'l2'], a) as string), entries: b }),
  (_state, { a, b, c }, newId) => ({
    ...base('rule', newId()),
    group: pick(['g1', 'g2'], a) as string,
    list: pick(['', 'l1', 'l2'], b) as string,
    remote: pick(['', 'g1', 'g2'], c) as string,
  }),
  (state, { a, b }) => withFacts(pick(all(state, 'rule'), a), { list: pick(['', 'l1', 'l2'], b) as string }),
  (_state, { a, b }, newId) => ({ ...base('port', newId()), groups: groupsOf(a), address: b }),
  (state, { a, b, c }) => withFacts(pick(all(state, 'port'), a), { groups: groupsOf(b), address: c }),
  (state, { a, b }, newId) => {
    const port = pick(all(state, 'port'), a);
    return port && { ...base('binding', newId()), port: port.id, host: pick(HOSTS, b) as string };
  },
  (state, { a, b }) => withFacts(pick(all(state, 'binding'), a), { host: pick(['', ...HOSTS], b) as string }),
  (_state, { a }, newId) => ({ ...base('zone', newId()), meshed: a % 4 > 0 }),
  (state, { a, b }) => {
    const zone = pick(all(state, 'zone'), a);
    return zone && { ...base('placement', zone.id), hosts: HOSTS.filter((_host, at) => (b >> at) % 2 === 1) };
  },
  (_state, { a }) => base('node', pick(HOSTS, a) as string),
  ...(['note', 'rule', 'port', 'binding', 'placement', 'node', 'zone'] as const).map(
    (kind) =>
      (state: State, { a }: Choice): Key | undefined => {
        const found = pick(all(state, kind), a);
        return found && keyOf(found);
      },
  ),
];
const groupsOf = (n: number) => ['g1', 'g2'].filter((_group, at) => (n >> at) % 2 === 1);
const withFacts = <T extends Thing>(thing: T | undefined, facts: Partial<T>): T | undefined =>
  thing && { ...thing, ...facts };

function indexOf(state: State): ObjectIndex<Thing> {
  const index = new ObjectIndex(MODEL);
  for (const [key, thing] of state) index.put(key, thing);
  return index;
}

/** The claims of objects that are gathered: under which prefix, and where the object leads. */
const claimsIn = (index: ObjectIndex<Thing>): (readonly [string, string])[] => [
  ...index.all('rule').flatMap(({ remote, group }) => one(remote).map((id) => [`remote/${id}/`, group] as const)),
  ...index.all('binding').flatMap(({ port, host }) => one(host).map((on) => [`bound/${port}/`, on] as const)),
];

/** The log as far as scope is concerned, and what its hosts were told. */
class Log {
  readonly pasts: State[] = [new Map()];
  private readonly wrote: ReadonlySet<Key>[] = [];
  private readonly views = new Map(HOSTS.map((host) => [host, new Map<Key, Thing>()]));
  private ids = 0;

  private get head(): number {
    return this.wrote.length;
  }

  /** Decides on a past, stores it or decides again. Answers whether others were stored in between and the first decision stood. */
  write(choices: readonly Choice[], lag: number): boolean {
    const past = Math.max(0, this.head - lag);
    if (this.store(choices, past)) return past < this.head - 1;
    this.store(choices, this.head);
    return false;
  }

  private store(choices: readonly Choice[], past: number): boolean {
    const then = this.pasts[past] as State;
    const writes = new Map<Key, Thing | undefined>();
    for (const choice of choices) {
      const made = pick(DOINGS, choice.does)?.(then, choice, () => `${(this.ids += 1)}`);
      if (typeof made === 'string') writes.set(made, undefined);
      else if (made) writes.set(keyOf(made), made);
    }
    const changes = [...writes].map(([key, after]): Change<Thing> => ({
      key,
      before: then.get(key),
      after,
    }));
    const index = indexOf(then);
    const expected = new Set<string>(writes.keys());
    const named: (readonly [Thing['kind'], string])[] = [];
    const gathered = new Map<string, Set<string>>();
    const passed: Passed = {
      through: (kind, id) => expected.add(`${kind}/${id}`),
      allNaming: (kind, _relation, name, id) => named.push([kind as Thing['kind'], `${name}/${id}`]),
      gathering: (relation, id, leadTo) => {
        const prefix = ('ids' in relation && relation.claimedUnder?.(id)) as string;
        gathered.set(prefix, new Set([...(gathered.get(prefix) ?? []), ...leadTo]));
      },
    };
    const moves = [...scopeMoves(index, changes, 'before', passed)];
    const hosts = new Set(moves.flatMap(([, { entered, left, stayed }]) => [...entered, ...left, ...stayed]));
    const now = indexOf(this.pasts[this.head] as State);
    const naming = (from: ObjectIndex<Thing>, [kind, term]: (typeof named)[number]) =>
      from.find(kind, term).map(keyOf).sort().join();
    if (this.wrote.slice(past).some((keys) => [...keys].some((key) => expected.has(key)))) return false;
    if (claimsIn(now).some(([prefix, leadsTo]) => gathered.get(prefix)?.has(leadsTo) === false)) return false;
    if (named.some((each) => naming(index, each) !== naming(now, each))) return false;
    this.tell(now, changes, hosts);
    const state = new Map(this.pasts[this.head]);
    for (const [key, after] of writes)
      if (after) state.set(key, after);
      else state.delete(key);
    this.pasts.push(state);
    this.wrote.push(new Set(writes.keys()));
    return true;
  }

  /** Folds the command where the log now is, and tells the hosts that were decided before. */
  private tell(index: ObjectIndex<Thing>, changes: readonly Change<Thing>[], hosts: ReadonlySet<string>): void {
    for (const [key, { entered, left, stayed }] of scopeMoves(index, changes, 'after')) {
      const thing = index.byKey(key);
      for (const host of left) if (hosts.has(host)) this.views.get(host)?.delete(key);
      for (const host of [...entered, ...stayed]) if (thing && hosts.has(host)) this.views.get(host)?.set(key, thing);
    }
    for (const [host, view] of this.views)
      expect([...view.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))).toEqual(objectsFor(index, host));
  }
}

describe('writers that do not see each other', () => {
  const number = fc.nat({ max: 11 });
  const choice: fc.Arbitrary<Choice> = fc.record({
    does: fc.nat({ max: DOINGS.length - 1 }),
    a: number,
    b: number,
    c: number,
  });
  /** A rule, a port and a binding, most of the way from a note to a host. */
  const begun: readonly Choice[] = [3, 5, 7].map((does) => ({ does, a: 1, b: 1, c: 1 }));

  it('leave no host without what it must know, nor with what it must not', () => {
    let unseen = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(choice, { minLength: 1, maxLength: 3 }), fc.nat({ max: 4 })), {
          maxLength: 30,
          size: 'max',
        }),
        (commands) => {
          const log = new Log();
          for (const each of begun) log.write([each], 0);
          for (const [choices, lag] of commands) if (log.write(choices, lag)) unseen += 1;
        },
      ),
      { numRuns: 300 },
    );
    expect(unseen).toBeGreaterThan(500);
  });
});
