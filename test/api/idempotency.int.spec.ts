/** `Idempotency-Key`: a create that is sent again is carried out once and answered as before. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess } from './api-process.js';

describe('a create with an Idempotency-Key', () => {
  let cloud: ApiProcess;
  let other: string;
  beforeAll(async () => {
    cloud = await ApiProcess.start();
    other = await cloud.beside();
  });
  afterAll(() => cloud?.stop());

  type Told = Readonly<{
    status: number;
    body: Record<string, { id: string; name: string }> & { NeutronError: { message: string } };
  }>;
  const post = async (path: string, body: unknown, key: string, url = cloud.url): Promise<Told> => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    const response = await fetch(`${url}/v2.0/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, body: (await response.json()) as Told['body'] };
  };
  const count = async (table: string, name: string): Promise<number> =>
    (await cloud.database.query(`SELECT FROM plumbline.${table} WHERE name = $1`, [name])).rowCount ?? 0;

  it('is carried out once for every resource, also by another process, and answered as it was', async () => {
    const network = await cloud.make<{ id: string }>('POST', '/v2.0/networks', { network: {} });
    const name = randomUUID();
    const bodies: readonly (readonly [string, string, Record<string, unknown>])[] = [
      ['networks', 'network', {}],
      ['subnets', 'subnet', { network_id: network.id, ip_version: 4, cidr: '10.1.0.0/24' }],
      ['ports', 'port', { network_id: network.id }],
      ['routers', 'router', {}],
      ['security-groups', 'security_group', {}],
      ['subnetpools', 'subnetpool', { prefixes: ['10.9.0.0/16'] }],
      ['address-scopes', 'address_scope', { ip_version: 4 }],
      ['address-groups', 'address_group', { addresses: ['10.0.0.0/8'] }],
    ];
    for (const [path, member, attributes] of bodies) {
      const body = { [member]: { name, ...attributes } };
      const first = await post(path, body, name);
      expect([path, first.status]).toEqual([path, 201]);
      const { id } = first.body[member]!;
      if (path === 'networks')
        await cloud.call('PUT', `/v2.0/networks/${id}`, { network: { description: 'changed since' } });
      for (const url of [cloud.url, other]) expect(await post(path, body, name, url)).toEqual(first);
      expect(await count(path.replace('-', '_').replace('subnetpools', 'subnet_pools'), name)).toBe(1);
    }
    const bulk = { networks: [{ name: `${name}-1` }, { name: `${name}-2` }] };
    const both = await post('networks', bulk, 'bulk');
    expect(both.status).toBe(201);
    expect(await post('networks', bulk, 'bulk', other)).toEqual(both);
    // What was deleted since is answered as it was too, and not made again.
    const { id } = (await post('routers', { router: { name } }, name)).body['router']!;
    await cloud.call('DELETE', `/v2.0/routers/${id}`);
    expect(await post('routers', { router: { name } }, name)).toMatchObject({ status: 201, body: { router: { id } } });
    expect(await count('routers', name)).toBe(0);
  });

  it('sent many times at once to two processes, is carried out once', async () => {
    const network = await cloud.make<{ id: string }>('POST', '/v2.0/networks', { network: {} });
    const subnet = await cloud.make<{ id: string }>('POST', '/v2.0/subnets', {
      subnet: { network_id: network.id, ip_version: 4, cidr: '10.2.0.0/24' },
    });
    const name = randomUUID();
    // The second of two that are carried out would be refused: the address is taken.
    const fixed_ips = [{ subnet_id: subnet.id, ip_address: '10.2.0.9' }];
    const body = { port: { name, network_id: network.id, fixed_ips } };
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, n) => post('ports', body, name, n % 2 ? other : cloud.url)),
    );
    for (const each of all) expect(each).toEqual(all[0]);
    expect(all[0]!.status).toBe(201);
    expect(await count('ports', name)).toBe(1);
  });

  it('is another request with another path, and refused with another body', async () => {
    const key = randomUUID();
    const made = await post('networks', { network: { name: key } }, key);
    expect(made.status).toBe(201);
    expect((await post('routers', { router: { name: key } }, key)).status).toBe(201);
    const differs = await post('networks', { network: { name: 'another' } }, key);
    expect([differs.status, differs.body.NeutronError.message]).toEqual([422, expect.stringContaining('another body')]);
    // The same JSON, written otherwise.
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    const again = await cloud.call('POST', '/v2.0/networks', `{ "network" : {"name":"${key}"} }`, headers);
    expect(again).toMatchObject({ status: 201, body: made.body });
    expect((await post('networks', { network: {} }, 'x'.repeat(256))).status).toBe(400);
  });

  it('leaves no key when it was refused, and none that counts after a day', async () => {
    const key = randomUUID();
    const missing = { port: { name: key, network_id: randomUUID() } };
    expect((await post('ports', missing, key)).status).toBe(404);
    const network = await cloud.make<{ id: string }>('POST', '/v2.0/networks', { network: {} });
    const body = { port: { name: key, network_id: network.id } };
    const first = await post('ports', body, key);
    expect(first.status).toBe(201);
    await cloud.database.query(`UPDATE plumbline.idempotency_keys SET made_at = now() - interval '25 hours'`);
    const second = await post('ports', body, key);
    expect(second.status).toBe(201);
    expect(second.body['port']!.id).not.toBe(first.body['port']!.id);
  });

  it('whose process ended before it answered is answered with what it made', async () => {
    const key = randomUUID();
    const body = { network: { name: key } };
    const first = await post('networks', body, key);
    await cloud.database.query('UPDATE plumbline.idempotency_keys SET outcome = NULL, answer = NULL');
    expect(await post('networks', body, key, other)).toEqual(first);
    expect(await count('networks', key)).toBe(1);
  });
});
