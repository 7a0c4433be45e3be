/** What separates two keyed collections. Adds and changes come in the order of `desired`, removals in that of `observed`. */
export interface Diff<K, D, O> {
  readonly add: readonly { readonly key: K; readonly desired: D }[];
  readonly change: readonly { readonly key: K; readonly desired: D; readonly observed: O }[];
  readonly remove: readonly { readonly key: K; readonly observed: O }[];
}

/** Compares by key. Done on what it leads to, it is empty: diffByKey(d, d, equal) has nothing in it. */
export function diffByKey<K, D, O>(
  desired: ReadonlyMap<K, D>,
  observed: ReadonlyMap<K, O>,
  equal: (desired: D, observed: O) => boolean,
): Diff<K, D, O> {
  const add: { key: K; desired: D }[] = [];
  const change: { key: K; desired: D; observed: O }[] = [];
  const remove: { key: K; observed: O }[] = [];
  for (const [key, wanted] of desired) {
    if (!observed.has(key)) add.push({ key, desired: wanted });
    else {
      const found = observed.get(key) as O;
      if (!equal(wanted, found)) change.push({ key, desired: wanted, observed: found });
    }
  }
  for (const [key, found] of observed) if (!desired.has(key)) remove.push({ key, observed: found });
  return { add, change, remove };
}

/** True when there is nothing to do. */
export function isEmptyDiff(diff: Diff<unknown, unknown, unknown>): boolean {
  return diff.add.length === 0 && diff.change.length === 0 && diff.remove.length === 0;
}
