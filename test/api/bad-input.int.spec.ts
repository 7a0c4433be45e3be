import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'node:http';
import fc from 'fast-check';
import { ApiProcess, refusedStart } from './api-process.js';

let api: ApiProcess;
let network: { id: string }, port: { id: string }, router: { id: string };

beforeAll(async () => {
  api = await ApiProcess.start({ PLUMB_LOG_LEVEL: 'info' });
  network = await api.make('POST', '/v2.0/networks', { network: { name: 'n', 'router:external': true } });
  await api.make('POST', '/v2.0/subnets', { subnet: { network_id: network.id, ip_version: 4, cidr: '10.0.0.0/24' } });
  port = await api.make('POST', '/v2.0/ports', { port: { network_id: network.id } });
  router = await api.make('POST', '/v2.0/routers', { router: {} });
});
afterAll(() => api?.stop());

type Refusal = { NeutronError: { type: string; message: string; detail: string } };
const saidOf = ({ body }: { body: unknown }) => Object.values((body as Refusal).NeutronError).join(' ');

/** Values that no attribute accepts, and values of the wrong type. */
const DEEP = '['.repeat(2000) + ']'.repeat(2000);
const NEVER: unknown[] = ['a\0b', '\ud800', { a: { b: [] } }, [[[]]], ['x'], 1e300, -1];

