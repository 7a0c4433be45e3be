import { describe, expect, it } from '@jest/globals';
import { deletePort } from '../ports/ports.js';
import { createSubnetPools } from '../subnet-pools/subnet-pools.js';
import { NO_DHCP } from '../dhcp/scheduling.js';
import { make } from '../testing/requests.js';
import { POLICY, World } from '../testing/world.js';
import { autoAllocate, autoAllocationRequirements, deleteAutoAllocated } from './auto-allocated.js';

const ids = { networkId: '00000000-0000-5000-8000-00000000000a', routerId: '00000000-0000-5000-8000-00000000000b' };
const allocate = autoAllocate('q', ids, { fleet: { l3Hosts: [] }, dhcp: NO_DHCP, segments: POLICY });
const pool = (prefix: string, minPrefixLength: number) => ({
  projectId: 'admin',
  name: '',
  description: '',
  prefixes: [prefix],
  minPrefixLength,
  defaultQuota: null,
  addressScopeId: null,
  shared: true,
  isDefault: true,
});

describe('a topology that makes itself', () => {
  it('says what it lacks', () => {
    const world = new World();
    expect(world.refusal(autoAllocationRequirements)).toBe(
      'AutoAllocationFailure: Deployment error: No default router:external network.',
    );
    const outside = make.network(world, { external: true, isDefault: true });
    expect(world.refusal(allocate)).toBe('AutoAllocationFailure: Deployment error: No default subnetpools defined.');
    world.do(createSubnetPools([pool('10.20.0.0/24', 26)]));
    expect(world.do(autoAllocationRequirements)).toMatchObject({ externalNetworkId: outside });
    for (let n = 0; n < 4; n += 1)
      world.do(
        autoAllocate(
          `p${n}`,
          { networkId: `${ids.networkId.slice(0, -1)}${n + 1}`, routerId: `${ids.routerId.slice(0, -2)}f${n}` },
          {
            fleet: { l3Hosts: [] },
            dhcp: NO_DHCP,
            segments: POLICY,
          },
        ),
      );
    expect(world.refusal(allocate)).toBe(
      'AutoAllocationFailure: Deployment error: Unable to provide tenant private network.',
    );
    world.heldClaims();
  });

  it('is a network with a subnet of each default pool and a router to the outside, made once, removed whole', () => {
    const world = new World();
    const outside = make.network(world, { external: true, isDefault: true });
    make.subnet(world, outside, '10.200.0.0/24', { enableDhcp: false });
    world.do(createSubnetPools([pool('10.20.0.0/16', 24), pool('fd00::/48', 64)]));
    const before = world.heldClaims();
    expect(world.do(allocate)).toBe(ids.networkId);
    expect(world.eventsOf(allocate)).toEqual([]);
    expect(world.get('network', ids.networkId)).toMatchObject({ name: 'auto_allocated_network', projectId: 'q' });
    const subnets = world.topology.find('subnet', `network/${ids.networkId}`);
    expect(subnets.map(({ name, cidr }) => [name, cidr])).toEqual([
      ['auto_allocated_subnet_v4', '10.20.0.0/24'],
      ['auto_allocated_subnet_v6', 'fd00::/64'],
    ]);
    const router = world.get('router', ids.routerId);
    expect(router).toMatchObject({ name: 'auto_allocated_router', projectId: 'q', gateway: { networkId: outside } });
    expect(Object.keys(router.interfaces)).toHaveLength(2);
    const guest = make.port(world, ids.networkId, { projectId: 'q', securityGroupIds: [] });
    expect(world.refusal(deleteAutoAllocated(ids))).toMatch(new RegExp(`^NetworkInUse.*${guest}`));
    expect(world.get('router', ids.routerId).interfaces).toEqual(router.interfaces);
    world.do(deletePort(guest));
    world.do(deleteAutoAllocated(ids));
    expect(world.heldClaims()).toEqual(before);
    expect(world.eventsOf(deleteAutoAllocated(ids))).toEqual([]);
    world.do(allocate);
  });
});
