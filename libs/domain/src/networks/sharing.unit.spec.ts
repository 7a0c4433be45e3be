import { describe, expect, it } from '@jest/globals';
import type { Actor } from '../actor.js';
import { createPorts, deletePort } from '../ports/ports.js';
import { createRbacPolicies, deleteRbacPolicy } from '../rbac-policies/rbac-policies.js';
import { make, network, port } from '../testing/requests.js';
import { POLICY, World } from '../testing/world.js';
import { createNetworks, deleteNetwork, updateNetwork } from './networks.js';

const member: Actor = { projectId: 'q', role: 'member' };
const policiesOf = (world: World) =>
  world.topology.all('rbacpolicy').map(({ objectId, targetProject }) => [objectId, targetProject]);

describe('sharing of networks', () => {
  it('is a policy for everybody, made and taken away by the attribute or as a policy', () => {
    const world = new World();
    const id = make.network(world, { shared: true });
    expect(policiesOf(world)).toEqual([[id, '*']]);
    expect(world.eventsOf(updateNetwork(id, { shared: true }))).toEqual([]);
    const [theirs] = world.as(member, createPorts([port(id, { projectId: 'q', fixedIps: [] })]));
    world.do(deletePort(theirs as string));
    world.do(updateNetwork(id, { shared: false }));
    expect(policiesOf(world)).toEqual([]);
    expect(() => world.as(member, createPorts([port(id, { projectId: 'q' })]))).toThrow(/could not be found/);
    world.do(updateNetwork(id, { shared: true }));
    world.do(deleteRbacPolicy(world.topology.all('rbacpolicy')[0]?.id as string));
    expect(policiesOf(world)).toEqual([]);
    world.heldClaims();
  });

  it('stays while others use the network by it alone', () => {
    const world = new World();
    const id = make.network(world, { shared: true });
    make.port(world, id, { fixedIps: [] });
    const theirs = make.port(world, id, { projectId: 'q', fixedIps: [] });
    expect(world.refusal(updateNetwork(id, { shared: false }))).toBe(
      `InvalidSharedSetting: Unable to reconfigure sharing settings for network ${id}. Multiple tenants are using it.`,
    );
    world.do(
      createRbacPolicies([
        { projectId: 'p', objectType: 'network', objectId: id, action: 'access_as_shared', targetProject: 'q' },
      ]),
    );
    world.do(updateNetwork(id, { shared: false }));
    expect(policiesOf(world)).toEqual([[id, 'q']]);
    expect(world.get('port', theirs).networkId).toBe(id);
    world.heldClaims();
  });

  it('ends with the network', () => {
    const world = new World();
    const id = make.network(world, { shared: true });
    world.do(deleteNetwork(id));
    expect(policiesOf(world)).toEqual([]);
    expect(world.heldClaims()).toEqual([]);
  });
});

describe('the default external network', () => {
  it('is one, is external, and ends with that', () => {
    const world = new World();
    const request = { external: true, isDefault: true };
    const id = make.network(world, request);
    expect(world.refusal(createNetworks([network(request)], POLICY))).toBe(
      `DefaultExternalNetworkExists: A default external network already exists: ${id}.`,
    );
    expect(world.refusal(createNetworks([network({ isDefault: true })], POLICY))).toMatch(/set router:external too/);
    world.do(updateNetwork(id, { name: 'x', isDefault: true }));
    world.do(updateNetwork(id, { external: false }));
    expect(world.get('network', id)).toMatchObject({ external: false, isDefault: false });
    make.network(world, request);
    world.heldClaims();
  });
});
