import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Report } from '@plumbline/contracts';
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
const known = async (): Promise<string[]> => [...((await observations.agents()).get('net1') ?? [])];

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

it('an agent shows its zone, whether it enforces security groups, and that the operator does without', async () => {
  const at = '2026-01-02T00:00:00.000Z';
  const waiving = new Observations(pool, { unenforcedSecurityGroups: true });
  await waiving.store('net1', 'l3', { ...report(at, 1, true), availabilityZone: 'east' });
  await waiving.store('net1', 'ovs', report(at, 1, true));
  expect(await rows()).toEqual([
    expect.objectContaining({
      kind: 'l3',
      zone: 'east',
      said: expect.not.objectContaining({ security_groups: false }),
    }),
    expect.objectContaining({
      kind: 'ovs',
      zone: null,
      said: expect.objectContaining({ security_groups: false, unenforced_security_groups: true }),
    }),
  ]);
  await observations.store('net1', 'ovs', { ...report(at, 2, false), securityGroups: true });
  const [, ovs] = (await rows()) as { said: object }[];
  expect(ovs?.said).toMatchObject({ security_groups: true });
  expect(ovs?.said).not.toHaveProperty('unenforced_security_groups');
});
