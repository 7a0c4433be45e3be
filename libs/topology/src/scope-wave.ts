/**
 * The way back from the steps that a command makes or ends to the objects that it moves (scope.ts says why it is gone like this).
 *
 * A mark is an object on a walk, with hosts that it reaches over a step which only one side of the changes has. Where it reaches a host on the other side as well,
 * nothing that walks over it moves by this step there. What is left goes one place back. All walks go back at once, since the index must be turned from one side
 * to the other between going back and leaving out.
 *
 * That is complete: on the walk of an object that moves, take the first step that only this side has. The walk up to there is on both sides. If one of the objects
 * on it reached the host on the other side, so would the first; so each of them is marked and stays.
 */
import type { KeyOf, Thing } from './kinds/declaration.js';
import { idsOf, type ModelStep, type ModelWalk } from './model.js';
import type { Change, ObjectIndex } from './object-index.js';
import { comingTo, forward, keyOfObject, type Reach } from './walks.js';

type Mark = Readonly<{
  walk: ModelWalk;
  at: number;
  id: string;
  hosts: ReadonlySet<string>;
  /** Nothing to ask on the other side: the object has one way on, and the next one on it does not reach these hosts there. */
  sure: boolean;
}>;

/** Call `leaveOut` and `goBack` in turn, `leaveOut` with the index on the other side, all else on this one. */
export class Wave<O extends Thing> {
  private marks = new Map<ModelWalk, Map<string, Mark>>();
  /** Objects that are not changed themselves, and the hosts that they reach on this side only. Complete when the wave goes on no more. */
  readonly moved = new Map<KeyOf<O>, ReadonlySet<string>>();

  constructor(
    private readonly index: ObjectIndex<O>,
    private readonly own: ReadonlySet<KeyOf<O>>,
    changes: readonly Change<O>[],
    side: 'before' | 'after',
  ) {
    for (const change of changes) {
      const object = change[side];
      const other = change[side === 'before' ? 'after' : 'before'];
      if (object) this.begin(object, other);
    }
  }

  get goesOn(): boolean {
    return this.marks.size > 0;
  }

  /** Leaves out what is reached on the other side. What is left at the start of a walk has moved. */
  leaveOut(reach: Reach<O>): void {
    for (const mark of this.taken()) {
      const { walk, at, id, sure } = mark;
      const kind = walk.kind as O['kind'];
      const reached = (host: string) => (at === 0 ? reach.ofKind(kind, id, host) : reach.leads(walk, at, id, host));
      const hosts = sure ? mark.hosts : without(mark.hosts, reached);
      if (hosts.size === 0) continue;
      if (at > 0) this.add({ ...mark, hosts });
      else {
        const key = keyOfObject<O>({ kind, id });
        this.moved.set(key, union(this.moved.get(key), hosts));
      }
    }
  }

  /** One place back. */
  goBack(): void {
    for (const { walk, at, id, hosts } of this.taken()) {
      const step = walk.steps[at - 1] as ModelStep;
      const before = step.before as O['kind'];
      const oneWay = !step.back && (at > 1 || this.index.model.walks.get(walk.kind)?.length === 1);
      for (const each of comingTo(this.index, step, id)) {
        const changed = this.own.has(keyOfObject<O>({ kind: before, id: each.id }));
        if (at === 1 && changed) continue;
        const object: O | undefined = each.object ?? this.index.get(before, each.id);
        if (at === 1 && !object) continue;
        const sure = oneWay && !changed && idsOf(step.relation, object as Thing | undefined).length === 1;
        this.add({ walk, at: at - 1, id: each.id, hosts, sure });
      }
    }
  }

  private begin(object: O, other: O | undefined): void {
    for (const uses of this.index.model.uses.get(object.kind)?.values() ?? [])
      for (const { walk, at } of uses) {
        const step = walk.steps[at] as ModelStep;
        const known = new Set(idsOf(step.relation, other));
        for (const id of idsOf(step.relation, object)) {
          if (known.has(id)) continue;
          const [from, to] = step.back ? [id, object.id] : [object.id, id];
          if (at === 0 && !this.isUnchanged(walk.kind as O['kind'], from)) continue;
          const hosts = forward(this.index, walk.steps, at + 1, to);
          if (hosts.size > 0) this.add({ walk, at, id: from, hosts, sure: false });
        }
      }
  }

  private isUnchanged(kind: O['kind'], id: string): boolean {
    return !this.own.has(keyOfObject<O>({ kind, id })) && this.index.get(kind, id) !== undefined;
  }

  private add(mark: Mark): void {
    let marks = this.marks.get(mark.walk);
    if (!marks) this.marks.set(mark.walk, (marks = new Map()));
    const place = `${mark.at} ${mark.id}`;
    const there = marks.get(place);
    marks.set(place, there ? { ...mark, hosts: union(there.hosts, mark.hosts), sure: there.sure && mark.sure } : mark);
  }

  private taken(): readonly Mark[] {
    const marks = [...this.marks.values()].flatMap((each) => [...each.values()]);
    this.marks = new Map();
    return marks;
  }
}

/** Sets of hosts are shared between the many objects that lead to one. */
function without(hosts: ReadonlySet<string>, reached: (host: string) => boolean): ReadonlySet<string> {
  const left = [...hosts].filter((host) => !reached(host));
  return left.length === hosts.size ? hosts : new Set(left);
}

const union = (a: ReadonlySet<string> | undefined, b: ReadonlySet<string>): ReadonlySet<string> =>
  !a || a === b ? b : new Set([...a, ...b]);
