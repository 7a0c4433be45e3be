/** From what a decision needs (`prepare`) to what the event store is told. */
import { AnyObject, Recorded } from '@plumbline/contracts';
import { AppendCommand, RecordedEvent, Row, StoredRow } from '@plumbline/event-store';
import { Prepared, readRow, streamOfObject } from '@plumbline/topology';

export function toAppend(prepared: Prepared): AppendCommand {
  const written = new Map<string, number>();
  for (const { stream } of prepared.events) written.set(stream, (written.get(stream) ?? 0) + 1);
  const versionAfter = (stream: string): number => (prepared.expect[stream] ?? 0) + (written.get(stream) ?? 0);
  return {
    events: prepared.events.map(({ stream, event }) => ({
      stream,
      type: event.type,
      version: event.version,
      data: event.data,
    })),
    expect: prepared.expect,
    take: prepared.take,
    release: prepared.release,
    none: prepared.none,
    rows: prepared.rows.map((row): Row => {
      if (row.deleted) return { kind: row.kind, id: row.id, deleted: true };
      return readRow(row.object, versionAfter(streamOfObject(row.object)));
    }),
    hosts: prepared.hosts,
    tally: prepared.tally,
    limits: prepared.limits,
    meta: prepared.meta,
  };
}

/** The object that a read model row holds. */
export const objectOf = (row: StoredRow): AnyObject => ({ ...(row.doc as object), setAt: row.setAt }) as AnyObject;

/** An event as agents and folds see it: who stored it and how is not theirs. */
export const toRecorded = ({ position, stream, event, meta }: RecordedEvent): Recorded => ({
  position,
  stream,
  event: event as Recorded['event'],
  meta,
});
