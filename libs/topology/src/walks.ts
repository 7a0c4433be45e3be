/** Walks over the relations that kinds declare, one place at a time: each object at a place is looked at once, however many lead to it. */
import type { KeyOf, Thing } from './kinds/declaration.js';
import { idsOf, type ModelStep, type ModelWalk } from './model.js';
import type { ObjectIndex } from './object-index.js';

/** What a walk passed through: the caller makes preconditions of it. */
export interface Passed {
  /** The object with this name decides where the walk continues: it names the next object, or the previous one. */
  through(kind: string, id: string): void;
  /** All objects that name `id` by this relation were walked to. */
  allNaming(kind: string, relation: ModelStep['relation'], name: string, id: string): void;
  /** All objects that name `id` by this relation, which gathers, lead to these ids. */
  gathering(relation: ModelStep['relation'], id: string, leadTo: readonly string[]): void;
}

/** The nodes that the steps from `at` on lead to from the object with this id. An object is needed only where its own relation is followed. */
export function forward<O extends Thing>(
  index: ObjectIndex<O>,
  steps: readonly ModelStep[],
  at: number,
  id: string,
  passed?: Passed,
): ReadonlySet<string> {
  let front = new Set([id]);
  for (let place = at; place < steps.length && front.size > 0; place += 1) {
    const step = steps[place] as ModelStep;
    const next = new Set<string>();
    for (const each of front) for (const other of after(index, step, each, passed)) next.add(other);
    if (step.gathers) place += 1;
    front = next;
  }
  return front;
}

function after<O extends Thing>(
  index: ObjectIndex<O>,
  { before, after, name, relation, back, gathers }: ModelStep,
  id: string,
  passed: Passed | undefined,
): readonly string[] {
  if (gathers) {
    const ids = [...index.gathered(after, name, id).keys()];
    passed?.gathering(relation, id, ids);
    return ids;
  }
  const fixed = 'sameId' in relation || relation.fixed === true;
  if (back) {
    passed?.allNaming(after, relation, name, id);
    const naming = index.find(after, `${name}/${id}`).map((object) => object.id);
    if (!fixed) for (const each of naming) passed?.through(after, each);
    return naming;
  }
  if (!fixed) passed?.through(before, id);
  return idsOf(relation, index.get(before, id));
}

/** Objects from which the step leads to the object with this id; with the object itself where it is at hand. */
export function comingTo<O extends Thing>(
  index: ObjectIndex<O>,
  { before, after, name, relation, back }: ModelStep,
  id: string,
): readonly Readonly<{ id: string; object?: O }>[] {
  if (back) return idsOf(relation, index.get(after, id)).map((each) => ({ id: each }));
  if ('sameId' in relation) return idsOf(relation, index.get(before, id)).map((each) => ({ id: each }));
  return index.find(before, `${name}/${id}`).map((object: O) => ({ id: object.id, object }));
}

export const keyOfObject = <O extends Thing>({ kind, id }: Pick<O, 'kind' | 'id'>): KeyOf<O> =>
  `${kind as O['kind']}/${id}`;

/** Answers whether walks lead to a host, in the index as it is now. What was asked before is not walked again. */
export class Reach<O extends Thing> {
  private readonly known = new Map<ModelWalk, Map<string, boolean>>();

  constructor(private readonly index: ObjectIndex<O>) {}

  /** Whether any walk of its kind leads the object to the host. */
  ofKind(kind: O['kind'], id: string, host: string): boolean {
    return (this.index.model.walks.get(kind) ?? []).some((walk) => this.leads(walk, 0, id, host));
  }

  /** Whether the steps from `at` on lead from the object to the host. Does not look at the other nodes of a last step. */
  leads(walk: ModelWalk, at: number, id: string, host: string): boolean {
    const step = walk.steps[at];
    if (!step) return id === host;
    if (at === 0) return this.walked(walk, step, at, id, host);
    let known = this.known.get(walk);
    if (!known) this.known.set(walk, (known = new Map()));
    const asked = `${at} ${id} ${host}`;
    let answer = known.get(asked);
    if (answer === undefined) known.set(asked, (answer = this.walked(walk, step, at, id, host)));
    return answer;
  }

  private walked(walk: ModelWalk, step: ModelStep, at: number, id: string, host: string): boolean {
    const { index } = this;
    const { before, after, name, relation, back, gathers } = step;
    const last = walk.steps.length - 1;
    if (gathers) {
      const leadTo = index.gathered(after, name, id);
      if (at + 1 === last) return leadTo.has(host);
      return [...leadTo.keys()].some((next) => this.leads(walk, at + 2, next, host));
    }
    if (back) return index.find(after, `${name}/${id}`).some((next) => this.leads(walk, at + 1, next.id, host));
    if (at === last && !('sameId' in relation)) return index.holds(before, `${name}/${host}`, id);
    return idsOf(relation, index.get(before, id)).some((next) => this.leads(walk, at + 1, next, host));
  }
}
