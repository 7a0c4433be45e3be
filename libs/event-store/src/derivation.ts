/** What this release derives from the log: the same objects, rows and claims as the appends, made again from the events alone. */
import {
  CATALOGUE_VERSION,
  known,
  subjectOf,
  type PlumbEvent,
  type Recorded,
  type WrittenObject,
} from '@plumbline/contracts';
import type { RecordedEvent } from './event-store.js';
import type { Derivation } from './postgres/rebuild/derivation.js';
import { claimsOf, evolve, readRow, tallyOf } from '@plumbline/topology';

/** Throws at an event that this release does not know: rows made without it would be wrong, and nobody would notice. */
export const derivation: Derivation<WrittenObject> = {
  keyOf: (event) => subjectOf(understood(event)).key,
  evolve: (object, { position, event, meta }) => evolve(object, { position, event: event as Recorded['event'], meta }),
  rowOf: (object, last) => readRow(object, last.streamVersion),
  claimsOf,
  tallyOf,
  generation: CATALOGUE_VERSION,
};

function understood({ position, event }: RecordedEvent): PlumbEvent {
  const fact = known(event as Recorded['event']);
  if (!fact)
    throw new Error(
      `position ${position} holds ${event.type} version ${event.version}, which this release does not know: nothing was changed; run the release that wrote it, or a newer one`,
    );
  return fact;
}
