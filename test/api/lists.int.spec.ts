import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess } from './api-process.js';

type Port = { id: string; name: string; network_id: string; fixed_ips: { ip_address: string; subnet_id: string }[] };
type Page = { ports: Port[]; ports_links?: { rel: string; href: string }[] };

let api: ApiProcess;
let networks: { id: string }[];
let all: Port[];

beforeAll(async () => {
  api = await ApiProcess.start();
  networks = [];
  for (const n of [0, 1]) {
    const network = await api.make<{ id: string }>('POST', '/v2.0/networks', { network: { name: `n${n}` } });
    await api.make('POST', '/v2.0/subnets', {
      subnet: { network_id: network.id, ip_version: 4, cidr: `10.${n}.0.0/24` },
    });
    networks.push(network);
  }
  const wanted = Array.from({ length: 20 }, (_, n) => ({
    network_id: networks[n % 2]?.id,
    name: `p${n % 5}`,
    device_id: n < 3 ? 'd' : '',
    ...(n < 2 && { 'binding:host_id': 'cmp1', port_security_enabled: false }),
  }));
  all = await api.make<Port[]>('POST', '/v2.0/ports', { ports: wanted });
});
afterAll(() => api?.stop());

const page = async (query: string): Promise<Page> => {
  const answer = await api.call('GET', query.startsWith('http') ? query.slice(api.url.length) : `/v2.0/ports?${query}`);
  expect(answer).toMatchObject({ status: 200 });
  return answer.body as Page;
};
const list = async (query: string): Promise<Port[]> => (await page(query)).ports;
const ids = (ports: readonly Port[]) => ports.map(({ id }) => id);

describe('lists', () => {
  it.each<[string, (port: Port, n: number) => boolean]>([
    ['name=p1', (port) => port.name === 'p1'],
    ['name=p1&name=p2', (port) => port.name === 'p1' || port.name === 'p2'],
    ['name=p1&network_id=NET0', (port) => port.name === 'p1' && port.network_id === networks[0]?.id],
    ['device_id=', (_port, n) => n >= 3],
    ['device_id=d&admin_state_up=True', (_port, n) => n < 3],
    ['admin_state_up=false', () => false],
    ['binding:host_id=cmp1', (_port, n) => n < 2],
    ['status=DOWN', () => true],
    ['status=ACTIVE', () => false],
    ['fixed_ips=ip_address=IP0', (_port, n) => n === 0],
    ['fixed_ips=ip_address=IP0&fixed_ips=ip_address=IP1', (_port, n) => n < 2],
    ['fixed_ips=ip_address=IP0&fixed_ips=subnet_id=SUB1', () => false],
    ['fixed_ips=subnet_id=SUB1', (port) => port.network_id === networks[1]?.id],
    ['project_id=admin', () => true],
    ['tenant_id=other', () => false],
    ['id=ID3&id=ID4', (_port, n) => n === 3 || n === 4],
    ['id=no-uuid', () => false],
  ])('filter by %s', async (query, wanted) => {
    const filled = query.replace(/(NET|IP|SUB|ID)(\d)/g, (_all, what: string, digit: string) => {
      const port = all[Number(digit)] as Port;
      const ip = port.fixed_ips[0];
      return { NET: networks[Number(digit)]?.id, IP: ip?.ip_address, SUB: ip?.subnet_id, ID: port.id }[what] as string;
    });
    expect(ids(await list(filled))).toEqual(ids(all.filter(wanted)).sort());
  });

  it('sort by several keys, each its own way', async () => {
    const sorted = await list('sort_key=name&sort_dir=desc&sort_key=id&sort_dir=asc&fields=name&fields=id');
    const text = (port: Port) => `${9 - Number(port.name.slice(1))} ${port.id}`;
    expect(ids(sorted)).toEqual(ids([...all].sort((a, b) => (text(a) < text(b) ? -1 : 1))));
    expect(Object.keys(sorted[0] as object).sort()).toEqual(['id', 'name']);
  });

  it.each([
    'limit=3',
    'limit=3&sort_key=name&sort_dir=desc',
    'limit=7&sort_key=network_id&sort_dir=asc&sort_key=mac_address&sort_dir=desc',
    'limit=20',
    'limit=4&sort_key=status&sort_dir=asc',
  ])('in pages of %s hold each item once, there and back', async (query) => {
    const whole = ids(await list(query.replace(/limit=\d+&?/, '')));
    const there: string[] = [];
    let last: Page | undefined;
    for (let next: string | undefined = query; next !== undefined;) {
      const got: Page = await page(next);
      there.push(...ids(got.ports));
      if (got.ports.length > 0) last = got;
      next = got.ports_links?.find(({ rel }) => rel === 'next')?.href;
    }
    expect(there).toEqual(whole);
    const back: string[] = ids(last?.ports ?? []);
    for (let previous = last?.ports_links?.find(({ rel }) => rel === 'previous')?.href; previous !== undefined;) {
      const got: Page = await page(previous);
      back.unshift(...ids(got.ports));
      previous = got.ports_links?.find(({ rel }) => rel === 'previous')?.href;
    }
    expect(back).toEqual(whole);
  });

  it('have links only with a limit, and limit 0 means all', async () => {
    expect(await page('fields=id')).not.toHaveProperty('ports_links');
    expect((await list('limit=0')).length).toBe(20);
  });

  it('refuse unknown sort keys and directions', async () => {
    for (const query of ['sort_key=nope', 'sort_key=name&sort_dir=up', 'sort_key=name&sort_dir=asc&sort_dir=asc'])
      expect(await api.call('GET', `/v2.0/ports?${query}`)).toMatchObject({ status: 400 });
  });

  it('of one process show at once what another one was answered', async () => {
    const other = await api.beside();
    const [port] = all;
    for (let n = 0; n < 40; n += 1) {
      const name = `renamed ${n}`;
      await api.make('PUT', `/v2.0/ports/${port?.id}`, { port: { name } });
      const answer = await fetch(`${other}/v2.0/ports?network_id=${port?.network_id}&fields=id&fields=name`);
      const { ports } = (await answer.json()) as Page;
      expect(ports.find(({ id }) => id === port?.id)).toEqual({ id: port?.id, name });
      expect(ports).toHaveLength(10);
    }
    await api.make('PUT', `/v2.0/ports/${port?.id}`, { port: { name: port?.name } });
  });

  it('are described, with everything else, at /openapi.json', async () => {
    const { paths } = (await api.call('GET', '/openapi.json')).body as {
      paths: Record<string, Record<string, { parameters?: { name: string }[] }>>;
    };
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/v2.0/ports', '/v2.0/ports/{id}', '/v2.0/routers/{id}/add_router_interface']),
    );
    expect(paths['/v2.0/ports']?.['get']?.parameters?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['limit', 'fixed_ips', 'binding:host_id']),
    );
  });
});
