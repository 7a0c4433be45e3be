import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ObjectStatus, Report } from '@plumbline/contracts';
import { startPostgres, type TestPostgres } from '@plumbline/event-store/testing';
import pg from 'pg';
import { Observations } from './observations.js';

let postgres: TestPostgres;
let pool: pg.Pool;
let observations: Observations;

beforeAll(async () => {
  postgres = await startPostgres();
  pool = new pg.Pool({ connectionString: postgres.serviceUrl, max: 2 });
  // The server's farewell to connections that are being closed.
  pool.on('error', () => undefined);
  observations = new Observations(pool);
});
afterAll(async () => {
  await pool.end();
  await postgres.stop();
});

const report = (startedAt: string, sequence: number, full: boolean): Report => ({
  log: null,
  state: 'in-sync',
  sequence,
  position: 1,
  full,
  objects: [],
  frozen: [],
  driftRepaired: 0,
  startedAt,
});
const rows = async () =>
  (
    await pool.query(
      'SELECT kind, availability_zone AS zone, configurations AS said FROM plumbline.agents ORDER BY kind',
    )
  ).rows as unknown[];
const known = async (): Promise<string[]> =>
  (await observations.agents()).flatMap(({ host, kind, reported }) => (host === 'net1' && reported ? [kind] : []));

it('an agent that began anew, and whose full report was lost, counts as not known until it is told all', async () => {
  const [old, now] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:01:00.000Z'];
  expect(await observations.store('net1', 'l3', report(old, 7, true))).toBe('stored');
  expect(await known()).toEqual(['l3']);

  expect(await observations.store('net1', 'l3', report(now, 2, false))).toBe('late');
  expect(await known()).toEqual([]);

  expect(await observations.store('net1', 'l3', report(now, 3, true))).toBe('stored');
  expect(await known()).toEqual(['l3']);

  // What the old run said comes late, and says nothing any more.
  expect(await observations.store('net1', 'l3', report(old, 8, false))).toBe('late');
  expect(await observations.store('net1', 'l3', report(now, 2, false))).toBe('late');
  expect(await known()).toEqual(['l3']);
});

it('an agent shows its zone, and how it enforces security groups', async () => {
  const at = '2026-01-02T00:00:00.000Z';
  const node = { tunnelIp: null, bridgeMappings: {}, datapathType: 'netdev' };
  await observations.store('net1', 'l3', { ...report(at, 1, true), availabilityZone: 'east' });
  await observations.store('net1', 'ovs', { ...report(at, 1, true), node });
  const [l3, before] = (await rows()) as { said: object }[];
  expect(l3).toMatchObject({ kind: 'l3', zone: 'east' });
  expect(l3?.said).not.toHaveProperty('firewall');
  expect(before).toMatchObject({ kind: 'ovs', zone: null, said: { firewall: 'none' } });
  await observations.store('net1', 'ovs', { ...report(at, 2, false), node: { ...node, firewall: 'openflow' } });
  const [, after] = (await rows()) as { said: object }[];
  expect(after?.said).toMatchObject({ firewall: 'openflow' });
});

