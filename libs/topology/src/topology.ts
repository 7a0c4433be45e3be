/**
 * Topology: every object of a log at one position, with the indexes that queries need. `apply` folds one event in; it changes the topology in place
 * (the fold is pure at its boundary: same log, same topology) and costs no more than the object it changes.
 */
import { AnyObject, keyOf, Kind, known, ObjectKey, Recorded, subjectOf, WrittenObject } from '@plumbline/contracts';
import { evolve } from './evolve.js';
import type { Change, OfKind } from './change.js';
import { MODEL } from './kinds/model.js';
import { ObjectIndex } from './object-index.js';
import { StreamVersions } from './stream-versions.js';
import { objectOfStream, streamOfObject } from './streams.js';

/** Why an object is frozen: an event that this catalogue does not know. On the node nothing of the object is added or removed (invariant 6). */
export type Frozen = Readonly<{ position: number; type: string; version: number }>;

export class Topology {
  /** Position of the last event folded in. */
  position = 0;
  readonly frozen = new Map<ObjectKey, Frozen>();
  readonly objects = new ObjectIndex(MODEL);
  private readonly streams = new StreamVersions();

  /** `streams`: version of each stream that is named for one of the objects. */
  static of(objects: Iterable<AnyObject>, position: number, streams: Iterable<readonly [string, number]>): Topology {
    const topology = new Topology();
    for (const object of objects) topology.put(keyOf(object), object);
    for (const [stream, version] of streams) topology.setVersion(stream, version);
    topology.position = position;
    return topology;
  }

  static fold(log: Iterable<Recorded>): Topology {
    const topology = new Topology();
    for (const recorded of log) topology.apply(recorded);
    return topology;
  }

  get<K extends Kind>(kind: K, id: string): OfKind<K> | undefined {
    return this.objects.get(kind, id);
  }

  byKey(key: ObjectKey): AnyObject | undefined {
    return this.objects.byKey(key);
  }

  all<K extends Kind>(kind: K): OfKind<K>[] {
    return this.objects.all(kind);
  }

  keys(): IterableIterator<ObjectKey> {
    return this.objects.keys();
  }

  /** Objects of one kind found by an index term, in the order they came to it. */
  find<K extends Kind>(kind: K, term: string): OfKind<K>[] {
    return this.objects.find(kind, term);
  }

  /** Number of objects that `find` would return, at constant cost. */
  count(kind: Kind, term: string): number {
    return this.objects.count(kind, term);
  }

  /** True when an index term has at least one object. */
  has(term: string): boolean {
    return this.objects.has(term);
  }

  /**
   * Version of a stream: the number of its events so far. 0 for one that does not exist, and for one that is named for an object which is gone, unless it was among
   * the last to go (`StreamVersions`).
   */
  versionOf(stream: string): number {
    return this.streams.of(stream);
  }

  /** True when `versionOf` is the stream's version at this position; else only the log knows it. */
  knowsVersionOf(stream: string): boolean {
    return this.streams.isLiving(stream);
  }

  /** The log says that the stream has this version at a position that is folded already. */
  setVersion(stream: string, version: number): void {
    const key = objectOfStream(stream);
    this.streams.set(stream, version, key !== null && this.byKey(key) !== undefined);
  }

  /** The versions of streams that are named for objects which are there. */
  streamVersions(): IterableIterator<[string, number]> {
    return this.streams.entries();
  }

  /** Number of stream versions in memory. */
  get streamsKept(): number {
    return this.streams.size;
  }

  /**
   * The revision number that clients know of an object: how often it, or a part of it, has changed. Parts are what is written in its stream (subnets and policies of a network,
   * rules of a security group). Of a part itself: how often it changed.
   */
  revisionOf(object: WrittenObject): number {
    const stream = streamOfObject(object);
    return stream === `${object.kind}-${object.id}` ? this.versionOf(stream) - 1 : object.revision;
  }

  routerPorts(routerId: string): OfKind<'port'>[] {
    return this.find('port', `router/${routerId}`);
  }

  /** Folds the next event. Throws when its position is not the next one: a reader of a log skips no event and applies none twice. */
  apply(recorded: Recorded): void {
    this.mustFollow([recorded]);
    for (const { key, after } of this.changesBy([recorded])) this.put(key, after);
    this.passed([recorded]);
  }

  /** What the events would change: each object once. Unknown events change nothing. Throws when they change what does not exist. */
  changesBy(events: readonly Recorded[]): Change[] {
    const changes = new Map<ObjectKey, { before: AnyObject | undefined; after: AnyObject | undefined }>();
    for (const recorded of events) {
      const event = known(recorded.event);
      if (!event) continue;
      const { key } = subjectOf(event);
      let change = changes.get(key);
      if (!change) {
        const before = this.byKey(key);
        changes.set(key, (change = { before, after: before }));
      }
      change.after = evolve(change.after, recorded);
    }
    return [...changes].map(([key, change]) => ({ key, ...change }));
  }

  /** Throws unless the first of these events is the next one and the others follow on it. */
  mustFollow(events: readonly Recorded[]): void {
    for (const [index, { position }] of events.entries())
      if (position !== this.position + 1 + index)
        throw new Error(
          `position ${position} cannot follow ${this.position + index}: the log has no holes, so the reader lost something`,
        );
  }

  /** The objects are as these events left them: position and stream versions follow, and what an unknown event was about is frozen. */
  passed(events: readonly Recorded[]): void {
    for (const { position, stream, event } of events) {
      const key = known(event) ? null : objectOfStream(stream);
      if (key) this.frozen.set(key, { position, type: event.type, version: event.version });
      this.setVersion(stream, this.versionOf(stream) + 1);
      this.position = position;
    }
  }

  /** Sets (or with undefined, removes) one object and its index terms. */
  put(key: ObjectKey, after: AnyObject | undefined): void {
    this.objects.put(key, after);
  }
}
