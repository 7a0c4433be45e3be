import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { SilentRelay } from '../testing/silent-relay.js';
import { startPostgres, TestPostgres } from '../testing/start-postgres.js';
import { BoundedQuery, drop, NoAnswer, openClient, openPool } from './connections.js';
import { createDataSource } from './data-source.js';

describe('a connection to the database', () => {
  let postgres: TestPostgres;
  let watcher: pg.Client;
  let relay: SilentRelay;
  let url: string;
  const open: { end(): Promise<void> }[] = [];
  beforeAll(async () => {
    postgres = await startPostgres();
    ({ relay, url } = await SilentRelay.toPostgres(postgres.serviceUrl));
    watcher = new pg.Client({ connectionString: postgres.adminUrl });
    await watcher.connect();
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.end();
  });
  afterAll(async () => {
    await watcher?.end();
    await relay?.stop();
    await postgres?.stop();
  });

  const pool = (deadlineMs: number, connections = 1): pg.Pool => {
    const made = openPool({ url, name: 'spec', deadlineMs, connections });
    open.push(made);
    return made;
  };
  /** Resolves when this many statements run on the connections of this spec. */
  const running = async (many: number): Promise<void> => {
    for (;;) {
      const { rows } = await watcher.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'spec' AND state = 'active'`,
      );
      if (rows[0]?.n === many) return;
    }
  };
  it('gets the error of a statement that takes too long, and is used on', async () => {
    const slow = await openClient({ url, name: 'spec', deadlineMs: 400 });
    open.push(slow);
    await expect(slow.query('SELECT pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
    expect((await slow.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await running(0);
  });

  it('is left when the server is silent, with all that have not been heard since', async () => {
    const many = pool(400, 4);
    await Promise.all(Array.from({ length: 4 }, () => many.query('SELECT pg_sleep(0.05)')));
    expect(many.idleCount).toBe(4);
    relay.silence();
    await expect(many.query('SELECT 1')).rejects.toBeInstanceOf(NoAnswer);
    // The first call after it is answered: it does not try the others one by one.
    expect((await many.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('is no answer either when it is a transaction, or under an entity manager', async () => {
    const one = pool(400);
    const client = await one.connect();
    await client.query('BEGIN');
    const source = await createDataSource(url, { poolSize: 1, deadlineMs: 400 }).initialize();
    relay.silence();
    await Promise.all([
      expect(client.query('SELECT 1')).rejects.toBeInstanceOf(NoAnswer),
      expect(source.query('SELECT 1')).rejects.toMatchObject({ driverError: expect.any(NoAnswer) }),
    ]);
    client.release();
    expect((await one.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(await source.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await source.destroy();
  });

  it('cancels at the server what its caller no longer wants', async () => {
    const long = await openClient({ url, name: 'spec', deadlineMs: 60_000 });
    open.push(long);
    const caller = new AbortController();
    const query: BoundedQuery = { text: 'SELECT pg_sleep(60)', signal: caller.signal };
    const answer = long.query(query);
    await running(1);
    caller.abort();
    await expect(answer).rejects.toMatchObject({ code: '57014' });
    await running(0);
    expect((await long.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await expect(long.query(query)).rejects.toThrow('aborted');
  });

  it('leaves no statement running at the server when it is closed', async () => {
    const client = await openClient({ url: postgres.serviceUrl, name: 'spec', deadlineMs: 60_000 });
    const answer = client.query('SELECT pg_sleep(60)');
    await running(1);
    drop(client);
    await expect(answer).rejects.toThrow('terminated');
    await running(0);
  });

  it('that cannot be made or closed in time ends its caller no less', async () => {
    const client = await openClient({ url, name: 'spec', deadlineMs: 60_000 });
    relay.silence();
    await client.end();
    const nowhere = await SilentRelay.to({ host: '192.0.2.1', port: 5432 });
    const away = url.replace(`:${relay.port}/`, `:${nowhere.port}/`);
    await expect(openClient({ url: away, name: 'spec', deadlineMs: 300 })).rejects.toThrow();
    await nowhere.stop();
  });
});
