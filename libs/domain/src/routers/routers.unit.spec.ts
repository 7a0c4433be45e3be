import { describe, expect, it } from '@jest/globals';
import { deletePort } from '../ports/ports.js';
import { registerNode } from '../nodes/nodes.js';
import { createFloatingIps } from '../floating-ips/floating-ips.js';
import { createRbacPolicies } from '../rbac-policies/rbac-policies.js';
import { floatingIp, make, router, scenarioA } from '../testing/requests.js';
import { World } from '../testing/world.js';
import type { RequestedGateway } from './gateway.js';
import { addRouterInterface, removeRouterInterface } from './interfaces.js';
import { createRouters, deleteRouter, updateRouter } from './routers.js';
import { addRoutes, MOST_ROUTES, removeRoutes } from './routes.js';
import { schedulePending } from './scheduling.js';

describe('routers', () => {
  it('get a gateway port, an interface at the gateway address, and a host that maps the physical network', () => {
    const world = new World();
    const { routerId, interfacePortId, external, tenant, outside } = scenarioA(world);
    const made = world.get('router', routerId);
    expect(made).toMatchObject({ host: 'net1', gateway: { networkId: external, enableSnat: true } });
    expect(Object.keys(made.interfaces)).toEqual([interfacePortId]);
    expect(world.get('port', interfacePortId)).toMatchObject({
      deviceId: routerId,
      fixedIps: [{ ipAddress: '10.0.0.1' }],
    });
    expect(world.get('port', made.gateway?.portId ?? '').fixedIps[0]?.subnetId).toBe(outside);
    for (const id of [external, tenant]) expect(Object.keys(world.get('placement', id).hosts)).toContain('net1');
  });

  it('wait for a host when none reaches their external network, and go to the least loaded', () => {
    const world = new World();
    const external = make.network(world, { external: true, networkType: 'flat', physicalNetwork: 'physnet1' });
    make.subnet(world, external, '10.1.0.0/24');
    const request = { gateway: { networkId: external } };
    const ids = [1, 2, 3].map(() => make.router(world, request, ['net1', 'net2']));
    expect(ids.map((id) => world.get('router', id).host)).toEqual([null, null, null]);
    world.do(registerNode({ host: 'net1', tunnelIp: null, bridgeMappings: { other: 'br-x' } }));
    world.do(registerNode({ host: 'net2', tunnelIp: null, bridgeMappings: { physnet1: 'br-ex' } }));
    world.do(registerNode({ host: 'net3', tunnelIp: null, bridgeMappings: { physnet1: 'br-ex' } }));
    expect(world.do(schedulePending({ l3Hosts: ['net1'] }, 10))).toBe(0);
    expect(world.do(schedulePending({ l3Hosts: ['net1', 'net2', 'net3'] }, 10))).toBe(3);
    expect(new Set(ids.map((id) => world.get('router', id).host))).toEqual(new Set(['net2', 'net3']));
  });

  it('refuse what would not route', () => {
    const world = new World();
    const { routerId, inside, tenant, external, fleet, instance } = scenarioA(world);
    const refusal = (name: Parameters<typeof addRouterInterface>[1]) =>
      world.refusal(addRouterInterface(routerId, name, fleet));
    expect(refusal({})).toBe('BadRequest: Bad router request: Either subnet_id or port_id must be specified.');
    expect(refusal({ subnetId: inside })).toBe(
      `BadRequest: Bad router request: Router already has a port on subnet ${inside}.`,
    );
    expect(refusal({ portId: instance })).toMatch(/^PortInUse/);
    const overlapping = make.subnet(world, make.network(world), '10.0.0.0/25');
    expect(refusal({ subnetId: overlapping })).toMatch(/overlaps with cidr/);
    const gatewayless = make.subnet(world, make.network(world), '10.7.0.0/24', { gatewayIp: null });
    expect(refusal({ subnetId: gatewayless })).toMatch(/must have a gateway IP/);
    expect(world.refusal(createRouters([router({ gateway: { networkId: tenant } })], fleet))).toBe(
      `BadRequest: Bad router request: Network ${tenant} is not an external network.`,
    );
    expect(external).not.toBe(tenant);
  });

  it('keep an interface and a gateway that a floating IP needs', () => {
    const world = new World();
    const { routerId, inside, interfacePortId, external, instance, fleet } = scenarioA(world);
    make.floatingIp(world, external, { target: { portId: instance, fixedIpAddress: null } });
    expect(world.refusal(removeRouterInterface(routerId, { subnetId: inside }))).toBe(
      `RouterInterfaceInUseByFloatingIP: Router interface for subnet ${inside} on router ${routerId} cannot be deleted, as it is required by one or more floating IPs.`,
    );
    expect(world.refusal(updateRouter(routerId, { gateway: null }, fleet))).toMatch(
      /^RouterExternalGatewayInUseByFloatingIp/,
    );
    expect(world.refusal(deleteRouter(routerId))).toBe(
      `RouterInUse: Router ${routerId} has ports still attached: ${interfacePortId}`,
    );
    world.do(deletePort(instance));
    expect(world.eventsOf(removeRouterInterface(routerId, { portId: interfacePortId }))).toEqual([
      'RouterInterfaceRemoved',
      'PortDeleted',
      'NetworkWithdrawnFromHost',
    ]);
    expect(world.eventsOf(deleteRouter(routerId))).toEqual([
      'RouterGatewayCleared',
      'PortDeleted',
      'RouterDeleted',
      'NetworkWithdrawnFromHost',
    ]);
    expect(world.heldClaims().filter((claim) => /^(bound|local-vlan|carried)/.test(claim))).toEqual([]);
  });

  it('change source NAT and the gateway address without losing the gateway', () => {
    const world = new World();
    const { routerId, external, fleet } = scenarioA(world);
    const gateway = { networkId: external, enableSnat: false };
    expect(world.eventsOf(updateRouter(routerId, { gateway }, fleet))).toEqual(['RouterGatewaySet']);
    expect(world.eventsOf(updateRouter(routerId, { gateway: { networkId: external } }, fleet))).toEqual([]);
    const moved = { networkId: external, externalFixedIps: [{ ipAddress: '10.16.161.54' }] };
    const before = world.get('router', routerId).gateway?.portId;
    expect(world.eventsOf(updateRouter(routerId, { gateway: moved }, fleet))).toEqual([
      'PortFixedIpsSet',
      'RouterGatewaySet',
    ]);
    expect(world.get('router', routerId).gateway).toEqual({ portId: before, networkId: external, enableSnat: false });
    expect(world.get('port', before ?? '').fixedIps[0]?.ipAddress).toBe('10.16.161.54');
    const onGateway = { networkId: external, externalFixedIps: [{ ipAddress: '10.16.160.1' }] };
    expect(world.refusal(updateRouter(routerId, { gateway: onGateway }, fleet))).toBe(
      'BadRequest: Bad router request: External IP 10.16.160.1 is the same as the gateway IP.',
    );
  });

  it('have extra routes to neighbours only, and keep the interface a route needs', () => {
    const world = new World();
    const { routerId, inside, fleet } = scenarioA(world);
    const routes = [{ destination: '10.50.0.0/16', nexthop: '10.0.0.9' }];
    expect(world.eventsOf(updateRouter(routerId, { routes }, fleet))).toEqual(['RouterRoutesSet']);
    expect(
      world.refusal(updateRouter(routerId, { routes: [{ destination: '10.50.0.0/16', nexthop: '10.77.0.9' }] }, fleet)),
    ).toMatch(/not connected with router/);
    expect(world.refusal(removeRouterInterface(routerId, { subnetId: inside }))).toMatch(
      /^RouterInterfaceInUseByRoute/,
    );
  });

  it.each(['10.0.0.0', '10.0.0.255'])('have no extra route by %s, which no kernel takes as a next hop', (nexthop) => {
    const world = new World();
    const { routerId } = scenarioA(world);
    expect(world.refusal(addRoutes(routerId, [{ destination: '10.50.0.0/16', nexthop }]))).toMatch(
      /^InvalidRoutes: .*the network, broadcast or anycast address of its subnet/,
    );
    expect(world.eventsOf(addRoutes(routerId, [{ destination: '10.50.0.0/16', nexthop: '10.0.0.254' }]))).toEqual([
      'RouterRoutesSet',
    ]);
  });

  it('take over a port a client made', () => {
    const world = new World();
    const { routerId, fleet } = scenarioA(world);
    const networkId = make.network(world);
    make.subnet(world, networkId, '10.8.0.0/24');
    const portId = make.port(world, networkId, { binding: { host: 'cmp1', vnicType: 'normal', profile: {} } });
    expect(world.eventsOf(addRouterInterface(routerId, { portId }, fleet))).toEqual([
      'PortUnbound',
      'PortAttributesSet',
      'RouterInterfaceAdded',
      'NetworkPlacedOnHost',
      'NetworkWithdrawnFromHost',
    ]);
  });

  it('have routes added and taken away, in any number of times', () => {
    const world = new World();
    const { routerId } = scenarioA(world);
    const route = (n: number) => ({ destination: `10.${n}.0.0/16`, nexthop: '10.0.0.9' });
    expect(world.eventsOf(addRoutes(routerId, [route(50), route(51)]))).toEqual(['RouterRoutesSet']);
    expect(world.eventsOf(addRoutes(routerId, [{ destination: '10.50.0.7/16', nexthop: '10.0.0.9' }]))).toEqual([]);
    expect(world.eventsOf(removeRoutes(routerId, [route(99)]))).toEqual([]);
    world.do(removeRoutes(routerId, [route(50), route(99)]));
    expect(world.get('router', routerId).routes).toEqual([route(51)]);
    const many = Array.from({ length: MOST_ROUTES }, (_, index) => route(60 + index));
    expect(world.refusal(addRoutes(routerId, many))).toBe(
      `RoutesExhausted: Unable to complete operation for ${routerId}. The number of routes exceeds the maximum 30.`,
    );
  });

  it('leave source NAT and outside addresses to administrators', () => {
    const world = new World();
    const { routerId, external, fleet } = scenarioA(world);
    const actor = { projectId: 'p', role: 'member' } as const;
    const refusal = (gateway: RequestedGateway) =>
      world.refusal((topology, context) => updateRouter(routerId, { gateway }, fleet)(topology, { ...context, actor }));
    const rule = 'PolicyNotAuthorized: rule:update_router:external_gateway_info';
    expect(refusal({ networkId: external, enableSnat: true })).toBe(`${rule}:enable_snat is disallowed by policy`);
    expect(refusal({ networkId: external, externalFixedIps: [] })).toBe(
      `${rule}:external_fixed_ips is disallowed by policy`,
    );
    const hidden = make.network(world);
    expect(refusal({ networkId: hidden })).toMatch(/^(NetworkNotFound|BadRequest)/);
    const foreign = make.network(world, { projectId: 'z' });
    expect(refusal({ networkId: foreign })).toBe(`NetworkNotFound: Network ${foreign} could not be found.`);
  });

  it('have a gateway where a network is external for their project', () => {
    const world = new World();
    const networkId = make.network(world, { projectId: 'z' });
    make.subnet(world, networkId, '10.3.0.0/24');
    const policy = { projectId: 'z', objectType: 'network', objectId: networkId, targetProject: 'p' } as const;
    world.do(createRbacPolicies([{ ...policy, action: 'access_as_external' }]));
    const actor = { projectId: 'p', role: 'member' } as const;
    const [id = ''] = world.as(actor, createRouters([router({ gateway: { networkId } })], { l3Hosts: [] }));
    expect(world.get('router', id).gateway?.networkId).toBe(networkId);
    expect(world.as(actor, createFloatingIps([floatingIp(networkId)]))).toHaveLength(1);
    const stranger = { projectId: 'q', role: 'member' } as const;
    expect(
      world.refusal((topology, context) =>
        createFloatingIps([floatingIp(networkId, { projectId: 'q' })])(topology, { ...context, actor: stranger }),
      ),
    ).toMatch(/^NetworkNotFound/);
  });

  it('have a gateway with an address of each version', () => {
    const world = new World();
    const { external, routerId, fleet } = scenarioA(world);
    make.subnet(world, external, 'fd00:9::/64');
    world.do(updateRouter(routerId, { gateway: null }, fleet));
    world.do(updateRouter(routerId, { gateway: { networkId: external } }, fleet));
    const port = world.get('port', world.get('router', routerId).gateway?.portId ?? '');
    expect(port.fixedIps.map((ip) => ip.ipAddress.includes(':'))).toEqual([false, true]);
  });
});
