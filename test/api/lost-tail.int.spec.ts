/**
 * The database loses the end of its log under API processes that go on running: an older backup is restored into it, or a standby that was behind takes its place. Here the tables
 * of the log get back what was in them at an earlier moment, in one transaction. Each process must notice by itself, forget what it knew, and serve what the database has.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FeedMessage } from '@plumbline/contracts';
import { PostgresEventStore } from '@plumbline/event-store';
import { ApiProcess, eventually } from './api-process.js';
import { ObservedNode } from './observed.js';

const HOST = 'cmp1';
const TABLES = ['events', 'log_head', 'streams', 'claims', 'tallies', 'objects', 'feed', 'feed_head'];

type Health = Readonly<{ status: string; checks: { log: { ok: boolean; position: number; reloads: number } } }>;

describe('an API whose database lost the end of its log', () => {
  let cloud: ApiProcess;
  let node: ObservedNode;
  let urls: string[];
  beforeAll(async () => {
    cloud = await ApiProcess.start();
    urls = [cloud.url, await cloud.beside()];
    node = await ObservedNode.start(cloud, HOST);
  });
  afterAll(async () => {
    await node?.stop();
    await cloud?.stop();
  });

  const call = async (url: string, method: string, path: string, body?: unknown) => {
    const given =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${url}${path}`, { method, ...given });
    return { status: response.status, body: (await response.json()) as Record<string, { id: string }> };
  };
  const health = async (url: string) => (await (await fetch(`${url}/healthz`)).json()) as Health;
  const backUp = () =>
    cloud.database.query(
      `CREATE SCHEMA kept; ${TABLES.map((name) => `CREATE TABLE kept.${name} AS SELECT * FROM plumbline.${name}`).join(';')}`,
    );
  const restore = () =>
    cloud.database.query(
      `BEGIN; ${TABLES.map((name) => `DELETE FROM plumbline.${name}; INSERT INTO plumbline.${name} SELECT * FROM kept.${name}`).join(';')};
       DROP SCHEMA kept CASCADE; COMMIT`,
    );
  const bound = async (networkId: string): Promise<string> =>
    (
      await cloud.make<{ id: string }>('POST', '/v2.0/ports', {
        port: { network_id: networkId, 'binding:host_id': HOST, port_security_enabled: false },
      })
    ).id;

  it.each([
    ['and it has gone on since, without them', true],
    ['and nothing was stored since', false],
  ])('loads the log anew, %s', async (_, goesOn) => {
    const network = await cloud.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: 'kept' } });
    const kept = await bound(network.id);
    await backUp();
    const before = await Promise.all(urls.map(health));
    const gone = await cloud.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: 'gone' } });
    const lost = [await bound(network.id), await bound(gone.id)];
    const { position: head } = (await health(cloud.url)).checks.log;
    await eventually(async () => ((await health(urls[1]!)).checks.log.position >= head ? true : undefined));
    await restore();
    // Whoever is answered now that something was made finds it afterwards.
    const made: string[] = [];
    const write = async (url: string): Promise<void> => {
      const { status, body } = await call(url, 'POST', '/v2.0/networks', { network: { name: 'after' } });
      expect([201, 503]).toContain(status);
      if (status === 201) made.push(body['network']!.id);
    };
    await Promise.all(urls.map(write));
    if (goesOn)
      await eventually(async () => (made.length > 4 ? true : Promise.all(urls.map(write)).then(() => undefined)));
    for (const [n, url] of urls.entries()) {
      const { checks } = await eventually(async () => {
        const now = await health(url);
        return now.checks.log.reloads > before[n]!.checks.log.reloads && now.status === 'ok' ? now : undefined;
      });
      expect(checks.log.position).toBeGreaterThanOrEqual(before[n]!.checks.log.position);
      for (const id of made) expect((await call(url, 'GET', `/v2.0/networks/${id}`)).status).toBe(200);
      for (const id of lost) expect((await call(url, 'GET', `/v2.0/ports/${id}`)).status).toBe(404);
      expect((await call(url, 'GET', `/v2.0/networks/${gone.id}`)).status).toBe(404);
      expect((await call(url, 'GET', `/v2.0/ports/${kept}`)).status).toBe(200);
      // What a node without a snapshot gets is of one log: its objects and its hash.
      const response = await fetch(`${url}/plumbline/v1/nodes/${HOST}/view`);
      const view = (await response.json()) as FeedMessage;
      const ports = view.entered.filter(({ kind }) => kind === 'port').map(({ id }) => id);
      expect(ports).toContain(kept);
      for (const id of lost) expect(ports).not.toContain(id);
      const store = new PostgresEventStore(cloud.serviceUrl);
      expect(await store.hashAt(view.position)).toBe(view.hash);
      expect(await store.verify()).toMatchObject({ ok: true });
      await store.close();
    }
    // And it goes on: both follow what the other stores.
    const more = await bound(network.id);
    await eventually(async () =>
      (await call(urls[1]!, 'GET', `/v2.0/ports/${more}`)).status === 200 ? true : undefined,
    );
  });

  it('serves nothing more once another release has migrated the database, and says why', async () => {
    await cloud.database.query('UPDATE plumbline.derived SET generation = generation + 1');
    for (const url of urls) {
      await eventually(async () => ((await health(url)).status === 'failing' ? true : undefined));
      const { status, body } = await call(url, 'POST', '/v2.0/networks', { network: { name: 'late' } });
      expect(status).toBe(503);
      expect(JSON.stringify(body)).toContain('start the release that made them');
      expect((await call(url, 'GET', '/v2.0/networks')).status).toBe(503);
    }
    expect((await cloud.database.query(`SELECT FROM plumbline.networks WHERE name = 'late'`)).rowCount).toBe(0);
  });
});
