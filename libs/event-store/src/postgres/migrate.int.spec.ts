import { mkdtemp, chmod, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import pg from 'pg';
import { wire } from '../command.js';
import { happened, portRow } from '../testing/commands.js';
import { createDataSource } from './data-source.js';
import { EmbeddedPostgres, embeddedServiceRole, startEmbeddedPostgres } from './embedded.js';
import { migrate } from './migrate.js';
import { Log1763700000001 } from './migrations/0001-log.js';
import { PostgresEventStore } from './postgres-event-store.js';
import { Derivation } from './rebuild/derivation.js';

type Port = Readonly<{ id: string; position: number }>;

const derivation: Derivation<Port> = {
  keyOf: (event) => event.stream,
  evolve: (_port, { stream, position }) => ({ id: stream.slice('port-'.length), position }),
  rowOf: ({ id, position }) => portRow(id, 1, { name: 'by this release', setAt: { existence: position } }),
  claimsOf: ({ id }) => [`address/${id}`],
  tallyOf: () => 'port/project',
  generation: CATALOGUE_VERSION,
};

describe('migrate on a log of the first release', () => {
  let dir: string;
  let postgres: EmbeddedPostgres;
  let owner: pg.Client;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), `plumb-migrate-${process.pid}-`));
    await chmod(dir, 0o711);
    const place = { dataDir: join(dir, 'data'), socketDir: join(dir, 'run'), port: null, flushNew: false };
    postgres = await startEmbeddedPostgres(place);
    owner = new pg.Client({ connectionString: postgres.migrationUrl });
    await owner.connect();
    await owner.query('CREATE SCHEMA plumbline');
    const first = createDataSource(postgres.migrationUrl, { poolSize: 1 }).setOptions({
      migrations: [Log1763700000001],
    });
    await first.initialize();
    await first.runMigrations();
    await first.destroy();
    for (const id of ['a', 'b', 'c'])
      await owner.query('SELECT plumbline.append_batch($1)', [
        `[${wire(happened(`port-${id}`, 0, { rows: [portRow(id)] })).text}]`,
      ]);
  });
  afterAll(async () => {
    await owner?.end();
    await postgres?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const one = async (sql: string): Promise<unknown> => (await owner.query(sql)).rows;

  it('a store says what to run when it finds it as it was', async () => {
    const store = new PostgresEventStore(postgres.migrationUrl);
    await expect(store.load()).rejects.toThrow('run "plumb db migrate"');
    await store.close();
  });

  it('keeps the log, and leaves what is derived for whoever can derive it', async () => {
    const events = await one('SELECT * FROM plumbline.events ORDER BY position');
    const { applied, remade } = await migrate(postgres.migrationUrl, { serviceRole: embeddedServiceRole });
    expect({ applied, remade }).toEqual({
      applied: [
        'Tallies1763800000002',
        'AgentKinds1764300000003',
        'Checkpoints1764300000005',
        'Fences1764340000004',
        'FeedPruned1765000000006',
        'NodeOwners1765000000007',
        'NodeAdmission1765000000008',
        'ReportPages1765000000010',
        'GatheredClaims1765000000011',
        'PacketLogs1765000000013',
        'InstanceData1765000000014',
        'ServerEvents1765000000015',
      ],
      remade: null,
    });
    expect(await one('SELECT * FROM plumbline.events ORDER BY position')).toEqual(events);
    const store = new PostgresEventStore(postgres.serviceUrl);
    expect(await store.load()).toMatchObject({ generation: 0, head: { position: 3 } });
    await store.close();
  });

  it('takes in agents of any kind: what kinds there are is declared in contracts', async () => {
    const row = `INSERT INTO plumbline.agents (id, host, kind, started_at, heartbeat_at)
      VALUES ('00000000-0000-4000-8000-000000000001', 'net1', 'later', now(), now()) RETURNING kind`;
    expect(await one(row)).toEqual([{ kind: 'later' }]);
  });

  it('makes again once what another release derived', async () => {
    const options = { serviceRole: embeddedServiceRole, derivation };
    expect(await migrate(postgres.migrationUrl, options)).toEqual({
      applied: [],
      remade: { events: 3, streams: 3, rows: 3, claims: 3 },
      admitted: [],
    });
    expect(await one('SELECT * FROM plumbline.tallies')).toEqual([{ key: 'port/project', count: '3' }]);
    expect(await one('SELECT DISTINCT name FROM plumbline.objects')).toEqual([{ name: 'by this release' }]);
    expect(await migrate(postgres.migrationUrl, options)).toEqual({ applied: [], remade: null, admitted: [] });
    const older = { ...options, derivation: { ...derivation, generation: CATALOGUE_VERSION - 1 } };
    await expect(migrate(postgres.migrationUrl, older)).rejects.toThrow(/made by a newer release/);
    const store = new PostgresEventStore(postgres.serviceUrl);
    expect(await store.load()).toMatchObject({ generation: CATALOGUE_VERSION });
    const limited = { tally: { 'port/project': 1 }, limits: { 'port/project': 4 } };
    expect(await store.append(happened('port-d', 0, limited))).toMatchObject({ ok: true });
    expect(await store.append(happened('port-e', 0, limited))).toMatchObject({ ok: false, lost: { kind: 'limit' } });
    expect(await store.append(happened('port-e', 0, { take: ['address/a'] }))).toMatchObject({ ok: false });
    await store.close();
  });
});
