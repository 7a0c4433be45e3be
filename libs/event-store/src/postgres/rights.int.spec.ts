import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { readTables } from '../read-tables.js';
import { happened } from '../testing/commands.js';
import { startPostgres, TestPostgres } from '../testing/start-postgres.js';
import { AgentEntity, createDataSource } from './data-source.js';
import { embeddedServiceRole } from './embedded.js';
import { guardStatus, migrate } from './migrate.js';
import { PostgresEventStore } from './postgres-event-store.js';

describe('who may do what to the log', () => {
  let postgres: TestPostgres;
  let service: pg.Client;
  let owner: pg.Client;
  beforeAll(async () => {
    postgres = await startPostgres();
    const store = new PostgresEventStore(postgres.serviceUrl);
    await store.append(happened('port-a', 0, { take: ['k'], hosts: ['h'] }));
    await store.close();
    service = new pg.Client({ connectionString: postgres.serviceUrl });
    owner = new pg.Client({ connectionString: postgres.migrationUrl });
    await Promise.all([service.connect(), owner.connect()]);
  });
  afterAll(async () => {
    await Promise.all([service?.end(), owner?.end()]);
    await postgres?.stop();
  });

  /** All that an intruder with the service's login could want to change: rows, columns, rights, ownership, triggers, functions. */
  const state = async (): Promise<unknown> => {
    const one = async (sql: string): Promise<unknown> => (await owner.query(sql)).rows;
    return [
      await one('SELECT * FROM plumbline.events ORDER BY position'),
      await one('SELECT * FROM plumbline.log_head'),
      await one(`SELECT relname, relacl::text, relowner, relhastriggers, relrowsecurity FROM pg_class c
        WHERE relnamespace = 'plumbline'::regnamespace ORDER BY relname`),
      await one(
        `SELECT proname, proacl::text, proowner, prosrc FROM pg_proc WHERE pronamespace = 'plumbline'::regnamespace ORDER BY oid`,
      ),
      await one(
        `SELECT attname, attacl::text FROM pg_attribute WHERE attrelid = 'plumbline.events'::regclass ORDER BY attnum`,
      ),
      await one(`SELECT nspname, nspacl::text, nspowner FROM pg_namespace WHERE nspname IN ('plumbline', 'public')`),
      await one(`SELECT rolname, rolsuper, rolcreaterole FROM pg_roles ORDER BY rolname`),
    ];
  };

  it.each([
    `UPDATE plumbline.events SET envelope = 'x'`,
    `UPDATE plumbline.events SET hash = hash WHERE position = 1`,
    'DELETE FROM plumbline.events',
    'DELETE FROM plumbline.events WHERE position = 1',
    'TRUNCATE plumbline.events',
    'SELECT * FROM plumbline.events FOR UPDATE',
    `INSERT INTO plumbline.events SELECT * FROM plumbline.events ON CONFLICT (position) DO UPDATE SET envelope = 'x'`,
    `MERGE INTO plumbline.events e USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE`,
    'DROP TABLE plumbline.events',
    'DROP SCHEMA plumbline CASCADE',
    'DROP OWNED BY plumbline_migration',
    'DROP FUNCTION plumbline.append_batch(jsonb)',
    'DROP FUNCTION plumbline.append_batch(integer, integer, jsonb, jsonb)',
    'ALTER TABLE plumbline.events ADD COLUMN more text',
    'ALTER TABLE plumbline.events DISABLE TRIGGER ALL',
    `ALTER TABLE plumbline.events OWNER TO ${embeddedServiceRole}`,
    'ALTER TABLE plumbline.events RENAME TO gone',
    'CREATE TABLE plumbline.mine (a int)',
    'CREATE TRIGGER t BEFORE INSERT ON plumbline.events EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    'CREATE RULE r AS ON INSERT TO plumbline.events DO INSTEAD NOTHING',
    `CREATE OR REPLACE FUNCTION plumbline.append_batch(batch jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT batch'`,
    `GRANT ALL ON plumbline.events TO ${embeddedServiceRole}`,
    `GRANT UPDATE ON plumbline.events TO PUBLIC`,
    `GRANT plumbline_migration TO ${embeddedServiceRole}`,
    `ALTER ROLE ${embeddedServiceRole} SUPERUSER`,
    'SET ROLE plumbline_migration',
    'SET SESSION AUTHORIZATION postgres',
    'UPDATE plumbline.log_head SET log_id = gen_random_uuid()',
    'DELETE FROM plumbline.log_head',
    'INSERT INTO plumbline.log_head SELECT * FROM plumbline.log_head',
    'DELETE FROM plumbline.streams',
    'DELETE FROM plumbline.tallies',
    'UPDATE plumbline.derived SET generation = 0',
    `COPY plumbline.events FROM PROGRAM 'true'`,
  ])('the service cannot: %s', async (sql) => {
    const before = await state();
    // PostgreSQL answers a GRANT without grant option by a warning; so what counts is that nothing changed.
    const refused = await service.query(sql).then(
      () => undefined,
      (error: { code?: string }) => error.code,
    );
    if (!sql.startsWith('GRANT')) expect(['42501', '42704', '2BP01']).toContain(refused);
    expect(await state()).toEqual(before);
  });

  it('append_batch runs with the rights of its caller', async () => {
    const { rows } = await owner.query(`SELECT prosecdef FROM pg_proc WHERE proname = 'append_batch'`);
    // The one that is used, and the one that refuses older releases.
    expect(rows).toEqual([{ prosecdef: false }, { prosecdef: false }]);
  });

  it('tells whether the guard is on', async () => {
    expect(await guardStatus(postgres.serviceUrl)).toEqual({ on: true, reasons: [] });
    const off = await guardStatus(postgres.migrationUrl);
    expect(off.on).toBe(false);
    expect(off.reasons.join()).toContain('owns');
    expect((await guardStatus(postgres.adminUrl)).reasons.join()).toContain('superuser');
  });

  it('migrates again, and from two processes at once, without a change', async () => {
    const before = await state();
    const again = { serviceRole: embeddedServiceRole };
    const both = await Promise.all([migrate(postgres.migrationUrl, again), migrate(postgres.migrationUrl, again)]);
    expect(both).toEqual([
      { applied: [], remade: null, admitted: [] },
      { applied: [], remade: null, admitted: [] },
    ]);
    expect(await state()).toEqual(before);
  });

  it('refuses a service role that does not exist and a schema of a newer release', async () => {
    await expect(migrate(postgres.migrationUrl, { serviceRole: 'nobody' })).rejects.toThrow('"nobody" does not exist');
    await owner.query(
      `INSERT INTO plumbline.migrations (timestamp, name) VALUES (9999999999999, 'Later9999999999999')`,
    );
    await expect(migrate(postgres.migrationUrl)).rejects.toThrow('newer release (Later9999999999999)');
    await owner.query(`DELETE FROM plumbline.migrations WHERE timestamp = 9999999999999`);
  });

  it('has a table for each kind, and the service reads them, the log and the agents', async () => {
    const { rows } = await owner.query<{ relname: string }>(
      `SELECT relid::regclass::text AS relname FROM pg_partition_tree('plumbline.objects') WHERE isleaf`,
    );
    const tables = Object.values(readTables).map((table) => `plumbline.${table}`);
    expect(rows.map((row) => row.relname).sort()).toEqual(tables.sort());
    expect((await service.query('SELECT position, stream FROM plumbline.events')).rows).toEqual([
      { position: '1', stream: 'port-a' },
    ]);
    for (const table of tables) expect((await service.query(`SELECT FROM ${table}`)).rows).toEqual([]);
    const source = await createDataSource(postgres.serviceUrl).initialize();
    try {
      expect(await source.getRepository(AgentEntity).count()).toBe(0);
    } finally {
      await source.destroy();
    }
  });
});
