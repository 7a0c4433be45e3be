import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess } from './api-process.js';

type Fields = { id: string; [attribute: string]: unknown };

let api: ApiProcess;

beforeAll(async () => {
  api = await ApiProcess.start();
});
afterAll(() => api?.stop());

const make = (collection: string, name: string, fields: object) =>
  api.make<Fields>('POST', `/v2.0/${collection}`, { [name]: fields });
const pool = (fields: object) => make('subnetpools', 'subnetpool', { name: 'p', ...fields });
const refusal = (type: string, status = 400) => ({ status, body: { NeutronError: { type } } });

describe('subnet pools and address scopes', () => {
  it('look as clients know them', async () => {
    const scope = await make('address-scopes', 'address_scope', { name: 'plan', ip_version: 4 });
    expect(scope).toEqual({
      id: expect.any(String),
      name: 'plan',
      tenant_id: 'admin',
      project_id: 'admin',
      ip_version: 4,
      shared: false,
    });
    const made = await pool({
      name: 'pool',
      prefixes: ['10.11.0.0/16', '10.10.0.0/16'],
      default_prefixlen: 26,
      min_prefixlen: '24',
      max_prefixlen: 28,
      address_scope_id: scope.id,
    });
    expect(made).toEqual({
      id: expect.any(String),
      name: 'pool',
      tenant_id: 'admin',
      project_id: 'admin',
      prefixes: ['10.10.0.0/15'],
      ip_version: 4,
      default_prefixlen: '26',
      min_prefixlen: '24',
      max_prefixlen: '28',
      default_quota: null,
      address_scope_id: scope.id,
      shared: false,
      is_default: false,
      description: '',
      tags: [],
      created_at: expect.any(String),
      updated_at: expect.any(String),
      revision_number: 0,
    });
    for (const query of ['ip_version=4', `address_scope_id=${scope.id}`, 'max_prefixlen=28', 'shared=False'])
      expect((await api.call('GET', `/v2.0/subnetpools?name=pool&${query}`)).body).toEqual({ subnetpools: [made] });
    expect((await api.call('GET', '/v2.0/subnetpools?ip_version=6')).body).toEqual({ subnetpools: [] });
    const network = await make('networks', 'network', {});
    const subnet = await make('subnets', 'subnet', { network_id: network.id, ip_version: 4, subnetpool_id: made.id });
    expect(subnet).toMatchObject({ cidr: '10.10.0.0/26', gateway_ip: '10.10.0.1', subnetpool_id: made.id });
    expect((await api.call('GET', `/v2.0/subnets?subnetpool_id=${made.id}`)).body).toEqual({ subnets: [subnet] });
    expect((await api.call('GET', `/v2.0/networks/${network.id}`)).body).toMatchObject({
      network: { ipv4_address_scope: scope.id, ipv6_address_scope: null },
    });
    const clash = { name: 'clash', prefixes: ['10.11.9.0/24'], address_scope_id: scope.id };
    expect(await api.call('POST', '/v2.0/subnetpools', { subnetpool: clash })).toMatchObject(
      refusal('AddressScopePrefixConflict', 409),
    );
    expect(await api.call('DELETE', `/v2.0/address-scopes/${scope.id}`)).toMatchObject(
      refusal('AddressScopeInUse', 409),
    );
    expect(await api.call('DELETE', `/v2.0/subnetpools/${made.id}`)).toMatchObject(refusal('SubnetPoolDeleteError'));
    expect(await api.call('PUT', `/v2.0/subnetpools/${made.id}/tags/t`)).toMatchObject({ status: 201 });
    expect(await api.call('GET', '/v2.0/subnetpools/none')).toMatchObject(refusal('SubnetPoolNotFound', 404));
  });

  it.each<[object, string]>([
    [{ prefixes: [] }, 'EmptySubnetPoolPrefixList'],
    [{ prefixes: ['10.0.0.0/8', 'fd00::/8'] }, 'PrefixVersionMismatch'],
    [{ prefixes: ['10.0.0.0/8'], min_prefixlen: 30, max_prefixlen: 29 }, 'IllegalSubnetPoolPrefixBounds'],
    [{ prefixes: ['10.0.0.0/8'], ip_version: 4 }, 'HTTPBadRequest'],
    [{ prefixes: ['10.0.0.0/33'] }, 'InvalidInput'],
    [{}, 'HTTPBadRequest'],
  ])('refuse %j', async (fields, type) => {
    expect(await api.call('POST', '/v2.0/subnetpools', { subnetpool: { name: 'p', ...fields } })).toMatchObject(
      refusal(type),
    );
  });

  it('grow, shrink and take over subnets', async () => {
    const { id } = await pool({ prefixes: ['10.40.0.0/16'], default_prefixlen: 24 });
    const put = (action: string, body: object) => api.call('PUT', `/v2.0/subnetpools/${id}/${action}`, body);
    expect(await put('add_prefixes', { prefixes: ['10.41.0.0/16'] })).toMatchObject({
      status: 200,
      body: { prefixes: ['10.40.0.0/15'] },
    });
    expect((await put('remove_prefixes', { prefixes: ['10.40.0.0/17'] })).body).toEqual({
      prefixes: ['10.40.128.0/17', '10.41.0.0/16'],
    });
    expect(await put('remove_prefixes', { prefixes: 'x' })).toMatchObject({ status: 400 });
    expect(await put('remove_prefixes', {})).toMatchObject({ status: 400 });
    const network = await make('networks', 'network', {});
    const subnet = await make('subnets', 'subnet', { network_id: network.id, ip_version: 4, cidr: '172.30.0.0/24' });
    expect(await put('onboard_network_subnets', { network_id: network.id })).toMatchObject({
      status: 200,
      body: [{ id: subnet.id, cidr: '172.30.0.0/24' }],
    });
    expect((await api.call('GET', `/v2.0/subnets/${subnet.id}`)).body).toMatchObject({ subnet: { subnetpool_id: id } });
    expect(await put('remove_prefixes', { prefixes: ['172.30.0.0/24'] })).toMatchObject(
      refusal('IllegalSubnetPoolPrefixUpdate'),
    );
    expect(await put('onboard_network_subnets', {})).toMatchObject(refusal('InvalidInput'));
    expect(await put('onboard_network_subnets', { network_id: id })).toMatchObject(refusal('NetworkNotFound', 404));
    expect(
      await api.call('PUT', `/v2.0/subnetpools/${id}`, { subnetpool: { prefixes: ['10.41.0.0/16'] } }),
    ).toMatchObject(refusal('IllegalSubnetPoolPrefixUpdate'));
    expect(await api.call('PUT', `/v2.0/subnetpools/${id}`, { subnetpool: { shared: true } })).toMatchObject({
      status: 400,
    });
  });

  it('give no prefix twice to clients of two processes that ask at once, and give every prefix', async () => {
    const beside = await api.beside();
    const { id } = await pool({ prefixes: ['10.60.0.0/24'], default_prefixlen: 28 });
    const networks = await Promise.all(Array.from({ length: 24 }, () => make('networks', 'network', {})));
    const answers = await Promise.all(
      networks.map(async (network, n) => {
        const subnet = {
          network_id: network.id,
          ip_version: 4,
          subnetpool_id: id,
          ...(n % 3 === 1 && { cidr: `10.60.0.${(n % 8) * 16}/28` }),
        };
        const response = await fetch(`${n % 2 ? api.url : beside}/v2.0/subnets`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ subnet }),
        });
        return { status: response.status, body: (await response.json()) as object };
      }),
    );
    const made = answers.filter(({ status }) => status === 201);
    const cidrs = made.map(({ body }) => (body as { subnet: { cidr: string } }).subnet.cidr);
    expect(new Set(cidrs).size).toBe(cidrs.length);
    for (const answer of answers)
      if (answer.status !== 201) expect(answer).toMatchObject(refusal('SubnetAllocationError', 409));
    expect(cidrs.length).toBe(16);
    const { rows } = await api.database.query(`SELECT FROM plumbline.claims WHERE key LIKE 'pool/${id}/%'`);
    expect(rows).toHaveLength(16);
  });

  it('are the default of their IP version', async () => {
    const { id } = await pool({ prefixes: ['fd00:9::/48'], is_default: true });
    const network = await make('networks', 'network', {});
    const wanted = { network_id: network.id, ip_version: 6, use_default_subnetpool: true };
    expect(await make('subnets', 'subnet', { ...wanted, ipv6_address_mode: 'slaac' })).toMatchObject({
      cidr: 'fd00:9::/64',
      subnetpool_id: id,
    });
    expect(await api.call('POST', '/v2.0/subnets', { subnet: { ...wanted, ip_version: 4 } })).toMatchObject({
      status: 400,
      body: { NeutronError: { message: 'Bad subnets request: No default subnetpool found for IPv4.' } },
    });
    expect(
      await api.call('POST', '/v2.0/subnetpools', {
        subnetpool: { name: 'p', prefixes: ['fd01::/48'], is_default: true },
      }),
    ).toMatchObject(refusal('InvalidInput'));
  });
});
