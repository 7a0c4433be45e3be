import { describe, expect, it } from '@jest/globals';
import { firewallOf } from '@plumbline/contracts';
import { deletePort } from '../ports/ports.js';
import { make, scenarioA } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { schedulePending } from '../routers/scheduling.js';
import { registerNode, removeNode } from './nodes.js';

describe('a node', () => {
  it('that changes or goes is told to the hosts that share a VXLAN network with it, while they do', () => {
    const world = new World();
    const { instance } = scenarioA(world);
    const moved = registerNode({ host: 'cmp1', tunnelIp: '10.9.0.9', bridgeMappings: {} });
    expect(world.told(moved)).toEqual(['cmp1', 'net1']);
    expect(world.told(removeNode('cmp1'))).toEqual(['cmp1', 'net1']);
    world.do(deletePort(instance));
    expect(world.told(moved)).toEqual(['cmp1']);
    expect(world.get('node', 'cmp1').tunnelIp).toBe('10.9.0.2');
  });
});

describe('how a node enforces security groups', () => {
  it('is in the log when it changes; a node that does not say so, or is removed, does not', () => {
    const world = new World();
    const facts = { host: 'cmp1', tunnelIp: null, bridgeMappings: {} };
    const firewall = () => firewallOf(world.topology.get('node', 'cmp1'));
    expect(firewall()).toBe('none');
    world.do(registerNode(facts));
    expect(firewall()).toBe('none');
    expect(world.eventsOf(registerNode({ ...facts, firewall: 'none' }))).toEqual([]);
    for (const word of ['openflow', 'hybrid'] as const) {
      expect(world.eventsOf(registerNode({ ...facts, firewall: word }))).toEqual(['NodeRegistered']);
      expect(world.eventsOf(registerNode({ ...facts, firewall: word }))).toEqual([]);
      expect(firewall()).toBe(word);
    }
    world.do(registerNode({ ...facts, firewall: 'of-tomorrow' }));
    expect([world.get('node', 'cmp1').firewall, firewall()]).toEqual(['of-tomorrow', 'none']);
    world.do(registerNode({ ...facts, firewall: 'openflow' }));
    world.do(removeNode('cmp1'));
    expect(firewall()).toBe('none');
  });
});

describe('a name that every object of JavaScript knows', () => {
  it('is a host like any other: its networks are placed there, and withdrawn', () => {
    const world = new World();
    for (const host of ['toString', 'constructor']) {
      world.admit(host);
      world.do(registerNode({ host, tunnelIp: null, bridgeMappings: {}, firewall: 'openflow' }));
    }
    const networkId = make.network(world);
    const [one] = ['toString', 'constructor'].map((host) =>
      make.port(world, networkId, { binding: { host, vnicType: 'normal', profile: {} } }),
    );
    expect(Object.keys(world.get('placement', networkId).hosts)).toEqual(['toString', 'constructor']);
    world.do(deletePort(one!));
    expect(Object.keys(world.get('placement', networkId).hosts)).toEqual(['constructor']);
  });

  it('is a physical network that a node has only if it maps it', () => {
    const world = new World();
    world.admit('net1', ['network'], ['physnet1', 'valueOf']);
    world.do(registerNode({ host: 'net1', tunnelIp: null, bridgeMappings: { physnet1: 'br-ex' } }));
    const networkId = make.network(world, { external: true, networkType: 'flat', physicalNetwork: 'valueOf' });
    make.subnet(world, networkId, '10.16.160.0/21');
    const routerId = make.router(world, { gateway: { networkId } }, ['net1']);
    expect(world.get('router', routerId).host).toBeNull();
    const mapped = { physnet1: 'br-ex', valueOf: 'br-other' };
    world.do(
      registerNode({ host: 'net1', tunnelIp: null, bridgeMappings: mapped as unknown as Record<string, string> }),
    );
    world.do(schedulePending({ l3Hosts: ['net1'] }, 1));
    expect(world.get('router', routerId).host).toBe('net1');
  });
});
