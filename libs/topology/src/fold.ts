/**
 * The agent's half of the feed: a host's view, and `fold`, which takes one message in. Reads no clock, learns nothing twice, misses nothing.
 */
import {
  AnyObject,
  CATALOGUE_VERSION,
  FeedMessage,
  keyOf,
  known,
  Kind,
  ObjectKey,
  subjectOf,
} from '@plumbline/contracts';
import { evolve } from './evolve.js';
import { objectOfStream } from './streams.js';
import type { Frozen } from './topology.js';

/** What one host knows of one log at one position. */
export type HostView = {
  readonly host: string;
  /** Null until the first message: then bound to that log for good. */
  log: string | null;
  position: number;
  /** Chain hash of the log at `position`; null before the first message. */
  hash: string | null;
  catalogue: number;
  readonly objects: Map<ObjectKey, AnyObject>;
  readonly frozen: Map<ObjectKey, Frozen>;
  /** Of what is not here any more: what runs on another host now, as far as this reader was told. Not kept in a snapshot; all else is taken to have ended. */
  readonly elsewhere: Set<ObjectKey>;
};

export const emptyView = (host: string): HostView => ({
  host,
  log: null,
  position: 0,
  hash: null,
  catalogue: CATALOGUE_VERSION,
  objects: new Map(),
  frozen: new Map(),
  elsewhere: new Set(),
});

/** The message does not follow on what the reader has: it must ask for everything after `have`. */
export class HoleInFeed extends Error {
  constructor(
    readonly have: number,
    readonly prev: number,
  ) {
    super(`feed message follows position ${prev}, but this view stands at ${have}: something was lost on the way`);
  }
}

/** The message is of another log than the one this view is bound to. */
export class ForeignLog extends Error {
  constructor(
    readonly ours: string,
    readonly theirs: string,
  ) {
    super(
      `this node is bound to log ${ours}, the message is of log ${theirs}; run "plumb node rebind" if that is meant`,
    );
  }
}

/** Frozen with this type: an object whose form a later release made, and this one cannot read. */
export const UNREADABLE = 'unreadable object';

/**
 * Whether the view may lack something that is on the node: an object that could not be read and was not known before. What is no longer in such a view is
 * no proof that it is gone.
 */
export function lacksUnreadable(view: HostView): boolean {
  for (const [key, { type }] of view.frozen) if (type === UNREADABLE && !view.objects.has(key)) return true;
  return false;
}

/** Which objects a message changed: what an agent has to look at again. `all`: the view was replaced. */
export type Touched = Readonly<{ all: boolean; keys: ReadonlySet<ObjectKey> }>;

/**
 * Takes one whole message (all parts joined) into the view, in place: all of it or, when it throws, nothing. Old messages change nothing; a hole, a foreign log and
 * a message that does not fit what the view holds throw. Costs what the message changes.
 */
export function fold(view: HostView, message: FeedMessage): Touched {
  const nothing: Touched = { all: false, keys: new Set() };
  if (view.log !== null && message.log !== view.log) throw new ForeignLog(view.log, message.log);
  const anew = message.prev === null;
  if (anew) {
    if (view.log !== null && message.position < view.position) return nothing;
  } else {
    if (message.position <= view.position) return nothing;
    if (message.prev !== view.position) throw new HoleInFeed(view.position, message.prev);
  }
  const objects = new Overlay(view.objects, anew);
  const frozen = new Overlay(view.frozen, anew);
  const keys = new Set<ObjectKey>();
  for (const recorded of message.events) {
    const event = known(recorded.event);
    if (!event) {
      const key = objectOfStream(recorded.stream);
      if (key) {
        const { type, version } = recorded.event;
        frozen.set(key, { position: recorded.position, type, version });
        keys.add(key);
      }
      continue;
    }
    const { key } = subjectOf(event);
    keys.add(key);
    // Frozen before it was ever known: there is nothing that this event could change.
    if (!objects.get(key) && frozen.get(key)) continue;
    objects.set(key, evolve(objects.get(key), recorded));
  }
  for (const name of message.left) {
    objects.set(keyOf(name), undefined);
    frozen.set(keyOf(name), undefined);
    keys.add(keyOf(name));
  }
  for (const object of message.entered) {
    const key = keyOf(object);
    objects.set(key, object);
    if (frozen.get(key)?.type === UNREADABLE) frozen.set(key, undefined);
    keys.add(key);
  }
  for (const name of message.unreadable ?? []) {
    const key = keyOf(name);
    // As it was last known, or not at all: either way it is left as it is on the node.
    const object = view.objects.get(key);
    if (object) objects.set(key, object);
    frozen.set(key, { position: message.position, type: UNREADABLE, version: message.catalogue });
    keys.add(key);
  }
  objects.keep();
  frozen.keep();
  if (anew) view.elsewhere.clear();
  for (const key of keys) view.elsewhere.delete(key);
  for (const { elsewhere, ...name } of message.left) if (elsewhere) view.elsewhere.add(keyOf(name));
  view.log = message.log;
  view.position = message.position;
  view.hash = message.hash;
  return { all: anew, keys };
}

