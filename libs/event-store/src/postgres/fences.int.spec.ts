import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import pg from 'pg';
import { LogDiffers, StoreUnavailable, WrongGeneration } from '../errors.js';
import { happened } from '../testing/commands.js';
import { SilentRelay } from '../testing/silent-relay.js';
import { startPostgres, TestPostgres } from '../testing/start-postgres.js';
import { PostgresEventStore } from './postgres-event-store.js';

describe('an append that must not be stored', () => {
  let postgres: TestPostgres;
  let admin: pg.Client;
  const stores: PostgresEventStore[] = [];
  beforeAll(async () => {
    postgres = await startPostgres();
    admin = new pg.Client({ connectionString: postgres.adminUrl });
    await admin.connect();
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
  });
  afterAll(async () => {
    await admin?.end();
    await postgres?.stop();
  });

  const open = (url = postgres.serviceUrl, deadlineMs = 2_000): PostgresEventStore => {
    const store = new PostgresEventStore(url, { deadlineMs });
    stores.push(store);
    return store;
  };
  const outcomeOf = (append: Promise<unknown>): Promise<unknown> =>
    append.then(
      () => 'stored',
      (error: unknown) => error,
    );
  /** Back ends that work for a writer, in any state but idle. */
  const busy = async (): Promise<number> => {
    const { rows } = await admin.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'plumbline append' AND state <> 'idle'`,
    );
    return rows[0]!.n;
  };
  const until = async (true_: () => Promise<boolean>): Promise<void> => {
    while (!(await true_()));
  };

  it('while somebody holds the head row: "not stored" is answered, is true later too, and nobody waits on', async () => {
    const store = open();
    const head = await store.head();
    const holder = new pg.Client({ connectionString: postgres.adminUrl });
    await holder.connect();
    await holder.query('BEGIN; SELECT 1 FROM plumbline.log_head FOR UPDATE');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => outcomeOf(store.append(happened(`held-${n}`, 0)))),
    );
    for (const answer of answers) expect(answer).toMatchObject({ name: 'StoreUnavailable', outcome: 'not-stored' });
    await until(async () => (await busy()) === 0);
    await holder.query('ROLLBACK');
    await holder.end();
    expect(await store.append(happened('after', 0))).toMatchObject({ ok: true, before: head.position });
    expect((await store.head()).position).toBe(head.position + 1);
  });

  it('nobody holds, but the server is slow with: it ends it itself', async () => {
    const store = open();
    const head = await store.head();
    await admin.query(`CREATE FUNCTION plumbline.dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1.2); RETURN NEW; END $$;
      CREATE TRIGGER dawdle BEFORE INSERT ON plumbline.events FOR EACH ROW EXECUTE FUNCTION plumbline.dawdle()`);
    const answer = await outcomeOf(store.append(happened('slow', 0)));
    expect(answer).toMatchObject({ name: 'StoreUnavailable', outcome: 'not-stored' });
    await admin.query('DROP FUNCTION plumbline.dawdle CASCADE');
    await until(async () => (await busy()) === 0);
    expect(await store.head()).toEqual(head);
  });

  it('whose connection was lost is not stored after "in conflict" was answered', async () => {
    const { relay, url } = await SilentRelay.toPostgres(postgres.serviceUrl);
    const store = open(url, 8_000);
    const other = open();
    await store.append(happened('warm', 0));
    await other.append(happened('taker', 0, { take: ['claim'] }));
    const holder = new pg.Client({ connectionString: postgres.adminUrl });
    await holder.connect();
    await holder.query('BEGIN; SELECT 1 FROM plumbline.log_head FOR UPDATE');
    const answer = store.append(happened('late', 0, { take: ['claim'] }));
    await until(async () => (await busy()) === 1);
    // The first attempt waits at the server; its client is cut off and asks again over another connection, which gets the row first.
    relay.silence();
    const waiting = async () =>
      (
        await admin.query(`SELECT 1 FROM pg_stat_activity WHERE application_name = 'plumbline append' AND wait_event_type = 'Lock'
        AND backend_start > (SELECT min(backend_start) FROM pg_stat_activity WHERE application_name = 'plumbline append')`)
      ).rowCount === 1;
    await until(async () => (await waiting()) || (await busy()) === 0);
    await holder.query('ROLLBACK');
    expect(await answer).toMatchObject({ ok: false, lost: { kind: 'claim', key: 'claim' } });
    await other.append(happened('taker', 1, { release: ['claim'] }));
    await until(async () => (await busy()) === 0);
    expect((await store.readStream('late')).length).toBe(0);
    await holder.end();
    await store.close();
    stores.splice(stores.indexOf(store), 1);
    await relay.stop();
  });

  it('by a process of another generation, older or newer', async () => {
    const store = open();
    const head = await store.head();
    for (const generation of [CATALOGUE_VERSION + 1, CATALOGUE_VERSION - 1]) {
      await admin.query('UPDATE plumbline.derived SET generation = $1', [generation]);
      const answers = await Promise.all([1, 2].map((n) => outcomeOf(store.append(happened(`other-${n}`, 0)))));
      for (const answer of answers) {
        expect(answer).toBeInstanceOf(WrongGeneration);
        expect((answer as Error).message).toContain(`generation ${generation}`);
      }
      await expect(store.read(head, 1)).rejects.toBeInstanceOf(WrongGeneration);
      await expect(store.confirm(head)).rejects.toBeInstanceOf(WrongGeneration);
    }
    await admin.query('UPDATE plumbline.derived SET generation = $1', [CATALOGUE_VERSION]);
    expect(await store.head()).toEqual(head);
    expect(await store.append(happened('again', 0))).toMatchObject({ ok: true });
  });

  it('by a process of a release that says neither its generation nor what it has read', async () => {
    const old = new pg.Client({ connectionString: postgres.serviceUrl });
    await old.connect();
    await expect(old.query(`SELECT plumbline.append_batch('[]'::jsonb)`)).rejects.toThrow('of an older release');
    await old.end();
  });

  it('to a log that lost its end; and reads find the event that does not follow', async () => {
    const store = open();
    const last = await store.append(happened('lost', 0));
    const head = await store.head();
    await admin.query('BEGIN');
    await admin.query('DELETE FROM plumbline.events WHERE position = $1', [head.position]);
    await admin.query(
      'UPDATE plumbline.log_head h SET position = e.position, hash = e.hash FROM plumbline.events e WHERE e.position = $1',
      [head.position - 1],
    );
    await admin.query(`DELETE FROM plumbline.streams WHERE stream = 'lost'`);
    await admin.query('COMMIT');
    expect(last).toMatchObject({ ok: true });
    const refused = () => outcomeOf(store.append(happened('next', 0, { basis: head })));
    expect(await refused()).toBeInstanceOf(LogDiffers);
    // The log goes on, as long as the writer had read and longer: it is another one all the same.
    const other = open();
    for (const n of [1, 2]) await other.append(happened(`branch-${n}`, 0));
    expect(await refused()).toBeInstanceOf(LogDiffers);
    const { position } = await other.head();
    await admin.query(
      `UPDATE plumbline.events SET envelope = replace(envelope, 'Happened', 'Hoppened') WHERE position = $1`,
      [position],
    );
    await expect(store.read(position - 2, 10)).rejects.toThrow('does not follow');
    expect(await refused()).not.toBeInstanceOf(StoreUnavailable);
  });
});
