import { describe, expect, it } from '@jest/globals';
import { make, port, scenarioA } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { createPorts, deletePort, updatePort } from './ports.js';

function aNetwork(cidr = '10.0.0.0/24') {
  const world = new World();
  const networkId = make.network(world);
  const subnetId = make.subnet(world, networkId, cidr);
  return { world, networkId, subnetId };
}

describe('ports', () => {
  it('get one address of each IP version and a MAC', () => {
    const { world, networkId } = aNetwork();
    make.subnet(world, networkId, 'fd00::/64');
    const { fixedIps, macAddress } = world.get('port', make.port(world, networkId));
    expect(fixedIps.map((ip) => ip.ipAddress.includes(':'))).toEqual([false, true]);
    expect(macAddress).toMatch(/^fa:16:3e:/);
  });

  it('have no address in a network without subnets', () => {
    const world = new World();
    expect(world.get('port', make.port(world, make.network(world))).fixedIps).toEqual([]);
  });

  it('get what was asked for, or the reason why not', () => {
    const { world, networkId, subnetId } = aNetwork();
    const id = make.port(world, networkId, { fixedIps: [{ ipAddress: '10.0.0.9' }], macAddress: 'fa:16:3e:00:00:01' });
    expect(world.get('port', id).fixedIps).toEqual([{ subnetId, ipAddress: '10.0.0.9' }]);
    const refusal = (request: Parameters<typeof port>[1]) => world.refusal(createPorts([port(networkId, request)]));
    expect(refusal({ fixedIps: [{ ipAddress: '10.0.0.9' }] })).toBe(
      `IpAddressAlreadyAllocated: IP address 10.0.0.9 already allocated in subnet ${subnetId}`,
    );
    expect(refusal({ fixedIps: [{ ipAddress: '10.9.9.9' }] })).toBe(
      'InvalidIpForNetwork: IP address 10.9.9.9 is not a valid IP for any of the subnets on the specified network.',
    );
    expect(refusal({ fixedIps: [{ subnetId, ipAddress: '10.0.0.255' }] })).toMatch(/^InvalidIpForSubnet/);
    expect(refusal({ macAddress: 'fa:16:3e:00:00:01' })).toBe(
      `MacAddressInUse: Unable to complete operation for network ${networkId}. The mac address fa:16:3e:00:00:01 is in use.`,
    );
    expect(refusal({ deviceOwner: 'network:router_interface' })).toMatch(/^InvalidInput/);
    expect(world.refusal(createPorts([port(subnetId)]))).toMatch(/^NetworkNotFound/);
  });

  it('bring their network to the host they are bound to, and take it away with the last one', () => {
    const { world, networkId } = aNetwork();
    const binding = { host: 'cmp1', vnicType: 'normal', profile: {} };
    const first = make.port(world, networkId, { binding });
    expect(world.get('placement', networkId).hosts).toEqual({ cmp1: { localVlanId: 1 } });
    const second = make.port(world, networkId, { binding });
    make.node(world, 'cmp2');
    expect(world.eventsOf(updatePort(first, { binding: { host: 'cmp2' } }))).toEqual([
      'PortBound',
      'NetworkPlacedOnHost',
    ]);
    expect(world.eventsOf(deletePort(second))).toEqual(['PortDeleted', 'NetworkWithdrawnFromHost']);
    expect(world.eventsOf(updatePort(first, { binding: { host: '' } }))).toEqual([
      'PortUnbound',
      'NetworkWithdrawnFromHost',
    ]);
    expect(world.topology.get('placement', networkId)).toBeUndefined();
  });

  it('give each network on a host the lowest free local VLAN', () => {
    const world = new World();
    const networks = [make.network(world), make.network(world), make.network(world)] as const;
    const binding = { host: 'cmp1', vnicType: 'normal', profile: {} };
    const ports = networks.slice(0, 2).map((id) => make.port(world, id, { binding }));
    world.do(deletePort(ports[0] as string));
    make.port(world, networks[2], { binding });
    expect(world.get('placement', networks[1]).hosts).toEqual({ cmp1: { localVlanId: 2 } });
    expect(world.get('placement', networks[2]).hosts).toEqual({ cmp1: { localVlanId: 1 } });
  });

  it('keep an address that is asked for again, and lose the floating IP with the address it led to', () => {
    const world = new World();
    const { external, inside, instance } = scenarioA(world);
    const kept = world.get('port', instance).fixedIps[0]?.ipAddress as string;
    const floating = make.floatingIp(world, external, { target: { portId: instance, fixedIpAddress: null } });
    expect(world.eventsOf(updatePort(instance, { fixedIps: [{ subnetId: inside }] }))).toEqual([]);
    expect(
      world.eventsOf(updatePort(instance, { fixedIps: [{ ipAddress: kept }, { ipAddress: '10.0.0.77' }] })),
    ).toEqual(['PortFixedIpsSet']);
    expect(world.get('floatingip', floating).association?.fixedIpAddress).toBe(kept);
    expect(world.eventsOf(updatePort(instance, { fixedIps: [{ ipAddress: '10.0.0.77' }] }))).toEqual([
      'FloatingIpDisassociated',
      'PortFixedIpsSet',
    ]);
  });

  it('are guarded when they belong to a router', () => {
    const world = new World();
    const { interfacePortId } = scenarioA(world);
    expect(world.refusal(deletePort(interfacePortId))).toBe(
      `ServicePortInUse: Port ${interfacePortId} cannot be deleted directly via the port API: has device owner network:router_interface.`,
    );
    expect(world.refusal(updatePort(interfacePortId, { fixedIps: [{ ipAddress: '10.0.0.9' }] }))).toMatch(
      /^ServicePortInUse/,
    );
    expect(world.eventsOf(updatePort(interfacePortId, { name: 'inside' }))).toEqual(['PortAttributesSet']);
  });

  it('follow their MAC on subnets with automatic addresses', () => {
    const world = new World();
    const networkId = make.network(world);
    make.subnet(world, networkId, '10.0.0.0/24');
    make.subnet(world, networkId, 'fd00::/64', { ipv6AddressMode: 'slaac', ipv6RaMode: 'slaac' });
    const id = make.port(world, networkId, { macAddress: 'fa:16:3e:00:00:01' });
    const addresses = () => world.get('port', id).fixedIps.map(({ ipAddress }) => ipAddress);
    const [four] = addresses();
    expect(addresses()).toEqual([four, 'fd00::f816:3eff:fe00:1']);
    expect(world.eventsOf(updatePort(id, { macAddress: 'fa:16:3e:00:00:02' }))).toEqual([
      'PortAttributesSet',
      'PortFixedIpsSet',
    ]);
    expect(addresses()).toEqual([four, 'fd00::f816:3eff:fe00:2']);
    world.heldClaims();
  });
});
