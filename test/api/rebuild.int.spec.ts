/** `plumb db rebuild` deletes everything derived and makes it again from the log, as an operator would run it, under a running API. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess } from './api-process.js';

const PLUMB = new URL('../../apps/cli/dist/main.js', import.meta.url).pathname;
const DERIVED = {
  objects: 'SELECT * FROM plumbline.objects ORDER BY kind, id',
  claims: 'SELECT * FROM plumbline.claims ORDER BY key',
  streams: 'SELECT * FROM plumbline.streams ORDER BY stream',
};

type WithId = Readonly<{ id: string }>;

describe('plumb db rebuild and log verify', () => {
  let api: ApiProcess;
  beforeAll(async () => {
    api = await ApiProcess.start();
    await aLifeOfEverything(api);
  });
  afterAll(async () => api?.stop());

  const plumb = async (...argv: string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, [PLUMB, ...argv])).stdout;
  const derived = async (): Promise<unknown> => {
    const rows: Record<string, unknown> = {};
    for (const [table, sql] of Object.entries(DERIVED)) rows[table] = (await api.database.query(sql)).rows;
    return rows;
  };

  it('rebuild makes again exactly what the API had made, and the API goes on', async () => {
    const before = await derived();
    const ports = (await api.call('GET', '/v2.0/ports')).body;
    await api.database.query('TRUNCATE plumbline.objects, plumbline.claims, plumbline.streams');
    expect((await api.call('GET', '/v2.0/ports')).body).toEqual({ ports: [] });

    expect(await plumb('db', 'rebuild', '--database', api.migrationUrl)).toContain(`from ${await api.head()} events`);
    expect(await derived()).toEqual(before);
    expect((await api.call('GET', '/v2.0/ports')).body).toEqual(ports);
    await api.make('POST', '/v2.0/networks', { network: { name: 'after' } });
    expect(await plumb('log', 'verify', '--database', api.migrationUrl)).toContain(
      `up to position ${await api.head()},`,
    );
  });

  it('rebuild says which login it needs, and changes nothing with another', async () => {
    const before = await derived();
    await expect(plumb('db', 'rebuild', '--database', api.serviceUrl)).rejects.toThrow('migration role');
    expect(await derived()).toEqual(before);
  });

  it('verify refuses a log whose hash at a known position is another', async () => {
    const hash = '0'.repeat(64);
    await expect(plumb('log', 'verify', '--database', api.serviceUrl, '--from', '1', hash)).rejects.toThrow(
      'position 1',
    );
  });
});

/** Makes, changes, moves and deletes objects of every kind that needs no node. */
async function aLifeOfEverything(api: ApiProcess): Promise<void> {
  const make = <T = WithId>(path: string, body: object) => api.make<T>('POST', `/v2.0/${path}`, body);
  const change = (path: string, body: object) => api.make('PUT', `/v2.0/${path}`, body);
  const outside = await make('networks', {
    network: {
      name: 'outside',
      'router:external': true,
      'provider:network_type': 'flat',
      'provider:physical_network': 'physnet1',
    },
  });
  await make('subnets', { subnet: { network_id: outside.id, ip_version: 4, cidr: '192.0.2.0/24' } });
  const inside = await make('networks', { network: { name: 'inside' } });
  const range = (cidr: string) => make('subnets', { subnet: { network_id: inside.id, ip_version: 4, cidr } });
  const subnet = await range('10.1.0.0/24');
  const second = await range('10.2.0.0/24');
  const router = await make('routers', {
    router: { name: 'r', external_gateway_info: { network_id: outside.id } },
  });
  for (const { id } of [subnet, second]) await change(`routers/${router.id}/add_router_interface`, { subnet_id: id });
  const ports = await make<WithId[]>('ports', {
    ports: ['a', 'b', 'c'].map((name) => ({ name, network_id: inside.id, fixed_ips: [{ subnet_id: subnet.id }] })),
  });
  const [a, b, c] = ports.map(({ id }) => id);
  const floating = await make('floatingips', { floatingip: { floating_network_id: outside.id, port_id: a } });
  await make('floatingips', { floatingip: { floating_network_id: outside.id } });
  await change(`floatingips/${floating.id}`, { floatingip: { port_id: b } });
  await change(`ports/${a}`, { port: { fixed_ips: [{ subnet_id: second.id, ip_address: '10.2.0.77' }] } });
  await change(`subnets/${subnet.id}`, { subnet: { name: 'renamed', dns_nameservers: ['192.0.2.53'] } });
  await change(`routers/${router.id}`, { router: { routes: [{ destination: '10.9.0.0/24', nexthop: '10.1.0.9' }] } });
  await api.call('DELETE', `/v2.0/ports/${c}`);
}
