/**
 * Rebuilds everything derived from the log: streams, claims, read rows and tallies. Feed rows stay as they are: agents have received their positions, and a host
 * whose rows are missing starts from nothing anyway.
 *
 * Goals: whoever reads and writes goes on meanwhile; writes wait only for the last moment; a rebuild that ends midway, however it ends, has changed nothing.
 * Design: the log is folded without any lock into copies beside the tables that serve (beside.ts). What was stored meanwhile is folded in after it, in rounds that
 * become shorter. The last round holds the head row, so that the log stands still, and ends with the swap. If somebody reads the tables for too long, the head row
 * is let go and the last round is tried again. Two rebuilds, or one beside a migration, are refused.
 * Road not taken: to begin from a checkpoint. A rebuild is for when what was derived is in doubt, and a checkpoint was derived.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { MIGRATION_DEADLINE_MS, openClient } from '../connections.js';
import { genesisHash } from '../../chain.js';
import type { Head } from '../../event-store.js';
import { readTables } from '../../read-tables.js';
import { refuseOtherRelease } from '../release.js';
import { dropCopies, indexCopy, joinPartitions, makeCopies, swap } from './beside.js';
import type { Derivation, Rebuilt } from './derivation.js';
import { Folded } from './folded.js';
import { rewriteObjects, writeObjects, writeStreams, writeTallies } from './write.js';

export type RebuildOptions = Readonly<{
  /** How far it is: events folded, of how many. Called often. */
  progress?: (done: number, of: number) => void;
  /** The caller is a migration and has seen to it that no other one runs. */
  withinMigration?: boolean;
}>;

/** The last round holds the head row for the time that so many events take. */
const FEW_EVENTS = 300;
/** Below the default of `deadlock_timeout`, which is a second. */
const LOCK_WAIT_MS = 400;
const LAST_ROUNDS = 60;
const BETWEEN_LAST_ROUNDS_MS = 500;
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Makes the derived tables anew and puts them in the place of those there are. `migrationUrl` is the owner's login. Rejects, and has changed nothing, when two
 * objects hold one claim, when the log is damaged, when another rebuild or a migration runs, when schema or tables are of another release (which
 * `migrate` alone changes), and when the tables are read without a pause for a minute.
 */
export async function rebuildReadModels<O extends object>(
  migrationUrl: string,
  derivation: Derivation<O>,
  options: RebuildOptions = {},
): Promise<Rebuilt> {
  const client = await openClient({ url: migrationUrl, name: 'plumbline rebuild', deadlineMs: MIGRATION_DEADLINE_MS });
  try {
    await beAlone(client, options.withinMigration ?? false);
    if (!options.withinMigration) await refuseOtherRelease(client, derivation.generation);
    return await rebuildAlone(client, derivation, options.progress);
  } finally {
    await client.end();
  }
}

async function rebuildAlone<O extends object>(
  client: pg.ClientBase,
  derivation: Derivation<O>,
  progress: RebuildOptions['progress'],
): Promise<Rebuilt> {
  try {
    await makeCopies(client);
    const folded = new Folded(derivation, await genesis(client));
    await fillCopies(client, folded, derivation, progress);
    await takeTheirPlace(client, folded, derivation);
    return await counted(client, folded.head.position);
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    await dropCopies(client).catch(() => undefined);
    throw error;
  }
}

/** Held until the connection ends, however it ends. */
async function beAlone(client: pg.ClientBase, withinMigration: boolean): Promise<void> {
  const free = async (sql: string): Promise<boolean> =>
    (await client.query<{ free: boolean }>(sql)).rows[0]?.free ?? false;
  if (!(await free(`SELECT pg_try_advisory_lock(hashtext('plumbline rebuild')) AS free`)))
    throw new Error('another rebuild of this database is running; nothing was changed');
  if (!withinMigration && !(await free(`SELECT pg_try_advisory_lock_shared(hashtext('plumbline migrations')) AS free`)))
    throw new Error('a migration of this database is running; nothing was changed');
}

