/** A rebuild beside the tables that serve: readers and writers go on, and whatever ends it midway has changed nothing. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { command } from '../../testing/commands.js';
import { derivation, rowOf, tallyOf } from '../../testing/port-catalogue.js';
import { startPostgres, TestPostgres } from '../../testing/start-postgres.js';
import { migrate } from '../migrate.js';
import { PostgresEventStore } from '../postgres-event-store.js';
import { rebuildReadModels } from './rebuild.js';

let postgres: TestPostgres;
let store: PostgresEventStore;
let owner: pg.Client;
let service: pg.Client;
let made = 0;

const event = (stream: string, type: string, ip?: string) => ({ stream, type, version: 1, data: { ip } });
const make = async (): Promise<string> => {
  const id = randomUUID();
  const ip = `ip-${(made += 1)}`;
  const answer = await store.append(
    command({
      events: [event(`port-${id}`, 'PortCreated', ip)],
      expect: { [`port-${id}`]: 0 },
      take: [`address/${ip}`],
      rows: [rowOf({ id, ip, version: 1, setAt: { existence: -1, ip: -1 } })],
      tally: { [tallyOf(id)]: 1 },
    }),
  );
  expect(answer.ok).toBe(true);
  return `${id} ${ip}`;
};
const remove = async (port: string): Promise<void> => {
  const [id = '', ip = ''] = port.split(' ');
  const answer = await store.append(
    command({
      events: [event(`port-${id}`, 'PortDeleted')],
      expect: { [`port-${id}`]: 1 },
      release: [`address/${ip}`],
      rows: [{ kind: 'port', id, deleted: true }],
      tally: { [tallyOf(id)]: -1 },
    }),
  );
  expect(answer.ok).toBe(true);
};

beforeAll(async () => {
  postgres = await startPostgres();
  store = new PostgresEventStore(postgres.serviceUrl);
  owner = new pg.Client({ connectionString: postgres.migrationUrl });
  service = new pg.Client({ connectionString: postgres.serviceUrl });
  await Promise.all([owner.connect(), service.connect()]);
  const ports = await Promise.all(Array.from({ length: 3_000 }, make));
  await Promise.all(ports.slice(0, 1_000).map(remove));
});
afterAll(async () => {
  await Promise.all([owner?.end(), service?.end(), store?.close()]);
  await postgres?.stop();
});

const one = async (sql: string): Promise<unknown[]> => (await owner.query(sql)).rows as unknown[];
const derived = async (): Promise<unknown> => [
  await one('SELECT * FROM plumbline.streams ORDER BY stream'),
  await one('SELECT * FROM plumbline.claims ORDER BY key'),
  await one('SELECT * FROM plumbline.objects ORDER BY kind, id'),
  await one('SELECT * FROM plumbline.tallies WHERE count <> 0 ORDER BY key'),
];
/** Tables, partitions, columns, indexes, keys, storage settings, owners and rights, by name. */
const schema = async (): Promise<unknown> => [
  await one(`SELECT c.relname, c.relkind, c.relowner, c.reloptions, p.relname AS parent, pg_get_expr(c.relpartbound, c.oid) AS bound,
      pg_get_partkeydef(c.oid) AS split, ARRAY(SELECT unnest(c.relacl)::text ORDER BY 1) AS rights
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
    WHERE c.relnamespace = 'plumbline'::regnamespace ORDER BY c.relname`),
  await one(`SELECT attrelid::regclass::text AS of, attname, atttypid::regtype::text AS type, attnotnull, attcollation, attstorage
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE c.relnamespace = 'plumbline'::regnamespace AND c.relkind IN ('r', 'p') AND attnum > 0 ORDER BY 1, attnum`),
  await one(`SELECT indexdef FROM pg_indexes WHERE schemaname = 'plumbline' ORDER BY indexname`),
  await one(`SELECT conrelid::regclass::text AS of, conname, contype, pg_get_constraintdef(oid) AS says
    FROM pg_constraint WHERE connamespace = 'plumbline'::regnamespace ORDER BY 1, 2`),
  await one(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'plumbline%' ORDER BY 1`),
];

describe('rebuildReadModels beside the tables that serve', () => {
  it('leaves tables, indexes, their names, storage settings, owners and rights as migrations made them', async () => {
    const before = await schema();
    await rebuildReadModels(postgres.migrationUrl, derivation);
    expect(await schema()).toEqual(before);
    expect(
      await store.append(command({ events: [event('port-new', 'PortCreated')], expect: { 'port-new': 1 } })),
    ).toEqual({
      ok: false,
      lost: { kind: 'version', stream: 'port-new' },
    });
  });

  it('lets others read and write meanwhile, with prepared statements too, and misses nothing they wrote', async () => {
    const ports: string[] = [];
    const gaps: number[] = [];
    let reads = 0;
    let done = false;
    const writer = async (): Promise<void> => {
      let last = performance.now();
      while (!done) {
        ports.push(await make());
        if (ports.length % 3 === 0) await remove(ports[ports.length - 2] as string);
        gaps.push(performance.now() - last);
        last = performance.now();
      }
    };
    const reader = async (): Promise<void> => {
      const text =
        'SELECT count(*) AS there FROM plumbline.ports p JOIN plumbline.claims c ON c.key = $1 || (p.doc ->> $2)';
      while (!done) {
        const { rows } = await service.query<{ there: string }>({ name: 'counted', text, values: ['address/', 'ip'] });
        expect(Number(rows[0]?.there)).toBeGreaterThanOrEqual(2_000);
        reads += 1;
      }
    };
    const loader = async (): Promise<void> => {
      while (!done) {
        const { rows, streams } = await store.load();
        expect(rows.length).toBeGreaterThanOrEqual(2_000);
        expect(streams.length).toBe(rows.length);
      }
    };
    const others = [writer(), writer(), reader(), loader()];
    let first = 0;
    const rebuilt = await rebuildReadModels(postgres.migrationUrl, derivation, { progress: (_, of) => (first = of) });
    await delay(50);
    done = true;
    await Promise.all(others);
    // Something was written after the rebuild had begun, and is in it.
    expect(rebuilt.events).toBeGreaterThan(first);
    expect(reads).toBeGreaterThan(2);
    expect(Math.max(...gaps)).toBeLessThan(2_000);
    const served = await derived();
    await rebuildReadModels(postgres.migrationUrl, derivation);
    expect(await derived()).toEqual(served);
    await make();
  });

  it('waits for whoever reads the tables without holding up writers, and changes them afterwards', async () => {
    const table = () => one(`SELECT 'plumbline.streams'::regclass::oid`);
    const before = await table();
    await service.query('BEGIN; SELECT count(*) FROM plumbline.ports');
    const rebuilding = rebuildReadModels(postgres.migrationUrl, derivation);
    let over = false;
    void rebuilding.finally(() => (over = true));
    const until = performance.now() + 2_500;
    let slowest = 0;
    while (performance.now() < until) {
      const from = performance.now();
      await make();
      slowest = Math.max(slowest, performance.now() - from);
    }
    expect([over, await table()]).toEqual([false, before]);
    expect(slowest).toBeLessThan(2_000);
    await service.query('COMMIT');
    await rebuilding;
    expect(await table()).not.toEqual(before);
  });

  it('refuses a second one and a migration beside it, and one beside a migration', async () => {
    let second: Promise<unknown> | undefined;
    let migration: Promise<unknown> | undefined;
    let ended = false;
    const first = rebuildReadModels(postgres.migrationUrl, derivation, {
      progress: () => {
        second ??= rebuildReadModels(postgres.migrationUrl, derivation).then(
          () => 'rebuilt',
          (error: Error) => error.message,
        );
        migration ??= migrate(postgres.migrationUrl).then(() => ended);
      },
    });
    await first;
    ended = true;
    expect(await second).toBe('another rebuild of this database is running; nothing was changed');
    // The migration waited until the rebuild had ended.
    expect(await migration).toBe(true);

    await owner.query(`SELECT pg_advisory_lock(hashtext('plumbline migrations'))`);
    await expect(rebuildReadModels(postgres.migrationUrl, derivation)).rejects.toThrow(
      'a migration of this database is running',
    );
    await owner.query(`SELECT pg_advisory_unlock(hashtext('plumbline migrations'))`);
  });

  it('has changed nothing when it is ended midway, and the next one removes what it left', async () => {
    const before = [await derived(), await schema()];
    let ended: Promise<unknown> | undefined;
    const rebuilding = rebuildReadModels(postgres.migrationUrl, derivation, {
      progress: () => {
        ended ??= one(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'plumbline rebuild'`,
        );
      },
    });
    await expect(rebuilding).rejects.toThrow();
    await ended;
    expect(await one(`SELECT nspname FROM pg_namespace WHERE nspname = 'plumbline_beside'`)).toHaveLength(1);
    expect(await derived()).toEqual(before[0]);
    await make();
    await rebuildReadModels(postgres.migrationUrl, derivation);
    expect(await schema()).toEqual(before[1]);
  });

  it('refuses a log that lost or changed an event, and changes nothing', async () => {
    const before = [await derived(), await schema()];
    for (const damage of [
      `UPDATE plumbline.events SET envelope = replace(envelope, 'ip-', 'pi-') WHERE position = 5`,
      'DELETE FROM plumbline.events WHERE position = 7',
      'DELETE FROM plumbline.events WHERE position = (SELECT max(position) FROM plumbline.events)',
      `UPDATE plumbline.log_head SET hash = sha256('x')`,
    ]) {
      await owner.query(
        `CREATE TABLE public.kept AS SELECT * FROM plumbline.events; CREATE TABLE public.kept_head AS SELECT * FROM plumbline.log_head`,
      );
      await owner.query(damage);
      await expect(rebuildReadModels(postgres.migrationUrl, derivation)).rejects.toThrow('plumb log verify');
      await owner.query(`DELETE FROM plumbline.events; INSERT INTO plumbline.events SELECT * FROM public.kept;
        UPDATE plumbline.log_head h SET hash = k.hash FROM public.kept_head k; DROP TABLE public.kept, public.kept_head`);
    }
    expect([await derived(), await schema()]).toEqual(before);
  });
});
