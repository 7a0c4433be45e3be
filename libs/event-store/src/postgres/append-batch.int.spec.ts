import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import pg from 'pg';
import { wire } from '../command.js';
import { AppendCommand } from '../event-store.js';
import { happened } from '../testing/commands.js';
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
});
