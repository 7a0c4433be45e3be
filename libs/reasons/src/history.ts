/** One object's past, from its stream: each event with the object before and after it. Pure. */
import { type AnyObject, known, type ObjectKey, type Recorded, subjectOf } from '@plumbline/contracts';
import { evolve } from '@plumbline/topology';
import type { Changed } from './told.js';

export type Step = Readonly<{ recorded: Recorded; before: AnyObject | undefined; after: AnyObject | undefined }>;

/** The events of a stream that changed this object, in order. One that this release does not know changes nothing here. */
export function historyOf(stream: readonly Recorded[], key: ObjectKey): Step[] {
  const steps: Step[] = [];
  let object: AnyObject | undefined;
  for (const recorded of stream) {
    const event = known(recorded.event);
    if (!event || subjectOf(event).key !== key) continue;
    const after = evolve(object, recorded);
    steps.push({ recorded, before: object, after });
    object = after;
  }
  return steps;
}

/** Said in other places of an answer, or of no use to people. */
const PASSING = new Set(['kind', 'id', 'createdAt', 'updatedAt', 'revision', 'setAt']);

/** What an event replaced: the fields of an object that are others after it; of one that it ended, all that said anything. Nothing of one that it made. */
export function changedBy({ before, after }: Pick<Step, 'before' | 'after'>): Changed[] {
  if (!before) return [];
  if (!after)
    return [...fieldsOf(before)]
      .filter(([, value]) => !isEmpty(value))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([field, from]) => ({ field, from }));
  const [from, to] = [fieldsOf(before), fieldsOf(after)];
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter((field) => JSON.stringify(from.get(field)) !== JSON.stringify(to.get(field)))
    .sort()
    .map((field) => ({
      field,
      ...(from.has(field) && { from: from.get(field) }),
      ...(to.has(field) && { to: to.get(field) }),
    }));
}

const isEmpty = (value: unknown): boolean =>
  value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);

const fieldsOf = (object: AnyObject): Map<string, unknown> =>
  new Map(Object.entries(object).filter(([field]) => !PASSING.has(field)));

/** Facets by the position that set them, the earliest first. */
export function facetsOf({ setAt }: Pick<AnyObject, 'setAt'>): { position: number; facets: string[] }[] {
  const at = new Map<number, string[]>();
  for (const [facet, position] of Object.entries(setAt)) at.set(position, [...(at.get(position) ?? []), facet]);
  return [...at].sort(([a], [b]) => a - b).map(([position, facets]) => ({ position, facets: facets.sort() }));
}
