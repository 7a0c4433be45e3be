/** Writes what was folded into the copies of the derived tables, in statements of many rows. */
import type pg from 'pg';
import { BESIDE } from './beside.js';
import type { RowUpsert } from '../../event-store.js';
import type { Derivation } from './derivation.js';
import type { Difference } from './folded.js';

const AT_A_TIME = 2_000;
const OBJECT_COLUMNS =
  'id text, kind text, project_id text, name text, version bigint, position bigint, doc jsonb, set_at jsonb';

/**
 * Streams, from the columns of the events after `after` up to `upTo`: the database sorts them by itself, and no memory here holds what is gone. `anew`: the
 * copy is empty.
 */
export async function writeStreams(client: pg.ClientBase, after: number, upTo: number, anew: boolean): Promise<void> {
  await client.query(
    `INSERT INTO ${BESIDE}.streams (stream, version)
     SELECT stream, max(stream_version) FROM plumbline.events WHERE position > $1 AND position <= $2 GROUP BY stream
     ${anew ? '' : 'ON CONFLICT (stream) DO UPDATE SET version = excluded.version'}`,
    [after, upTo],
  );
}

/** Rows and claims of objects that were not written before. `tableOf`: of a kind. */
export async function writeObjects<O extends object>(
  client: pg.ClientBase,
  differences: readonly Difference<O>[],
  derivation: Derivation<O>,
  tableOf: (kind: string) => string,
): Promise<void> {
  for (let at = 0; at < differences.length; at += AT_A_TIME) {
    const some = differences.slice(at, at + AT_A_TIME).flatMap(({ is }) => is ?? []);
    const byTable = new Map<string, object[]>();
    for (const { object, streamVersion } of some) {
      const row = derivation.rowOf(object, { streamVersion });
      const table = tableOf(row.kind);
      byTable.set(table, [...(byTable.get(table) ?? []), columnsOf(row)]);
    }
    for (const [table, rows] of byTable) await insert(client, table, OBJECT_COLUMNS, rows);
    const claims = some.flatMap(({ object }) => derivation.claimsOf(object));
    await insert(
      client,
      'claims',
      'key text',
      claims.map((key) => ({ key })),
    );
  }
}

/** The same for objects that may have been written before: as they were goes, as they are comes. */
export async function rewriteObjects<O extends object>(
  client: pg.ClientBase,
  differences: readonly Difference<O>[],
  derivation: Derivation<O>,
  tableOf: (kind: string) => string,
): Promise<void> {
  const were = differences.flatMap(({ was }) => was ?? []);
  const gone = were.map(({ object, streamVersion }) => {
    const { kind, id } = derivation.rowOf(object, { streamVersion });
    return { kind, id };
  });
  await client.query(
    `DELETE FROM ${BESIDE}.objects o USING jsonb_to_recordset($1::jsonb) AS gone (kind text, id text)
     WHERE o.kind = gone.kind COLLATE "C" AND o.id = gone.id COLLATE "C"`,
    [JSON.stringify(gone)],
  );
  await client.query(`DELETE FROM ${BESIDE}.claims WHERE key = ANY ($1::text[])`, [
    were.flatMap(({ object }) => derivation.claimsOf(object)),
  ]);
  await writeObjects(client, differences, derivation, tableOf);
}

/** By how much these differences change the counters. */
export async function writeTallies<O extends object>(
  client: pg.ClientBase,
  differences: readonly Difference<O>[],
  { tallyOf }: Derivation<O>,
): Promise<void> {
  const counts = new Map<string, number>();
  const count = (object: O | undefined, by: number): void => {
    const key = object ? tallyOf(object) : null;
    if (key !== null) counts.set(key, (counts.get(key) ?? 0) + by);
  };
  for (const { was, is } of differences) {
    count(was?.object, -1);
    count(is?.object, 1);
  }
  await client.query(
    `INSERT INTO ${BESIDE}.tallies AS t (key, count)
     SELECT key, count FROM jsonb_to_recordset($1::jsonb) AS given (key text, count bigint) WHERE count <> 0
     ON CONFLICT (key) DO UPDATE SET count = t.count + excluded.count`,
    [JSON.stringify([...counts].map(([key, by]) => ({ key, count: by })))],
  );
}

function columnsOf(row: RowUpsert): object {
  const { id, kind, name, version, doc } = row;
  const position = Math.max(0, ...Object.values(row.setAt));
  return { id, kind, project_id: row.projectId, name, version, position, doc, set_at: row.setAt };
}

/** Table and columns are constants of this project's source. */
async function insert(client: pg.ClientBase, table: string, columns: string, rows: readonly object[]): Promise<void> {
  if (rows.length === 0) return;
  const names = columns.replace(/ \w+(?=,|$)/g, '');
  await client.query(
    `INSERT INTO ${BESIDE}.${table} (${names}) SELECT ${names} FROM jsonb_to_recordset($1::jsonb) AS given (${columns})`,
    [JSON.stringify(rows)],
  );
}
