import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { AppendCommand } from '../../event-store.js';
import { command, happened } from '../../testing/commands.js';
import { derivation, rowOf, tallyOf } from '../../testing/port-catalogue.js';
import { startPostgres, TestPostgres } from '../../testing/start-postgres.js';
import { PostgresEventStore } from '../postgres-event-store.js';
import { rebuildReadModels } from './rebuild.js';

describe('rebuildReadModels', () => {
  let postgres: TestPostgres;
  let store: PostgresEventStore;
  let owner: pg.Client;
  beforeAll(async () => {
    postgres = await startPostgres();
    store = new PostgresEventStore(postgres.serviceUrl);
    owner = new pg.Client({ connectionString: postgres.migrationUrl });
    await owner.connect();
  });
  afterAll(async () => {
    await owner?.end();
    await store?.close();
    await postgres?.stop();
  });

  const derived = async (): Promise<unknown> => [
    (await owner.query('SELECT * FROM plumbline.streams ORDER BY stream')).rows,
    (await owner.query('SELECT * FROM plumbline.claims ORDER BY key')).rows,
    (await owner.query('SELECT * FROM plumbline.objects ORDER BY kind, id')).rows,
    (await owner.query('SELECT * FROM plumbline.tallies WHERE count <> 0 ORDER BY key')).rows,
    (await owner.query('SELECT * FROM plumbline.feed_head ORDER BY host')).rows,
    (await owner.query('SELECT * FROM plumbline.log_head')).rows,
  ];

  it('is refused to another release, which migrates instead, and changes nothing then', async () => {
    const before = await derived();
    const rebuild = (generation: number) => rebuildReadModels(postgres.migrationUrl, { ...derivation, generation });
    const { generation } = derivation;
    await expect(rebuild(generation - 1)).rejects.toThrow(/made by a newer release.*use that release/);
    await expect(rebuild(generation + 1)).rejects.toThrow(/of an older release.*run "plumb db migrate"/);
    await owner.query(`INSERT INTO plumbline.migrations (timestamp, name) VALUES (1, 'Later1999999999999')`);
    await expect(rebuild(generation)).rejects.toThrow(/migrated by a newer release \(Later1999999999999\)/);
    const { rows } = await owner.query(
      `DELETE FROM plumbline.migrations WHERE name ~ '^(Later|ReportPages)' RETURNING timestamp, name`,
    );
    await expect(rebuild(generation)).rejects.toThrow(/of an older release/);
    await owner.query(`INSERT INTO plumbline.migrations (timestamp, name) VALUES ($1, 'ReportPages1765000000010')`, [
      rows.find(({ name }) => name !== 'Later1999999999999').timestamp,
    ]);
    expect(await derived()).toEqual(before);
    expect((await owner.query(`SELECT FROM pg_namespace WHERE nspname = 'plumbline_beside'`)).rowCount).toBe(0);
  });

  it('makes again from the log exactly what the appends had made', async () => {
    const event = (stream: string, type: string, ip?: string) => ({ stream, type, version: 1, data: { ip } });
    const ids = Array.from({ length: 60 }, () => randomUUID());
    const commands: AppendCommand[] = ids.map((id, n) =>
      command({
        events: [event(`port-${id}`, 'PortCreated', `old-${n}`), event(`port-${id}`, 'PortMoved', `ip-${n}`)],
        expect: { [`port-${id}`]: 0 },
        take: [`address/ip-${n}`],
        rows: [rowOf({ id, ip: `ip-${n}`, version: 2, setAt: { existence: -1, ip: -2 } })],
        hosts: ['h'],
        tally: { [tallyOf(id)]: 1 },
      }),
    );
    const made = await Promise.all(commands.map((each) => store.append(each)));
    for (const [n, id] of ids.entries()) {
      const first = made[n]!.ok ? made[n]!.before + 1 : 0;
      const stream = `port-${id}`;
      if (n % 3 === 0) {
        await store.append(
          command({
            events: [event(stream, 'PortDeleted')],
            expect: { [stream]: 2 },
            release: [`address/ip-${n}`],
            rows: [{ kind: 'port', id, deleted: true }],
            tally: { [tallyOf(id)]: -1 },
          }),
        );
      } else if (n % 3 === 1) {
        await store.append(
          command({
            events: [event(stream, 'PortMoved', `moved-${n}`)],
            expect: { [stream]: 2 },
            release: [`address/ip-${n}`],
            take: [`address/moved-${n}`],
            rows: [rowOf({ id, ip: `moved-${n}`, version: 3, setAt: { existence: first, ip: -1 } })],
          }),
        );
      }
    }
    const live = await derived();
    const counts = { events: 160, streams: 60, rows: 40, claims: 40 };
    expect(await rebuildReadModels(postgres.migrationUrl, derivation)).toEqual(counts);
    expect(await derived()).toEqual(live);

    await owner.query('TRUNCATE plumbline.objects, plumbline.claims, plumbline.streams, plumbline.tallies');
    expect(await rebuildReadModels(postgres.migrationUrl, derivation)).toEqual(counts);
    expect(await derived()).toEqual(live);
    expect(await store.append(happened('port-new', 0, { take: ['address/ip-2'] }))).toMatchObject({ ok: false });
  });

  it('changes nothing when the log says that two objects hold one claim', async () => {
    const before = await derived();
    const same = { ...derivation, claimsOf: () => ['one for all'] };
    await expect(rebuildReadModels(postgres.migrationUrl, same)).rejects.toThrow('duplicate key');
    expect(await derived()).toEqual(before);
  });

  it('verify names the first position whose bytes, columns, hash or presence differ', async () => {
    expect(await store.verify()).toMatchObject({ ok: true });
    const cases: readonly (readonly [string, number])[] = [
      [`UPDATE plumbline.events SET envelope = replace(envelope, 'PortMoved', 'PortLoved') WHERE position = 4`, 4],
      [`UPDATE plumbline.events SET stream_version = 9 WHERE position = 4`, 4],
      [`UPDATE plumbline.events SET hash = sha256('x') WHERE position = 7`, 7],
      ['DELETE FROM plumbline.events WHERE position = 11', 11],
      ['DELETE FROM plumbline.events WHERE position = (SELECT max(position) FROM plumbline.events)', 160],
      [`UPDATE plumbline.log_head SET hash = sha256('x')`, 160],
    ];
    for (const [sql, position] of cases) {
      const before = (await owner.query('SELECT * FROM plumbline.events ORDER BY position')).rows as unknown[];
      await owner.query(`CREATE TABLE plumbline.kept AS SELECT * FROM plumbline.events`);
      await owner.query(`CREATE TABLE plumbline.kept_head AS SELECT * FROM plumbline.log_head`);
      await owner.query(sql);
      expect(await store.verify()).toMatchObject({ ok: false, position });
      await owner.query(`DELETE FROM plumbline.events; INSERT INTO plumbline.events SELECT * FROM plumbline.kept;
        UPDATE plumbline.log_head h SET hash = k.hash FROM plumbline.kept_head k; DROP TABLE plumbline.kept, plumbline.kept_head`);
      expect((await owner.query('SELECT * FROM plumbline.events ORDER BY position')).rows).toEqual(before);
    }
    expect(await store.verify()).toMatchObject({ ok: true });
  });
});