describe('bad input', () => {
  const attributes = {
    network: [
      'name',
      'description',
      'admin_state_up',
      'mtu',
      'shared',
      'router:external',
      'is_default',
      'port_security_enabled',
      'provider:network_type',
      'provider:physical_network',
      'provider:segmentation_id',
      'tenant_id',
      'project_id',
      'availability_zone_hints',
    ],
    subnet: [
      'name',
      'network_id',
      'ip_version',
      'cidr',
      'gateway_ip',
      'allocation_pools',
      'dns_nameservers',
      'host_routes',
      'enable_dhcp',
      'subnetpool_id',
      'ipv6_ra_mode',
      'ipv6_address_mode',
      'service_types',
    ],
    port: [
      'name',
      'network_id',
      'mac_address',
      'admin_state_up',
      'device_id',
      'device_owner',
      'fixed_ips',
      'binding:host_id',
      'binding:vnic_type',
      'port_security_enabled',
      'security_groups',
      'allowed_address_pairs',
      'extra_dhcp_opts',
    ],
    router: ['name', 'admin_state_up', 'external_gateway_info', 'distributed', 'ha', 'flavor_id'],
    floatingip: [
      'floating_network_id',
      'floating_ip_address',
      'subnet_id',
      'port_id',
      'fixed_ip_address',
      'description',
    ],
  } as const;
  const required = () => ({
    network: {},
    subnet: { network_id: network.id, ip_version: 4, cidr: '10.9.0.0/24' },
    port: { network_id: network.id },
    router: {},
    floatingip: { floating_network_id: network.id },
  });

  it.each(Object.keys(attributes) as (keyof typeof attributes)[])(
    'in any attribute of a %s is 400, named, and stores nothing',
    async (name) => {
      const head = await api.head();
      for (const attribute of attributes[name])
        for (const value of NEVER) {
          const body = { [name]: { ...required()[name], [attribute]: value } };
          const answer = await api.call('POST', `/v2.0/${name}s`, body);
          expect({ attribute, value, ...answer }).toMatchObject({ status: 400 });
          expect(saidOf(answer)).toContain(attribute);
        }
      expect(await api.head()).toBe(head);
    },
  );

  it('that is no JSON object of the right name is 400', async () => {
    const head = await api.head();
    const bodies = [
      '',
      '{',
      'null',
      '[]',
      '5',
      '"x"',
      '{}',
      '{"network": null}',
      '{"network": []}',
      '{"networks": []}',
      '{"networks": {}}',
      '{"networks": [5]}',
      '{"network": 5}',
      DEEP,
      `{"network": {"name": ${DEEP}}}`,
      '{"__proto__": {}}',
      '{"network": {"__proto__": {"x": 1}}}',
      '{"network": {"constructor": 1}}',
      '\xff\xfe',
    ];
    for (const path of ['/v2.0/networks', `/v2.0/networks/${network.id}`])
      for (const body of bodies) {
        const answer = await api.call(path === '/v2.0/networks' ? 'POST' : 'PUT', path, body);
        expect({ path, body: body.slice(0, 60), status: answer.status }).toMatchObject({ status: 400 });
      }
    const tooMany = { networks: Array.from({ length: 201 }, () => ({})) };
    expect(await api.call('POST', '/v2.0/networks', tooMany)).toMatchObject({ status: 400 });
    expect(await api.call('POST', '/v2.0/networks', `{"network": {"name": "${'x'.repeat(2 ** 20)}"}}`)).toMatchObject({
      status: 413,
    });
    expect(await api.head()).toBe(head);
  });

  it('in updates and router interfaces is 400 and changes nothing', async () => {
    const head = await api.head();
    const table: [string, unknown][] = [
      [`ports/${port.id}`, { port: { fixed_ips: [{ ip_address: 'x' }] } }],
      [`ports/${port.id}`, { port: { mac_address: 'fa:16:3e' } }],
      [`ports/${port.id}`, { port: { 'binding:host_id': 'a..b' } }],
      [`ports/${port.id}`, { port: { 'binding:host_id': '$(reboot)' } }],
      [
        `ports/${port.id}`,
        { port: { 'binding:profile': { a: { b: { c: { d: { e: { f: { g: { h: { i: 1 } } } } } } } } } } },
      ],
      [`ports/${port.id}`, { port: { network_id: network.id } }],
      [`networks/${network.id}`, { network: { 'provider:segmentation_id': 5 } }],
      [`networks/${network.id}`, { network: { status: 'DOWN' } }],
      [`routers/${router.id}`, { router: { external_gateway_info: { network_id: 'x' } } }],
      [`routers/${router.id}`, { router: { external_gateway_info: { enable_snat: true } } }],
      [`routers/${router.id}`, { router: { routes: [{ destination: '10.0.0.0/8' }] } }],
      [`routers/${router.id}`, { router: { routes: [{ destination: '10.0.0.0/8', nexthop: '10.7.7.7' }] } }],
      [`routers/${router.id}/add_router_interface`, { subnet_id: 5 }],
      [`routers/${router.id}/add_router_interface`, { port_id: '../x' }],
      [`routers/${router.id}/add_router_interface`, { subnet_id: network.id, port_id: port.id }],
      [`routers/${router.id}/add_router_interface`, { bogus: 1 }],
      [`routers/${router.id}/add_router_interface`, []],
    ];
    for (const [path, body] of table)
      expect({ path, sent: body, ...(await api.call('PUT', `/v2.0/${path}`, body)) }).toMatchObject({ status: 400 });
    expect(await api.head()).toBe(head);
  });

  it('of any form is never answered with a server error', async () => {
    const path = fc.oneof(
      fc.constantFrom(...Object.keys(attributes).map((name) => `/v2.0/${name}s`)),
      fc.webPath().map((suffix) => `/v2.0${suffix}`),
      fc
        .tuple(
          fc.constantFrom('networks', 'ports', 'routers', 'agents'),
          fc.string({ unit: 'grapheme', maxLength: 20 }),
        )
        .map(([c, id]) => `/v2.0/${c}/${encodeURIComponent(id)}`),
    );
    const query = fc.array(
      fc.tuple(
        fc.constantFrom(
          'limit',
          'marker',
          'sort_key',
          'sort_dir',
          'fields',
          'fixed_ips',
          'name',
          'id',
          'mtu',
          'status',
          'router:external',
          'network_id',
          'created_at',
          'zzz',
        ),
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 20 }),
          fc.constantFrom('name', 'asc', '\0', '1', 'True', 'ip_address=1', network.id),
        ),
      ),
      { maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'GET', 'GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS'),
        path,
        query,
        async (method, where, pairs) => {
          const search = new URLSearchParams(pairs);
          const status = await raw(method, `${where}?${search}`);
          expect(status).toBeLessThan(500);
          expect(status).not.toBe(201);
        },
      ),
      { numRuns: 400 },
    );
    const body = fc.jsonValue({ maxDepth: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...(Object.keys(attributes) as (keyof typeof attributes)[])),
        fc.dictionary(fc.string(), body, { minKeys: 1 }),
        async (name, fields) => {
          const answer = await api.call('POST', `/v2.0/${name}s`, { [name]: { zzz: 0, ...fields } });
          expect(answer.status).toBe(400);
        },
      ),
      { numRuns: 200 },
    );
    expect((await api.call('GET', '/healthz')).body).toMatchObject({ checks: { database: { ok: true } } });
  });

  it('in the environment makes the API refuse to start and name every fault', async () => {
    const { code, said } = await refusedStart({ PLUMB_LISTEN: '0.0.0.0:9696', DATABASE_URL: 'postgresql://x' });
    expect(code).toBe(2);
    expect(said).toContain("'0.0.0.0' is not a loopback address");
    expect((await refusedStart({})).said).toContain('DATABASE_URL');
  });

  it('does not prevent an orderly stop', async () => {
    expect(await api.terminate()).toBe(0);
  });
});

/** Like fetch, but sends what fetch would refuse to send. */
const raw = (method: string, path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const { hostname, port: at } = new URL(api.url);
    const sent = request({ hostname, port: at, method, path: path.replace(/[^\x21-\x7e]/g, '%00') }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    sent.once('error', reject);
    sent.end();
  });
