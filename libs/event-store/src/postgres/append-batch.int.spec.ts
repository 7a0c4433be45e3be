import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import type { ServerEventName } from '@plumbline/topology';
import pg from 'pg';
import { wire } from '../command.js';
import { AppendCommand } from '../event-store.js';
import { happened, portRow } from '../testing/commands.js';
import { startPostgres, TestPostgres } from '../testing/start-postgres.js';

describe('append_batch', () => {
  let postgres: TestPostgres;
  let service: pg.Client;
  beforeAll(async () => {
    postgres = await startPostgres();
    service = new pg.Client({ connectionString: postgres.serviceUrl });
    await service.connect();
  });
  afterAll(async () => {
    await service?.end();
    await postgres?.stop();
  });

  const send = async (...commands: AppendCommand[]): Promise<{ b?: number; l?: string }[]> => {
    const batch = `[${commands.map((each) => wire(each).text).join(',')}]`;
    const { rows } = await service.query<{ answers: [] }>(
      `SELECT plumbline.append_batch(${CATALOGUE_VERSION}, 10000, '[]', $1) AS answers`,
      [batch],
    );
    return rows[0]?.answers ?? [];
  };
  const head = async (): Promise<number> =>
    Number((await service.query<{ position: string }>('SELECT position FROM plumbline.log_head')).rows[0]?.position);

  it.each<[string, readonly AppendCommand[]]>([
    [
      'of which one expects a stream that another one writes',
      [happened('port-a', 0), happened('port-b', 0, { expect: { 'port-a': 0 } })],
    ],
    ['of which two write one stream', [happened('port-a', 0), happened('port-a', 1)]],
    ['of which two take one claim', [happened('port-a', 0, { take: ['k'] }), happened('port-b', 0, { take: ['k'] })]],
    [
      'of which one takes a claim where another one wants none',
      [happened('port-a', 0, { take: ['p/1'] }), happened('port-b', 0, { none: ['p/'] })],
    ],
  ])('refuses a batch %s, and stores nothing of it', async (_, commands) => {
    const before = await head();
    await expect(send(...commands)).rejects.toThrow();
    expect(await head()).toBe(before);
  });

  it('counts in order what commands of one batch add, losers not among them', async () => {
    const made = (count: number, most: number): AppendCommand =>
      happened(`port-${randomUUID()}`, 0, { tally: { 'port/p': count }, limits: { 'port/p': most } });
    const before = await head();
    expect(await send(made(3, 4), made(2, 4), made(1, 4), made(1, 4), made(1, 5))).toMatchObject([
      { b: before },
      { l: 'port/p' },
      { b: before + 1 },
      { l: 'port/p' },
      { b: before + 2 },
    ]);
  });

  it('makes rows of what Nova must hear with the events that are their cause, and of no port that is no server’s', async () => {
    const [one, stranger, odd, fresh] = ['one', 'stranger', 'odd', 'fresh'].map(
      (name) => `${name}-${randomUUID()}`,
    ) as [string, ...string[]];
    const serverId = randomUUID();
    const row = (id: string, doc: object) =>
      portRow(id, 1, {
        doc: { kind: 'port', id, deviceOwner: 'compute:nova', deviceId: serverId, ...doc },
        setAt: { binding: -1 },
      });
    const made = (id: string, doc: object = {}): AppendCommand =>
      happened(`port-${id}`, 0, { rows: [row(id, doc)], take: [`k/${id}`] });
    const [answer] = await send(
      made(one),
      made(stranger!, { deviceOwner: 'network:dhcp' }),
      made(odd!, { deviceId: 'x' }),
    );
    const told = async (): Promise<string[]> =>
      (
        await service.query<{ told: string }>(
          `SELECT concat_ws(' ', split_part(port_id, '-', 1), name, status) AS told FROM plumbline.server_events WHERE server_id = $1 ORDER BY seq`,
          [serverId],
        )
      ).rows.map((each) => each.told);
    const events = (name: ServerEventName, ...ids: (string | undefined)[]) => ({
      serverEvents: ids.map((portId) => ({ portId: portId as string, name })),
    });
    await send(
      happened(`port-${one}`, 1, events('network-changed', one, stranger, odd)),
      // Of a command in conflict nothing is kept.
      happened(`port-${stranger}`, 7, events('network-changed', one)),
      // It was not there before, so no server's.
      { ...made(fresh!), ...events('network-changed', fresh) },
    );
    expect(await told()).toEqual(['one network-changed completed']);
    // That it is plugged was never said.
    await send(happened(`port-${one}`, 2, events('network-vif-unplugged', one)));
    await service.query('INSERT INTO plumbline.server_ports VALUES ($1, $2, $3, $4)', [
      one,
      serverId,
      (answer?.b ?? 0) + 1,
      'plugged',
    ]);
    await send(happened(`port-${one}`, 3, events('network-vif-unplugged', one)));
    await send(
      happened(`port-${one}`, 4, {
        rows: [{ kind: 'port', id: one, deleted: true }],
        ...events('network-vif-deleted', one),
      }),
    );
    expect((await told()).slice(1)).toEqual([
      'one network-vif-unplugged completed',
      'one network-vif-deleted completed',
    ]);
  });

  it('waits for nobody who has locked what was said to Nova', async () => {
    const id = `port-${randomUUID()}`;
    const serverId = randomUUID();
    const doc = { kind: 'port', id, deviceOwner: 'compute:nova', deviceId: serverId };
    await send(happened(id, 0, { rows: [portRow(id, 1, { doc, setAt: { binding: -1 } })] }));
    const other = new pg.Client({ connectionString: postgres.serviceUrl });
    await other.connect();
    try {
      await other.query('BEGIN');
      await other.query(`INSERT INTO plumbline.server_ports VALUES ($1, $2, 1, 'plugged')`, [id, serverId]);
      await send(
        happened(id, 1, {
          serverEvents: [
            { portId: id, name: 'network-vif-unplugged' },
            { portId: id, name: 'network-changed' },
          ],
        }),
      );
      const { rows } = await service.query('SELECT name FROM plumbline.server_events WHERE port_id = $1', [id]);
      expect(rows).toEqual([{ name: 'network-changed' }]);
    } finally {
      await other.end();
    }
  });
});
