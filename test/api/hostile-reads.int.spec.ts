/**
 * Lists that do not end. A table that somebody holds locked stands for whatever makes a list slow, so that nothing here depends on how fast the machine is.
 * One project's slow lists are no reason for anybody else to wait, or for an agent to count as dead; and each of them is answered.
 */
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Answer, type ApiProcess, eventually } from './api-process.js';
import { IdentityProcess } from './identity-process.js';
import { ObservedNode } from './observed.js';

const SECONDS = 10;
const AT_ONCE = 24;
const PATIENCE_MS = 120_000;

let identity: IdentityProcess;
let api: ApiProcess;
let node: ObservedNode;
let holder: pg.Client;
const tokens: Record<string, string> = {};
/** Lists of the locked table that did not end yet. */
const under = new Set<Promise<unknown>>();

beforeAll(async () => {
  const users = [
    { name: 'hostile', project: 'H', role: 'member' },
    { name: 'other', project: 'O', role: 'member' },
    { name: 'admin', project: 'ops', role: 'admin' },
  ] as const;
  identity = await IdentityProcess.start(users, { PLUMB_LIST_SECONDS: String(SECONDS) });
  api = identity.api;
  for (const { name, project } of users) tokens[name] = await identity.token(name, project);
  node = await ObservedNode.start(api, 'net1');
  holder = new pg.Client({ connectionString: api.migrationUrl });
  await holder.connect();
});
afterEach(async () => {
  await holder.query('ROLLBACK');
  await Promise.all(under);
});
afterAll(async () => {
  await holder?.end();
  await node?.stop();
  await identity?.stop();
});

const ask = (who: string, path: string, method = 'GET', body?: unknown): Promise<Answer> =>
  api.call(method, path, body, { 'x-auth-token': tokens[who]! });
const hold = (): Promise<unknown> => holder.query('BEGIN; LOCK TABLE plumbline.address_groups');

function slowLists(who: string, count: number): Promise<Answer>[] {
  return Array.from({ length: count }, () => {
    const answer = ask(who, '/v2.0/address-groups');
    under.add(answer);
    void answer.finally(() => under.delete(answer));
    return answer;
  });
}

/** Statements of lists that wait for the lock. */
async function stuck(): Promise<number> {
  const { rows } = await api.database.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND relation = 'plumbline.address_groups'::regclass`,
  );
  return rows[0]!.n;
}

describe('while one project asks for lists that do not end', () => {
  it(
    'others are served, nodes are heard, and each of its requests is answered',
    async () => {
      await hold();
      const answers = slowLists('hostile', AT_ONCE);
      await eventually(async () => ((await stuck()) === 2 ? true : undefined));

      // All of this is asked for before the first of the slow lists can have ended.
      const health = Array.from({ length: 20 }, () => ask('other', '/healthz'));
      const rest = [
        ask('other', '/v2.0/networks'),
        ask('other', '/v2.0/ports?tags-any=a,b,c'),
        ask('other', '/v2.0/networks', 'POST', { network: { name: 'n' } }),
        ask('admin', '/v2.0/agents'),
        ask('admin', '/v2.0/network-ip-availabilities'),
        ask('other', '/v2.0/routers', 'POST', { router: { name: 'r' } }),
      ];
      await node.report('ovs', [{ kind: 'port', id: 'p1', position: 1, status: 'ACTIVE' }]);
      const served = await Promise.all([...health, ...rest]);
      expect(await stuck()).toBe(2);
      expect(served.map(({ status }) => status)).toEqual([...health.map(() => 200), 200, 200, 201, 200, 200, 201]);
      const agents = (await ask('admin', '/v2.0/agents?fields=alive')).body as { agents: { alive: boolean }[] };
      expect(agents.agents).toEqual([{ alive: true }, { alive: true }]);

      const refused = await Promise.all(answers);
      for (const { status, body } of refused)
        expect({ status, body }).toEqual({
          status: 503,
          body: {
            NeutronError: {
              type: 'ServiceUnavailable',
              message: expect.stringMatching(/^The list (took too long and was ended|did not get its turn within)/),
              detail: '',
            },
          },
        });
      expect(await stuck()).toBe(0);
      await holder.query('ROLLBACK');
      expect((await ask('hostile', '/v2.0/address-groups')).status).toBe(200);
    },
    PATIENCE_MS,
  );

  it(
    'what was begun for a client that left ends in the database, and its turn is given on',
    async () => {
      await hold();
      const { hostname, port } = new URL(api.url);
      const request = `GET /v2.0/address-groups HTTP/1.1\r\nhost: a\r\nx-auth-token: ${tokens['hostile']}\r\n\r\n`;
      const sockets = Array.from({ length: 8 }, () =>
        connect({ host: hostname, port: Number(port) }).on('error', () => undefined),
      );
      for (const socket of sockets) socket.write(request);
      await eventually(async () => ((await stuck()) === 2 ? true : undefined));
      const leftAt = performance.now();
      for (const socket of sockets) socket.destroy();
      await eventually(async () => ((await stuck()) === 0 ? true : undefined));
      // Cancelled, and not ended because a list may take no longer.
      expect(performance.now() - leftAt).toBeLessThan(SECONDS * 1000);
      const answers = slowLists('hostile', 2);
      await eventually(async () => ((await stuck()) === 2 ? true : undefined));
      await holder.query('ROLLBACK');
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
    },
    PATIENCE_MS,
  );

  it(
    'so many projects that there is a turn for none more: each waits for one list, not for all',
    async () => {
      await hold();
      const answers = slowLists('admin', 30);
      await eventually(async () => ((await stuck()) === 6 ? true : undefined));
      answers.push(...slowLists('hostile', 10));
      await eventually(async () => ((await stuck()) === 8 ? true : undefined));
      const other = ask('other', '/v2.0/networks');
      expect((await other).status).toBe(200);
      expect(under.size).toBeGreaterThan(0);
      await holder.query('ROLLBACK');
      await Promise.all(answers);
    },
    PATIENCE_MS,
  );
});