describe('a report in pages', () => {
  const run = '2026-02-01T00:00:00.000Z';
  let reports = 0;
  let sequence = 0;
  const ids = (from: number, count: number): string[] => Array.from({ length: count }, (_, n) => `p${from + n}`);
  const status = (id: string, more: Partial<ObjectStatus> = {}): ObjectStatus => ({
    ...{ kind: 'port', id, position: 1, status: 'ACTIVE' },
    ...more,
  });

  /** The pages of the next report, which names these, in the order in which an agent sends them. */
  function paged(named: readonly ObjectStatus[], of: number, full = true, startedAt = run): Report[] {
    reports += 1;
    const each = Math.ceil(named.length / of);
    return Array.from({ length: of }, (_, at) => ({
      ...report(startedAt, (sequence += 1), full && at === 0),
      page: { report: reports, index: at + 1, of, full },
      objects: named.slice(at * each, (at + 1) * each),
    }));
  }
  const store = async (pages: readonly Report[]): Promise<void> => {
    for (const page of pages) await observations.store('cmp1', 'ovs', page);
  };
  const stored = async (): Promise<string[]> => {
    const { rows } = await pool.query<{ object_id: string }>(
      `SELECT object_id FROM plumbline.object_status WHERE host = 'cmp1' ORDER BY object_id`,
    );
    return rows.map((row) => row.object_id);
  };
  const left = async (): Promise<number> =>
    (await pool.query('SELECT FROM plumbline.report_pages')).rowCount ?? Number.NaN;
  const reported = async (): Promise<boolean | undefined> =>
    (await observations.agents()).find(({ host }) => host === 'cmp1')?.reported;
  const all = (named: readonly string[]) => named.map((id) => status(id));

  it('of 5,000 ports is whole in any order of its pages, at every moment, from two processes at once', async () => {
    const ports = ids(0, 5_000);
    await store(paged(all(ports), 4));
    expect(await stored()).toEqual([...ports].sort());
    for (const order of [
      [3, 2, 1, 0],
      [1, 3, 0, 2],
      [2, 0, 3, 1],
    ]) {
      const inOrder = paged(all(ports), 4);
      const pages = order.map((at) => inOrder[at] as Report);
      await Promise.all([store(pages.slice(0, 2)), store(pages.slice(2)), eachMoment()]);
    }
    expect(await left()).toBe(0);

    async function eachMoment(): Promise<void> {
      for (let n = 0; n < 5; n += 1) expect(await stored()).toHaveLength(5_000);
    }
  });

  it('forgets what none of its pages names, once all of them are there', async () => {
    await store(paged(all(ids(0, 10)), 1));
    const [first, second, third] = paged(all(ids(0, 6)), 3);
    await store([third!, first!, third!]);
    expect(await stored()).toEqual(ids(0, 10));
    await store([second!]);
    expect(await stored()).toEqual(ids(0, 6));
  });

  it('of an agent that has not looked at its node yet forgets nothing and counts as reported; the next one forgets', async () => {
    const startedAt = '2026-01-15T00:00:00.000Z';
    await store(paged(all(ids(0, 6)), 1));
    await store(paged([], 1, true, startedAt).map((page) => ({ ...page, unread: true as const })));
    expect(await stored()).toEqual(ids(0, 6));
    expect(await reported()).toBe(true);
    await store(paged(all(ids(0, 2)), 1, true, startedAt));
    expect(await stored()).toEqual(ids(0, 2));
    await store(paged(all(ids(0, 2)), 1));
  });

  it('of which a page is lost forgets nothing; the next one does, whether its pages come between or not', async () => {
    await store(paged(all(ids(0, 9)), 1));
    const lost = paged(all(ids(0, 6)), 3).slice(0, 2);
    const [a, b] = paged(all(ids(0, 4)), 2);
    await store([lost[0]!, b!, lost[1]!]);
    expect(await stored()).toEqual(ids(0, 9));
    await store([a!]);
    expect(await stored()).toEqual(ids(0, 4));
    expect(await left()).toBe(0);
  });

  it('keeps what a later report said: of what came since, of what changed since, and of what went and is said again', async () => {
    await store(paged(all(ids(0, 4)), 1));
    const [a, b] = paged(all(ids(0, 4)), 2);
    const [since] = paged([status('p9', { position: 2 }), status('p3', { position: 2, status: 'DOWN' })], 1, false);
    await store([a!, since!, b!]);
    expect(await stored()).toEqual([...ids(0, 4), 'p9']);
    const { rows } = await pool.query(`SELECT status FROM plumbline.object_status WHERE object_id = 'p3'`);
    expect(rows).toEqual([{ status: 'DOWN' }]);
    await store(paged([status('p0', { status: 'ABSENT' })], 1, false));
    expect(await stored()).toEqual([...ids(1, 3), 'p9']);
  });

  it('of changes only, is whole in any order too; a page of an older one says nothing any more', async () => {
    await store(paged(all(ids(0, 1)), 1));
    const changes = paged(all(ids(1, 4)), 2, false);
    await store([...changes].reverse());
    expect(await stored()).toEqual(ids(0, 5));
    const [old] = paged([status('p1', { position: 5, status: 'DOWN' })], 1, false);
    const [late] = paged([status('p1', { position: 6 })], 1, false);
    await store([late!, old!]);
    const { rows } = await pool.query(`SELECT status FROM plumbline.object_status WHERE object_id = 'p1'`);
    expect(rows).toEqual([{ status: 'ACTIVE' }]);
  });

  it('of a new run counts as reported with its last page, whatever the clock of the node says', async () => {
    const [again, before] = ['2026-02-02T00:00:00.000Z', '2026-01-31T00:00:00.000Z'];
    for (const startedAt of [again, before]) {
      const [a, b, c] = paged(all(ids(0, 3)), 3, true, startedAt);
      await store([b!]);
      expect(await reported()).toBe(false);
      await store(paged([status('p8')], 1, false, startedAt));
      await store([c!, a!]);
      expect(await reported()).toBe(true);
      expect(await stored()).toEqual([...ids(0, 3), 'p8']);
    }
  });

  it('of which pages are lost time and again leaves no heap behind', async () => {
    for (let n = 0; n < 20; n += 1) await store(paged(all(ids(0, 6)), 3).slice(0, 2));
    expect(await left()).toBeLessThanOrEqual(8);
  });

  it('keeps text that PostgreSQL cannot, as near as it can', async () => {
    await store(paged([status('p0', { status: 'ERROR', reason: 'a\0b\uD800c' })], 1));
    const { rows } = await pool.query(`SELECT reason FROM plumbline.object_status WHERE host = 'cmp1'`);
    expect(rows).toEqual([{ reason: 'a\uFFFDb\uFFFDc' }]);
  });

  it('of the release before, without numbers: what is longer than its page forgets nothing', async () => {
    const former = (named: readonly string[], full: boolean): Report => ({
      ...report(new Date(Date.UTC(2026, 2, 1)).toISOString(), (sequence += 1), full),
      objects: all(named),
    });
    await store([former(ids(0, 2_000), true), former(ids(2_000, 500), false)]);
    expect(await stored()).toHaveLength(2_500);
    await store([former(ids(0, 2_000), true)]);
    expect(await stored()).toHaveLength(2_500);
    expect(await reported()).toBe(true);
    await store([former(ids(0, 3), true)]);
    expect(await stored()).toEqual(ids(0, 3));
  });
});
