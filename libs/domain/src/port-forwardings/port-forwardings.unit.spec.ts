import { describe, expect, it } from '@jest/globals';
import { deleteFloatingIp, updateFloatingIp } from '../floating-ips/floating-ips.js';
import { deletePort, updatePort } from '../ports/ports.js';
import { removeRouterInterface } from '../routers/interfaces.js';
import { deleteRouter, updateRouter } from '../routers/routers.js';
import { make, scenarioA } from '../testing/requests.js';
import { World } from '../testing/world.js';
import {
  createPortForwardings,
  deletePortForwarding,
  NewPortForwarding,
  Outside,
  updatePortForwarding,
} from './port-forwardings.js';

const at = (port: number) => ({ first: port, last: port });
const request = (
  outside: Outside,
  internalPortId: string,
  more: Partial<NewPortForwarding> = {},
): NewPortForwarding => ({
  outside,
  description: '',
  protocol: 'tcp',
  externalPorts: at(2222),
  internalPorts: at(22),
  internalPortId,
  internalIpAddress: null,
  ...more,
});

function setting() {
  const world = new World();
  const made = scenarioA(world);
  const floatingIpId = make.floatingIp(world, made.external);
  const create = (outside: Outside, more: Partial<NewPortForwarding> = {}) =>
    createPortForwardings([request(outside, made.instance, more)]);
  return { world, ...made, floatingIpId, create };
}

describe('port forwardings of a floating IP', () => {
  it('are its project’s, carried by the router between, and know their address', () => {
    const { world, create, floatingIpId, routerId, instance, inside } = setting();
    const [id = ''] = world.do(create({ floatingIpId }));
    const { floatingIpAddress, projectId } = world.get('floatingip', floatingIpId);
    expect(world.get('portforwarding', id)).toMatchObject({
      projectId,
      routerId,
      floatingIpId,
      externalIpAddress: floatingIpAddress,
      internalPortId: instance,
      internalSubnetId: inside,
      internalIpAddress: world.get('port', instance).fixedIps[0]?.ipAddress,
    });
    expect(world.eventsOf(deletePortForwarding('floatingip', id))).toEqual(['PortForwardingDeleted']);
    world.heldClaims();
  });

  it('do not collide outside, nor inside', () => {
    const { world, create, floatingIpId } = setting();
    world.do(create({ floatingIpId }));
    expect(world.refusal(create({ floatingIpId }, { internalPorts: at(23) }))).toBe(
      'BadRequest: Bad port_forwarding request: There is a port collision with the external_port_range. The following ranges collides: 2222:2222 and 2222:2222.',
    );
    expect(world.refusal(create({ floatingIpId }, { externalPorts: at(2223) }))).toMatch(/internal_port_range/);
    expect(world.eventsOf(create({ floatingIpId }, { protocol: 'udp' }))).toEqual(['PortForwardingCreated']);
    expect(world.refusal(create({ floatingIpId }, { internalIpAddress: '10.0.0.250', protocol: 'sctp' }))).toMatch(
      /^BadRequest: .* is not suitable for internal neutron port/,
    );
  });

  it('and a floating IP as a whole exclude each other', () => {
    const { world, create, floatingIpId, external, instance, tenant } = setting();
    const other = make.port(world, tenant);
    const associated = make.floatingIp(world, external, { target: { portId: instance, fixedIpAddress: null } });
    expect(world.refusal(create({ floatingIpId }))).toMatch(/^PortHasBindingFloatingIP: Cannot create port forwarding/);
    expect(world.refusal(createPortForwardings([request({ floatingIpId: associated }, other)]))).toMatch(
      /^FloatingIPPortAlreadyAssociated/,
    );
    const [id = ''] = world.do(createPortForwardings([request({ floatingIpId }, other)]));
    const target = { portId: other, fixedIpAddress: null };
    const inUse = `FipInUseByPortForwarding: Floating IP ${floatingIpId} in use by Port Forwarding resources.`;
    expect(world.refusal(updateFloatingIp(floatingIpId, { target }))).toBe(inUse);
    expect(world.refusal(deleteFloatingIp(floatingIpId))).toBe(inUse);
    world.do(deletePortForwarding('floatingip', id));
    world.do(updateFloatingIp(floatingIpId, { target }));
  });

  it('need a router between, and hold it', () => {
    const { world, create, floatingIpId, routerId, inside, fleet, external } = setting();
    const elsewhere = make.network(world);
    make.subnet(world, elsewhere, '10.5.0.0/24');
    const lonely = make.port(world, elsewhere);
    expect(world.refusal(createPortForwardings([request({ floatingIpId }, lonely)]))).toMatch(
      new RegExp(`^BadRequest: .*External network ${external} is not reachable from subnet`),
    );
    world.do(create({ floatingIpId }));
    expect(world.refusal(removeRouterInterface(routerId, { subnetId: inside }))).toMatch(
      /^RouterInterfaceInUseByFloatingIP/,
    );
    expect(world.refusal(updateRouter(routerId, { gateway: null }, fleet))).toMatch(
      /^RouterExternalGatewayInUseByFloatingIp/,
    );
  });

  it('change what they lead to, say nothing when nothing changes, and must be right afterwards', () => {
    const { world, create, floatingIpId, tenant } = setting();
    const [id = ''] = world.do(create({ floatingIpId }));
    world.do(create({ floatingIpId }, { externalPorts: at(80), internalPorts: at(80) }));
    const change = (changes: Parameters<typeof updatePortForwarding>[2]) =>
      updatePortForwarding('floatingip', id, changes);
    expect(world.eventsOf(change({ description: '', internalPorts: at(22) }))).toEqual([]);
    expect(world.eventsOf(change({ description: 'ssh', externalPorts: at(2022) }))).toEqual(['PortForwardingChanged']);
    const other = make.port(world, tenant);
    world.do(change({ internalPortId: other }));
    expect(world.get('portforwarding', id)).toMatchObject({
      description: 'ssh',
      externalPorts: at(2022),
      internalPortId: other,
      internalIpAddress: world.get('port', other).fixedIps[0]?.ipAddress,
    });
    expect(world.refusal(change({ externalPorts: { first: 79, last: 81 } }))).toMatch(/80:80 and 79:81/);
    expect(world.refusal(change({ protocol: 'icmp' }))).toMatch(/has no ports/);
    world.do(change({ protocol: 'icmp', externalPorts: null, internalPorts: null }));
    expect(world.refusal(updatePortForwarding('gateway', id, {}))).toMatch(/^PortForwardingNotFound/);
    world.heldClaims();
  });

  it('end with the port, or with its address', () => {
    const { world, create, floatingIpId, instance } = setting();
    const [id = ''] = world.do(create({ floatingIpId }));
    world.do(updatePort(instance, { fixedIps: [{ ipAddress: '10.0.0.77' }] }));
    expect(world.topology.get('portforwarding', id)).toBeUndefined();
    world.do(create({ floatingIpId }));
    expect(world.eventsOf(deletePort(instance))).toContain('PortForwardingDeleted');
    expect(world.topology.all('portforwarding')).toEqual([]);
    world.heldClaims();
  });
});

