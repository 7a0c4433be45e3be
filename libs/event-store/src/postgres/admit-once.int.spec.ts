/** A log of the release before admissions is migrated: its nodes are admitted once, as they stand. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { CATALOGUE_VERSION, type Recorded } from '@plumbline/contracts';
import { evolve, readRow, streamOf } from '@plumbline/topology';
import { nodeRegistered } from '@plumbline/topology/testing';
import pg from 'pg';
import { wire } from '../command.js';
import { derivation } from '../derivation.js';
import type { RowUpsert } from '../event-store.js';
import { createDataSource } from './data-source.js';
import { EmbeddedPostgres, embeddedServiceRole, startEmbeddedPostgres } from './embedded.js';
import { migrate } from './migrate.js';
import { PostgresEventStore } from './postgres-event-store.js';

const OLDER = CATALOGUE_VERSION - 1;
let dir: string;
let postgres: EmbeddedPostgres;
let owner: pg.Client;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), `plumb-admit-${process.pid}-`));
  await chmod(dir, 0o711);
  const place = { dataDir: join(dir, 'data'), socketDir: join(dir, 'run'), port: null, flushNew: false };
  postgres = await startEmbeddedPostgres(place);
  owner = new pg.Client({ connectionString: postgres.migrationUrl });
  await owner.connect();
  await owner.query('CREATE SCHEMA plumbline');
  const source = createDataSource(postgres.migrationUrl, { poolSize: 1 });
  const older = source.setOptions({
    migrations: (source.options.migrations as (new () => object)[]).filter(({ name }) => !/^NodeAdmission/.test(name)),
  });
  await older.initialize();
  await older.runMigrations();
  await older.destroy();
  await owner.query('UPDATE plumbline.derived SET generation = $1', [OLDER]);
  const meta = { requestId: 'req-1', userId: '', projectId: '', time: '2026-01-01T00:00:00.000Z' };
  const append = async (event: Parameters<typeof streamOf>[0], version: number): Promise<void> => {
    const stream = streamOf(event);
    const object = evolve(undefined, { position: -1, event: event as Recorded['event'], meta });
    const command = {
      ...{ events: [{ stream, ...event }], expect: { [stream]: version }, meta, basis: null },
      ...{ take: [], release: [], none: [], hosts: [], tally: {}, limits: {} },
      rows: object ? [readRow(object, version + 1) as RowUpsert] : [],
    };
    const { rows } = await owner.query('SELECT plumbline.append_batch($1, 10000, $2, $3) AS answers', [
      ...[OLDER, '[]', `[${wire(command).text}]`],
    ]);
    expect(rows[0].answers[0]).toHaveProperty('b');
  };
  await append(nodeRegistered('net1', '10.9.0.1', { physnet2: 'br-two', physnet1: 'br-ex' }), 0);
  await append(nodeRegistered('cmp1', '10.9.0.2'), 0);
  await append(nodeRegistered('cmp1', '10.9.0.3'), 1);
  const agent = `INSERT INTO plumbline.agents (id, host, kind, started_at, heartbeat_at) VALUES (gen_random_uuid(), $1, $2, now(), now())`;
  for (const [host, kind] of [
    ['net1', 'l3'],
    ['net1', 'ovs'],
    ['cmp1', 'ovs'],
    ['stranger', 'l3'],
  ])
    await owner.query(agent, [host, kind]);
});
afterAll(async () => {
  await owner?.end();
  await postgres?.stop();
  await rm(dir, { recursive: true, force: true });
});

const admissions = async () =>
  (await owner.query(`SELECT id, stream, envelope FROM plumbline.events WHERE type = 'NodeAdmitted' ORDER BY position`))
    .rows;

it('waits until the tables are derived anew', async () => {
  expect(await migrate(postgres.migrationUrl, { serviceRole: embeddedServiceRole })).toMatchObject({
    applied: ['NodeAdmission1765000000008'],
    admitted: [],
  });
  expect(await admissions()).toEqual([]);
});

it('admits each node of the log to what it is, names it, and does so once', async () => {
  const options = { serviceRole: embeddedServiceRole, derivation };
  const { admitted } = await migrate(postgres.migrationUrl, options);
  expect(admitted).toEqual([
    { host: 'cmp1', roles: ['compute'], physicalNetworks: [] },
    { host: 'net1', roles: ['compute', 'network'], physicalNetworks: ['physnet1', 'physnet2'] },
  ]);
  const made = await admissions();
  expect(made.map(({ stream }) => stream)).toEqual(['admission-cmp1', 'admission-net1']);
  // Two copies of a database make the same events: nothing of them is of the moment.
  for (const { envelope } of made)
    expect(JSON.parse(envelope)).toMatchObject({ meta: { time: '2026-01-01T00:00:00.000Z' }, version: 1 });
  const store = new PostgresEventStore(postgres.serviceUrl);
  const { rows } = await store.load();
  expect(rows.find(({ kind, id }) => kind === 'admission' && id === 'net1')).toMatchObject({
    doc: { roles: ['compute', 'network'], physicalNetworks: ['physnet1', 'physnet2'], bridges: {} },
    setAt: { admission: 5 },
  });
  await store.close();
  expect((await migrate(postgres.migrationUrl, options)).admitted).toEqual([]);
  expect(await admissions()).toEqual(made);
});
