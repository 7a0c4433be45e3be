import { describe, expect, it } from '@jest/globals';
import { make, router, scenarioA } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { registerNode } from '../nodes/nodes.js';
import { addRouterInterface } from './interfaces.js';
import { createRouters, updateRouter } from './routers.js';
import { assignRouter, schedulePending, unassignRouter, unscheduled } from './scheduling.js';

const agentOn = (host: string) => `agent-of-${host}`;
const agent = (host: string) => ({ id: agentOn(host), host });

describe('availability zones', () => {
  const zones = new Map([
    ['net1', 'east'],
    ['net2', 'west'],
  ]);
  const setting = () => {
    const world = new World();
    for (const host of ['net1', 'net2'])
      world.do(registerNode({ host, tunnelIp: null, bridgeMappings: { physnet1: 'br-ex' } }));
    const networkId = make.network(world, { external: true, networkType: 'flat', physicalNetwork: 'physnet1' });
    make.subnet(world, networkId, '10.1.0.0/24');
    return { world, gateway: { networkId } };
  };

  it('say where a router may run, also when it has to wait', () => {
    const { world, gateway } = setting();
    const request = router({ gateway, availabilityZoneHints: ['west'] });
    const [id = '', waiting = ''] = [
      ...world.do(createRouters([request], { l3Hosts: ['net1', 'net2'], zones })),
      ...world.do(createRouters([request], { l3Hosts: ['net1'], zones })),
    ];
    expect(world.get('router', id)).toMatchObject({ host: 'net2', availabilityZoneHints: ['west'] });
    expect(world.get('router', waiting).host).toBeNull();
    expect(world.do(schedulePending({ l3Hosts: ['net1'], zones }, 10))).toBe(0);
    expect(world.do(schedulePending({ l3Hosts: ['net1', 'net2'], zones }, 10))).toBe(1);
  });

  it('must be somebody’s', () => {
    const { world } = setting();
    const request = router({ availabilityZoneHints: ['east', 'north'] });
    expect(world.refusal(createRouters([request], { l3Hosts: [], zones }))).toBe(
      'AvailabilityZoneNotFound: AvailabilityZone north could not be found.',
    );
    expect(world.do(createRouters([router({ availabilityZoneHints: ['nova'] })], { l3Hosts: ['net1'] }))).toHaveLength(
      1,
    );
  });
});

describe('an administrator', () => {
  it('takes a router off its node, where it stays off until it is asked for', () => {
    const world = new World();
    const { routerId, fleet, tenant } = scenarioA(world);
    expect(world.refusal(unassignRouter(routerId, agent('cmp1')))).toBe(
      `RouterNotHostedByL3Agent: The router ${routerId} is not hosted by L3 agent agent-of-cmp1.`,
    );
    expect(world.eventsOf(unassignRouter(routerId, agent('net1')))).toContain('RouterUnscheduled');
    expect(world.get('router', routerId)).toMatchObject({ host: null, heldOff: true });
    expect(unscheduled(world.topology.all('router'))).toEqual([]);
    expect(world.do(schedulePending(fleet, 10))).toBe(0);
    const subnetId = make.subnet(world, tenant, '10.4.0.0/24');
    world.do(addRouterInterface(routerId, { subnetId }, fleet));
    expect(world.get('router', routerId)).toMatchObject({ host: 'net1', heldOff: false });
    world.heldClaims();
  });

  it('puts a router on a node that can carry it, when it is on none', () => {
    const world = new World();
    const { routerId, external } = scenarioA(world);
    expect(world.eventsOf(assignRouter(routerId, agent('net1'), agentOn))).toEqual([]);
    expect(world.refusal(assignRouter(routerId, agent('cmp1'), agentOn))).toBe(
      `RouterHostedByL3Agent: The router ${routerId} has been already hosted by the L3 Agent agent-of-net1.`,
    );
    world.do(unassignRouter(routerId, agent('net1')));
    world.admit('bare');
    world.do(registerNode({ host: 'bare', tunnelIp: '10.9.0.3', bridgeMappings: {} }));
    expect(world.refusal(assignRouter(routerId, agent('bare'), agentOn))).toBe(
      `RouterSchedulingFailed: Failed scheduling router ${routerId} to the L3 Agent agent-of-bare.`,
    );
    world.do(assignRouter(routerId, agent('cmp1'), agentOn));
    expect(world.get('router', routerId)).toMatchObject({ host: 'cmp1', heldOff: false });
    expect(Object.keys(world.get('placement', external).hosts)).toEqual(['cmp1']);
    world.do(updateRouter(routerId, { gateway: { networkId: external, enableSnat: false } }, { l3Hosts: ['net1'] }));
    expect(world.get('router', routerId).host).toBe('cmp1');
    world.heldClaims();
  });
});
