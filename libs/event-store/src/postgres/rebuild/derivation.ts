/** What a rebuild is told: how the derived tables follow from the log's events. */
import type { RecordedEvent, RowUpsert } from '../../event-store.js';

/** Pure functions that say what follows from an event. The caller gives those of the log's catalogue. */
export type Derivation<O extends object> = Readonly<{
  /** Name of the one object an event changes. */
  keyOf(event: RecordedEvent): string;
  /** The object after the event; undefined when it is gone. Its `setAt` has absolute positions. */
  evolve(object: O | undefined, event: RecordedEvent): O | undefined;
  /** Its read row; `event` is the last event that changed it, `version` that event's stream version. */
  rowOf(object: O, event: Pick<RecordedEvent, 'streamVersion'>): RowUpsert;
  claimsOf(object: O): readonly string[];
  /** The counter of the object; null when objects of its kind are not counted. */
  tallyOf(object: O): string | null;
  /** Catalogue version of these functions. */
  generation: number;
}>;

/** What a rebuild made. */
export type Rebuilt = Readonly<{ events: number; streams: number; rows: number; claims: number }>;