async function genesis(client: pg.ClientBase): Promise<Head> {
  const { rows } = await client.query<{ log_id: string }>('SELECT log_id FROM plumbline.log_head');
  return { position: 0, hash: genesisHash(rows[0]?.log_id ?? '') };
}

async function headOf(client: pg.ClientBase, lock = ''): Promise<Head> {
  const { rows } = await client.query<{ position: string; hash: string }>(
    `SELECT position, encode(hash, 'hex') AS hash FROM plumbline.log_head ${lock}`,
  );
  return { position: Number(rows[0]?.position), hash: rows[0]?.hash ?? '' };
}

const tableOf = (kind: string): string => {
  const table = readTables[kind];
  if (table === undefined) throw new Error(`No read table holds objects of kind "${kind}".`);
  return table;
};

async function fillCopies<O extends object>(
  client: pg.ClientBase,
  folded: Folded<O>,
  derivation: Derivation<O>,
  progress: RebuildOptions['progress'],
): Promise<void> {
  const { position } = await headOf(client);
  await folded.foldUpTo(client, position, (done) => progress?.(done, position));
  await writeStreams(client, 0, position, true);
  // Its key first: two objects that hold one claim end the rebuild.
  for (const table of ['streams', 'claims', 'tallies']) await indexCopy(client, table);
  const differences = folded.takeDifferences();
  await writeObjects(client, differences, derivation, tableOf);
  await writeTallies(client, differences, derivation);
  for (const table of Object.values(readTables)) await indexCopy(client, table);
  await joinPartitions(client);
  await client.query('ANALYZE plumbline_beside.claims, plumbline_beside.tallies');
}

/** Folds and writes what the log has beyond, up to `head`. */
async function catchUp<O extends object>(
  client: pg.ClientBase,
  folded: Folded<O>,
  derivation: Derivation<O>,
  head: Head,
): Promise<void> {
  const { position } = folded.head;
  if (head.position > position) {
    await folded.foldUpTo(client, head.position);
    await writeStreams(client, position, head.position, false);
    const differences = folded.takeDifferences();
    await rewriteObjects(client, differences, derivation, tableOf);
    await writeTallies(client, differences, derivation);
  }
  if (folded.head.position !== head.position || folded.head.hash !== head.hash)
    throw new Error(
      `the log's head is not what its events give at position ${folded.head.position}: run "plumb log verify"; nothing was changed`,
    );
}

async function takeTheirPlace<O extends object>(
  client: pg.ClientBase,
  folded: Folded<O>,
  derivation: Derivation<O>,
): Promise<void> {
  for (let round = 1; ; round += 1) {
    for (
      let head = await headOf(client);
      head.position - folded.head.position > FEW_EVENTS;
      head = await headOf(client)
    )
      await catchUp(client, folded, derivation, head);
    await client.query('BEGIN');
    // Should this process stand still, writers wait no longer than this.
    await client.query(`SET LOCAL idle_in_transaction_session_timeout = '2s'`);
    await catchUp(client, folded, derivation, await headOf(client, 'FOR UPDATE'));
    try {
      await swap(client, LOCK_WAIT_MS);
      await client.query('UPDATE plumbline.derived SET generation = $1', [derivation.generation]);
      // Derived too, and in doubt as long as a rebuild is needed.
      await client.query('DELETE FROM plumbline.checkpoints');
      await client.query('COMMIT');
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE || round >= LAST_ROUNDS) throw error;
    }
    // What was caught up with is in the copies already.
    await client.query('COMMIT');
    await delay(BETWEEN_LAST_ROUNDS_MS);
  }
}

async function counted(client: pg.ClientBase, events: number): Promise<Rebuilt> {
  const { rows } = await client.query<{ streams: string; rows: string; claims: string }>(
    `SELECT (SELECT count(*) FROM plumbline.streams) AS streams, (SELECT count(*) FROM plumbline.objects) AS rows,
       (SELECT count(*) FROM plumbline.claims) AS claims`,
  );
  return { events, streams: Number(rows[0]?.streams), rows: Number(rows[0]?.rows), claims: Number(rows[0]?.claims) };
}
