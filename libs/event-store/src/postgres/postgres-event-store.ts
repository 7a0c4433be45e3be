import type pg from 'pg';
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import { chainHash, differs, genesisHash, StoredEvent, walkChain } from '../chain.js';
import { recorded, wire } from '../command.js';
import { FeedPruned, LogDiffers, StoreUnavailable, WrongGeneration } from '../errors.js';
import {
  AppendCommand,
  AppendResult,
  EventStore,
  FeedRow,
  Head,
  Loaded,
  Moment,
  RecordedEvent,
  StoredRow,
  StreamVersion,
  Verdict,
} from '../event-store.js';
import { Appender, AppenderOptions, attemptMs } from './appender.js';
import { type BoundedQuery, openPool, serverMs } from './connections.js';
import { isTransient, openLink } from './link.js';

export type PostgresEventStoreOptions = AppenderOptions &
  Readonly<{
    readConnections?: number;
    /** Within which a read of the log is answered, in ms; `load` has longer. Default 5,000. */
    readMs?: number;
  }>;

/** `load` reads all objects. */
const LOAD_MS = 120_000;

const verifyPage = 2_000;
/** Feed rows removed by one statement. */
const prunePage = 5_000;
const hex = (column: string): string => `encode(${column}, 'hex') AS hash`;

type EventColumns = { position: string; envelope: string; hash: string };

/**
 * The log in PostgreSQL (schema of `migrate`). Appends go through one `Appender`; reads use a small pool and take no lock for which an
 * append would wait. Every read throws `StoreUnavailable` when the database cannot be reached; it may simply be repeated.
 */
export class PostgresEventStore implements EventStore {
  private readonly appender: Appender;
  private readonly pool: pg.Pool;
  private id: string | undefined;

  /** `url`: the service login. Connects at first use. */
  constructor(url: string, options: PostgresEventStoreOptions = {}) {
    this.appender = new Appender(
      (timeoutMs, before) => openLink(url, timeoutMs, attemptMs(options.deadlineMs), before),
      options,
    );
    this.pool = openPool({
      url,
      name: 'plumbline read',
      connections: options.readConnections ?? 4,
      deadlineMs: options.readMs ?? 5_000,
    });
  }

  async logId(): Promise<string> {
    this.id ??= (await this.rows<{ log_id: string }>('SELECT log_id FROM plumbline.log_head'))[0]?.log_id;
    if (!this.id) throw new Error('The log has no head row: the database was not migrated by this project.');
    return this.id;
  }

  async append(command: AppendCommand): Promise<AppendResult> {
    return this.appender.append(wire(command));
  }

  async read(after: Head | number, limit: number): Promise<readonly RecordedEvent[]> {
    const from = typeof after === 'number' ? after : after.position;
    const rows = await this.rows<Partial<EventColumns> & At>(readSql, [from, limit]);
    const [anchor, ...events] = rows;
    let last = anchor && anchor.hash !== null ? { position: from, hash: anchor.hash } : undefined;
    if (typeof after !== 'number') {
      expectGeneration(anchor?.generation);
      if (last?.hash !== after.hash) throw new LogDiffers(from);
    }
    return events.map(({ position, envelope = '', hash }) => {
      const event = recorded(Number(position), envelope, hash ?? '');
      if (last) {
        if (event.position !== last.position + 1) throw new LogDiffers(last.position + 1, 'the event is missing');
        if (chainHash(last.hash, event.position, envelope) !== event.hash)
          throw new LogDiffers(event.position, 'the event does not follow from the one before it');
      }
      last = event;
      return event;
    });
  }

  async readStream(stream: string): Promise<readonly RecordedEvent[]> {
    const sql = `SELECT position, envelope, ${hex('hash')} FROM plumbline.events WHERE stream = $1 ORDER BY stream_version`;
    return (await this.rows<EventColumns>(sql, [stream])).map(toRecorded);
  }

  async streamsUnder(prefix: string, most: number): Promise<readonly string[]> {
    // Bytes are compared: of the names that are not before the prefix, those that begin with it come first.
    const sql = `SELECT stream FROM (SELECT stream FROM plumbline.streams WHERE stream >= $1 ORDER BY stream LIMIT $2) s
      WHERE starts_with(stream, $1)`;
    return (await this.rows<{ stream: string }>(sql, [prefix, most])).map(({ stream }) => stream);
  }

