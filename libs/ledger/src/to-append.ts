/** Makes the event store's command of a prepared decision. */
import { AnyObject, keyOf, ObjectKey, Recorded, subjectOf } from '@plumbline/contracts';
import { AppendCommand, Head, Once, RecordedEvent, Row, StoredRow } from '@plumbline/event-store';
import { Prepared, readRow, serverEventsOf } from '@plumbline/topology';

/** `basis`: up to where the log was read when the decision was prepared. `servers`: somebody must hear what becomes of servers' ports. */
export function toAppend(
  prepared: Prepared,
  basis: Head,
  { once, servers = false }: Readonly<{ once?: Once | undefined; servers?: boolean }> = {},
): AppendCommand {
  const versions = versionsAfter(prepared);
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
    within: prepared.within,
    rows: prepared.rows.map((row): Row => {
      if (row.deleted) return { kind: row.kind, id: row.id, deleted: true };
      return readRow(row.object, versions.get(keyOf(row.object)) ?? 0);
    }),
    hosts: prepared.hosts,
    tally: prepared.tally,
    limits: prepared.limits,
    meta: prepared.meta,
    basis,
    ...(once && { once }),
    ...(servers && { serverEvents: serverEventsOf(prepared.foreseen.future.changes()) }),
  };
}

/** For each object, the version of its stream after the object's last change: objects that share a stream have different versions. */
function versionsAfter({ events, expect }: Prepared): ReadonlyMap<ObjectKey, number> {
  const streams = new Map<string, number>();
  const versions = new Map<ObjectKey, number>();
  for (const { stream, event } of events) {
    const version = (streams.get(stream) ?? expect[stream] ?? 0) + 1;
    streams.set(stream, version);
    versions.set(subjectOf(event).key, version);
  }
  return versions;
}

/** The object of a read model row. */
export const objectOf = (row: StoredRow): AnyObject => ({ ...(row.doc as object), setAt: row.setAt }) as AnyObject;

/** An event as agents and folds see it, without the store's own fields and without what was sent to the API. */
export const toRecorded = ({ position, stream, event, meta }: RecordedEvent): Recorded => {
  const { requestId, userId, projectId, time } = meta;
  return { position, stream, event: event as Recorded['event'], meta: { requestId, userId, projectId, time } };
};
