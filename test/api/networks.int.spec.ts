import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess } from './api-process.js';

type Network = { id: string; shared: boolean; [attribute: string]: unknown };

let api: ApiProcess;

beforeAll(async () => {
  api = await ApiProcess.start();
});
afterAll(() => api?.stop());

const network = (fields: object = {}) => api.make<Network>('POST', '/v2.0/networks', { network: fields });
const refused = (path: string, body: object, method = 'POST') => api.call(method, path, body);

describe('networks', () => {
  it('are shared by a policy for everybody, whichever way it is made', async () => {
    const { id, shared } = await network({ name: 'common', shared: true });
    expect(shared).toBe(true);
    const policies = async () =>
      ((await api.call('GET', `/v2.0/rbac-policies?object_id=${id}`)).body as { rbac_policies: { id: string }[] })
        .rbac_policies;
    expect(await policies()).toMatchObject([{ action: 'access_as_shared', target_tenant: '*' }]);
    const ids = async (query: string) =>
      ((await api.call('GET', `/v2.0/networks?name=common&${query}`)).body as { networks: Network[] }).networks.map(
        (each) => each.id,
      );
    expect(await ids('shared=true')).toEqual([id]);
    expect(await ids('shared=false')).toEqual([]);
    expect(await ids('sort_key=shared&sort_dir=desc')).toEqual([id]);
    expect(await api.make('PUT', `/v2.0/networks/${id}`, { network: { shared: false } })).toMatchObject({
      shared: false,
    });
    expect(await policies()).toEqual([]);
    expect(await ids('shared=false')).toEqual([id]);
    const policy = { object_type: 'network', object_id: id, action: 'access_as_shared', target_tenant: '*' };
    await api.make('POST', '/v2.0/rbac-policies', { rbac_policy: policy });
    expect(((await api.call('GET', `/v2.0/networks/${id}`)).body as { network: Network }).network.shared).toBe(true);
    await api.make('POST', '/v2.0/ports', { port: { network_id: id, project_id: 'other' } });
    expect(await refused(`/v2.0/networks/${id}`, { network: { shared: false } }, 'PUT')).toMatchObject({
      status: 409,
      body: { NeutronError: { type: 'InvalidSharedSetting' } },
    });
  });

  it('cannot stop being shared once another project uses them, also when both happen at once in two processes', async () => {
    const beside = await api.beside();
    for (let round = 0; round < 8; round += 1) {
      const { id } = await network({ shared: true });
      const foreign = { port: { network_id: id, project_id: `q${round}` } };
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(foreign) };
      const [unshared] = await Promise.all([
        api.call('PUT', `/v2.0/networks/${id}`, { network: { shared: false } }),
        fetch(`${beside}/v2.0/ports`, init),
      ]);
      // An administrator makes the port, so it is always made: either first, and then the network stays shared, or second.
      const { rows } = await api.database.query<{ first: string }>(
        `SELECT type AS first FROM plumbline.events WHERE (type = 'PortCreated' AND envelope LIKE '%' || $1 || '%')
           OR (type = 'RbacPolicyDeleted' AND envelope LIKE '%' || $1 || '%') ORDER BY position`,
        [id],
      );
      expect(rows.map(({ first }) => first)).toEqual(
        unshared.status === 200 ? ['RbacPolicyDeleted', 'PortCreated'] : ['PortCreated'],
      );
    }
  });

  it('are external for all or by a policy', async () => {
    const { id } = await network({ name: 'out' });
    const policy = { object_type: 'network', object_id: id, action: 'access_as_external', target_tenant: 'p1' };
    await api.make('POST', '/v2.0/rbac-policies', { rbac_policy: policy });
    const found = await api.call('GET', '/v2.0/networks?router:external=True&name=out');
    expect(found.body).toMatchObject({ networks: [{ id, 'router:external': true, shared: false }] });
  });

  it('take their one segment as a list, and no more than one', async () => {
    const segment = { 'provider:network_type': 'vxlan', 'provider:segmentation_id': 4711 };
    expect(await network({ segments: [segment] })).toMatchObject(segment);
    expect(await refused('/v2.0/networks', { network: { segments: [segment, segment] } })).toMatchObject({
      status: 400,
      body: { NeutronError: { message: expect.stringContaining('a network of 2 segments is not supported') } },
    });
    const both = { segments: [segment], 'provider:network_type': 'vxlan' };
    expect(await refused('/v2.0/networks', { network: both })).toMatchObject({
      status: 400,
      body: { NeutronError: { type: 'SegmentsSetInConjunctionWithProviders' } },
    });
  });

  it('have a DNS domain, and no availability zone hints', async () => {
    expect(await network({ dns_domain: 'Example.org.' })).toMatchObject({ dns_domain: 'example.org.' });
    expect(await refused('/v2.0/networks', { network: { dns_domain: 'example.org' } })).toMatchObject({ status: 400 });
    expect(await refused('/v2.0/networks', { network: { availability_zone_hints: ['a'] } })).toMatchObject({
      status: 400,
    });
  });

  it('have one default', async () => {
    const wanted = { 'router:external': true, is_default: true };
    const { id } = await network(wanted);
    expect(await refused('/v2.0/networks', { network: wanted })).toMatchObject({
      status: 409,
      body: {
        NeutronError: {
          type: 'DefaultExternalNetworkExists',
          message: `A default external network already exists: ${id}.`,
        },
      },
    });
    await api.make('PUT', `/v2.0/networks/${id}`, { network: { 'router:external': false } });
  });

  it('have exactly one segment, whose id stays', async () => {
    const { id, ...made } = await network({ name: 'cut' });
    const list = async () =>
      ((await api.call('GET', `/v2.0/segments?network_id=${id}`)).body as { segments: Network[] }).segments;
    const [segment] = await list();
    expect(segment).toMatchObject({
      network_id: id,
      network_type: 'vxlan',
      physical_network: null,
      segmentation_id: made['provider:segmentation_id'],
      name: null,
      description: '',
    });
    expect(segment?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-3[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect((await api.call('GET', `/v2.0/segments/${segment?.id}`)).body).toEqual({ segment });
    expect(await api.call('GET', '/v2.0/segments/x')).toMatchObject({ status: 404 });
    for (const [method, path] of [
      ['POST', '/v2.0/segments'],
      ['PUT', `/v2.0/segments/${segment?.id}`],
      ['DELETE', `/v2.0/segments/${segment?.id}`],
    ] as const)
      expect(await api.call(method, path, { segment: { network_id: id, network_type: 'vxlan' } })).toMatchObject({
        status: 405,
        body: { NeutronError: { message: expect.stringContaining('exactly one segment') } },
      });
  });
});

describe('a topology that makes itself', () => {
  const path = '/v2.0/auto-allocated-topology';

  it('says what is missing, is made once for all who ask at once, and is removed whole', async () => {
    const dry = () => api.call('GET', `${path}/admin?fields=dry-run`);
    const lacks = (reason: string) => ({
      status: 409,
      body: { NeutronError: { type: 'AutoAllocationFailure', message: `Deployment error: ${reason}.`, detail: '' } },
    });
    expect(await dry()).toMatchObject(lacks('No default router:external network'));
    const out = await network({ 'router:external': true, is_default: true });
    await api.make('POST', '/v2.0/subnets', {
      subnet: { network_id: out.id, ip_version: 4, cidr: '10.200.0.0/24', enable_dhcp: false },
    });
    expect(await dry()).toMatchObject(lacks('No default subnetpools defined'));
    await api.make('POST', '/v2.0/subnetpools', {
      subnetpool: { name: 'd', prefixes: ['10.20.0.0/16'], default_prefixlen: 24, is_default: true, shared: true },
    });
    expect((await dry()).body).toEqual({ auto_allocated_topology: { id: 'dry-run=pass', tenant_id: 'admin' } });
    const answers = await Promise.all(Array.from({ length: 6 }, () => api.call('GET', `${path}/None`)));
    const [first] = answers;
    expect(first).toMatchObject({ status: 200, body: { auto_allocated_topology: { tenant_id: 'admin' } } });
    for (const answer of answers) expect(answer.body).toEqual(first?.body);
    const { id } = (first?.body as unknown as { auto_allocated_topology: { id: string } }).auto_allocated_topology;
    expect((await api.call('GET', '/v2.0/networks?name=auto_allocated_network')).body).toMatchObject({
      networks: [{ id, subnets: [expect.any(String)] }],
    });
    const { routers } = (await api.call('GET', '/v2.0/routers')).body as { routers: { name: string }[] };
    expect(routers).toMatchObject([
      { name: 'auto_allocated_router', external_gateway_info: { network_id: out.id, enable_snat: true } },
    ]);
    const other = await api.call('GET', `${path}/elsewhere`);
    expect(other.body).not.toEqual(first?.body);
    for (const project of ['admin', 'elsewhere', 'admin'])
      expect(await api.call('DELETE', `${path}/${project}`)).toMatchObject({ status: 204 });
    expect((await api.call('GET', '/v2.0/networks?name=auto_allocated_network')).body).toEqual({ networks: [] });
    expect((await api.call('GET', '/v2.0/routers')).body).toEqual({ routers: [] });
    expect(await api.call('GET', `${path}/admin?fields=id`)).toMatchObject({ status: 400 });
  });
});
