/** From any checkpoint, or none, or a bad one: the topology is the one that the whole log gives. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CATALOGUE_VERSION, type PlumbEvent, type Recorded } from '@plumbline/contracts';
import { canonical, prepare, readRow, Topology } from '@plumbline/topology';
import { aLog, type GeneratedLog, networkCreated } from '@plumbline/topology/testing';
import fc from 'fast-check';
import pg from 'pg';
import { command } from '../testing/commands.js';
import { startPostgres, TestPostgres } from '../testing/start-postgres.js';
import { PostgresCheckpoints } from '../postgres/postgres-checkpoints.js';
import { PostgresEventStore } from '../postgres/postgres-event-store.js';
import type { CheckpointStore } from './checkpoints.js';
import { addChunk, CHECKPOINT_FORMAT, chunksOf, contentOf } from './content.js';
import { topologyAt, topologyNear } from './nearest.js';

/** All that a topology answers from. */
const digest = (topology: Topology): string =>
  canonical([
    topology.position,
    [...topology.keys()].sort().map((key) => topology.byKey(key)),
    [...topology.streamVersions()].sort(),
    [...topology.frozen].sort(),
  ]);
const NONE: Pick<CheckpointStore, 'list' | 'read'> = {
  list: async () => [],
  // eslint-disable-next-line require-yield
  read: async function* () {
    throw new Error('there is none');
  },
};

