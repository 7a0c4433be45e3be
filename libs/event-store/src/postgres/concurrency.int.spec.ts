import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { RecordedEvent } from '../event-store.js';
import { happened } from '../testing/commands.js';
import { buildWriters, spawnWriters, WriterProcess } from '../testing/spawn-writers.js';
import { startPostgres, TestPostgres } from '../testing/start-postgres.js';
import { WriterReport } from '../testing/writer-process.js';
import { PostgresEventStore } from './postgres-event-store.js';

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

describe('several processes on one log', () => {
  let postgres: TestPostgres;
  let store: PostgresEventStore;
  let processes: WriterProcess[] = [];
  beforeAll(async () => {
    buildWriters();
    postgres = await startPostgres();
    store = new PostgresEventStore(postgres.serviceUrl);
  });
  beforeEach(() => {
    processes = [];
  });
  afterAll(async () => {
    for (const each of processes) each.kill();
    await store?.close();
    await postgres?.stop();
  });

  /** The log holds each event that was answered, where it was answered, and nothing else after `from`. */
  const expectAnswersTrue = async (from: number, reports: readonly WriterReport[]): Promise<void> => {
    const log = await store.read(from, 1_000_000);
    const at = new Map(log.map((event) => [event.id, event.position]));
    const answered = reports.flatMap((report) => report.stored);
    expect(answered.filter(([id, position]) => at.get(id) !== position)).toEqual([]);
    expect(log.length).toBe(answered.length);
    expect(log.map((event) => event.position)).toEqual(log.map((_, index) => from + index + 1));
    expect(await store.verify()).toEqual({ ok: true, head: await store.head() });
  };

  it('gives one order without holes to 32 writers in two processes, with delays and rollbacks, and to 4 readers', async () => {
    const options = { url: postgres.serviceUrl, writers: 16, delayMs: 10, rollbacks: 0.05 };
    processes = await Promise.all([spawnWriters(options), spawnWriters(options)]);
    let reading = true;
    const readers = Array.from({ length: 4 }, async () => {
      const own = new PostgresEventStore(postgres.serviceUrl, { readConnections: 1 });
      const seen: RecordedEvent[] = [];
      let last = 0;
      do {
        const { position } = await own.head();
        const [atHead] = position > 0 ? await own.read(position - 1, 1) : [];
        if (position > 0 && atHead?.position !== position) throw new Error(`head ${position} is not readable`);
        for (const event of await own.read(last, 100)) {
          if (event.position !== last + 1) throw new Error(`saw ${event.position} after ${last}`);
          seen.push(event);
          last = event.position;
        }
      } while (reading || last < (await own.head()).position);
      await own.close();
      return seen;
    });
    await pause(5_000);
    const reports = await Promise.all(processes.map((each) => each.finish()));
    reading = false;
    const seen = await Promise.all(readers);
    await expectAnswersTrue(0, reports);
    const log = await store.read(0, 1_000_000);
    for (const each of seen) expect(each).toEqual(log);
    for (const report of reports) {
      expect(report.failed).toEqual([]);
      expect(report.stored.length).toBeGreaterThan(100);
      expect(report.lost).toBeGreaterThan(0);
      expect(report.rolledBack).toBeGreaterThan(0);
    }
    // Each host's feed is one chain: every row names the row before it.
    const heads = new Map<string, number | null>();
    for (const row of await store.feedRows(0, log.length)) {
      expect(row.prev).toBe(heads.get(row.host) ?? null);
      heads.set(row.host, row.position);
    }
    expect(heads.size).toBe(3);
  });

  it('delays nobody while one of two processes is stopped at random instants', async () => {
    const from = (await store.head()).position;
    const options = { url: postgres.serviceUrl, writers: 16, delayMs: 3, rollbacks: 0 };
    processes = await Promise.all([spawnWriters(options), spawnWriters(options)]);
    const [running, stopped] = processes as [WriterProcess, WriterProcess];
    // Longer than the limit: had it held the head row once, somebody would have waited that long.
    for (let round = 0; round < 6; round += 1) {
      await pause(20 + Math.random() * 200);
      process.kill(stopped.pid, 'SIGSTOP');
      await pause(1_200);
      process.kill(stopped.pid, 'SIGCONT');
    }
    const reports = await Promise.all([running.finish(), stopped.finish()]);
    await expectAnswersTrue(from, reports);
    const [free] = reports as [WriterReport, WriterReport];
    expect(reports.flatMap((report) => report.failed)).toEqual([]);
    expect(free.latenciesMs.length).toBeGreaterThan(500);
    const sorted = [...free.latenciesMs].sort((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length * 0.99)]).toBeLessThan(1_000);
    expect(sorted.at(-1)).toBeLessThan(1_000);
  });

  it('lets one command of every shared commit lose its claim and the others succeed', async () => {
    await store.append(happened('port-holder', 0, { take: ['held'] }));
    const owner = new pg.Client({ connectionString: postgres.migrationUrl });
    await owner.connect();
    for (let round = 0; round < 20; round += 1) {
      const loser = round % 8;
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          store.append(
            happened(`port-${round}-${n}`, 0, { take: [`c/${round}/${n}`, ...(n === loser ? ['held'] : [])] }),
          ),
        ),
      );
      expect(results.map((each) => each.ok)).toEqual(results.map((_, n) => n !== loser));
      expect(results[loser]).toEqual({ ok: false, lost: { kind: 'claim', key: 'held' } });
      const { rows } = await owner.query(
        'SELECT count(DISTINCT xmin::text)::int AS commits, count(*)::int AS events FROM plumbline.events WHERE stream LIKE $1',
        [`port-${round}-%`],
      );
      expect(rows).toEqual([{ commits: 1, events: 7 }]);
      const left = await owner.query('SELECT 1 FROM plumbline.claims WHERE key = $1', [`c/${round}/${loser}`]);
      expect(left.rows).toEqual([]);
    }
    await owner.end();
  });

  it('answers the truth when connections are cut under it', async () => {
    const from = (await store.head()).position;
    processes = [await spawnWriters({ url: postgres.serviceUrl, writers: 16, delayMs: 1, rollbacks: 0 })];
    const admin = new pg.Client({ connectionString: postgres.adminUrl });
    await admin.connect();
    let cut = 0;
    let last = from;
    while (cut < 40 || last < from + 120) {
      // A slow machine is given the time to store something between two cuts.
      while ((await store.head()).position === last);
      last = (await store.head()).position;
      await pause(Math.random() * 60);
      const { rowCount } = await admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'plumbline append'`,
      );
      cut += rowCount ?? 0;
    }
    await admin.end();
    const report = await processes[0]!.finish();
    expect(report.failed).toEqual([]);
    expect(report.stored.length).toBeGreaterThan(100);
    await expectAnswersTrue(from, [report]);
  });

  it('loses nothing that was answered when PostgreSQL is killed under load, three times', async () => {
    const from = (await store.head()).position;
    processes = [
      await spawnWriters({ url: postgres.serviceUrl, writers: 16, delayMs: 1, rollbacks: 0, deadlineMs: 30_000 }),
    ];
    for (let round = 0; round < 3; round += 1) {
      await pause(300 + Math.random() * 300);
      process.kill(postgres.pid, 'SIGKILL');
      postgres = await postgres.restart();
      expect(postgres.started).toBe(true);
    }
    await pause(500);
    const report = await processes[0]!.finish();
    expect(report.failed).toEqual([]);
    expect(report.stored.length).toBeGreaterThan(100);
    await expectAnswersTrue(from, [report]);
  });
});