  async mentions(
    text: string,
    { upTo, most, withinMs }: Readonly<{ upTo: number; most: number; withinMs: number }>,
  ): Promise<readonly RecordedEvent[] | null> {
    const sql = `SELECT position, envelope, ${hex('hash')} FROM plumbline.events
      WHERE position <= $2 AND strpos(envelope, $1) > 0 ORDER BY position DESC LIMIT $3`;
    return this.using(async (client) => {
      try {
        await client.query('BEGIN READ ONLY');
        await client.query("SELECT set_config('statement_timeout', $1, true)", [`${Math.ceil(withinMs)}ms`]);
        const { rows } = await client.query<EventColumns>(sql, [text, upTo, most]);
        return rows.map(toRecorded);
      } catch (error) {
        if ((error as { code?: string }).code === QUERY_CANCELED) return null;
        throw error;
      } finally {
        await client.query('ROLLBACK');
      }
    });
  }

  async streamVersion(stream: string): Promise<StreamVersion> {
    const sql = `SELECT h.position, coalesce(s.version, 0) AS version
      FROM plumbline.log_head h LEFT JOIN plumbline.streams s ON s.stream = $1`;
    const [row] = await this.rows<{ position: string; version: string }>(sql, [stream]);
    return { position: Number(row?.position ?? 0), version: Number(row?.version ?? 0) };
  }

  async head(): Promise<Head> {
    return headOf(await this.rows(headSql));
  }

  async hashAt(position: number, at?: Head): Promise<string | null> {
    const rows = await this.rows<{ position: string; hash: string }>(hashesSql, [[position, at?.position ?? position]]);
    const hashOf = (wanted: number) => rows.find((row) => Number(row.position) === wanted)?.hash ?? null;
    if (at && hashOf(at.position) !== at.hash) throw new LogDiffers(at.position);
    return hashOf(position);
  }

  async confirm(at: Head): Promise<Head> {
    return confirmOn(this.pool, at).catch(unreadable);
  }

  async moment(): Promise<Moment> {
    return this.atOneMoment((client) => momentOf(client));
  }

  async load(): Promise<Loaded> {
    return this.atOneMoment(async (client) => {
      const moment = await momentOf(client);
      this.id = moment.logId;
      const streams = await client.query<{ stream: string; version: string }>(whileLoading(livingStreamsSql));
      const rows = await allRows(client);
      return {
        ...moment,
        streams: streams.rows.map((row) => ({ stream: row.stream, version: Number(row.version) })),
        rows,
      };
    });
  }

  async feedRows(after: number, upTo: number): Promise<readonly FeedRow[]> {
    // In one statement with the rows: whoever prunes moves the mark first.
    const sql = `SELECT f.position, f.host, f.prev, p.position > $1 AS pruned
      FROM plumbline.feed_pruned p LEFT JOIN plumbline.feed f ON f.position > $1 AND f.position <= $2 ORDER BY f.position, f.host`;
    const all = await this.rows<{ position: string | null; host: string; prev: string | null; pruned: boolean }>(sql, [
      after,
      upTo,
    ]);
    if (all[0]?.pruned) throw new FeedPruned();
    const rows = all.filter(({ position }) => position !== null);
    return rows.map(({ position, host, prev }) => ({
      position: Number(position),
      host,
      prev: prev === null ? null : Number(prev),
    }));
  }

  async feedHeads(at: number): ReturnType<EventStore['feedHeads']> {
    const sql = `SELECT host, position FROM (
      SELECT h.host, CASE WHEN h.position <= $1 THEN h.position ELSE (
        SELECT f.prev FROM plumbline.feed f WHERE f.host = h.host AND f.position > $1 ORDER BY f.position LIMIT 1) END AS position
      FROM plumbline.feed_head h) heads WHERE position IS NOT NULL ORDER BY host`;
    const rows = await this.rows<{ host: string; position: string }>(sql, [at]);
    return rows.map(({ host, position }) => ({ host, position: Number(position) }));
  }

