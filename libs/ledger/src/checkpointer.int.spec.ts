/** Checkpoints that a process makes of what it has folded, and a start from them, over a real PostgreSQL. */
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import {
  derivation,
  PostgresCheckpoints,
  PostgresEventStore,
  rebuildReadModels,
  topologyAt,
} from '@plumbline/event-store';
import { startPostgres, TestPostgres, writeLongLog } from '@plumbline/event-store/testing';
import { createLogger } from '@plumbline/telemetry';
import { canonical, Topology } from '@plumbline/topology';
import pg from 'pg';
import { Checkpointer } from './checkpointer.js';
import { Follower } from './follower.js';

let postgres: TestPostgres;
let store: PostgresEventStore;
let checkpoints: PostgresCheckpoints;
let owner: pg.Client;
let deleted = 0;
const lines: string[] = [];
const logger = createLogger({
  name: 'test',
  level: 'info',
  destination: { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) },
});
const open: Follower[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
  store = new PostgresEventStore(postgres.serviceUrl);
  checkpoints = new PostgresCheckpoints(postgres.serviceUrl);
  owner = new pg.Client({ connectionString: postgres.migrationUrl });
  await owner.connect();
  await writeLongLog(postgres.migrationUrl, { living: 500, deleted: 500 });
  await rebuildReadModels(postgres.migrationUrl, derivation);
});
afterEach(async () => {
  for (const follower of open.splice(0)) await follower.close();
  lines.length = 0;
});
afterAll(async () => {
  await Promise.all([owner?.end(), store?.close()]);
  await postgres?.stop();
});

const follower = async (): Promise<Follower> => {
  const each = await Follower.open({ store, checkpoints, logger, publish: () => undefined });
  open.push(each);
  return each;
};
const checkpointer = (of: Follower, span = 1_000) =>
  new Checkpointer({ follower: of, checkpoints, logger, events: 200, span });
const made = async (): Promise<number[]> =>
  (await checkpoints.list(Number.MAX_SAFE_INTEGER)).map(({ position }) => position);
const goOn = async (of: Follower, ports: number): Promise<void> => {
  await writeLongLog(postgres.migrationUrl, { living: 0, deleted: ports, deletedBefore: 500 + deleted });
  deleted += ports;
  await of.catchUp();
};
const digest = (topology: Topology): string =>
  canonical([
    topology.position,
    [...topology.keys()].sort().map((key) => topology.byKey(key)),
    [...topology.streamVersions()].sort(),
  ]);

it('a start from a checkpoint and what came after is a start from the rows, and a fold of the whole log', async () => {
  const one = await follower();
  expect(lines).toEqual(['log loaded']);
  await checkpointer(one).makeIfDue();
  expect(await made()).toEqual([one.topology.position]);
  await goOn(one, 30);
  lines.length = 0;
  const other = await follower();
  expect(lines).toEqual(['log loaded from a checkpoint']);
  const none = { list: async () => [], read: checkpoints.read.bind(checkpoints) };
  const whole = await topologyAt(one.topology.position, {
    store,
    checkpoints: none,
    passedOver: () => undefined,
    hurry: true,
  });
  await owner.query('DELETE FROM plumbline.checkpoints');
  const rows = await follower();
  expect(lines).toEqual(['log loaded from a checkpoint', 'log loaded']);
  const [expected, ...others] = [whole.topology, one.topology, other.topology, rows.topology].map(digest);
  expect(others).toEqual([expected, expected, expected]);
  expect([one.hash, other.hash, rows.hash]).toEqual([whole.hash, whole.hash, whole.hash]);
  expect([other, rows].map(({ claims }) => canonical(claims))).toEqual([canonical(one.claims), canonical(one.claims)]);
});

it('one is made when the log has gone on far enough, by whichever process, and those between are removed', async () => {
  const [one, other] = [await follower(), await follower()];
  const makers = [checkpointer(one), checkpointer(other)] as const;
  for (const maker of makers) await maker.makeIfDue();
  const [first] = await made();
  expect(await made()).toEqual([one.topology.position]);
  await goOn(one, 50);
  await other.catchUp();
  for (const maker of makers) await maker.makeIfDue();
  expect(await made()).toEqual([first]);
  for (let round = 0; round < 8; round += 1) {
    await goOn(one, 100);
    await other.catchUp();
    await makers[round % 2]!.makeIfDue();
    await makers[(round + 1) % 2]!.makeIfDue();
  }
  const positions = await made();
  // The last three, and before them one in a thousand events.
  expect(positions.slice(0, 3)).toEqual([0, 200, 400].map((back) => one.topology.position - back));
  expect(positions.slice(3).map((position) => Math.floor(position / 1_000))).toEqual([
    ...new Set(positions.slice(3).map((position) => Math.floor(position / 1_000))),
  ]);
  expect(positions.length).toBeLessThan(7);
});

it('a checkpoint that leads to other objects than the rows is not used, and is said', async () => {
  const one = await follower();
  await goOn(one, 200);
  await checkpointer(one).makeIfDue();
  await owner.query(`CREATE TABLE public.kept AS SELECT * FROM plumbline.objects WHERE kind = 'port' LIMIT 1;
    DELETE FROM plumbline.objects WHERE id IN (SELECT id FROM public.kept)`);
  lines.length = 0;
  const other = await follower();
  expect(lines).toEqual([expect.stringContaining('run "plumb db rebuild"'), 'log loaded']);
  expect(other.topology.all('port')).toHaveLength(499);
  // A rebuild trusts no checkpoint, and leaves none.
  await rebuildReadModels(postgres.migrationUrl, derivation);
  expect(await made()).toEqual([]);
  expect((await follower()).topology.all('port')).toHaveLength(500);
});
