import { describe, expect, it } from '@jest/globals';
import type { Actor } from '../actor.js';
import type { Decide } from '../context.js';
import { createRbacPolicies } from '../rbac-policies/rbac-policies.js';
import { make, router, scenarioA } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { addRouterInterface, removeRouterInterface } from './interfaces.js';
import { createRouters } from './routers.js';

const fleet = { l3Hosts: [] };
const member: Actor = { projectId: 'q', role: 'member' };
const by =
  <T>(actor: Actor, decide: Decide<T>): Decide<T> =>
  (topology, context) =>
    decide(topology, { ...context, actor });

describe('interfaces on IPv6 subnets', () => {
  it('of one network share a port, and leave it one by one', () => {
    const world = new World();
    const { routerId } = scenarioA(world);
    const networkId = make.network(world);
    const [one, two, four] = ['fd00:1::/64', 'fd00:2::/64', '10.9.0.0/24'].map((cidr) =>
      make.subnet(world, networkId, cidr),
    ) as [string, string, string];
    const first = world.do(addRouterInterface(routerId, { subnetId: one }, fleet));
    const revision = world.get('router', routerId).revision;
    expect(world.eventsOf(addRouterInterface(routerId, { subnetId: two }, fleet))).toEqual([
      'PortFixedIpsSet',
      'RouterInterfaceAdded',
    ]);
    expect(world.get('router', routerId).revision).toBe(revision + 1);
    expect(world.get('port', first.portId).fixedIps.map((ip) => ip.subnetId)).toEqual([one, two]);
    const other = world.do(addRouterInterface(routerId, { subnetId: four }, fleet));
    expect(other.portId).not.toBe(first.portId);
    expect(world.do(removeRouterInterface(routerId, { subnetId: one }))).toMatchObject({
      portId: first.portId,
      subnetIds: [one],
    });
    expect(world.get('port', first.portId).fixedIps.map((ip) => ip.subnetId)).toEqual([two]);
    expect(world.eventsOf(removeRouterInterface(routerId, { subnetId: two }))).toEqual([
      'RouterInterfaceRemoved',
      'PortDeleted',
    ]);
    world.heldClaims();
  });

  it('go away together with their port', () => {
    const world = new World();
    const { routerId } = scenarioA(world);
    const networkId = make.network(world);
    const subnets = ['fd00:1::/64', 'fd00:2::/64'].map((cidr) => make.subnet(world, networkId, cidr));
    const [interfacePortId] = subnets.map(
      (subnetId) => world.do(addRouterInterface(routerId, { subnetId }, fleet)).portId,
    );
    expect(world.do(removeRouterInterface(routerId, { portId: interfacePortId })).subnetIds).toEqual(subnets);
    world.heldClaims();
  });

  it('come by port only when the router has no IPv6 port there', () => {
    const world = new World();
    const { routerId } = scenarioA(world);
    const networkId = make.network(world);
    const [one = '', two = ''] = ['fd00:1::/64', 'fd00:2::/64'].map((cidr) => make.subnet(world, networkId, cidr));
    const interfacePortId = world.do(addRouterInterface(routerId, { subnetId: one }, fleet)).portId;
    const portId = make.port(world, networkId, { fixedIps: [{ subnetId: two }] });
    expect(world.refusal(addRouterInterface(routerId, { portId }, fleet))).toBe(
      `BadRequest: Bad router request: Router already contains IPv6 port ${interfacePortId} belonging to network id ${networkId}. Only one IPv6 port from the same network subnet can be connected to a router.`,
    );
  });
});

describe('interfaces on what is somebody else’s', () => {
  const setting = (shared: boolean) => {
    const world = new World();
    const networkId = make.network(world, { projectId: 'p', shared });
    const subnetId = make.subnet(world, networkId, '10.7.0.0/24');
    const [routerId = ''] = world.as(member, createRouters([router({ projectId: 'q' })], fleet));
    return { world, networkId, subnetId, add: by(member, addRouterInterface(routerId, { subnetId }, fleet)), routerId };
  };

  it('are of a subnet that is not there, when it is not seen', () => {
    const { world, subnetId, add } = setting(false);
    expect(world.refusal(add)).toBe(`SubnetNotFound: Subnet ${subnetId} could not be found.`);
  });

  it('are refused where all share, and allowed to whom the network was opened by name', () => {
    const { world, networkId, subnetId, add } = setting(true);
    expect(world.refusal(add)).toBe(
      `BadRequest: Bad router request: Cannot add interface to router because subnet ${subnetId} is not owned by project making the request.`,
    );
    world.do(
      createRbacPolicies([
        {
          projectId: 'p',
          objectType: 'network',
          objectId: networkId,
          action: 'access_as_shared',
          targetProject: 'q',
        },
      ]),
    );
    expect(world.eventsOf(add)).toContain('RouterInterfaceAdded');
  });

  it('by port: of a port of one’s own, within the pools', () => {
    const { world, networkId, routerId } = setting(true);
    const foreign = make.port(world, networkId);
    expect(world.refusal(by(member, addRouterInterface(routerId, { portId: foreign }, fleet)))).toMatch(
      /^PortNotFound/,
    );
    const out = make.port(world, networkId, { projectId: 'q', fixedIps: [{ ipAddress: '10.7.0.1' }] });
    expect(world.refusal(by(member, addRouterInterface(routerId, { portId: out }, fleet)))).toMatch(
      /has an IP address out of the allocation pool of subnet/,
    );
    const own = make.port(world, networkId, { projectId: 'q' });
    expect(world.eventsOf(by(member, addRouterInterface(routerId, { portId: own }, fleet)))).toContain(
      'RouterInterfaceAdded',
    );
  });
});

describe('a port that an outside address leads to', () => {
  it('becomes no interface', () => {
    const world = new World();
    const { routerId, external, tenant } = scenarioA(world);
    const portId = make.port(world, tenant);
    make.floatingIp(world, external, { target: { portId, fixedIpAddress: null } });
    const other = make.router(world);
    expect(other).not.toBe(routerId);
    expect(world.refusal(addRouterInterface(other, { portId }, fleet))).toMatch(/while a floating IP/);
  });
});
