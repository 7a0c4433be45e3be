import { describe, expect, it } from '@jest/globals';
import { addRouterInterface } from '../routers/interfaces.js';
import { createRouters, updateRouter } from '../routers/routers.js';
import { assignRouter, schedulePending } from '../routers/scheduling.js';
import { createPorts, updatePort } from '../ports/ports.js';
import { make, port, router, scenarioA } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { admitNode, endAdmission } from './admission.js';
import { dismissNode, registerNode, removeNode } from './nodes.js';

const on = (host: string) => ({ binding: { host, vnicType: 'normal', profile: {} } });
const FLEET = { l3Hosts: ['net1', 'cmp1'] };
const mappings = { physnet1: 'br-ex' };
const firewall = 'openflow';

/** net1 and cmp1 say the same of themselves; cmp1 was admitted as a compute node without physical networks. */
function twoNodes() {
  const world = new World([]);
  world.admit('net1', ['network'], ['physnet1']);
  world.admit('cmp1', ['compute'], []);
  world.do(registerNode({ host: 'net1', tunnelIp: '10.9.0.1', bridgeMappings: mappings, firewall }));
  world.do(registerNode({ host: 'cmp1', tunnelIp: '10.9.0.2', bridgeMappings: mappings, firewall }));
  const external = make.network(world, { external: true, networkType: 'flat', physicalNetwork: 'physnet1' });
  make.subnet(world, external, '10.16.160.0/21');
  return { world, external };
}

describe('an admission', () => {
  it('says all that a node may do; a later one takes its place, and the same again is no event', () => {
    const world = new World([]);
    const request = {
      host: 'net1',
      roles: ['network', 'compute'],
      physicalNetworks: ['b', 'a'],
      bridges: { a: 'br-a' },
    };
    expect(world.eventsOf(admitNode(request))).toEqual(['NodeAdmitted']);
    expect(world.get('admission', 'net1')).toMatchObject({
      roles: ['compute', 'network'],
      physicalNetworks: ['a', 'b'],
      bridges: { a: 'br-a' },
    });
    expect(world.eventsOf(admitNode({ ...request, roles: ['compute', 'network', 'network'] }))).toEqual([]);
    expect(world.eventsOf(admitNode({ ...request, bridges: {} }))).toEqual(['NodeAdmitted']);
    expect(world.get('admission', 'net1').bridges).toEqual({});
    expect(world.eventsOf(endAdmission('net1'))).toEqual(['NodeAdmissionEnded']);
    expect(world.eventsOf(endAdmission('net1'))).toEqual([]);
    expect(world.topology.get('admission', 'net1')).toBeUndefined();
    expect(world.eventsOf(admitNode(request))).toEqual(['NodeAdmitted']);
  });

  it.each([
    [{ roles: [] }, 'are not roles'],
    [{ roles: ['network', 'king'] }, 'are not roles'],
    [{ roles: ['toString'] }, 'are not roles'],
    [{ physicalNetworks: ['a/b'] }, "'a/b' is not the name"],
    [{ bridges: { other: 'br-x' } }, "'other' has a bridge"],
  ])('%j is none', (wrong, reason) => {
    const request = { host: 'net1', roles: ['network'], physicalNetworks: ['physnet1'], bridges: {}, ...wrong };
    expect(new World([]).refusal(admitNode(request))).toContain(reason);
  });

  it('that there is none lets no node into the log, and nothing come to a node that is there', () => {
    const world = new World([]);
    const facts = { host: 'cmp1', tunnelIp: '10.9.0.2', bridgeMappings: mappings, firewall };
    expect(world.refusal(registerNode(facts))).toMatch(/^HostNotAdmitted: .*plumb node add cmp1/);
    const tenant = make.network(world);
    world.admit('cmp1', ['compute'], []);
    expect(world.eventsOf(registerNode(facts))).toEqual(['NodeRegistered']);
    make.port(world, tenant, on('cmp1'));
    world.do(endAdmission('cmp1'));
    expect(world.refusal(createPorts([port(tenant, on('cmp1'))]))).toMatch(
      /^HostNotAdmitted: Nothing new may come to host cmp1: it was not admitted\./,
    );
    expect(world.refusal(registerNode({ ...facts, tunnelIp: '10.9.0.3' }))).toMatch(/^HostNotAdmitted/);
    expect(world.eventsOf(registerNode(facts))).toEqual([]);
  });

  it('of a host that the log does not know is not asked for by a port, whose binding fails there', () => {
    const world = new World([]);
    const id = make.port(world, make.network(world), { ...on('nowhere'), portSecurityEnabled: false });
    expect(world.get('port', id).binding.host).toBe('nowhere');
    expect(world.topology.get('node', 'nowhere')).toBeUndefined();
  });
});

