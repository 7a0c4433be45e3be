/** What docs/design/event-log.md says of replication, with real servers: the primary is killed, the standby takes over. */
import { afterEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { LogDiffers } from '../errors.js';
import type { RecordedEvent } from '../event-store.js';
import { happened } from '../testing/commands.js';
import { startPostgres, TestPostgres } from '../testing/start-postgres.js';
import { Standby, startStandby } from '../testing/start-standby.js';
import { PostgresEventStore } from './postgres-event-store.js';

describe('a standby that takes over', () => {
  let primary: TestPostgres;
  let standby: Standby;
  const stores: PostgresEventStore[] = [];
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    await standby?.stop();
    await primary?.stop();
  });

  const open = (url: string): PostgresEventStore => {
    const store = new PostgresEventStore(url, { deadlineMs: 5_000 });
    stores.push(store);
    return store;
  };
  const onPrimary = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: primary.adminUrl });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  const write = async (store: PostgresEventStore, name: string): Promise<RecordedEvent> => {
    const result = await store.append(happened(name, 0));
    if (!result.ok) throw new Error(`in conflict: ${JSON.stringify(result.lost)}`);
    return result.recorded[0]!;
  };

  it('has all that was answered, when it was synchronous', async () => {
    primary = await startPostgres();
    standby = await startStandby(primary, 'one');
    await onPrimary(`ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (one)'`);
    await onPrimary('SELECT pg_reload_conf()');
    const store = open(primary.serviceUrl);
    const answered: RecordedEvent[] = [];
    let killed = false;
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; !killed; n += 1)
        await write(store, `w${writer}-${n}`).then(
          (event) => answered.push(event),
          () => undefined,
        );
    });
    while (answered.length < 100) await new Promise((resolve) => setImmediate(resolve));
    process.kill(primary.pid, 'SIGKILL');
    killed = true;
    await standby.promote();
    const promoted = open(standby.serviceUrl);
    await Promise.all(writers);
    const log = new Map((await promoted.read(0, 1_000_000)).map((event) => [event.id, event]));
    expect(answered.length).toBeGreaterThanOrEqual(100);
    for (const event of answered) expect(log.get(event.id)).toEqual(event);
    expect(await promoted.verify()).toMatchObject({ ok: true });
    const last = answered.reduce((a, b) => (a.position > b.position ? a : b));
    expect(await promoted.append(happened('after', 0, { basis: last }))).toMatchObject({ ok: true });
  });

  it('is refused by whoever has read what it lacks, when it was behind', async () => {
    primary = await startPostgres();
    standby = await startStandby(primary, 'one');
    const store = open(primary.serviceUrl);
    const kept = await write(store, 'kept');
    const copied = new pg.Client({ connectionString: standby.adminUrl });
    await copied.connect();
    while ((await copied.query('SELECT FROM plumbline.events')).rowCount !== 1);
    await copied.end();
    await standby.cutOff();
    const lost = [await write(store, 'lost-1'), await write(store, 'lost-2')];
    process.kill(primary.pid, 'SIGKILL');
    await standby.promote();
    const promoted = open(standby.serviceUrl);
    for (const basis of lost) {
      await expect(promoted.append(happened('on', 0, { basis }))).rejects.toBeInstanceOf(LogDiffers);
      await expect(promoted.read(basis, 1)).rejects.toBeInstanceOf(LogDiffers);
    }
    expect(await promoted.append(happened('on-1', 0, { basis: kept }))).toMatchObject({ ok: true, before: 1 });
    expect(await promoted.append(happened('on-2', 0, { basis: kept }))).toMatchObject({ ok: true, before: 2 });
    for (const basis of lost)
      await expect(promoted.append(happened('on-3', 0, { basis }))).rejects.toBeInstanceOf(LogDiffers);
    expect((await promoted.load()).head.position).toBe(3);
  });
});
