/**
 * Future: the objects as they would be with the events that a command has so far. A decision reads it while it makes the events, `prepare` takes from it what the
 * log needs, and the follower folds it once it is stored. So a command's changes of objects are computed once.
 *
 * Positions are not known before the commit: the first event is at -1, the second at -2, ... in `setAt`, until `settledAfter` puts in the real ones.
 */
import { AnyObject, Kind, Meta, ObjectKey, PlumbEvent, Recorded, subjectOf } from '@plumbline/contracts';
import { evolve } from './evolve.js';
import { MODEL } from './kinds/model.js';
import type { Change, OfKind } from './change.js';
import { ObjectIndex } from './object-index.js';
import type { ScopeMoves } from './scope.js';
import type { Topology } from './topology.js';

/** What a command will do once it is stored, as it was computed at `position`. */
export type Foreseen = Readonly<{ future: Future; moves: ScopeMoves<AnyObject>; position: number }>;

export class Future {
  readonly events: PlumbEvent[] = [];
  private readonly before = new Map<ObjectKey, AnyObject | undefined>();
  private readonly overlay = new ObjectIndex(MODEL);

  /** `now`: the time of the events. The topology must not change while the future is read or added to. */
  constructor(
    private readonly topology: Pick<Topology, 'byKey' | 'find' | 'all'>,
    readonly now: string,
  ) {}

  /** The future with these events, in this order. */
  static of(topology: Topology, events: readonly PlumbEvent[], now: string): Future {
    const future = new Future(topology, now);
    for (const event of events) future.record(event);
    return future;
  }

  byKey(key: ObjectKey): AnyObject | undefined {
    return this.before.has(key) ? this.overlay.byKey(key) : this.topology.byKey(key);
  }

  get<K extends Kind>(kind: K, id: string): OfKind<K> | undefined {
    return this.byKey(`${kind}/${id}`) as OfKind<K> | undefined;
  }

  /** Objects of one kind by an index term of the topology (`network/<id>`, `host/<host>`, ...). */
  find<K extends Kind>(kind: K, term: string): OfKind<K>[] {
    return [...this.untouched(this.topology.find(kind, term)), ...this.overlay.find(kind, term)];
  }

  all<K extends Kind>(kind: K): OfKind<K>[] {
    return [...this.untouched(this.topology.all(kind)), ...this.overlay.all(kind)];
  }

  /** Adds an event; returns what it changed. */
  record(event: PlumbEvent): Change {
    const { key } = subjectOf(event);
    const before = this.byKey(key);
    if (!this.before.has(key)) this.before.set(key, before);
    const meta: Meta = { requestId: '', userId: '', projectId: '', time: this.now };
    const position = -1 - this.events.length;
    const after = evolve(before, { position, event: event as unknown as Recorded['event'], meta });
    this.overlay.put(key, after);
    this.events.push(event);
    return { key, before, after };
  }

  /** Each changed object once: as it was before the command, and as it would be. */
  changes(): Change[] {
    return [...this.before].map(([key, before]) => ({ key, before, after: this.overlay.byKey(key) }));
  }

  /** The same with real positions, once the command is stored after position `before`. */
  settledAfter(before: number): Change[] {
    return this.changes().map((change) =>
      change.after ? { ...change, after: settled(change.after, before) } : change,
    );
  }

  private untouched<K extends Kind>(objects: OfKind<K>[]): OfKind<K>[] {
    if (this.before.size === 0) return objects;
    return objects.filter((object) => !this.before.has(`${object.kind}/${object.id}` as ObjectKey));
  }
}

function settled<T extends AnyObject>(object: T, before: number): T {
  const setAt: Record<string, number> = {};
  for (const [facet, at] of Object.entries(object.setAt)) setAt[facet] = at < 0 ? before - at : at;
  return { ...object, setAt };
}
