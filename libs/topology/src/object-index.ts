/**
 * Objects of any declared kinds, found by key and by index terms. Setting one costs no more than its own terms. What is derived from an object is set with it.
 */
import type { KeyOf, OfKind, Thing } from './kinds/declaration.js';
import { declarationOf, idsOf, type Model } from './model.js';

/** One object that a command changed: as it was and as it is. */
export type Change<O extends Thing> = Readonly<{ key: KeyOf<O>; before: O | undefined; after: O | undefined }>;

export class ObjectIndex<O extends Thing> {
  private readonly objects = new Map<KeyOf<O>, O>();
  private readonly index = new Map<string, Set<KeyOf<O>>>();
  private readonly kinds = new Map<O['kind'], Set<KeyOf<O>>>();

  constructor(readonly model: Model<O>) {}

  get<K extends O['kind']>(kind: K, id: string): OfKind<O, K> | undefined {
    return this.objects.get(`${kind}/${id}`) as OfKind<O, K> | undefined;
  }

  byKey(key: KeyOf<O>): O | undefined {
    return this.objects.get(key);
  }

  all<K extends O['kind']>(kind: K): OfKind<O, K>[] {
    return [...(this.kinds.get(kind) ?? [])].map((key) => this.objects.get(key) as OfKind<O, K>);
  }

  keys(): IterableIterator<KeyOf<O>> {
    return this.objects.keys();
  }

  /** Objects of one kind found by an index term, in the order they came to it. */
  find<K extends O['kind']>(kind: K, term: string): OfKind<O, K>[] {
    const found: OfKind<O, K>[] = [];
    for (const key of this.index.get(`${kind} ${term}`) ?? []) found.push(this.objects.get(key) as OfKind<O, K>);
    return found;
  }

  /** Number of objects that `find` would return, at constant cost. */
  count(kind: O['kind'], term: string): number {
    return this.index.get(`${kind} ${term}`)?.size ?? 0;
  }

  /** True when an index term finds this object. */
  holds(kind: O['kind'], term: string, id: string): boolean {
    return this.index.get(`${kind} ${term}`)?.has(`${kind}/${id}`) ?? false;
  }

  /** True when an index term has at least one object. */
  has(term: string): boolean {
    return this.model.kinds.some((kind) => this.index.has(`${kind} ${term}`));
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

  /** Sets (or with undefined, removes) one object, its index terms and what is derived from it. */
  put(key: KeyOf<O>, after: O | undefined): void {
    for (const change of this.changes(key, this.objects.get(key), after)) this.set(change.key, change.after);
  }

  private set(key: KeyOf<O>, after: O | undefined): void {
    const before = this.objects.get(key);
    const had = before ? this.termsOf(before) : [];
    const has = after ? this.termsOf(after) : [];
    const stay = had.length > 0 && has.length > 0 ? new Set(has) : undefined;
    for (const term of had) if (!stay?.has(term)) this.drop(term, key);
    for (const term of has) addTo(this.index, term, key);
    if (after) {
      this.objects.set(key, after);
      addTo(this.kinds, after.kind as O['kind'], key);
    } else if (before) {
      this.objects.delete(key);
      this.kinds.get(before.kind)?.delete(key);
    }
  }

  private termsOf(object: O): string[] {
    const { kind, projectId } = object;
    const declaration = declarationOf(this.model, kind);
    const terms = projectId === '' ? [] : [`${kind} project/${projectId}`];
    for (const [name, relation] of Object.entries(declaration.relations))
      if ('ids' in relation) for (const id of idsOf(relation, object)) terms.push(`${kind} ${name}/${id}`);
    for (const term of declaration.terms(object)) terms.push(`${kind} ${term}`);
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
