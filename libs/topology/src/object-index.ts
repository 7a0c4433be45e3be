/**
 * Objects of any declared kinds, found by key and by index terms. Setting one costs no more than its own terms. What is derived from an object is made from it
 * whenever it is looked up: 100,000 ports would otherwise be in memory twice.
 */
import type { Derived, KeyOf, OfKind, Thing } from './kinds/declaration.js';
import { declarationOf, idsOf, isWritten, type Model } from './model.js';

/** One object that a command changed: as it was and as it is. */
export type Change<O extends Thing> = Readonly<{ key: KeyOf<O>; before: O | undefined; after: O | undefined }>;

const NOBODY: ReadonlyMap<string, number> = new Map();

export class ObjectIndex<O extends Thing> {
  private readonly objects = new Map<KeyOf<O>, O>();
  private readonly index = new Map<string, Set<KeyOf<O>>>();
  private readonly kinds = new Map<O['kind'], Set<KeyOf<O>>>();
  /** By term of a relation that gathers: what its objects name along the other relation, and how many of them do. */
  private readonly gathers = new Map<string, Map<string, number>>();

  constructor(readonly model: Model<O>) {}

  get<K extends O['kind']>(kind: K, id: string): OfKind<O, K> | undefined {
    return this.byKey(`${kind}/${id}`) as OfKind<O, K> | undefined;
  }

  byKey(key: KeyOf<O>): O | undefined {
    return this.objects.get(key) ?? this.made(key);
  }

  all<K extends O['kind']>(kind: K): OfKind<O, K>[] {
    const rule = this.derivationOf(kind);
    if (rule) return this.all(rule.from).flatMap((source) => rule.of(source as unknown as O) as OfKind<O, K>[]);
    return [...(this.kinds.get(kind) ?? [])].map((key) => this.objects.get(key) as OfKind<O, K>);
  }

  /** Of all objects that events are written of. */
  keys(): IterableIterator<KeyOf<O>> {
    return this.objects.keys();
  }

  /** Objects of one kind found by an index term, in the order they came to it. Of a derived kind: by the term of a relation. */
  find<K extends O['kind']>(kind: K, term: string): OfKind<O, K>[] {
    const rule = this.derivationOf(kind);
    if (rule) return this.foundBy(kind, rule, term) as OfKind<O, K>[];
    const found: OfKind<O, K>[] = [];
    for (const key of this.index.get(`${kind} ${term}`) ?? []) found.push(this.objects.get(key) as OfKind<O, K>);
    return found;
  }

  /** Number of objects that `find` would return. At constant cost, but for a derived kind. */
  count(kind: O['kind'], term: string): number {
    if (this.derivationOf(kind)) return this.find(kind, term).length;
    return this.index.get(`${kind} ${term}`)?.size ?? 0;
  }

  /** True when an index term finds this object. */
  holds(kind: O['kind'], term: string, id: string): boolean {
    if (this.derivationOf(kind)) return this.find(kind, term).some((object) => object.id === id);
    return this.index.get(`${kind} ${term}`)?.has(`${kind}/${id}`) ?? false;
  }

  /** True when an index term has at least one object, derived ones apart. */
  has(term: string): boolean {
    return this.model.kinds.some((kind) => this.index.has(`${kind} ${term}`));
  }

  /** What the objects that name `id` by a relation which gathers name along the other one, each with their number. */
  gathered(kind: string, relation: string, id: string): ReadonlyMap<string, number> {
    return this.gathers.get(`${kind} ${relation}/${id}`) ?? NOBODY;
  }

  /** The change and what follows from it for objects derived from this one. */
  changes(key: KeyOf<O>, before: O | undefined, after: O | undefined): Change<O>[] {
    const own: Change<O> = { key, before, after };
    const kind = (after ?? before)?.kind;
    const derivations = kind === undefined ? undefined : this.model.derived.get(kind);
    if (!derivations) return [own];
    const derived = new Map<KeyOf<O>, { before?: O; after?: O }>();
    for (const { derived: rule } of derivations) {
      for (const object of before ? rule.of(before) : []) derived.set(keyOfThing(object), { before: object });
      for (const object of after ? rule.of(after) : [])
        derived.set(keyOfThing(object), { ...derived.get(keyOfThing(object)), after: object });
    }
    const differs = ([, { before: was, after: is }]: [KeyOf<O>, { before?: O; after?: O }]) =>
      JSON.stringify(was) !== JSON.stringify(is);
    const rest = [...derived].filter(differs);
    return [own, ...rest.map(([each, change]) => ({ key: each, before: change.before, after: change.after }))];
  }

