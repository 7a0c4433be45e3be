/**
 * The port of the one log (docs/design/event-log.md).
 *
 * Goals: positions 1, 2, 3, ... in commit order; a command is stored whole or not at all; a command in conflict is answered with
 * the reason and affects no other; what is derived from the log (streams, claims, read rows, feed rows) changes in the same transaction.
 * Road not taken: read, check and write from the client. A client that stalls between two round trips would hold the head
 * row and stop every other writer. So the command states its preconditions, and the store checks them.
 */

import type { ServerEvent } from '@plumbline/topology';

/**
 * One event to append. It belongs to one stream and changes exactly one object. `version` is the event type's version.
 * `id` (UUID) makes a repetition safe: a command whose first event is in the log already is stored once and gets its first answer
 * again. Without it the store makes an id, and only the store itself can repeat the command.
 */
export type EventInput = Readonly<{ id?: string; stream: string; type: string; version: number; data: unknown }>;

/** Who caused an event, and when. `time` is RFC 3339 in UTC with milliseconds. `request`: what was sent; stored with the command's first event alone. */
export type Meta = Readonly<{
  requestId: string;
  userId: string;
  projectId: string;
  time: string;
  request?: Readonly<{ method: string; path: string; body?: string | undefined }> | undefined;
}>;

/**
 * An object's read model row as it stands after the command. `version` is the version, after the command, of the stream that
 * holds the object's events. `doc` is the object without `setAt`.
 * In `setAt` a number below 0 is relative (-1: first event of this command, -2: second); others are absolute positions.
 */
export type RowUpsert = Readonly<{
  kind: string;
  id: string;
  deleted?: false;
  version: number;
  projectId: string;
  name: string;
  doc: object;
  setAt: Readonly<Record<string, number>>;
}>;
/** The object is gone after this command; its stream and version stay. Removing an absent row is no error. */
export type RowDelete = Readonly<{ kind: string; id: string; deleted: true }>;
export type Row = RowUpsert | RowDelete;

/**
 * Everything that one append needs. Its preconditions are checked in this order, and the first that does not hold is the answer:
 * 1. `expect`: stream -> version it must have (0: must not exist). Has every stream written, and may have streams that were only read.
 * 2. `none`: prefixes under which no claim may exist (claims this command releases do not count).
 * 3. `within`: prefix -> under it, each claim must go on with one of these parts and a slash ("" is a part: the slash follows at once).
 * 4. `take`: claims that must be free, or be released by this same command (`release`; releasing a free claim is no error).
 * 5. `limits`: per counter, its maximum once `tally` of this command is added.
 * `rows` are the read model rows, at most one for each object. `hosts` get a feed row at the command's last position.
 * A command without events succeeds, does nothing and checks nothing; it must not have rows, claims, hosts or tallies.
 */
export type AppendCommand = Readonly<{
  events: readonly EventInput[];
  expect: Readonly<Record<string, number>>;
  take: readonly string[];
  release: readonly string[];
  none: readonly string[];
  /** Absent: nothing. The parts contain no slash. */
  within?: Readonly<Record<string, readonly string[]>>;
  rows: readonly Row[];
  hosts: readonly string[];
  /** Counter (`<kind>/<project>`) -> by how much the command changes it. */
  tally: Readonly<Record<string, number>>;
  /** Counter -> its maximum once the command is stored. */
  limits: Readonly<Record<string, number>>;
  meta: Meta;
  /** Up to where the writer has read the log, and the hash there: a database that has another hash there, or none, refuses. Null: the writer has read nothing. */
  basis: Head | null;
  /** The request may be repeated: it is carried out once. */
  once?: Once;
  /**
   * What Nova must hear of ports, in this order; absent: nothing. Of a port that is no server's before the command nothing is told, and that it was unplugged only if it was said
   * to be plugged.
   */
  serverEvents?: readonly ServerEvent[];
}>;

/**
 * Names a request, so that it is carried out once however often it is sent. `key` and `fingerprint` are hashes: of what identifies the request, and of what it
 * says. `result` is JSON that is kept with them.
 */
export type Once = Readonly<{ key: string; fingerprint: string; result: unknown }>;

/** An event in the log. `hash` is the chain hash (hex) at this position; `event` is exactly what was stored. */
export type RecordedEvent = Readonly<{
  position: number;
  id: string;
  stream: string;
  streamVersion: number;
  hash: string;
  event: Readonly<{ type: string; version: number; data: unknown }>;
  meta: Meta;
}>;

/** The precondition that did not hold, so the command was not stored. Read the log to its head and decide again; the same command would be in conflict again. */
export type Lost =
  | Readonly<{ kind: 'version'; stream: string }>
  | Readonly<{ kind: 'claim'; key: string }>
  | Readonly<{ kind: 'none'; prefix: string }>
  /** A claim that leads elsewhere than `within` says. */
  | Readonly<{ kind: 'within'; key: string }>
  | Readonly<{ kind: 'limit'; key: string }>
  /** A request of this key was carried out in the last 24 hours. */
  | Readonly<{ kind: 'once'; key: string }>;

