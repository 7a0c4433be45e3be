import { describe, expect, it } from '@jest/globals';
import { deleteSubnet, updateSubnet } from '../subnets/subnets.js';
import { make, network, subnet } from '../testing/requests.js';
import { POLICY, World } from '../testing/world.js';
import { createNetworks, deleteNetwork, updateNetwork } from './networks.js';
import { createSubnets } from '../subnets/subnets.js';

describe('networks', () => {
  it('gets a free VNI and the MTU of its segment when nothing is said', () => {
    const world = new World();
    const one = world.get('network', make.network(world));
    const other = world.get('network', make.network(world));
    expect(one).toMatchObject({ networkType: 'vxlan', physicalNetwork: null, mtuBytes: 1450 });
    expect(one.segmentationId).not.toBe(other.segmentationId);
  });

  it('is flat on any physical network, once', () => {
    const world = new World();
    const request = { networkType: 'flat', physicalNetwork: 'physnet1', external: true };
    expect(world.get('network', make.network(world, request))).toMatchObject({ segmentationId: null, mtuBytes: 1500 });
    expect(world.refusal(createNetworks([network(request)], POLICY))).toBe(
      'FlatNetworkInUse: Unable to create the flat network. Physical network physnet1 is in use.',
    );
  });

  it('is flat with a segmentation id of 0, which some clients say for none', () => {
    const world = new World();
    const request = { networkType: 'flat', physicalNetwork: 'physnet1', segmentationId: 0 };
    expect(world.get('network', make.network(world, request))).toMatchObject({ segmentationId: null });
    expect(world.refusal(createNetworks([network({ ...request, segmentationId: 1 })], POLICY))).toContain('prohibited');
  });

  it('takes VLANs from the configured range until none is left', () => {
    const world = new World();
    const request = { networkType: 'vlan', physicalNetwork: 'physnet2' };
    const ids = [1, 2, 3].map(() => world.get('network', make.network(world, request)).segmentationId);
    expect(ids).toEqual([100, 101, 102]);
    expect(world.refusal(createNetworks([network(request)], POLICY))).toMatch(/^NoNetworkAvailable/);
    expect(world.refusal(createNetworks([network({ ...request, segmentationId: 101 })], POLICY))).toMatch(
      /^VlanIdInUse/,
    );
    expect(world.refusal(createNetworks([network({ ...request, segmentationId: 4095 })], POLICY))).toMatch(
      /out of range/,
    );
  });

  it.each([
    [{ networkType: 'gre' }, "network_type value 'gre' not supported"],
    [{ networkType: 'flat' }, 'physical_network required'],
    [{ networkType: 'vxlan', physicalNetwork: 'x' }, 'specified for vxlan network'],
    [{ physicalNetwork: 'x' }, 'network_type required'],
    [{ mtuBytes: 1451 }, 'Requested MTU is too big, maximum is 1450'],
  ])('refuses %j', (request, reason) => {
    expect(new World().refusal(createNetworks([network(request)], POLICY))).toContain(reason);
  });

  it('has no IPv6 on an MTU below 1280, whichever comes later, outside as inside', () => {
    const world = new World();
    const flat = { networkType: 'flat', physicalNetwork: 'physnet1', external: true };
    for (const request of [{}, flat]) {
      const small = make.network(world, { ...request, mtuBytes: 1279 });
      make.subnet(world, small, '10.0.0.0/24');
      expect(world.refusal(createSubnets([subnet(small, 'fd00::/64')]))).toMatch(
        /^InvalidInput: .*IPv6 needs an MTU of 1280 or more \(RFC 8200\), the network's would be 1279/,
      );
      expect(world.eventsOf(updateNetwork(small, { mtuBytes: 1280 }))).toEqual(['NetworkAttributesSet']);
      make.subnet(world, small, 'fd00::/64');
      expect(world.refusal(updateNetwork(small, { mtuBytes: 1279 }))).toMatch(/IPv6 needs an MTU of 1280/);
      expect(world.eventsOf(updateNetwork(small, { mtuBytes: 0 }))).toEqual(['NetworkAttributesSet']);
    }
  });

  it('makes all of a bulk or none, each knowing of the others', () => {
    const world = new World();
    const flat = network({ networkType: 'flat', physicalNetwork: 'physnet1' });
    expect(world.refusal(createNetworks([network(), flat, flat], POLICY))).toMatch(/^FlatNetworkInUse/);
    expect(world.do(createNetworks([network(), flat], POLICY))).toHaveLength(2);
  });

  it('records only what changed', () => {
    const world = new World();
    const id = make.network(world, { name: 'a' });
    expect(world.eventsOf(updateNetwork(id, { name: 'a' }))).toEqual([]);
    expect(world.eventsOf(updateNetwork(id, { name: 'b', adminStateUp: false }))).toEqual(['NetworkAttributesSet']);
  });

  it('is deleted with its subnets, and not while it has ports', () => {
    const world = new World();
    const id = make.network(world);
    make.subnet(world, id, '10.0.0.0/24');
    const portId = make.port(world, id);
    expect(world.refusal(deleteNetwork(id))).toBe(
      `NetworkInUse: Unable to complete operation on network ${id}. There are one or more ports still in use on the network, id for these ports is: ${portId}.`,
    );
    const empty = make.network(world);
    make.subnet(world, empty, '10.0.0.0/24');
    expect(world.eventsOf(deleteNetwork(empty))).toEqual(['SubnetDeleted', 'NetworkDeleted']);
    expect(world.refusal(deleteNetwork(empty))).toMatch(/^NetworkNotFound/);
  });
});