  /** Sets (or with undefined, removes) one object of which events are written, and its index terms. */
  put(key: KeyOf<O>, after: O | undefined): void {
    const before = this.objects.get(key);
    const had = before ? this.termsOf(before) : [];
    const has = after ? this.termsOf(after) : [];
    const stay = had.length > 0 && has.length > 0 ? new Set(has) : undefined;
    for (const term of had) if (!stay?.has(term)) this.drop(term, key);
    for (const term of has) addTo(this.index, term, key);
    if (before) this.gather(before, -1);
    if (after) this.gather(after, 1);
    if (after) {
      this.objects.set(key, after);
      addTo(this.kinds, after.kind as O['kind'], key);
    } else if (before) {
      this.objects.delete(key);
      this.kinds.get(before.kind)?.delete(key);
    }
  }

  private derivationOf(kind: O['kind']): Derived<O, O>['derived'] | undefined {
    return this.model.derivations.get(kind)?.derived;
  }

  private made(key: KeyOf<O>): O | undefined {
    const slash = key.indexOf('/');
    const rule = this.derivationOf(key.slice(0, slash) as O['kind']);
    if (!rule) return undefined;
    const id = key.slice(slash + 1);
    const source = this.objects.get(`${rule.from}/${rule.source(id)}` as KeyOf<O>);
    return source && rule.of(source).find((object) => object.id === id);
  }

  private foundBy(kind: O['kind'], rule: Derived<O, O>['derived'], term: string): O[] {
    const slash = term.indexOf('/');
    const name = term.slice(0, slash);
    const id = term.slice(slash + 1);
    const relation = declarationOf(this.model, kind).relations[name];
    const by = rule.by[name];
    if (!relation || by === undefined) return [];
    return this.find(rule.from, `${by}/${id}`).flatMap((source) =>
      rule.of(source as unknown as O).filter((object) => idsOf(relation, object).includes(id)),
    );
  }

  private gather(object: O, by: 1 | -1): void {
    for (const { name, relation, along } of this.model.gathers.get(object.kind) ?? []) {
      const others = idsOf(along, object);
      if (others.length === 0) continue;
      for (const id of idsOf(relation, object)) {
        const term = `${object.kind} ${name}/${id}`;
        let counts = this.gathers.get(term);
        if (!counts) this.gathers.set(term, (counts = new Map()));
        for (const other of others) {
          const count = (counts.get(other) ?? 0) + by;
          if (count > 0) counts.set(other, count);
          else counts.delete(other);
        }
        if (counts.size === 0) this.gathers.delete(term);
      }
    }
  }

  private termsOf(object: O): string[] {
    const { kind, projectId } = object;
    const declaration = declarationOf(this.model, kind);
    const terms = projectId === '' ? [] : [`${kind} project/${projectId}`];
    for (const [name, relation] of Object.entries(declaration.relations))
      if ('ids' in relation) for (const id of idsOf(relation, object)) terms.push(`${kind} ${name}/${id}`);
    if (isWritten(declaration)) for (const term of declaration.terms(object)) terms.push(`${kind} ${term}`);
    return terms;
  }

  private drop(term: string, key: KeyOf<O>): void {
    const set = this.index.get(term);
    set?.delete(key);
    if (set?.size === 0) this.index.delete(term);
  }
}

const keyOfThing = <O extends Thing>({ kind, id }: O): KeyOf<O> => `${kind as O['kind']}/${id}`;

function addTo<T, V>(map: Map<T, Set<V>>, term: T, value: V): void {
  const set = map.get(term);
  if (set) set.add(value);
  else map.set(term, new Set([value]));
}