describe('port forwardings of a router’s gateway address', () => {
  it('need a gateway with IPv4 and an interface on the subnet, and hold both', () => {
    const { world, create, routerId, inside, fleet } = setting();
    const bare = make.router(world);
    expect(world.refusal(create({ routerId: bare }))).toMatch(/has no gateway with an IPv4 address/);
    const [id = ''] = world.do(create({ routerId }));
    expect(world.get('portforwarding', id)).toMatchObject({ routerId, floatingIpId: null, externalIpAddress: null });
    expect(world.refusal(create({ routerId }))).toMatch(/port collision/);
    expect(world.refusal(removeRouterInterface(routerId, { subnetId: inside }))).toMatch(
      /^RouterInterfaceInUseByPortForwarding/,
    );
    expect(world.refusal(updateRouter(routerId, { gateway: null }, fleet))).toMatch(
      new RegExp(`^RouterExternalGatewayInUseByPortForwarding: .*${id}`),
    );
    world.do(deletePortForwarding('gateway', id));
    world.do(removeRouterInterface(routerId, { subnetId: inside }));
    expect(world.refusal(create({ routerId }))).toMatch(/has no interface on subnet/);
    world.do(deleteRouter(routerId));
    world.heldClaims();
  });

  it('share no ports with nobody else: the same ports of a floating IP are others', () => {
    const { world, create, routerId, floatingIpId } = setting();
    world.do(create({ routerId }));
    expect(world.eventsOf(create({ floatingIpId }))).toEqual(['PortForwardingCreated']);
  });

  it('go to the router’s new address on the same network', () => {
    const { world, create, routerId, external, fleet } = setting();
    world.do(create({ routerId }));
    const gateway = { networkId: external, externalFixedIps: [{ ipAddress: '10.16.161.54' }] };
    expect(world.eventsOf(updateRouter(routerId, { gateway }, fleet))).toEqual(['PortFixedIpsSet', 'RouterGatewaySet']);
  });

  it('are seen and made by their project only', () => {
    const { world, create, routerId } = setting();
    const stranger = { projectId: 'q', role: 'member' } as const;
    expect(
      world.refusal((topology, context) => create({ routerId })(topology, { ...context, actor: stranger })),
    ).toMatch(/^PortNotFound/);
  });
});
