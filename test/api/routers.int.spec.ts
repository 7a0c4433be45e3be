/** Routers as clients of the reference implementation know them: refusals (samples 50 to 54), extra routes, gateways, zones, IPv6 interfaces. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiProcess, eventually } from './api-process.js';
import { ObservedNode } from './observed.js';
import { create, Fields, gatewayOf, refused, scenario } from './scenario.js';

let api: ApiProcess;
let east: ObservedNode, west: ObservedNode;
let world: Awaited<ReturnType<typeof scenario>>;

beforeAll(async () => {
  api = await ApiProcess.start();
  east = await ObservedNode.start(api, 'east1', '10.9.0.1', 'east');
  world = await scenario(api);
  west = await ObservedNode.start(api, 'west1', '10.9.0.2');
});
afterAll(async () => {
  await east?.stop();
  await west?.stop();
  await api?.stop();
});

const at = (id: string, action = '') => `/v2.0/routers/${id}${action && `/${action}`}`;
const put = (path: string, body: object) => api.call('PUT', path, body);
const shown = async (id: string) => ((await api.call('GET', at(id))).body as { router: Fields }).router;

describe('refusals of a router', () => {
  it('are those that clients know', async () => {
    const { router, inside, interfacePort, external } = world;
    refused(
      await api.call('DELETE', at(router.id)),
      409,
      'RouterInUse',
      `Router ${router.id} has ports still attached: ${interfacePort.port_id}`,
    );
    refused(
      await put(at(router.id, 'add_router_interface'), { subnet_id: inside.id }),
      400,
      'BadRequest',
      `Bad router request: Router already has a port on subnet ${inside.id}.`,
    );
    refused(
      await put(at(router.id, 'add_router_interface'), {}),
      400,
      'BadRequest',
      'Bad router request: Either subnet_id or port_id must be specified.',
    );
    for (const port of [interfacePort.port_id, ...(await gatewayPorts(router.id))])
      refused(await api.call('DELETE', `/v2.0/ports/${port}`), 409, 'ServicePortInUse', /cannot be deleted directly/);
    const floating = await create(api, 'floatingips', 'floatingip', {
      floating_network_id: external.id,
      port_id: world.port.id,
    });
    refused(
      await put(at(router.id, 'remove_router_interface'), { subnet_id: inside.id }),
      409,
      'RouterInterfaceInUseByFloatingIP',
      `Router interface for subnet ${inside.id} on router ${router.id} cannot be deleted, as it is required by one or more floating IPs.`,
    );
    refused(
      await put(at(router.id), { router: { external_gateway_info: null } }),
      409,
      'RouterExternalGatewayInUseByFloatingIp',
    );
    expect((await api.call('DELETE', `/v2.0/floatingips/${floating.id}`)).status).toBe(204);
  });

  const gatewayPorts = async (router: string): Promise<string[]> => {
    const query = `device_id=${router}&device_owner=network:router_gateway`;
    return ((await api.call('GET', `/v2.0/ports?${query}`)).body as { ports: Fields[] }).ports.map(({ id }) => id);
  };

  it('include what this server does not have', async () => {
    for (const fields of [{ ha: true }, { distributed: true }, { flavor_id: world.router.id }])
      expect((await api.call('POST', '/v2.0/routers', { router: fields })).status).toBe(400);
    expect((await api.call('POST', '/v2.0/routers', { router: { ha: false, distributed: false } })).status).toBe(201);
  });
});

describe('extra routes', () => {
  const route = (n: number) => ({ destination: `10.${n}.0.0/16`, nexthop: '192.168.7.9' });
  const change = (action: string, ...routes: object[]) => put(at(world.router.id, action), { router: { routes } });

  it('are replaced as a list, and added and removed one by one; repeating that changes nothing', async () => {
    await put(at(world.router.id), { router: { routes: [route(1)] } });
    const added = await change('add_extraroutes', route(1), route(2));
    expect(added).toMatchObject({
      status: 200,
      body: { router: { id: world.router.id, routes: [route(1), route(2)] } },
    });
    expect((added.body as { router: Fields }).router).toEqual(await shown(world.router.id));
    expect((await change('add_extraroutes', route(2))).body).toEqual(added.body);
    expect(await change('remove_extraroutes', route(1), route(9))).toMatchObject({
      status: 200,
      body: { router: { routes: [route(2)] } },
    });
    expect(await change('remove_extraroutes', route(2))).toMatchObject({ body: { router: { routes: [] } } });
  });

  it('are refused where they lead nowhere, are too many, or are no routes', async () => {
    refused(
      await change('add_extraroutes', { destination: '10.1.0.0/16', nexthop: '10.99.0.1' }),
      400,
      'InvalidRoutes',
      /the nexthop is not connected with router/,
    );
    const many = Array.from({ length: 31 }, (_, n) => route(n));
    refused(await change('add_extraroutes', ...many), 400, 'RoutesExhausted', /exceeds the maximum 30/);
    expect((await put(at(world.router.id, 'add_extraroutes'), {})).status).toBe(400);
    expect((await put(at(world.router.id, 'add_extraroutes'), { router: { name: 'x' } })).status).toBe(400);
    refused(await put(at(world.port.id, 'add_extraroutes'), { router: { routes: [] } }), 404, 'RouterNotFound');
  });
});

describe('a gateway', () => {
  it('has source NAT and addresses as asked, and keeps its port', async () => {
    const { external, router } = world;
    const before = (await shown(router.id))['external_gateway_info'] as { external_fixed_ips: object[] };
    const info = (more: object) =>
      put(at(router.id), { router: { external_gateway_info: { network_id: external.id, ...more } } });
    expect(await info({ enable_snat: false })).toMatchObject({
      body: { router: { external_gateway_info: { ...before, enable_snat: false } } },
    });
    const ip = { subnet_id: world.outside.id, ip_address: '10.200.0.77' };
    expect(await info({ external_fixed_ips: [ip], enable_snat: true })).toMatchObject({
      status: 200,
      body: { router: { external_gateway_info: { enable_snat: true, external_fixed_ips: [ip] } } },
    });
    refused(
      await info({ external_fixed_ips: [{ ip_address: '10.200.0.1' }] }),
      400,
      'BadRequest',
      'Bad router request: External IP 10.200.0.1 is the same as the gateway IP.',
    );
    refused(
      await put(at(router.id), { router: { external_gateway_info: { network_id: router.id } } }),
      404,
      'NetworkNotFound',
    );
  });
});

describe('availability zones', () => {
  it('are those that agents report; a router is scheduled to one that its hints allow', async () => {
    expect((await api.call('GET', '/v2.0/availability_zones')).body).toEqual({
      availability_zones: [
        { name: 'east', resource: 'router', state: 'available' },
        { name: 'nova', resource: 'router', state: 'available' },
      ],
    });
    expect((await api.call('GET', '/v2.0/availability_zones?name=east&fields=name')).body).toEqual({
      availability_zones: [{ name: 'east' }],
    });
    expect((await api.call('GET', '/v2.0/availability_zones?color=red')).status).toBe(400);
    const wanted = { external_gateway_info: { network_id: world.external.id } };
    for (const zone of ['east', 'nova']) {
      const router = await create(api, 'routers', 'router', { ...wanted, availability_zone_hints: [zone] });
      expect(router).toMatchObject({ availability_zone_hints: [zone], availability_zones: [zone] });
      expect((await api.call('DELETE', at(router.id))).status).toBe(204);
    }
    refused(
      await api.call('POST', '/v2.0/routers', { router: { availability_zone_hints: ['nowhere'] } }),
      404,
      'AvailabilityZoneNotFound',
      'AvailabilityZone nowhere could not be found.',
    );
    expect((await put(at(world.router.id), { router: { availability_zone_hints: [] } })).status).toBe(400);
  });
});

describe('IPv6 subnets of one network', () => {
  it('share a router interface, and are removed from it one by one', async () => {
    const network = await create(api, 'networks', 'network', {});
    const [one, two] = [
      await create(api, 'subnets', 'subnet', { network_id: network.id, cidr: 'fd00:1::/64', ip_version: 6 }),
      await create(api, 'subnets', 'subnet', { network_id: network.id, cidr: 'fd00:2::/64', ip_version: 6 }),
    ];
    const add = (subnet: Fields) => put(at(world.router.id, 'add_router_interface'), { subnet_id: subnet.id });
    const first = (await add(one)).body as { port_id: string };
    expect((await add(two)).body).toMatchObject({ port_id: first.port_id, subnet_id: two.id, subnet_ids: [two.id] });
    const removed = await put(at(world.router.id, 'remove_router_interface'), { subnet_id: one.id });
    expect(removed).toMatchObject({ status: 200, body: { port_id: first.port_id, subnet_ids: [one.id] } });
    const { port } = (await api.call('GET', `/v2.0/ports/${first.port_id}`)).body as { port: Fields };
    expect(port['fixed_ips']).toEqual([{ subnet_id: two.id, ip_address: two['gateway_ip'] }]);
    await put(at(world.router.id, 'remove_router_interface'), { port_id: first.port_id });
    expect((await api.call('GET', `/v2.0/ports/${first.port_id}`)).status).toBe(404);
  });
});

describe('a router under If-Match', () => {
  it('changes routes only at the revision that the client saw', async () => {
    const { revision_number: revision } = await shown(world.router.id);
    const body = { router: { routes: [] } };
    const stale = { 'if-match': `revision_number=${Number(revision) - 1}` };
    expect((await api.call('PUT', at(world.router.id, 'add_extraroutes'), body, stale)).status).toBe(412);
    const fresh = { 'if-match': `revision_number=${String(revision)}` };
    expect((await api.call('PUT', at(world.router.id, 'add_extraroutes'), body, fresh)).status).toBe(200);
  });
});

describe('the status', () => {
  const statusOf = async (path: string): Promise<unknown> => {
    const body = (await api.call('GET', `/v2.0/${path}`)).body as Record<string, Fields>;
    return Object.values(body)[0]?.['status'];
  };

  it("of a router's port is what both agents of its node say, and of a router what nobody can make is BUILD", async () => {
    const inside = await create(api, 'networks', 'network', {});
    const subnet = await create(api, 'subnets', 'subnet', {
      network_id: inside.id,
      ip_version: 4,
      cidr: '10.77.0.0/24',
    });
    const router = await create(api, 'routers', 'router', {});
    const path = `routers/${router.id}`;
    expect(await statusOf(path)).toBe('ACTIVE');
    const added = await put(at(router.id, 'add_router_interface'), { subnet_id: subnet.id });
    const port = (added.body as { port_id: string }).port_id;
    const { agents } = (await api.call('GET', `${at(router.id)}/l3-agents`)).body as { agents: Fields[] };
    const node = agents[0]?.['host'] === 'east1' ? east : west;
    const say = async (agent: 'l3' | 'ovs', kind: 'router' | 'port', status: 'ACTIVE' | 'ERROR', reason?: string) => {
      const position = await api.head();
      const id = kind === 'router' ? router.id : port;
      await node.report(agent, [{ kind, id, status, position, ...(reason !== undefined && { reason }) }]);
      await node.heard(agent);
    };
    expect(await statusOf(`ports/${port}`)).toBe('DOWN');
    await say('ovs', 'port', 'ACTIVE');
    expect(await statusOf(`ports/${port}`)).toBe('DOWN');
    await say('l3', 'port', 'ACTIVE');
    expect(await statusOf(`ports/${port}`)).toBe('ACTIVE');
    await say('l3', 'port', 'ERROR', 'link qr-1: no');
    expect((await api.call('GET', `/v2.0/ports/${port}`)).body).toMatchObject({
      port: { status: 'ERROR', status_reason: 'link qr-1: no' },
    });

    const silent = `UPDATE plumbline.agents SET heartbeat_at = now() - interval '1 hour' WHERE kind = 'l3'`;
    // An agent that has died is still thought to be alive for some seconds: what nobody has made is not ACTIVE then, either.
    expect(await statusOf(path)).toBe('BUILD');
    await api.database.query(silent);
    expect(await statusOf(path)).toBe('BUILD');
    await say('l3', 'router', 'ACTIVE');
    expect(await statusOf(path)).toBe('ACTIVE');
    await say('ovs', 'port', 'ERROR', 'no uplink');
    expect((await api.call('GET', `/v2.0/${path}`)).body).toMatchObject({
      router: { status: 'ERROR', status_reason: 'no uplink' },
    });
    await say('ovs', 'port', 'ACTIVE');
    await api.database.query(silent);
    expect(await statusOf(path)).toBe('ACTIVE');
    // Nobody is there to carry it.
    const later = await create(api, 'routers', 'router', { external_gateway_info: { network_id: world.external.id } });
    expect([later['status'], await statusOf(`routers/${later.id}`)]).toEqual(['BUILD', 'BUILD']);
    expect((await api.call('DELETE', at(later.id))).status).toBe(204);
    for (const each of [east, west]) await each.report('l3', []).then(() => each.heard('l3'));
    expect((await put(at(router.id, 'remove_router_interface'), { subnet_id: subnet.id })).status).toBe(200);
    expect((await api.call('DELETE', at(router.id))).status).toBe(204);
  });
});

describe('an L3 agent', () => {
  let here: Fields, there: Fields;
  const agentOn = async (host: string): Promise<Fields> => {
    const query = new URLSearchParams({ host, agent_type: 'L3 agent' }).toString();
    const { agents } = (await api.call('GET', `/v2.0/agents?${query}`)).body as { agents: Fields[] };
    return agents[0] as Fields;
  };
  const routersOn = async (agent: Fields): Promise<string[]> =>
    ((await api.call('GET', `/v2.0/agents/${agent.id}/l3-routers`)).body as { routers: Fields[] }).routers.map(
      ({ id }) => id,
    );
  const assign = (agent: Fields, router: string) =>
    api.call('POST', `/v2.0/agents/${agent.id}/l3-routers`, { router_id: router });

  it('has its routers taken off and put on by hand', async () => {
    const { router } = world;
    [here, there] = [await agentOn('east1'), await agentOn('west1')];
    expect(await routersOn(here)).toEqual([router.id]);
    refused(
      await assign(there, router.id),
      409,
      'RouterHostedByL3Agent',
      `The router ${router.id} has been already hosted by the L3 Agent ${here.id}.`,
    );
    refused(
      await api.call('DELETE', `/v2.0/agents/${there.id}/l3-routers/${router.id}`),
      409,
      'RouterNotHostedByL3Agent',
      `The router ${router.id} is not hosted by L3 agent ${there.id}.`,
    );
    expect(await api.call('DELETE', `/v2.0/agents/${here.id}/l3-routers/${router.id}`)).toMatchObject({
      status: 204,
      body: null,
    });
    expect(await shown(router.id)).toMatchObject({ availability_zones: [] });
    expect((await api.call('GET', `${at(router.id)}/l3-agents`)).body).toEqual({ agents: [] });
    await east.report('l3', []);
    await east.heard('l3');
    expect(await shown(router.id)).toMatchObject({ availability_zones: [] });
    expect(await assign(there, router.id)).toMatchObject({ status: 201, body: null });
    expect(await routersOn(there)).toEqual([router.id]);
    const carried = (await api.call('GET', `${at(router.id)}/l3-agents`)).body as { agents: Fields[] };
    expect(carried.agents.map(({ id }) => id)).toEqual([there.id]);
    expect(await assign(there, router.id)).toMatchObject({ status: 201 });
  });

  it('that got a router back says nothing of it by what it said before: its floating IP, its ports and itself', async () => {
    const { router, external, port, interfacePort } = world;
    const floating = await create(api, 'floatingips', 'floatingip', {
      floating_network_id: external.id,
      port_id: port.id,
    });
    const gateway = await gatewayOf(api, router.id);
    const own = ['router', 'floatingip', 'port', 'port'] as const;
    const ids = [router.id, floating.id, gateway, interfacePort.port_id];
    const sayAll = async (node: ObservedNode) => {
      const position = await api.head();
      const said = ids.map((id, n) => ({ kind: own[n] as 'port', id, position, status: 'ACTIVE' as const }));
      for (const agent of ['l3', 'ovs'] as const)
        await node.report(
          agent,
          said.filter(({ kind }) => agent === 'l3' || kind === 'port'),
        );
    };
    const statuses = async (): Promise<unknown[]> =>
      Promise.all(
        ids.map(async (id, n) => {
          const { body } = await api.call('GET', `/v2.0/${own[n]}s/${id}`);
          return (body as Record<string, Fields>)[own[n] as string]?.['status'];
        }),
      );
    const move = async (from: Fields, to: Fields) => {
      expect((await api.call('DELETE', `/v2.0/agents/${from.id}/l3-routers/${router.id}`)).status).toBe(204);
      expect((await assign(to, router.id)).status).toBe(201);
    };
    await sayAll(west);
    const made = ['ACTIVE', 'ACTIVE', 'ACTIVE', 'ACTIVE'];
    expect(await statuses()).toEqual(made);
    await move(there, here);
    await move(here, there);
    expect(await statuses()).toEqual(['BUILD', 'DOWN', 'DOWN', 'DOWN']);
    await sayAll(west);
    expect(await statuses()).toEqual(made);
    expect((await api.call('DELETE', `/v2.0/floatingips/${floating.id}`)).status).toBe(204);
  });

  it('that is of another kind, or disabled, gets no router', async () => {
    const { agents } = (await api.call('GET', '/v2.0/agents?host=east1&agent_type=Open%20vSwitch%20agent')).body as {
      agents: Fields[];
    };
    const switching = agents[0] as Fields;
    const message = (id: string) => `Agent ${id} is not a L3 Agent or has been disabled`;
    refused(await assign(switching, world.router.id), 404, 'InvalidL3Agent', message(switching.id));
    const down = { agent: { admin_state_up: false, description: 'to be repaired' } };
    expect(await put(`/v2.0/agents/${here.id}`, down)).toMatchObject({ status: 200, body: down });
    refused(await assign(here, world.router.id), 404, 'InvalidL3Agent', message(here.id));
    expect((await api.call('GET', '/v2.0/availability_zones?name=east')).body).toMatchObject({
      availability_zones: [{ name: 'east', state: 'unavailable' }],
    });
    await put(`/v2.0/agents/${here.id}`, { agent: { admin_state_up: true, description: '' } });
    expect((await api.call('GET', `/v2.0/agents/${here.id}`)).body).toMatchObject({ agent: { description: null } });
    refused(await assign(here, world.port.id), 404, 'RouterNotFound');
    expect((await api.call('POST', `/v2.0/agents/${here.id}/l3-routers`, {})).status).toBe(400);
    refused(await api.call('GET', `/v2.0/agents/${world.port.id}/l3-routers`), 404, 'AgentNotFound');
  });

  it('whose node is not connected to an external network cannot carry its routers', async () => {
    const bare = await ObservedNode.start(api, 'bare1', '10.9.0.3');
    try {
      const flat = await create(api, 'networks', 'network', {
        'router:external': true,
        'provider:network_type': 'flat',
        'provider:physical_network': 'physnet9',
      });
      await create(api, 'subnets', 'subnet', { network_id: flat.id, cidr: '10.77.0.0/24', ip_version: 4 });
      const router = await create(api, 'routers', 'router', { external_gateway_info: { network_id: flat.id } });
      expect(router['availability_zones']).toEqual([]);
      const agent = await eventually(async () => agentOn('bare1'));
      refused(
        await assign(agent, router.id),
        409,
        'RouterSchedulingFailed',
        `Failed scheduling router ${router.id} to the L3 Agent ${agent.id}.`,
      );
    } finally {
      await bare.stop();
    }
  });

  it('answers other questions that clients ask about agents', async () => {
    expect((await api.call('GET', `/v2.0/agents/${here.id}/dhcp-networks`)).body).toEqual({ networks: [] });
    expect((await api.call('GET', `/v2.0/networks/${world.tenant.id}/dhcp-agents`)).body).toEqual({ agents: [] });
    refused(await api.call('GET', `/v2.0/networks/${here.id}/dhcp-agents`), 404, 'NetworkNotFound');
    for (const [path, name] of [
      ['service-providers', 'service_providers'],
      ['flavors', 'flavors'],
      ['service_profiles', 'service_profiles'],
    ])
      expect(await api.call('GET', `/v2.0/${path}`)).toMatchObject({ status: 200, body: { [name as string]: [] } });
    refused(await api.call('GET', '/v2.0/flavors/none'), 404, 'FlavorNotFound');
    expect((await api.call('POST', '/v2.0/flavors', {})).status).toBe(405);
  });
});
