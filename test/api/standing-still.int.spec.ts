/**
 * A process of the API that stands still while it stores a report (it is stopped, or its machine is paused) has rows locked that the reports of that agent need. The
 * database ends its transaction within seconds, so that another process can store what the agent says next; and it goes on itself when it runs again.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { ApiProcess, eventually } from './api-process.js';
import { ObservedNode } from './observed.js';

const HOST = 'cmp1';
let cloud: ApiProcess;
let node: ObservedNode;
let portId: string;
/** With the service's login, which sees what its own sessions do. */
let watcher: pg.Client;

beforeAll(async () => {
  cloud = await ApiProcess.start();
  node = await ObservedNode.start(cloud, HOST);
  watcher = new pg.Client({ connectionString: cloud.serviceUrl });
  await watcher.connect();
  const network = await cloud.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: 'one' } });
  const port = { network_id: network.id, 'binding:host_id': HOST, port_security_enabled: false };
  ({ id: portId } = await cloud.make<{ id: string }>('POST', '/v2.0/ports', { port }));
});
afterAll(async () => {
  await watcher?.end();
  await node?.stop();
  await cloud?.stop();
});

/** Sessions of the API that are in such a state within a transaction of a report. */
const sessions = async (state: string): Promise<number> => {
  const { rows } = await watcher.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'plumbline api' AND state = $1
       AND query LIKE '%INSERT INTO plumbline.object_status%'`,
    [state],
  );
  return rows[0]?.n ?? 0;
};

it('keeps no report of the agent from being stored by another process', async () => {
  const status = { kind: 'port', id: portId, status: 'ACTIVE', position: await cloud.head() } as const;
  const lock = new pg.Client({ connectionString: cloud.migrationUrl });
  await lock.connect();
  try {
    // The report waits in the middle of its transaction, and there its process stands still.
    await lock.query('BEGIN; LOCK TABLE plumbline.object_status IN SHARE MODE');
    const first = node.report('ovs', [status]).catch(() => undefined);
    await eventually(async () => ((await sessions('active')) > 0 ? true : undefined));
    process.kill(cloud.pid, 'SIGSTOP');
    await lock.query('ROLLBACK');
    await eventually(async () => ((await sessions('idle in transaction')) > 0 ? true : undefined));
    await cloud.beside();
    await first;
    await node.report('ovs', [status]);
  } finally {
    await lock.end();
    process.kill(cloud.pid, 'SIGCONT');
  }
  const again = { ...status, status: 'DOWN', position: await cloud.head() } as const;
  await node.report('ovs', [again]);
  expect(await cloud.call('GET', `/v2.0/ports/${portId}`)).toMatchObject({ body: { port: { status: 'DOWN' } } });
  expect((await cloud.call('GET', '/healthz')).status).toBe(200);
});
