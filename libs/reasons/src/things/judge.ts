/** What a node should have beside what it has: which is ours, which is missing, left over, or somebody else's. Pure. */
import type { Thing } from '@plumbline/contracts';

/** A thing as the view wants it. */
export type WantedThing = Omit<Thing, 'found'>;
/**
 * A thing as it was found. `ours`: it has our mark, or is where everything is ours. `position`: that of its mark. `owner`: of the object that its mark or name leads to.
 * `as`: what it is, where that does not follow from whether it is wanted.
 */
export type FoundThing = Pick<Thing, 'sort' | 'place' | 'name' | 'text' | 'position'> &
  Readonly<{ ours: boolean; owner?: string | null; as?: Thing['found'] }>;

/** Sort, place and name say which is which; a thing that is wanted twice, as by two rules, is one. */
const keyOf = ({ sort, place, name }: Pick<Thing, 'sort' | 'place' | 'name'>): string => `${sort}\n${place}\n${name}`;

const byKey = new WeakMap<readonly WantedThing[], ReadonlyMap<string, WantedThing>>();

function indexOf(wanted: readonly WantedThing[]): ReadonlyMap<string, WantedThing> {
  let index = byKey.get(wanted);
  if (!index) byKey.set(wanted, (index = new Map(wanted.map((thing) => [keyOf(thing), thing]))));
  return index;
}

/** `found` null: nobody looked. What is wanted comes first, in its order; then what else was found. */
export function judge(wanted: readonly WantedThing[], found: readonly FoundThing[] | null): Thing[] {
  if (!found) return wanted.map((thing) => ({ ...thing, found: 'wanted' }));
  const asked = indexOf(wanted);
  const there = new Map(found.map((thing) => [keyOf(thing), thing]));
  const others = [...there].filter(([key]) => !asked.has(key));
  return [
    ...wanted.map((thing): Thing => {
      const seen = there.get(keyOf(thing));
      return { ...thing, ...(seen && { text: seen.text }), found: seen ? 'ours' : 'missing' };
    }),
    ...others.map(([, { ours, owner = null, as, ...thing }]): Thing => ({
      ...thing,
      owner,
      uses: [],
      found: as ?? (ours ? 'left-over' : 'foreign'),
    })),
  ];
}

/** The same objects, and the same list, for things that are as they were: what each can be asked for by is worked out once (find.ts). */
export function asBefore(before: readonly Thing[], now: readonly Thing[]): readonly Thing[] {
  const known = new Map(before.map((thing) => [keyOf(thing), thing]));
  const things = now.map((thing) => {
    const old = known.get(keyOf(thing));
    return old && isSame(old, thing) ? old : thing;
  });
  return things.length === before.length && things.every((thing, at) => thing === before[at]) ? before : things;
}

/** Of things with the same key. */
const isSame = (one: Thing, other: Thing): boolean =>
  one.text === other.text &&
  one.found === other.found &&
  one.owner === other.owner &&
  one.position === other.position &&
  one.uses.length === other.uses.length &&
  one.uses.every((use, at) => use === other.uses[at]);

/** Of several agents that say something of one thing, the first of these counts: what is foreign to one may be another's. */
const RANK: readonly Thing['found'][] = ['ours', 'learned', 'missing', 'left-over', 'wanted', 'foreign'];

/** What the agents of one node say, each thing once. */
export function together<T extends Thing>(things: readonly T[]): T[] {
  const best = new Map<string, T>();
  for (const thing of things) {
    const before = best.get(keyOf(thing));
    if (!before || RANK.indexOf(thing.found) < RANK.indexOf(before.found)) best.set(keyOf(thing), thing);
  }
  return [...best.values()];
}