describe('a compute node that says it is more', () => {
  it('draws no router, of itself or by hand', () => {
    const { world, external } = twoNodes();
    const [routerId] = world.do(createRouters([router({ gateway: { networkId: external } })], { l3Hosts: ['cmp1'] }));
    expect(world.get('router', routerId!).host).toBeNull();
    expect(world.do(schedulePending({ l3Hosts: ['cmp1'] }, 5))).toBe(0);
    expect(world.refusal(assignRouter(routerId!, { id: 'agent', host: 'cmp1' }, String))).toBe(
      `RouterSchedulingFailed: Failed scheduling router ${routerId} to the L3 Agent agent.`,
    );
    // Whatever it was admitted to beside the role.
    world.admit('cmp1', ['compute'], ['physnet1']);
    expect(world.do(schedulePending({ l3Hosts: ['cmp1'] }, 5))).toBe(0);
    world.do(schedulePending(FLEET, 5));
    expect(world.get('router', routerId!).host).toBe('net1');
  });

  it('draws no port of a physical network, and other ports as before', () => {
    const { world, external } = twoNodes();
    expect(world.refusal(createPorts([port(external, on('cmp1'))]))).toContain(
      'it was not admitted to physical network physnet1',
    );
    const unbound = make.port(world, external);
    expect(world.refusal(updatePort(unbound, on('cmp1')))).toContain('physical network physnet1');
    make.port(world, make.network(world), on('cmp1'));
    world.admit('cmp1', ['compute'], ['physnet1']);
    world.do(updatePort(unbound, on('cmp1')));
    expect(world.get('port', unbound).binding.host).toBe('cmp1');
    world.heldClaims();
  });
});

it('a network node carries routers and ports of the cloud itself, and no instances', () => {
  const { world } = twoNodes();
  const tenant = make.network(world);
  expect(world.refusal(createPorts([port(tenant, on('net1'))]))).toContain('as a compute node');
  make.port(world, tenant, { ...on('net1'), deviceOwner: 'network:dhcp' });
});

it('a mapping to another bridge than the admitted one is not admitted', () => {
  const { world, external } = twoNodes();
  world.do(
    admitNode({ host: 'net1', roles: ['network'], physicalNetworks: ['physnet1'], bridges: { physnet1: 'br-x' } }),
  );
  const routerId = make.router(world, { gateway: { networkId: external } }, ['net1']);
  expect(world.get('router', routerId).host).toBeNull();
  world.do(registerNode({ host: 'net1', tunnelIp: '10.9.0.1', bridgeMappings: { physnet1: 'br-x' } }));
  expect(world.do(schedulePending(FLEET, 5))).toBe(1);
});

describe('an admission that shrinks or ends', () => {
  it('leaves what is there, takes in nothing new, and lets what is there be changed and go', () => {
    const world = new World();
    const { external, routerId, instance, tenant, fleet } = scenarioA(world);
    const before = [world.get('router', routerId), world.get('port', instance), world.get('placement', external)];
    for (const host of ['net1', 'cmp1', 'cmp2', 'cmp3', 'net2', 'net3']) world.do(endAdmission(host));
    expect([world.get('router', routerId), world.get('port', instance), world.get('placement', external)]).toEqual(
      before,
    );
    expect(world.refusal(createPorts([port(tenant, on('cmp1'))]))).toContain('it was not admitted');
    const other = make.network(world);
    const subnetId = make.subnet(world, other, '10.1.0.0/24');
    expect(world.refusal(addRouterInterface(routerId, { subnetId }, fleet))).toContain(
      'host net1: it was not admitted',
    );
    // It is the same binding.
    world.do(updatePort(instance, { name: 'still there', binding: { profile: { a: 1 } } }));
    expect(world.get('port', instance).binding).toMatchObject({ host: 'cmp1', profile: { a: 1 } });
    world.do(updateRouter(routerId, { name: 'still there' }, fleet));
    world.do(updateRouter(routerId, { gateway: null }, fleet));
    world.do(updatePort(instance, on('')));
    expect(world.refusal(updatePort(instance, on('cmp1')))).toContain('it was not admitted');
    world.heldClaims();
  });

  it('of a node that is dismissed ends with it; a node that is only removed stays admitted', () => {
    const { world } = twoNodes();
    world.do(removeNode('cmp1'));
    expect(world.get('admission', 'cmp1').roles).toEqual(['compute']);
    expect(world.eventsOf(dismissNode('cmp1'))).toEqual(['NodeAdmissionEnded']);
    expect(world.eventsOf(dismissNode('net1'))).toEqual(['NodeRemoved', 'NodeAdmissionEnded']);
    expect(world.eventsOf(dismissNode('net1'))).toEqual([]);
  });
});