describe('subnets', () => {
  it('have a canonical prefix, the first address as gateway and pools without it', () => {
    const world = new World();
    const id = make.subnet(world, make.network(world), '192.168.7.9/24');
    expect(world.get('subnet', id)).toMatchObject({
      cidr: '192.168.7.0/24',
      gatewayIp: '192.168.7.1',
      allocationPools: [{ start: '192.168.7.2', end: '192.168.7.254' }],
    });
  });

  it('split their pool around a gateway in the middle', () => {
    const world = new World();
    const id = make.subnet(world, make.network(world), '10.0.0.0/29', { gatewayIp: '10.0.0.3' });
    expect(world.get('subnet', id).allocationPools).toEqual([
      { start: '10.0.0.1', end: '10.0.0.2' },
      { start: '10.0.0.4', end: '10.0.0.6' },
    ]);
  });

  it.each([
    [
      '10.0.0.0/24',
      { gatewayIp: '224.0.0.1' },
      'InvalidInput: Invalid input for operation: Gateway is not valid on subnet.',
    ],
    [
      '10.0.0.0/24',
      { gatewayIp: '10.0.0.255' },
      'InvalidInput: Invalid input for operation: Gateway is not valid on subnet.',
    ],
    [
      '10.0.0.0/24',
      { ipVersion: 6 as const },
      "InvalidInput: Invalid input for operation: cidr '10.0.0.0/24' does not match the ip_version '6'.",
    ],
    [
      '10.0.0.0/24',
      { allocationPools: [{ start: '10.0.0.1', end: '10.0.0.9' }] },
      'GatewayConflictWithAllocationPools: Gateway ip 10.0.0.1 conflicts with allocation pool 10.0.0.1-10.0.0.9.',
    ],
    [
      '10.0.0.0/24',
      { allocationPools: [{ start: '10.0.0.9', end: '10.0.0.2' }] },
      'InvalidAllocationPool: The allocation pool 10.0.0.9-10.0.0.2 is not valid.',
    ],
    [
      '10.0.0.0/24',
      { allocationPools: [{ start: '10.0.0.9', end: '10.0.1.2' }] },
      'OutOfBoundsAllocationPool: The allocation pool 10.0.0.9-10.0.1.2 spans beyond the subnet cidr 10.0.0.0/24.',
    ],
    [
      '10.0.0.0/24',
      {
        allocationPools: [
          { start: '10.0.0.9', end: '10.0.0.12' },
          { start: '10.0.0.12', end: '10.0.0.20' },
        ],
      },
      'OverlappingAllocationPools: Found overlapping allocation pools: 10.0.0.9-10.0.0.12 10.0.0.12-10.0.0.20 for subnet 10.0.0.0/24.',
    ],
  ])('refuse %s with %j', (cidr, request, reason) => {
    const world = new World();
    expect(world.refusal(createSubnets([subnet(make.network(world), cidr, request)]))).toBe(reason);
  });

  it('do not overlap in one network, in one bulk neither, and may in two networks', () => {
    const world = new World();
    const id = make.network(world);
    make.subnet(world, id, '192.168.7.0/24');
    expect(world.refusal(createSubnets([subnet(id, '192.168.7.0/25')]))).toBe(
      `InvalidInput: Invalid input for operation: Requested subnet with cidr: 192.168.7.0/25 for network: ${id} overlaps with another subnet.`,
    );
    expect(world.refusal(createSubnets([subnet(id, '10.0.0.0/24'), subnet(id, '10.0.0.0/25')]))).toMatch(/overlaps/);
    make.subnet(world, make.network(world), '192.168.7.0/24');
  });

  it('stay while a port has an address of theirs', () => {
    const world = new World();
    const id = make.network(world);
    const used = make.subnet(world, id, '10.0.0.0/24');
    const unused = make.subnet(world, id, 'fd00::/64');
    make.port(world, id, { fixedIps: [{ subnetId: used }] });
    expect(world.refusal(deleteSubnet(used))).toMatch(/^SubnetInUse/);
    expect(world.eventsOf(deleteSubnet(unused))).toEqual(['SubnetDeleted']);
  });

  it('change their pools and gateway within the same rules', () => {
    const world = new World();
    const id = make.subnet(world, make.network(world), '10.0.0.0/24');
    expect(world.refusal(updateSubnet(id, { gatewayIp: '10.0.0.9' }))).toMatch(/^GatewayConflictWithAllocationPools/);
    world.do(updateSubnet(id, { gatewayIp: '10.0.0.9', allocationPools: [{ start: '10.0.0.20', end: '10.0.0.30' }] }));
    expect(world.get('subnet', id)).toMatchObject({
      gatewayIp: '10.0.0.9',
      allocationPools: [{ start: '10.0.0.20', end: '10.0.0.30' }],
    });
  });
});
