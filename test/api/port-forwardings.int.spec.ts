/** Port forwardings as clients of the reference implementation know them (samples 24 to 30), and those of a router's own gateway address. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Answer, ApiProcess } from './api-process.js';
import { ObservedNode } from './observed.js';
import { addressOf, create, Fields, gatewayOf, refused, scenario } from './scenario.js';

let api: ApiProcess;
let node: ObservedNode;
let world: Awaited<ReturnType<typeof scenario>>;

beforeAll(async () => {
  api = await ApiProcess.start();
  node = await ObservedNode.start(api, 'vm');
  world = await scenario(api);
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

const ssh = (more: object = {}) => ({
  protocol: 'tcp',
  external_port: 2222,
  internal_port: 22,
  internal_ip_address: addressOf(world.port),
  internal_port_id: world.port.id,
  ...more,
});
const below = (whole: 'floatingips' | 'routers', id: string) => `/v2.0/${whole}/${id}/port_forwardings`;
const post = (path: string, fields: object) => api.call('POST', path, { port_forwarding: fields });
const listed = async (path: string) =>
  ((await api.call('GET', path)).body as { port_forwardings: Fields[] }).port_forwardings;

describe('forwardings of a floating IP', () => {
  let floating: Fields, associated: Fields, forwarding: Fields, path: string;
  beforeAll(async () => {
    const wanted = { floating_network_id: world.external.id };
    floating = await create(api, 'floatingips', 'floatingip', { ...wanted, description: 'for port forwarding' });
    path = below('floatingips', floating.id);
  });

  it('begin with a free floating IP', () => {
    expect(floating).toMatchObject({ router_id: null, port_id: null, status: 'DOWN', port_details: null });
    expect(floating['port_forwardings']).toEqual([]);
  });

  it('are made, listed, shown, and shown in the floating IP, with the keys of the reference', async () => {
    const made = await post(path, ssh());
    expect(made.status).toBe(201);
    forwarding = (made.body as { port_forwarding: Fields }).port_forwarding;
    expect(forwarding).toEqual({
      id: expect.any(String),
      ...ssh(),
      external_port_range: '2222:2222',
      internal_port_range: '22:22',
      description: '',
    });
    expect(await listed(path)).toEqual([forwarding]);
    expect((await api.call('GET', `${path}/${forwarding.id}`)).body).toEqual({ port_forwarding: forwarding });
    const { floatingip } = (await api.call('GET', `/v2.0/floatingips/${floating.id}`)).body as { floatingip: Fields };
    expect(floatingip).toMatchObject({
      router_id: world.router.id,
      port_id: null,
      fixed_ip_address: null,
      status: 'DOWN',
    });
    expect(floatingip['port_forwardings']).toEqual([{ id: forwarding.id, ...ssh() }]);
    for (const query of [`router_id=${world.router.id}`, `id=${floating.id}`]) {
      const { floatingips } = (await api.call('GET', `/v2.0/floatingips?${query}`)).body as { floatingips: Fields[] };
      expect(floatingips.map(({ id }) => id)).toEqual([floating.id]);
    }
    expect((await api.call('GET', '/v2.0/floatingips?router_id=')).body).toEqual({ floatingips: [] });
  });

  it('are refused where they conflict with each other, or with a floating IP that is associated as a whole', async () => {
    refused(
      await post(path, ssh({ internal_port: 23 })),
      400,
      'BadRequest',
      /^Bad port_forwarding request: There is a port collision with the external_port_range\. The following ranges collides: 2222:2222 and 2222:2222\.$/,
    );
    const vm = await create(api, 'ports', 'port', { network_id: world.tenant.id });
    associated = await create(api, 'floatingips', 'floatingip', {
      floating_network_id: world.external.id,
      port_id: vm.id,
    });
    const wanted = ssh({ external_port: 2223, internal_ip_address: addressOf(vm), internal_port_id: vm.id });
    const message = `Cannot create port forwarding to floating IP ${String(associated['floating_ip_address'])} (${associated.id}) with port ${vm.id} using fixed IP ${addressOf(vm)}, as that port already has a binding floating IP.`;
    for (const at of [path, below('floatingips', associated.id)]) {
      const answer = await post(at, wanted);
      expect(answer).toMatchObject({
        status: 409,
        body: { NeutronError: { type: 'PortHasBindingFloatingIP', message, detail: '' } },
      });
    }
    refused(await post(below('floatingips', associated.id), ssh()), 409, 'FloatingIPPortAlreadyAssociated');
    const floatingip = { port_id: world.port.id };
    refused(
      await api.call('PUT', `/v2.0/floatingips/${floating.id}`, { floatingip }),
      409,
      'FipInUseByPortForwarding',
      `Floating IP ${floating.id} in use by Port Forwarding resources.`,
    );
    refused(await api.call('DELETE', `/v2.0/floatingips/${floating.id}`), 409, 'FipInUseByPortForwarding');
  });

  it('hold the router', async () => {
    const { router, inside } = world;
    const removed = { subnet_id: inside.id };
    refused(
      await api.call('PUT', `/v2.0/routers/${router.id}/remove_router_interface`, removed),
      409,
      'RouterInterfaceInUseByFloatingIP',
    );
    const cleared = { router: { external_gateway_info: {} } };
    refused(
      await api.call('PUT', `/v2.0/routers/${router.id}`, cleared),
      409,
      'RouterExternalGatewayInUseByFloatingIp',
    );
  });

  it('forward ranges to ranges or to one port, and whole protocols', async () => {
    const items = [
      ssh({
        external_port: undefined,
        internal_port: undefined,
        external_port_range: '3000:3009',
        internal_port_range: '4000:4009',
      }),
      ssh({ external_port: undefined, internal_port: 80, external_port_range: '8000:8009', protocol: 'udp' }),
      ssh({ external_port: undefined, internal_port: undefined, protocol: 'icmp', description: 'ping' }),
    ];
    const made = await api.call('POST', path, { port_forwardings: items });
    expect(made.status).toBe(201);
    const [range, many, ping] = (made.body as { port_forwardings: Fields[] }).port_forwardings;
    expect(range).toMatchObject({
      external_port: null,
      external_port_range: '3000:3009',
      internal_port_range: '4000:4009',
    });
    expect(many).toMatchObject({ external_port_range: '8000:8009', internal_port: 80, internal_port_range: '80:80' });
    expect(ping).toMatchObject({ external_port: null, external_port_range: null, internal_port_range: null });
    for (const [query, found] of [
      ['protocol=icmp', [ping]],
      ['external_port=2222', [forwarding]],
      ['external_port_range=3000:3009', [range]],
      ['description=ping&description=none', [ping]],
      [`internal_port_id=${world.port.id}&sort_key=external_port_range&limit=2`, [ping, forwarding]],
    ] as const)
      expect(await listed(`${path}?${query}`)).toEqual(found);
    const inside = await api.call('GET', `/v2.0/floatingips/${floating.id}?fields=port_forwardings`);
    expect((inside.body as { floatingip: Fields }).floatingip['port_forwardings']).toContainEqual(
      expect.objectContaining({ external_port: null, external_port_range: '3000:3009' }),
    );
    refused(
      await post(path, ssh({ external_port: 3005, internal_port: 99 })),
      400,
      'BadRequest',
      /3000:3009 and 3005:3005/,
    );
    const none = {
      port_forwardings: [ssh({ external_port: 90, internal_port: 90 }), ssh({ external_port: 90, internal_port: 91 })],
    };
    refused(await api.call('POST', path, none), 400, 'BadRequest', /collision/);
    expect(await listed(path)).toHaveLength(4);
  });

  it('say what is wrong with them', async () => {
    const wrong: readonly [object, RegExp | string][] = [
      [ssh({ protocol: 'gre' }), /'gre' is not in \['tcp', 'udp', 'icmp', 'sctp'\]/],
      [ssh({ external_port: 70000 }), /too large/],
      [ssh({ external_port: undefined, external_port_range: '9:7' }), /must be lower/],
      [ssh({ external_port: 5, external_port_range: '6:7' }), /contradict/],
      [ssh({ external_port: undefined }), /Either external_port or external_port_range/],
      [
        ssh({
          external_port: undefined,
          internal_port: undefined,
          external_port_range: '5:6',
          internal_port_range: '7:9',
        }),
        /N-N or 1-N/,
      ],
      [ssh({ external_port: 5, internal_ip_address: '192.168.8.1' }), /is not suitable for internal neutron port/],
      [ssh({ project_id: 'x' }), /Unrecognized attribute/],
      [{ protocol: 'tcp' }, /Required attribute/],
    ];
    for (const [fields, message] of wrong) {
      const answer = await post(path, fields);
      expect(answer.status).toBe(400);
      expect((answer.body as { NeutronError: { message: string } }).NeutronError.message).toMatch(message);
    }
    refused(await post(path, ssh({ external_port: 5, internal_port_id: floating.id })), 404, 'PortNotFound');
  });

  it('are changed and deleted, under their own floating IP only', async () => {
    const other = below('floatingips', associated.id);
    const change = { port_forwarding: { external_port: 2022, description: 'ssh' } };
    const changed = await api.call('PUT', `${path}/${forwarding.id}`, change);
    expect(changed).toMatchObject({
      status: 200,
      body: {
        port_forwarding: { ...forwarding, external_port: 2022, external_port_range: '2022:2022', description: 'ssh' },
      },
    });
    const missing = `Port Forwarding ${forwarding.id} could not be found.`;
    refused(await api.call('GET', `${other}/${forwarding.id}`), 404, 'PortForwardingNotFound', missing);
    refused(await api.call('PUT', `${other}/${forwarding.id}`, change), 404, 'PortForwardingNotFound', missing);
    refused(await api.call('DELETE', `${other}/${forwarding.id}`), 404, 'PortForwardingNotFound', missing);
    refused(await api.call('GET', below('floatingips', forwarding.id)), 404, 'FloatingIPNotFound');
    refused(
      await api.call('GET', `${below('routers', world.router.id)}/${forwarding.id}`),
      404,
      'PortForwardingNotFound',
    );
    expect(await listed(below('routers', world.router.id))).toEqual([]);
    for (const { id } of await listed(path)) expect((await api.call('DELETE', `${path}/${id}`)).status).toBe(204);
    const { floatingip } = (await api.call('GET', `/v2.0/floatingips/${floating.id}`)).body as { floatingip: Fields };
    expect(floatingip).toMatchObject({ router_id: null, port_forwardings: [] });
  });

  it('make their floating IP active when the node has all of them', async () => {
    const [one, two] = [
      (await post(path, ssh())).body,
      (await post(path, ssh({ external_port: 80, internal_port: 80 }))).body,
    ] as {
      port_forwarding: Fields;
    }[];
    const [first, second] = [one?.port_forwarding.id as string, two?.port_forwarding.id as string];
    const position = await api.head();
    const status = async () =>
      ((await api.call('GET', `/v2.0/floatingips/${floating.id}`)).body as { floatingip: Fields }).floatingip['status'];
    const said = (id: string, is: 'ACTIVE' | 'ERROR') =>
      node.report('l3', [
        { kind: 'portforwarding', id, position, status: is, ...(is === 'ERROR' && { reason: 'no' }) },
      ]);
    await said(first, 'ACTIVE');
    expect(await status()).toBe('DOWN');
    await said(second, 'ACTIVE');
    expect(await status()).toBe('DOWN');
    const gateway = await gatewayOf(api, world.router.id);
    const wired = (is: 'ACTIVE' | 'ERROR', reason = '') =>
      node.report('ovs', [{ kind: 'port', id: gateway, position, status: is, reason }]);
    await wired('ERROR', 'its uplink is gone');
    expect((await api.call('GET', `/v2.0/floatingips/${floating.id}`)).body).toMatchObject({
      floatingip: { status: 'ERROR', status_reason: 'its uplink is gone' },
    });
    await wired('ACTIVE');
    expect(await status()).toBe('ACTIVE');
    await said(second, 'ERROR');
    expect(await status()).toBe('ERROR');
    for (const id of [first, second]) await api.call('DELETE', `${path}/${id}`);
  });

  it('end with the port they lead to', async () => {
    const port = await create(api, 'ports', 'port', { network_id: world.tenant.id });
    const wanted = ssh({ internal_port_id: port.id, internal_ip_address: undefined });
    const { port_forwarding: made } = (await post(path, wanted)).body as unknown as { port_forwarding: Fields };
    expect(made['internal_ip_address']).toBe(addressOf(port));
    expect((await api.call('DELETE', `/v2.0/ports/${port.id}`)).status).toBe(204);
    expect(await listed(path)).toEqual([]);
    for (const { id } of [floating, associated])
      expect((await api.call('DELETE', `/v2.0/floatingips/${id}`)).status).toBe(204);
  });
});

describe('forwardings of a router’s gateway address', () => {
  it('have an alias of their own', async () => {
    expect(await api.call('GET', '/v2.0/extensions/router-gateway-port-forwarding')).toMatchObject({ status: 200 });
  });

  it('live below the router, in the same shape, and hold its gateway and interface', async () => {
    const { router, inside, external } = world;
    const path = below('routers', router.id);
    const made = await post(path, ssh());
    expect(made).toMatchObject({
      status: 201,
      body: { port_forwarding: { ...ssh(), external_port_range: '2222:2222' } },
    });
    const { port_forwarding: forwarding } = made.body as unknown as { port_forwarding: Fields };
    expect(await listed(path)).toEqual([forwarding]);
    refused(await post(path, ssh()), 400, 'BadRequest', /collision/);
    refused(
      await api.call('PUT', `/v2.0/routers/${router.id}`, { router: { external_gateway_info: null } }),
      409,
      'RouterExternalGatewayInUseByPortForwarding',
    );
    refused(
      await api.call('PUT', `/v2.0/routers/${router.id}/remove_router_interface`, { subnet_id: inside.id }),
      409,
      'RouterInterfaceInUseByPortForwarding',
    );
    const snat = { external_gateway_info: { network_id: external.id, enable_snat: false } };
    expect(await api.call('PUT', `/v2.0/routers/${router.id}`, { router: snat })).toMatchObject({ status: 200 });
    const change = { port_forwarding: { internal_port: 2200 } };
    expect(await api.call('PUT', `${path}/${forwarding.id}`, change)).toMatchObject({
      status: 200,
      body: { port_forwarding: { internal_port: 2200, internal_port_range: '2200:2200' } },
    });
    expect((await api.call('DELETE', `${path}/${forwarding.id}`)).status).toBe(204);
    expect(await listed(path)).toEqual([]);
  });

  it('need a gateway', async () => {
    const bare = await create(api, 'routers', 'router', {});
    refused(await post(below('routers', bare.id), ssh()), 400, 'BadRequest', /has no gateway with an IPv4 address/);
    refused(await post(below('routers', world.port.id), ssh()), 404, 'RouterNotFound');
  });
});

describe('many at once', () => {
  const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status).sort();

  it('never share an outside port, and never exist beside an association of their floating IP', async () => {
    const wanted = { floating_network_id: world.external.id };
    const floating = await create(api, 'floatingips', 'floatingip', wanted);
    const paths = [below('floatingips', floating.id), below('routers', world.router.id)];
    for (const path of paths) {
      const made = await Promise.all(
        Array.from({ length: 12 }, (_, n) => post(path, ssh({ internal_port: 1000 + n, external_port: 5000 }))),
      );
      expect(statuses(made)).toEqual([201, ...Array.from({ length: 11 }, () => 400)]);
      expect(await listed(path)).toHaveLength(1);
    }
    const other = await create(api, 'floatingips', 'floatingip', wanted);
    const [, forwarded] = await Promise.all([
      api.call('PUT', `/v2.0/floatingips/${other.id}`, { floatingip: { port_id: world.port.id } }),
      post(below('floatingips', other.id), ssh({ external_port: 6000, internal_port: 6000 })),
    ]);
    const { floatingip } = (await api.call('GET', `/v2.0/floatingips/${other.id}`)).body as { floatingip: Fields };
    expect({ both: floatingip['port_id'] !== null && forwarded.status === 201 }).toEqual({ both: false });
    for (const path of [...paths, below('floatingips', other.id)])
      for (const { id } of await listed(path)) await api.call('DELETE', `${path}/${id}`);
    for (const { id } of [floating, other]) await api.call('DELETE', `/v2.0/floatingips/${id}`);
  });

  it('leave none behind when the port or interface they need is removed at the same time', async () => {
    const network = await create(api, 'networks', 'network', {});
    const subnet = await create(api, 'subnets', 'subnet', {
      network_id: network.id,
      cidr: '10.44.0.0/24',
      ip_version: 4,
    });
    const path = below('routers', world.router.id);
    for (let round = 0; round < 8; round += 1) {
      await api.call('PUT', `/v2.0/routers/${world.router.id}/add_router_interface`, { subnet_id: subnet.id });
      const port = await create(api, 'ports', 'port', { network_id: network.id });
      const wanted = ssh({ internal_port_id: port.id, internal_ip_address: undefined });
      const [made, gone] = await Promise.all([
        post(path, wanted),
        round % 2 === 0
          ? api.call('DELETE', `/v2.0/ports/${port.id}`)
          : api.call('PUT', `/v2.0/routers/${world.router.id}/remove_router_interface`, { subnet_id: subnet.id }),
      ]);
      expect([201, 400, 404]).toContain(made.status);
      expect([200, 204, 409]).toContain(gone.status);
      const left = await listed(path);
      const { ports } = (await api.call('GET', `/v2.0/ports?network_id=${network.id}`)).body as { ports: Fields[] };
      const interfaces = ports.filter((each) => each['device_owner'] === 'network:router_interface').length;
      for (const { internal_port_id: to } of left)
        expect({ interfaces, port: ports.some(({ id }) => id === to) }).toEqual({ interfaces: 1, port: true });
      for (const { id } of left) await api.call('DELETE', `${path}/${id}`);
      for (const { id } of ports) await api.call('DELETE', `/v2.0/ports/${id}`);
      await api.call('PUT', `/v2.0/routers/${world.router.id}/remove_router_interface`, { subnet_id: subnet.id });
    }
  });
});