  async pruneFeed(upTo: number, gone: readonly string[]): Promise<void> {
    await this.rows('UPDATE plumbline.feed_pruned SET position = $1 WHERE position < $1', [upTo]);
    for (let full = true; full;) {
      const { length } = await this.rows(
        `DELETE FROM plumbline.feed WHERE (host, position) IN (
          SELECT host, position FROM plumbline.feed WHERE position <= $1 ORDER BY position LIMIT ${prunePage}) RETURNING 1`,
        [upTo],
      );
      full = length === prunePage;
    }
    if (gone.length > 0)
      await this.rows(
        `DELETE FROM plumbline.feed_head h WHERE h.host = ANY ($2) AND h.position <= $1
          AND NOT EXISTS (SELECT FROM plumbline.agents a WHERE a.host = h.host)`,
        [upTo, gone],
      );
  }

  async verify(from?: Head): Promise<Verdict> {
    const genesis: Head = { position: 0, hash: genesisHash(await this.logId()) };
    const start = from ?? genesis;
    const head = await this.head();
    const found = await this.hashAt(start.position);
    if (found === null) return differs(start.position, 'the log does not reach this position');
    if (found !== start.hash) return differs(start.position, `the log holds hash ${found}, not ${start.hash}`);
    const sql = `SELECT position, id, stream, stream_version, type, version, envelope, ${hex('hash')} FROM plumbline.events
      WHERE position > $1 AND position <= $2 ORDER BY position LIMIT ${verifyPage}`;
    return walkChain(start, head, async (after, upTo) =>
      (await this.rows<StoredColumns>(sql, [after, upTo])).map((row) => ({
        position: Number(row.position),
        id: row.id,
        stream: row.stream,
        streamVersion: Number(row.stream_version),
        type: row.type,
        version: row.version,
        envelope: row.envelope,
        hash: row.hash,
      })),
    );
  }

  async close(): Promise<void> {
    await this.appender.close();
    await this.pool.end();
  }

  /** All that `work` reads is of one moment. */
  private async atOneMoment<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    return this.using(async (client) => {
      await client.query(
        `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = ${serverMs(LOAD_MS)}`,
      );
      try {
        // Before the first query, which fixes the moment: a rebuild puts other tables in the place of these, and their rows would be of later.
        await client.query('LOCK TABLE plumbline.objects, plumbline.streams IN ACCESS SHARE MODE');
        await client.query('SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off');
        const result = await work(client);
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw orNotMigrated(error);
      }
    });
  }

  private async rows<T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T[]> {
    return this.using(async (client) => (await client.query<T>(sql, values)).rows);
  }

  private async using<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    try {
      const client = await this.pool.connect();
      let failed: Error | undefined;
      try {
        return await work(client);
      } catch (error) {
        failed = error as Error;
        throw error;
      } finally {
        client.release(failed && isTransient(failed) ? failed : undefined);
      }
    } catch (error) {
      return unreadable(error);
    }
  }
}

/** The server's row for the position itself comes first: `hash` null when the log does not reach it. */
type At = { position: string; hash: string | null; generation?: number };
type HeadColumns = { log_id: string; position: string; hash: string };
type ObjectColumns = {
  id: string;
  kind: string;
  project_id: string;
  name: string;
  version: string;
  position: string;
  doc: object;
  set_at: Record<string, number>;
};
type StoredColumns = Omit<StoredEvent, 'position' | 'streamVersion'> & { position: string; stream_version: string };

const UNDEFINED_TABLE = '42P01';
const QUERY_CANCELED = '57014';
/** What a query failed with; in words for an operator where the database lacks a table of this release. */
export const orNotMigrated = (cause: unknown): unknown =>
  (cause as { code?: string }).code === UNDEFINED_TABLE
    ? new Error(
        `The database lacks a table of this release (${(cause as Error).message}): run "plumb db migrate" of this release.`,
        { cause },
      )
    : cause;

const headSql = `SELECT log_id, position, ${hex('hash')} FROM plumbline.log_head`;
/** Hash of position $1, the genesis hash at 0; one row always. */
const hashSql = (position: string): string => `(CASE WHEN ${position} = 0
  THEN (SELECT encode(sha256(convert_to('plumbline log ' || log_id::text, 'UTF8')), 'hex') FROM plumbline.log_head)
  ELSE (SELECT encode(e.hash, 'hex') FROM plumbline.events e WHERE e.position = ${position}) END)`;