/** Changes of a map that are not made yet. `keep` makes them and cannot fail. */
class Overlay<K, V> {
  private readonly changes = new Map<K, V | undefined>();

  /** `anew`: as if the map were empty. */
  constructor(
    private readonly map: Map<K, V>,
    private readonly anew: boolean,
  ) {}

  get(key: K): V | undefined {
    return this.anew || this.changes.has(key) ? this.changes.get(key) : this.map.get(key);
  }

  /** Undefined: takes it out. */
  set(key: K, value: V | undefined): void {
    this.changes.set(key, value);
  }

  keep(): void {
    if (this.anew) this.map.clear();
    for (const [key, value] of this.changes)
      if (value === undefined) this.map.delete(key);
      else this.map.set(key, value);
  }
}

/** Brings `copy` to where `view` is, given all that changed in `view` since `copy` was last there. Costs what changed. */
export function catchUp(copy: HostView, view: HostView, changed: ReadonlySet<ObjectKey> | 'all'): void {
  if (changed === 'all') {
    copyAll(copy.objects, view.objects);
    copyAll(copy.frozen, view.frozen);
    copy.elsewhere.clear();
    for (const key of view.elsewhere) copy.elsewhere.add(key);
  } else
    for (const key of changed) {
      copyOne(copy.objects, view.objects, key);
      copyOne(copy.frozen, view.frozen, key);
      if (view.elsewhere.has(key)) copy.elsewhere.add(key);
      else copy.elsewhere.delete(key);
    }
  copy.log = view.log;
  copy.position = view.position;
  copy.hash = view.hash;
  copy.catalogue = view.catalogue;
}

function copyAll<K, V>(to: Map<K, V>, from: ReadonlyMap<K, V>): void {
  to.clear();
  for (const [key, value] of from) to.set(key, value);
}

function copyOne<K, V>(to: Map<K, V>, from: ReadonlyMap<K, V>, key: K): void {
  const value = from.get(key);
  if (value === undefined) to.delete(key);
  else to.set(key, value);
}

/** Objects of one kind in a view, sorted by id: what `render` walks. */
export function objectsOf<K extends Kind>(view: Pick<HostView, 'objects'>, kind: K): Extract<AnyObject, { kind: K }>[] {
  const found: Extract<AnyObject, { kind: K }>[] = [];
  for (const object of view.objects.values())
    if (object.kind === kind) found.push(object as Extract<AnyObject, { kind: K }>);
  return found.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

export function objectIn<K extends Kind>(
  view: Pick<HostView, 'objects'>,
  kind: K,
  id: string,
): Extract<AnyObject, { kind: K }> | undefined {
  return view.objects.get(`${kind}/${id}`) as Extract<AnyObject, { kind: K }> | undefined;
}

/** JSON with sorted keys: two views, or two states of a node, are equal when this text is. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof Map)
      return Object.fromEntries([...inner].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
    if (inner instanceof Set) return [...inner].sort();
    if (inner && typeof inner === 'object' && !Array.isArray(inner))
      return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
    return inner;
  });
}