/** One host's feed row of a command: `prev` is the position of that host's message before this one, null at its first. */
export type FeedPrev = Readonly<{ host: string; prev: number | null }>;

/** `before` is the head's position before this command: its events are `before + 1`, `before + 2`, ... */
export type AppendOk = Readonly<{
  ok: true;
  recorded: readonly RecordedEvent[];
  before: number;
  feeds: readonly FeedPrev[];
}>;
export type AppendResult = AppendOk | Readonly<{ ok: false; lost: Lost }>;

/** The log's head. At position 0 the hash is the log's genesis hash, which follows from its id. */
export type Head = Readonly<{ position: number; hash: string }>;

/** A read model row as stored: `setAt` absolute, `position` the highest number in it (0 when it is empty). */
export type StoredRow = Readonly<{
  kind: string;
  id: string;
  version: number;
  position: number;
  projectId: string;
  name: string;
  doc: object;
  setAt: Readonly<Record<string, number>>;
}>;

/** The log at one position: head, the catalogue version that made the derived tables, each host's feed head, the number of read model rows. */
export type Moment = Readonly<{
  logId: string;
  head: Head;
  generation: number;
  feeds: readonly Readonly<{ host: string; position: number }>[];
  rowCount: number;
}>;

/**
 * The same with every read model row of every kind, and the version of each stream that is named (`<kind>-<id>`) for an object with a row. What is gone takes no
 * part: no memory and no time.
 */
export type Loaded = Moment &
  Readonly<{
    streams: readonly Readonly<{ stream: string; version: number }>[];
    rows: readonly StoredRow[];
  }>;

/** A stream's version, and the head's position when it was read. */
export type StreamVersion = Readonly<{ position: number; version: number }>;

/** A stored feed row: the host gets a message at `position`; its previous message was at `prev`. */
export type FeedRow = Readonly<{ position: number; host: string; prev: number | null }>;

/** Result of `verify`: the chain is intact up to the head, or the first position that differs and how. */
export type Verdict = Readonly<{ ok: true; head: Head }> | Readonly<{ ok: false; position: number; reason: string }>;

export interface EventStore {
  /** The log's random id (UUID), made with the log. */
  logId(): Promise<string>;
  /**
   * Stores one command whole or not at all. Concurrent calls may share a commit; the answer comes after the commit.
   * Throws `InvalidCommand`, `LogDiffers`, `WrongGeneration` (nothing stored) and `StoreUnavailable` (read its `outcome`).
   */
  append(command: AppendCommand): Promise<AppendResult>;
  /**
   * Events after `after` in order, at most `limit`. Never with a gap, and never an event that could still be rolled back; each is checked to follow from the one before
   * (`LogDiffers`). With a hash, it is also checked that the log still has this hash there, and that its derived tables are of this release (`WrongGeneration`).
   */
  read(after: Head | number, limit: number): Promise<readonly RecordedEvent[]>;
  /** The events of one stream in order. */
  readStream(stream: string): Promise<readonly RecordedEvent[]>;
  /** Streams whose names begin so, also of objects that are gone; in the order of their bytes, the first `most`. */
  streamsUnder(prefix: string, most: number): Promise<readonly string[]>;
  /**
   * Events up to `upTo` whose text contains this one, latest first, at most `most`. Reads the log backwards until it has so many. Null: it was not read through within
   * `withinMs`.
   */
  mentions(
    text: string,
    options: Readonly<{ upTo: number; most: number; withinMs: number }>,
  ): Promise<readonly RecordedEvent[] | null>;
  /** Version of a stream, also of an object that is gone; 0 when it has no event. */
  streamVersion(stream: string): Promise<StreamVersion>;
  head(): Promise<Head>;
  /** Chain hash (hex) at a position; 0 is the genesis hash; null beyond the head. With `at`: of the log that has this hash there, otherwise rejects with `LogDiffers`. */
  hashAt(position: number, at?: Head): Promise<string | null>;
  /** Resolves with the head. Rejects with `LogDiffers` if the log does not have this hash at this position, and with `WrongGeneration`. */
  confirm(at: Head): Promise<Head>;
  /** The log now, all at the same position. */
  moment(): Promise<Moment>;
  /** The same with rows and streams. */
  load(): Promise<Loaded>;
  /** Feed rows with `after < position <= upTo`, by position, then host. Throws `FeedPruned` when some of them may be gone. */
  feedRows(after: number, upTo: number): Promise<readonly FeedRow[]>;
  /** Each host's feed head as it was at this position, which must not be before one that was pruned. */
  feedHeads(at: number): Promise<readonly Readonly<{ host: string; position: number }>[]>;
  /**
   * Removes feed rows up to this position, and the feed heads of these hosts, if they are not later and no agent there has a row: such a host's next message
   * is a full view. What is removed is never needed by a reader that has read the log that far.
   */
  pruneFeed(upTo: number, gone: readonly string[]): Promise<void>;
  /**
   * Checks the chain from `from` (a position and the hash kept elsewhere for it; default: genesis) to the head.
   * Changes nothing; reports the first position that differs.
   */
  verify(from?: Head): Promise<Verdict>;
  /** Waits for appends in flight, then closes all connections. */
  close(): Promise<void>;
}