const generationSql = '(SELECT generation FROM plumbline.derived)';
const readSql = `SELECT $1::bigint AS position, NULL AS envelope, ${hashSql('$1::bigint')} AS hash, ${generationSql} AS generation
  UNION ALL
  (SELECT position, envelope, ${hex('hash')}, NULL FROM plumbline.events WHERE position > $1 ORDER BY position LIMIT $2)`;
const hashesSql = `SELECT p.position, ${hashSql('p.position')} AS hash FROM unnest($1::bigint[]) p (position)`;
const confirmSql = `SELECT h.position, ${hex('h.hash')}, ${hashSql('$1::bigint')} AS here, ${generationSql} AS generation FROM plumbline.log_head h`;

/** `EventStore.confirm` over any connection: before it is used for something that must fit what is known of the log. */
export async function confirmOn(client: Pick<pg.ClientBase, 'query'> | pg.Pool, at: Head): Promise<Head> {
  const { rows } = await client.query<HeadColumns & { here: string | null; generation: number }>(confirmSql, [
    at.position,
  ]);
  expectGeneration(rows[0]?.generation);
  if (rows[0]?.here !== at.hash) throw new LogDiffers(at.position);
  return headOf(rows);
}

function expectGeneration(found: number | undefined): void {
  if (found !== CATALOGUE_VERSION) throw new WrongGeneration(found ?? 0);
}

function unreadable(error: unknown): never {
  if (!isTransient(error) || error instanceof LogDiffers || error instanceof WrongGeneration) throw error;
  const message = `The database cannot be read: ${(error as Error).message}`;
  throw new StoreUnavailable(message, 'not-stored', { cause: error });
}

const objectsSql = `SELECT id, kind, project_id, name, version, position, doc, set_at FROM plumbline.objects
  ORDER BY kind, id`;

async function momentOf(client: pg.ClientBase): Promise<Moment> {
  const found = (await client.query<HeadColumns>(headSql)).rows;
  const head = headOf(found);
  const derived = await client.query<{ generation: number }>('SELECT generation FROM plumbline.derived');
  const counted = await client.query<{ rows: string }>(whileLoading('SELECT count(*) AS rows FROM plumbline.objects'));
  const feeds = await client.query<{ host: string; position: string }>(
    whileLoading('SELECT host, position FROM plumbline.feed_head ORDER BY host'),
  );
  return {
    logId: found[0]?.log_id as string,
    head,
    generation: derived.rows[0]?.generation ?? 0,
    feeds: feeds.rows.map((row) => ({ host: row.host, position: Number(row.position) })),
    rowCount: Number(counted.rows[0]?.rows),
  };
}

/** By the rows' ids, one look-up each: the streams of what is gone, which may be many times as many, are not touched. */
const livingStreamsSql = `SELECT s.stream, s.version FROM plumbline.objects o
  JOIN plumbline.streams s ON s.stream = (o.kind || '-' || o.id) COLLATE "C"`;
const rowsAtATime = 5_000;

const whileLoading = (text: string): BoundedQuery => ({ text, deadlineMs: LOAD_MS });

/** In portions, because the driver holds a result as text and as values until it is complete. */
async function allRows(client: pg.ClientBase): Promise<StoredRow[]> {
  const rows: StoredRow[] = [];
  await client.query(`DECLARE every_row NO SCROLL CURSOR FOR ${objectsSql}`);
  for (;;) {
    const some = await client.query<ObjectColumns>(whileLoading(`FETCH ${rowsAtATime} FROM every_row`));
    for (const row of some.rows) rows.push(toStoredRow(row));
    if (some.rows.length < rowsAtATime) return rows;
  }
}

function headOf(rows: readonly HeadColumns[]): Head {
  const [row] = rows;
  if (!row) throw new Error('The log has no head row: the database was not migrated by this project.');
  return { position: Number(row.position), hash: row.hash };
}

function toRecorded(row: EventColumns): RecordedEvent {
  return recorded(Number(row.position), row.envelope, row.hash);
}

function toStoredRow(row: ObjectColumns): StoredRow {
  return {
    kind: row.kind,
    id: row.id,
    version: Number(row.version),
    position: Number(row.position),
    projectId: row.project_id,
    name: row.name,
    doc: row.doc,
    setAt: row.set_at,
  };
}
