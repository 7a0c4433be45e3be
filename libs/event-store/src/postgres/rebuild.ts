/**
 * Rebuilds everything derived from the log: streams, claims, read rows and tallies. Feed rows stay as they are: agents have received their
 * positions, and a host whose rows are missing starts from nothing anyway.
 */
import pg from 'pg';
import { recorded } from '../command.js';
import { RecordedEvent, RowUpsert } from '../event-store.js';

/** Pure functions that say what follows from an event. The caller gives those of the log's catalogue. */
export type Derivation<O extends object> = Readonly<{
  /** Name of the one object an event changes. */
  keyOf(event: RecordedEvent): string;
  /** The object after the event; undefined when it is gone. Its `setAt` has absolute positions. */
  evolve(object: O | undefined, event: RecordedEvent): O | undefined;
  /** Its read row; `event` is the last event that changed it, `version` that event's stream version. */
  rowOf(object: O, event: RecordedEvent): RowUpsert;
  claimsOf(object: O): readonly string[];
  /** The counter of the object; null when objects of its kind are not counted. */
  tallyOf(object: O): string | null;
  /** Catalogue version of these functions. */
  generation: number;
}>;

export type Rebuilt = Readonly<{ events: number; streams: number; rows: number; claims: number }>;

const page = 2_000;

/**
 * Deletes and recreates the derived tables, in one transaction that holds the head row: appends wait, readers see the old rows until it
 * is done. `migrationUrl` is the owner's login (the service may not delete streams). Fails without a change when two objects hold one claim.
 */
export async function rebuildReadModels<O extends object>(
  migrationUrl: string,
  derivation: Derivation<O>,
): Promise<Rebuilt> {
  const client = new pg.Client({ connectionString: migrationUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM plumbline.log_head FOR UPDATE');
    const derived = await foldLog(client, derivation);
    await client.query(`DELETE FROM plumbline.objects; DELETE FROM plumbline.claims; DELETE FROM plumbline.streams;
      DELETE FROM plumbline.tallies`);
    const streams = [...derived.streams].map(([stream, version]) => ({ stream, version }));
    const rows = [...derived.objects.values()].map(({ object, last }) => rowColumns(derivation.rowOf(object, last)));
    const claims = [...derived.objects.values()].flatMap(({ object }) => derivation.claimsOf(object));
    await insert(client, 'streams', 'stream text, version bigint', streams);
    await insert(
      client,
      'claims',
      'key text',
      claims.map((key) => ({ key })),
    );
    await insert(
      client,
      'objects',
      'id text, kind text, project_id text, name text, version bigint, position bigint, doc jsonb, set_at jsonb',
      rows,
    );
    await insert(client, 'tallies', 'key text, count bigint', counted([...derived.objects.values()], derivation));
    await client.query('UPDATE plumbline.derived SET generation = $1', [derivation.generation]);
    await client.query('COMMIT');
    return { events: derived.events, streams: streams.length, rows: rows.length, claims: claims.length };
  } finally {
    // Ends the transaction too, if it is still open.
    await client.end();
  }
}

type Held<O> = { object: O; last: RecordedEvent };

async function foldLog<O extends object>(
  client: pg.Client,
  { keyOf, evolve }: Derivation<O>,
): Promise<{ events: number; streams: Map<string, number>; objects: Map<string, Held<O>> }> {
  const streams = new Map<string, number>();
  const objects = new Map<string, Held<O>>();
  let at = 0;
  for (;;) {
    const { rows } = await client.query<{ position: string; envelope: string; hash: string }>(
      `SELECT position, envelope, encode(hash, 'hex') AS hash FROM plumbline.events WHERE position > $1 ORDER BY position LIMIT ${page}`,
      [at],
    );
    for (const row of rows) {
      at = Number(row.position);
      const event = recorded(at, row.envelope, row.hash);
      streams.set(event.stream, event.streamVersion);
      const key = keyOf(event);
      const object = evolve(objects.get(key)?.object, event);
      if (object) objects.set(key, { object, last: event });
      else objects.delete(key);
    }
    if (rows.length < page) return { events: at, streams, objects };
  }
}

function counted<O extends object>(held: readonly Held<O>[], { tallyOf }: Derivation<O>): object[] {
  const counts = new Map<string, number>();
  for (const { object } of held) {
    const key = tallyOf(object);
    if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => ({ key, count }));
}

function rowColumns(row: RowUpsert): object {
  const { id, kind, name, version, doc } = row;
  const position = Math.max(0, ...Object.values(row.setAt));
  return { id, kind, project_id: row.projectId, name, version, position, doc, set_at: row.setAt };
}

/** Table and columns are constants of this file. */
async function insert(client: pg.Client, table: string, columns: string, rows: readonly object[]): Promise<void> {
  const names = columns.replace(/ \w+(?=,|$)/g, '');
  for (let at = 0; at < rows.length; at += page) {
    await client.query(
      `INSERT INTO plumbline.${table} (${names}) SELECT ${names} FROM jsonb_to_recordset($1::jsonb) AS given (${columns})`,
      [JSON.stringify(rows.slice(at, at + page))],
    );
  }
}
