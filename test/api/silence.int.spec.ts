/**
 * The network between the API and its servers forgets the open connections (a firewall that restarts, a failed-over address): no end is told, and new connections work.
 * Stated: everything works again within 15 seconds.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { subjects } from '@plumbline/contracts';
import { SilentRelay } from '@plumbline/event-store/testing';
import { ApiProcess, eventually } from './api-process.js';
import { ObservedNode } from './observed.js';

const HOST = 'cmp1';
/** Within which writes, reads, the follower and the broker are back. */
const BACK_MS = 15_000;

describe('an API whose connections fall silent', () => {
  let cloud: ApiProcess;
  let observer: NatsConnection;
  let node: ObservedNode;
  let database: SilentRelay;
  let broker: SilentRelay;
  /** The API behind the relays, and one beside it that is not. */
  let url: string;
  let networkId: string;
  beforeAll(async () => {
    cloud = await ApiProcess.start();
    observer = await connect({ servers: cloud.natsUrl });
    const relayed = await SilentRelay.toPostgres(cloud.serviceUrl);
    database = relayed.relay;
    const { hostname, port } = new URL(cloud.natsUrl);
    broker = await SilentRelay.to({ host: hostname, port: Number(port) });
    url = await cloud.beside({ DATABASE_URL: relayed.url, NATS_URL: `nats://127.0.0.1:${broker.port}` });
    networkId = (await cloud.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: 'one' } })).id;
  });
  afterAll(async () => {
    await node?.stop();
    await observer?.close();
    await cloud?.stop();
    await database?.stop();
    await broker?.stop();
  });

  const status = async (method: string, path: string, body?: unknown): Promise<number> => {
    const init =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${url}${path}`, { method, ...init });
    await response.text();
    return response.status;
  };
  const list = () => status('GET', '/v2.0/networks');
  const one = () => status('GET', `/v2.0/networks/${networkId}`);
  const write = () => status('POST', '/v2.0/networks', { network: { name: 'again' } });
  /** Whether the API has folded what was stored through another one. */
  const followed = async (): Promise<number> => {
    const head = await cloud.head();
    const report = (await (await fetch(`${url}/healthz`)).json()) as { checks: { log: { position: number } } };
    return report.checks.log.position >= head ? 200 : 503;
  };
  const times = (n: number, ask: () => Promise<number>): Promise<number[]> =>
    Promise.all(Array.from({ length: n }, ask));

  it('writes, reads and follows the log again', async () => {
    // Every pool has as many connections as it may have.
    await Promise.all([times(16, list), times(8, one), times(4, write)]);
    expect(database.silence()).toBeGreaterThan(8);
    await cloud.make('POST', '/v2.0/networks', { network: { name: 'beside' } });
    const began = performance.now();
    const back = async (ask: () => Promise<number>): Promise<number> => {
      await eventually(async () => ((await times(8, ask)).every((code) => code < 300) ? true : undefined));
      return performance.now() - began;
    };
    const took = await Promise.all([write, list, one, followed].map(back));
    expect(Math.max(...took)).toBeLessThan(BACK_MS);
  });

  it('hears nodes and is heard by them again', async () => {
    node = await ObservedNode.start(cloud, HOST);
    await cloud.terminate();
    const beacons = async (max: number): Promise<void> => {
      for await (const _ of observer.subscribe(subjects.beacon(HOST), { max }));
    };
    const reported = async (): Promise<void> => {
      const { rows } = await cloud.database.query<{ now: Date }>('SELECT now()');
      await eventually(async () => {
        await node.report('ovs', []);
        const since = `SELECT FROM plumbline.agents WHERE host = $1 AND kind = 'ovs' AND heartbeat_at > $2`;
        return (await cloud.database.query(since, [HOST, rows[0]?.now])).rowCount === 1 ? true : undefined;
      });
    };
    await Promise.all([beacons(1), reported()]);
    expect(broker.silence()).toBeGreaterThan(1);
    const began = performance.now();
    // More of them than can have been on their way.
    await Promise.all([beacons(4), reported()]);
    expect(performance.now() - began).toBeLessThan(BACK_MS);
  });
});
