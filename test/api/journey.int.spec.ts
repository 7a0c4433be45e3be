import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess } from './api-process.js';
import { ObservedNode } from './observed.js';
import { gatewayOf } from './scenario.js';
import { expectShape } from './shapes.js';

const NOBODY = '00000000-0000-0000-0000-000000000000';
type Fields = { id: string; [attribute: string]: unknown };
const addressOf = (port: Fields) => (port['fixed_ips'] as { ip_address: string }[])[0]?.ip_address;

let api: ApiProcess;
let node: ObservedNode;
let external: Fields, outside: Fields, tenant: Fields, inside: Fields, router: Fields;
let interfacePort: { port_id: string };
let vm1: Fields, vm2: Fields, floating: Fields;

beforeAll(async () => {
  api = await ApiProcess.start();
  node = await ObservedNode.start(api, 'vm');
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

const made = async (
  collection: string,
  name: 'network' | 'subnet' | 'port' | 'router' | 'floatingip',
  fields: object,
): Promise<Fields> => {
  const answer = await api.call('POST', `/v2.0/${collection}`, { [name]: fields });
  expect(answer).toMatchObject({ status: 201 });
  expect(answer.headers.get('x-openstack-request-id')).toMatch(/^req-[0-9a-f-]{36}$/);
  const object = (answer.body as Record<string, Fields>)[name] as Fields;
  expectShape(name, object);
  const again = await api.call('GET', `/v2.0/${collection}/${object.id}`);
  expect((again.body as Record<string, Fields>)[name]).toEqual(object);
  return object;
};

describe('a journey through the Networking API', () => {
  it('starts with discovery', async () => {
    const href = `${api.url}/v2.0/`;
    expect((await api.call('GET', '/')).body).toEqual({
      versions: [{ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href }] }],
    });
    for (const path of ['/v2.0', '/v2.0/', '//v2.0//']) {
      const { resources } = (await api.call('GET', path)).body as { resources: object[] };
      expect(resources).toContainEqual({
        name: 'network',
        collection: 'networks',
        links: [{ rel: 'self', href: `${href}networks` }],
      });
    }
    const { extensions } = (await api.call('GET', '/v2.0//extensions')).body as { extensions: { alias: string }[] };
    for (const extension of extensions) {
      expect(Object.keys(extension).sort()).toEqual(['alias', 'description', 'links', 'name', 'updated']);
      expect((await api.call('GET', `/v2.0/extensions/${extension.alias}`)).body).toEqual({ extension });
    }
    expect(await api.call('GET', '/v2.0/extensions/none')).toMatchObject({ status: 404 });
  });

  it('makes networks and subnets with the known defaults', async () => {
    external = await made('networks', 'network', {
      name: 'ext',
      'router:external': true,
      'provider:network_type': 'flat',
      'provider:physical_network': 'physnet1',
    });
    expect(external).toMatchObject({
      mtu: 1500,
      status: 'ACTIVE',
      shared: false,
      'provider:segmentation_id': null,
      port_security_enabled: true,
    });
    outside = await made('subnets', 'subnet', {
      network_id: external.id,
      ip_version: 4,
      cidr: '10.200.0.0/16',
      enable_dhcp: false,
      allocation_pools: [{ start: '10.200.1.0', end: '10.200.255.254' }],
    });
    expect(outside).toMatchObject({
      gateway_ip: '10.200.0.1',
      allocation_pools: [{ start: '10.200.1.0', end: '10.200.255.254' }],
      enable_dhcp: false,
    });
    tenant = await made('networks', 'network', { name: 'tenant' });
    expect(tenant).toMatchObject({
      mtu: 1450,
      admin_state_up: true,
      'router:external': false,
      'provider:network_type': 'vxlan',
      'provider:physical_network': null,
    });
    inside = await made('subnets', 'subnet', { network_id: tenant.id, ip_version: 4, cidr: '192.168.7.0/24' });
    expect(inside).toMatchObject({
      gateway_ip: '192.168.7.1',
      allocation_pools: [{ start: '192.168.7.2', end: '192.168.7.254' }],
      enable_dhcp: true,
      host_routes: [],
      dns_nameservers: [],
    });
    expect((await api.make<Fields>('GET', `/v2.0/networks/${tenant.id}`, undefined))['subnets']).toEqual([inside.id]);
  });

  it('makes a router with gateway and interface', async () => {
    router = await made('routers', 'router', { name: 'r1', external_gateway_info: { network_id: external.id } });
    expect(router).toMatchObject({
      status: 'BUILD',
      distributed: false,
      ha: false,
      routes: [],
      external_gateway_info: {
        network_id: external.id,
        enable_snat: true,
        external_fixed_ips: [{ subnet_id: outside.id, ip_address: expect.stringMatching(/^10\.200\./) }],
      },
    });
    interfacePort = await api.make('PUT', `/v2.0/routers/${router.id}/add_router_interface`, { subnet_id: inside.id });
    expect(interfacePort).toEqual({
      id: router.id,
      tenant_id: router['tenant_id'],
      port_id: interfacePort.port_id,
      network_id: tenant.id,
      subnet_id: inside.id,
      subnet_ids: [inside.id],
    });
  });

  it('makes ports, bound and unbound', async () => {
    vm1 = await made('ports', 'port', {
      name: 'vm1',
      network_id: tenant.id,
      device_owner: 'compute:nova',
      device_id: 'i-1',
      'binding:host_id': 'vm',
    });
    expect(vm1).toMatchObject({
      status: 'DOWN',
      mac_address: expect.stringMatching(/^fa:16:3e:/),
      'binding:host_id': 'vm',
      'binding:vnic_type': 'normal',
      fixed_ips: [{ subnet_id: inside.id }],
    });
    vm2 = await made('ports', 'port', { network_id: tenant.id });
    expect(vm2).toMatchObject({
      status: 'DOWN',
      device_id: '',
      device_owner: '',
      'binding:host_id': '',
      'binding:vif_type': 'unbound',
      'binding:vif_details': {},
      name: '',
    });
  });

  it("shows ports where they are: an instance on its host, a router port on its router's", async () => {
    const details = { bridge_name: 'br-int', datapath_type: 'netdev', connectivity: 'l2' };
    expect(vm1).toMatchObject({ 'binding:vif_type': 'ovs', 'binding:vif_details': details });
    const routerPorts = await api.make<Fields[]>('GET', `/v2.0/ports?device_id=${router.id}`, undefined);
    expect(routerPorts.map((each) => each['device_owner']).sort()).toEqual([
      'network:router_gateway',
      'network:router_interface',
    ]);
    for (const each of routerPorts) expect(each).toMatchObject({ 'binding:host_id': 'vm', 'binding:vif_type': 'ovs' });
    const nowhere = { 'binding:host_id': 'nowhere', port_security_enabled: false };
    const failing = (port: object) => api.make<Fields>('POST', '/v2.0/ports', { port });
    const elsewhere = await failing({ network_id: tenant.id, ...nowhere });
    expect(elsewhere).toMatchObject({
      'binding:vif_type': 'binding_failed',
      status: 'DOWN',
      status_reason: 'host nowhere cannot carry its network: no OVS agent has registered it',
    });
    expect(await api.call('DELETE', `/v2.0/ports/${elsewhere.id}`)).toMatchObject({ status: 204 });
    const unmapped = await api.make<Fields>('POST', '/v2.0/networks', {
      network: { 'provider:network_type': 'flat', 'provider:physical_network': 'physnet9' },
    });
    await api.admit(['vm'], undefined, ['physnet1', 'physnet9']);
    const here = { 'binding:host_id': 'vm', network_id: unmapped.id };
    const uncarried = await failing(here);
    expect(uncarried).toMatchObject({
      'binding:vif_type': 'binding_failed',
      status_reason: 'host vm cannot carry its network: its bridge_mappings do not name physical network physnet9',
    });
    const special = await failing({ ...here, network_id: tenant.id, 'binding:vnic_type': 'direct' });
    expect(special).toMatchObject({
      'binding:vif_type': 'binding_failed',
      status_reason: 'vnic_type direct cannot be wired: use normal',
    });
    for (const gone of [`ports/${uncarried.id}`, `ports/${special.id}`, `networks/${unmapped.id}`])
      expect(await api.call('DELETE', `/v2.0/${gone}`)).toMatchObject({ status: 204 });
    const carriers = (await api.call('GET', `/v2.0/routers/${router.id}/l3-agents`)).body as { agents: Fields[] };
    expect(carriers.agents).toMatchObject([{ host: 'vm', agent_type: 'L3 agent', configurations: { routers: 1 } }]);
  });

  it('makes a floating IP and associates it; doing it again changes nothing', async () => {
    floating = await made('floatingips', 'floatingip', { floating_network_id: external.id });
    expect(floating).toMatchObject({
      status: 'DOWN',
      router_id: null,
      port_id: null,
      fixed_ip_address: null,
      port_details: null,
      port_forwardings: [],
    });
    const associate = () => api.call('PUT', `/v2.0/floatingips/${floating.id}`, { floatingip: { port_id: vm1.id } });
    const answer = await associate();
    const head = await api.head();
    expect(answer).toMatchObject({
      status: 200,
      body: {
        floatingip: {
          status: 'DOWN',
          router_id: router.id,
          port_id: vm1.id,
          fixed_ip_address: addressOf(vm1),
          port_details: {
            name: 'vm1',
            network_id: tenant.id,
            device_id: 'i-1',
            device_owner: 'compute:nova',
            mac_address: vm1['mac_address'],
            admin_state_up: true,
            status: 'DOWN',
          },
        },
      },
    });
    expectShape('floatingip', (answer.body as { floatingip: object }).floatingip);
    expect((await associate()).body).toEqual(answer.body);
    expect(await api.head()).toBe(head);
  });

  it('shows ACTIVE when, and only when, the nodes have reported all of it', async () => {
    const status = async (path: string) => ((await api.make<Fields>('GET', path, undefined)) as Fields)['status'];
    const now = await api.head();
    await node.report('ovs', [{ kind: 'port', id: vm1.id, status: 'ACTIVE', position: now }]);
    expect(await status(`/v2.0/ports/${vm1.id}`)).toBe('ACTIVE');
    for (const reason of ['its guest cannot talk', undefined]) {
      const said = { kind: 'port', id: vm1.id, status: 'ACTIVE', position: now, ...(reason && { reason }) } as const;
      await node.report('ovs', [said]);
      const shown = (await api.make<Fields>('GET', `/v2.0/ports/${vm1.id}`, undefined)) as Fields;
      expect([shown['status'], shown['status_reason']]).toEqual(['ACTIVE', reason]);
    }
    expect(await status(`/v2.0/floatingips/${floating.id}`)).toBe('DOWN');
    await node.report('l3', [{ kind: 'floatingip', id: floating.id, status: 'ACTIVE', position: 1 }]);
    expect(await status(`/v2.0/floatingips/${floating.id}`)).toBe('DOWN');
    await node.report('l3', [{ kind: 'floatingip', id: floating.id, status: 'ACTIVE', position: now }]);
    expect(await status(`/v2.0/floatingips/${floating.id}`)).toBe('DOWN');
    const gateway = await gatewayOf(api, router.id);
    const wired = (is: 'ACTIVE' | 'ERROR', reason?: string) =>
      node.report('ovs', [{ kind: 'port', id: gateway, status: is, position: now, ...(reason && { reason }) }]);
    await wired('ERROR', 'its uplink is gone');
    expect(await api.make('GET', `/v2.0/floatingips/${floating.id}`, undefined)).toMatchObject({
      status: 'ERROR',
      status_reason: 'its uplink is gone',
    });
    await wired('ACTIVE');
    expect(await status(`/v2.0/floatingips/${floating.id}`)).toBe('ACTIVE');
    for (const [up, shown] of [
      [false, 'DOWN'],
      [true, 'ACTIVE'],
    ] as const) {
      await api.make('PUT', `/v2.0/networks/${external.id}`, { network: { admin_state_up: up } });
      expect(await status(`/v2.0/floatingips/${floating.id}`)).toBe(shown);
    }
    const reason = 'its interface was unplugged';
    await node.report('ovs', [{ kind: 'port', id: vm1.id, status: 'DOWN', position: now, reason }]);
    expect(await status(`/v2.0/floatingips/${floating.id}`)).toBe('DOWN');
    const port = () => api.make<Fields>('GET', `/v2.0/ports/${vm1.id}`, undefined);
    expect(await port()).toMatchObject({ status: 'DOWN', status_reason: reason });
    await node.report('ovs', [{ kind: 'port', id: vm1.id, status: 'DOWN', position: now }]);
    expect(await port()).not.toHaveProperty('status_reason');
    await node.report('l3', [
      { kind: 'floatingip', id: floating.id, status: 'ERROR', position: now, reason: 'address in use' },
    ]);
    expect(await api.make('GET', `/v2.0/floatingips/${floating.id}`, undefined)).toMatchObject({
      status: 'ERROR',
      status_reason: 'address in use',
    });
    await node.report('l3', [{ kind: 'floatingip', id: floating.id, status: 'ACTIVE', position: now }]);
  });

  it('refuses with the names and words that clients know', async () => {
    const ip = addressOf(vm1);
    const [P, N, F, R, S] = [
      '/v2.0/ports',
      '/v2.0/networks',
      '/v2.0/floatingips',
      '/v2.0/routers',
      '/v2.0/subnets',
    ] as const;
    const interfaces = (verb: string) => `${R}/${router.id}/${verb}_router_interface`;
    const gone = (what: string) => `${what} ${NOBODY} could not be found`;
    const notInput = 'Invalid input for operation: ';
    const table: [string, string, unknown, number, string, string | RegExp][] = [
      ['GET', `${P}/${NOBODY}`, undefined, 404, 'PortNotFound', `${gone('Port')}.`],
      ['GET', `${N}/${NOBODY}`, undefined, 404, 'NetworkNotFound', `${gone('Network')}.`],
      ['GET', `${F}/${NOBODY}`, undefined, 404, 'FloatingIPNotFound', gone('Floating IP')],
      ['GET', `${R}/${NOBODY}`, undefined, 404, 'RouterNotFound', gone('Router')],
      ['DELETE', `${S}/${NOBODY}`, undefined, 404, 'SubnetNotFound', `${gone('Subnet')}.`],
      ['GET', `${N}/a-name`, undefined, 404, 'NetworkNotFound', 'Network a-name could not be found.'],
      ['GET', '/v2.0/nosuch', undefined, 404, 'HTTPNotFound', 'The resource could not be found.'],
      [
        'POST',
        F,
        { floatingip: { floating_network_id: external.id, port_id: vm1.id } },
        409,
        'FloatingIPPortAlreadyAssociated',
        new RegExp(
          `^Cannot associate floating IP 10\\.200\\.[0-9.]+ \\([0-9a-f-]{36}\\) with port ${vm1.id} using fixed IP ${ip}, as that fixed IP already has a floating IP on external network ${external.id}\\.$`,
        ),
      ],
      [
        'POST',
        F,
        { floatingip: { floating_network_id: tenant.id } },
        400,
        'BadRequest',
        `Bad floatingip request: Network ${tenant.id} is not a valid external network.`,
      ],
      ['POST', F, { floatingip: { floating_network_id: NOBODY } }, 404, 'NetworkNotFound', `${gone('Network')}.`],
      [
        'POST',
        F,
        { floatingip: {} },
        400,
        'HTTPBadRequest',
        "Failed to parse request. Required attribute 'floating_network_id' not specified",
      ],
      ['POST', N, { network: { name: 5, bogus: true } }, 400, 'HTTPBadRequest', "Unrecognized attribute(s) 'bogus'"],
      [
        'POST',
        N,
        { network: { admin_state_up: 'maybe' } },
        400,
        'InvalidInput',
        `${notInput}'maybe' cannot be converted to boolean.`,
      ],
      ['POST', N, { nonsense: {} }, 400, 'HTTPBadRequest', "Unable to find 'network' in request body"],
      [
        'POST',
        S,
        { subnet: { network_id: tenant.id, ip_version: 4, cidr: '192.168.7.0/25' } },
        400,
        'InvalidInput',
        `${notInput}Requested subnet with cidr: 192.168.7.0/25 for network: ${tenant.id} overlaps with another subnet.`,
      ],
      [
        'POST',
        S,
        { subnet: { network_id: tenant.id, ip_version: 4, cidr: 'garbage' } },
        400,
        'InvalidInput',
        `${notInput}garbage is not in a CIDR format.`,
      ],
      [
        'POST',
        P,
        { port: { network_id: tenant.id, fixed_ips: [{ ip_address: ip }] } },
        409,
        'IpAddressAlreadyAllocated',
        `IP address ${ip} already allocated in subnet ${inside.id}`,
      ],
      [
        'POST',
        P,
        { port: { network_id: tenant.id, fixed_ips: [{ ip_address: '10.99.99.99' }] } },
        400,
        'InvalidIpForNetwork',
        'IP address 10.99.99.99 is not a valid IP for any of the subnets on the specified network.',
      ],
      [
        'POST',
        P,
        { port: { network_id: tenant.id, mac_address: vm1['mac_address'] } },
        409,
        'MacAddressInUse',
        `Unable to complete operation for network ${tenant.id}. The mac address ${vm1['mac_address']} is in use.`,
      ],
      [
        'DELETE',
        `${N}/${tenant.id}`,
        undefined,
        409,
        'NetworkInUse',
        new RegExp(
          `^Unable to complete operation on network ${tenant.id}\\. There are one or more ports still in use on the network, id for these ports is: ([0-9a-f-]{36},?){3}\\.$`,
        ),
      ],
      [
        'DELETE',
        `${R}/${router.id}`,
        undefined,
        409,
        'RouterInUse',
        `Router ${router.id} has ports still attached: ${interfacePort.port_id}`,
      ],
      [
        'PUT',
        interfaces('remove'),
        { subnet_id: inside.id },
        409,
        'RouterInterfaceInUseByFloatingIP',
        `Router interface for subnet ${inside.id} on router ${router.id} cannot be deleted, as it is required by one or more floating IPs.`,
      ],
      [
        'PUT',
        interfaces('add'),
        { subnet_id: inside.id },
        400,
        'BadRequest',
        `Bad router request: Router already has a port on subnet ${inside.id}.`,
      ],
      [
        'PUT',
        interfaces('add'),
        {},
        400,
        'BadRequest',
        'Bad router request: Either subnet_id or port_id must be specified.',
      ],
      [
        'DELETE',
        `${P}/${interfacePort.port_id}`,
        undefined,
        409,
        'ServicePortInUse',
        `Port ${interfacePort.port_id} cannot be deleted directly via the port API: has device owner network:router_interface.`,
      ],
      [
        'PUT',
        `${N}/${tenant.id}`,
        { network: { id: NOBODY } },
        400,
        'HTTPBadRequest',
        'Cannot update read-only attribute id',
      ],
      [
        'GET',
        `${P}?limit=-1`,
        undefined,
        400,
        'BadRequest',
        "Bad limit request: Limit must be an integer 0 or greater and not '-1'.",
      ],
      ['GET', `${P}?bogus=1`, undefined, 400, 'HTTPBadRequest', "['bogus'] is invalid attribute for filtering"],
      ['GET', `${P}?marker=${NOBODY}&limit=1`, undefined, 404, 'PortNotFound', `${gone('Port')}.`],
      [
        'PATCH',
        `${N}/${tenant.id}`,
        { network: {} },
        405,
        'HTTPMethodNotAllowed',
        'The server could not comply with the request since it is either malformed or otherwise incorrect.',
      ],
    ];
    const head = await api.head();
    for (const [method, path, body, status, type, message] of table) {
      const answer = await api.call(method, path, body);
      expect({ method, path, ...answer }).toMatchObject({
        status,
        body: { NeutronError: { type, message: message instanceof RegExp ? expect.stringMatching(message) : message } },
      });
      expect(Object.keys((answer.body as { NeutronError: object }).NeutronError)).toEqual([
        'type',
        'message',
        'detail',
      ]);
    }
    expect(await api.head()).toBe(head);
  });

  it('creates in bulk, updates, deletes', async () => {
    const { networks } = await api
      .call('POST', '/v2.0/networks', { networks: [{ name: 'b1' }, { name: 'b2' }] })
      .then(({ body }) => body as { networks: Fields[] });
    expect(networks.map((network) => network['name'])).toEqual(['b1', 'b2']);
    const path = `/v2.0/networks/${networks[0]?.id}`;
    expect(await api.call('PUT', path, { network: { name: 'b1x', description: 'd' } })).toMatchObject({
      status: 200,
      body: { network: { name: 'b1x', description: 'd', mtu: 1450, revision_number: 1 } },
    });
    expect(await api.call('DELETE', path)).toMatchObject({ status: 204, body: null });
    expect(await api.call('DELETE', path)).toMatchObject({ status: 404 });
    const before = await api.head();
    expect(
      await api.call('POST', '/v2.0/subnets', {
        subnets: [
          { network_id: networks[1]?.id, ip_version: 4, cidr: '10.1.0.0/24' },
          { network_id: networks[1]?.id, ip_version: 4, cidr: '10.1.0.0/25' },
        ],
      }),
    ).toMatchObject({ status: 400 });
    expect(await api.head()).toBe(before);
  });

  it('moves, frees and deletes a floating IP, and undoes the rest', async () => {
    const put = (port: string | null) =>
      api.make<Fields>('PUT', `/v2.0/floatingips/${floating.id}`, { floatingip: { port_id: port } });
    expect(await put(vm2.id)).toMatchObject({ port_id: vm2.id, status: 'DOWN' });
    expect(await put(null)).toMatchObject({ port_id: null, router_id: null, fixed_ip_address: null });
    await put(vm1.id);
    expect(await api.call('DELETE', `/v2.0/ports/${vm1.id}`)).toMatchObject({ status: 204 });
    expect(await api.make('GET', `/v2.0/floatingips/${floating.id}`, undefined)).toMatchObject({ port_id: null });
    for (const path of [`floatingips/${floating.id}`, `ports/${vm2.id}`])
      expect(await api.call('DELETE', `/v2.0/${path}`)).toMatchObject({ status: 204 });
    await api.make('PUT', `/v2.0/routers/${router.id}/remove_router_interface`, { port_id: interfacePort.port_id });
    expect(
      await api.make('PUT', `/v2.0/routers/${router.id}`, { router: { external_gateway_info: null } }),
    ).toMatchObject({ external_gateway_info: null });
    for (const path of [`routers/${router.id}`, `networks/${tenant.id}`, `networks/${external.id}`])
      expect(await api.call('DELETE', `/v2.0/${path}`)).toMatchObject({ status: 204 });
    expect((await api.call('GET', '/v2.0/ports')).body).toEqual({ ports: [] });
  });

  it('shows, stops and forgets agents', async () => {
    await node.report('l3', []);
    const list = await api.make<Fields[]>('GET', '/v2.0/agents?agent_type=L3%20agent', undefined);
    expect(list).toHaveLength(1);
    expectShape('agent', list[0]);
    const path = `/v2.0/agents/${list[0]?.id}`;
    expect(await api.make('PUT', path, { agent: { admin_state_up: false } })).toMatchObject({
      admin_state_up: false,
      alive: true,
    });
    expect((await api.call('GET', `${path}/l3-routers`)).body).toEqual({ routers: [] });
    expect(await api.call('DELETE', path)).toMatchObject({ status: 204 });
    expect(await api.call('GET', path)).toMatchObject({
      status: 404,
      body: { NeutronError: { type: 'AgentNotFound' } },
    });
  });
});