describe('a checkpoint of any topology', () => {
  it('gives the same topology, whatever happened to the one it was taken of', () => {
    fc.assert(
      fc.property(aLog(), fc.nat(), (log: GeneratedLog, seed) => {
        const events = log.flat();
        const at = events.length === 0 ? 0 : seed % (events.length + 1);
        const topology = new Topology();
        for (const recorded of events.slice(0, at)) topology.apply(recorded);
        const before = digest(topology);
        const content = contentOf(topology);
        for (const recorded of events.slice(at)) topology.apply(recorded);
        const again = new Topology();
        for (const text of chunksOf(content)) addChunk(again, text);
        again.position = content.position;
        expect(digest(again)).toBe(before);
        for (const recorded of events.slice(at)) again.apply(recorded);
        expect(canonical([...again.keys()].sort().map((key) => again.byKey(key)))).toBe(
          canonical([...topology.keys()].sort().map((key) => topology.byKey(key))),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('keeps what is frozen', () => {
    const topology = new Topology();
    topology.passed([
      { position: 1, stream: 'port-a', event: { type: 'PortLoved', version: 1, data: {} }, meta: meta() },
    ]);
    const again = new Topology();
    for (const text of chunksOf(contentOf(topology))) addChunk(again, text);
    expect([...again.frozen]).toEqual([['port/a', { position: 1, type: 'PortLoved', version: 1 }]]);
  });
});

const meta = () => ({ requestId: 'r', userId: 'u', projectId: 'p', time: '2026-01-01T00:00:00.000Z' });

describe('checkpoints in PostgreSQL', () => {
  let postgres: TestPostgres;
  let store: PostgresEventStore;
  let owner: pg.Client;
  let checkpoints: PostgresCheckpoints;
  let head: number;
  const passed: string[] = [];
  const options = () => ({
    store,
    checkpoints,
    passedOver: (at: number | null, why: string) => void passed.push(`${at}: ${why}`),
    hurry: true,
  });

  beforeAll(async () => {
    postgres = await startPostgres();
    store = new PostgresEventStore(postgres.serviceUrl);
    checkpoints = new PostgresCheckpoints(postgres.serviceUrl);
    owner = new pg.Client({ connectionString: postgres.migrationUrl });
    await owner.connect();
    const [log] = fc.sample(aLog(400), { numRuns: 1, seed: 11 }) as [GeneratedLog];
    await storeLog(log);
    head = (await store.head()).position;
    expect(head).toBeGreaterThan(200);
  });
  afterAll(async () => {
    await Promise.all([owner?.end(), store?.close()]);
    await postgres?.stop();
  });

  /** As the API would have stored it. */
  async function storeLog(log: GeneratedLog): Promise<void> {
    const topology = new Topology();
    for (const recorded of log) {
      const events = recorded.map(({ event }) => event as unknown as PlumbEvent);
      const prepared = prepare(topology, { events, reads: [], none: [] }, meta());
      const versions = new Map<string, number>();
      const answer = await store.append(
        command({
          events: prepared.events.map(({ stream, event }) => ({ stream, ...event })),
          expect: Object.fromEntries(
            prepared.events.map(({ stream }) => [stream, versions.get(stream) ?? topology.versionOf(stream)]),
          ),
          take: prepared.take,
          release: prepared.release,
          rows: prepared.rows.map((row) => (row.deleted ? row : readRow(row.object, 1))),
          meta: meta(),
        }),
      );
      if (!answer.ok) throw new Error(JSON.stringify(answer.lost));
      for (const each of answer.recorded) topology.apply({ ...each, event: each.event as Recorded['event'] });
    }
  }

  const make = async (position: number, change: (at: Topology) => void = () => undefined): Promise<void> => {
    const { topology, hash } = await topologyAt(position, { ...options(), checkpoints: NONE });
    change(topology);
    const at = { position, hash, generation: CATALOGUE_VERSION, format: CHECKPOINT_FORMAT };
    expect(await checkpoints.write(at, chunksOf(contentOf(topology)))).toBe('made');
  };
  const both = async (position: number): Promise<[string, string]> => {
    const [from, whole] = [
      await topologyAt(position, options()),
      await topologyAt(position, { ...options(), checkpoints: NONE }),
    ];
    expect(from.hash).toBe(whole.hash);
    expect(from.hash).toBe(await store.hashAt(position));
    return [digest(from.topology), digest(whole.topology)];
  };

  it('the nearest is used, and any position is as a fold from 1 has it', async () => {
    const places = [Math.floor(head / 3), Math.floor((2 * head) / 3)] as const;
    for (const place of places) await make(place);
    expect((await checkpoints.list(head)).map(({ position }) => position)).toEqual([places[1], places[0]]);
    expect((await checkpoints.list(places[1] - 1)).map(({ position }) => position)).toEqual([places[0]]);
    for (const at of [0, 1, places[0] - 1, places[0], places[0] + 1, places[1], head]) {
      const [from, whole] = await both(at);
      expect(from).toBe(whole);
    }
    expect(passed).toEqual([]);
    // It is really begun from: a log whose early events cannot be read any more shows it.
    const late = {
      ...store,
      read: (after: number, limit: number) =>
        after < places[1] ? Promise.reject(new Error('too early')) : store.read(after, limit),
      hashAt: (at: number) => store.hashAt(at),
    };
    expect((await topologyAt(head, { ...options(), store: late })).topology.position).toBe(head);
    expect(await topologyNear(head, options(), 1)).toBeNull();
  });

  it.each([
    [
      'a chunk changed',
      `UPDATE plumbline.checkpoint_chunks SET content = overlay(content PLACING '\\x00'::bytea FROM 20)`,
      '',
    ],
    ['a chunk is missing', 'DELETE FROM plumbline.checkpoint_chunks WHERE number = 0', 'its content is damaged'],
    [
      'a chunk is another one, well formed',
      `UPDATE plumbline.checkpoint_chunks SET content = c.content FROM plumbline.checkpoint_chunks c
       WHERE c.position <> plumbline.checkpoint_chunks.position AND c.number = plumbline.checkpoint_chunks.number`,
      'its content is damaged',
    ],
    [
      'another catalogue made it',
      'UPDATE plumbline.checkpoints SET generation = generation - 1',
      'another release made it',
    ],
    ['it has another format', 'UPDATE plumbline.checkpoints SET format = 0', 'another release made it'],
    [
      'it is of another branch',
      `UPDATE plumbline.checkpoints SET hash = sha256('x')`,
      'the log has another hash at its position',
    ],
  ])('is not used when %s, and the answer is the same', async (_, damage, why) => {
    await owner.query('DELETE FROM plumbline.checkpoints');
    await make(Math.floor(head / 3));
    await make(Math.floor(head / 2));
    passed.length = 0;
    await owner.query(damage);
    const [from, whole] = await both(head);
    expect(from).toBe(whole);
    expect(passed).toHaveLength(2);
    if (why) expect(passed.every((line) => line.endsWith(why))).toBe(true);
  });

  it('is not used, and not made, where the log has lost its tail', async () => {
    await owner.query('DELETE FROM plumbline.checkpoints');
    await make(head - 40);
    const { topology, hash } = await topologyAt(head, { ...options(), checkpoints: NONE });
    await make(head);
    passed.length = 0;
    // The state of the database as an older backup has it, and other events since: another branch.
    await owner.query('DELETE FROM plumbline.events WHERE position > $1', [head - 10]);
    await owner.query(
      `UPDATE plumbline.log_head SET (position, hash) = (SELECT position, hash FROM plumbline.events WHERE position = $1)`,
      [head - 10],
    );
    const at = { position: head, hash, generation: CATALOGUE_VERSION, format: CHECKPOINT_FORMAT };
    expect(await checkpoints.write(at, chunksOf(contentOf(topology)))).toBe('gone');
    for (let n = 0; n < 20; n += 1) {
      const networkId = `00000000-0000-4000-8000-0000000f${n.toString().padStart(4, '0')}`;
      const stream = `network-${networkId}`;
      const later = command({ events: [{ stream, ...networkCreated({ networkId }) }], expect: { [stream]: 0 } });
      expect(await store.append(later)).toMatchObject({ ok: true });
    }
    const [from, whole] = await both(head + 5);
    expect(from).toBe(whole);
    expect(passed).toEqual([`${head}: the log has another hash at its position`]);
  });

  it('one process makes one at a time, and one that ends midway leaves nothing', async () => {
    await owner.query('DELETE FROM plumbline.checkpoints');
    const { topology, hash } = await topologyAt(50, { ...options(), checkpoints: NONE });
    const at = { position: 50, hash, generation: CATALOGUE_VERSION, format: CHECKPOINT_FORMAT };
    const content = contentOf(topology);
    await owner.query(`SELECT pg_advisory_lock(hashtext('plumbline checkpoint'))`);
    expect(await checkpoints.write(at, chunksOf(content))).toBe('busy');
    await owner.query(`SELECT pg_advisory_unlock(hashtext('plumbline checkpoint'))`);
    function* broken(): Generator<string> {
      yield 'begun';
      throw new Error('the process stops');
    }
    await expect(checkpoints.write(at, broken())).rejects.toThrow('the process stops');
    expect((await owner.query('SELECT 1 FROM plumbline.checkpoint_chunks')).rowCount).toBe(0);
    expect(await checkpoints.list(head)).toEqual([]);
    expect(await checkpoints.write(at, chunksOf(content))).toBe('made');
    // Again at the same position: in place of the first.
    expect(await checkpoints.write(at, chunksOf(content))).toBe('made');
    expect(await checkpoints.list(head)).toHaveLength(1);
    await checkpoints.remove([50, 51]);
    expect(await checkpoints.list(head)).toEqual([]);
  });
});
