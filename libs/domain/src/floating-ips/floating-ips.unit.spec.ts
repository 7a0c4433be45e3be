import { describe, expect, it } from '@jest/globals';
import { deletePort } from '../ports/ports.js';
import { floatingIp, make, scenarioA } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { createFloatingIps, deleteFloatingIp, updateFloatingIp } from './floating-ips.js';

const to = (portId: string, fixedIpAddress: string | null = null) => ({ target: { portId, fixedIpAddress } });

describe('floating IPs', () => {
  it('hold their address by a port of their own, chosen or given', () => {
    const world = new World();
    const { external } = scenarioA(world);
    const given = world.get('floatingip', make.floatingIp(world, external, { floatingIpAddress: '10.16.161.51' }));
    expect(given.floatingIpAddress).toBe('10.16.161.51');
    expect(world.get('port', given.floatingPortId)).toMatchObject({
      deviceOwner: 'network:floatingip',
      deviceId: given.id,
    });
    expect(world.refusal(createFloatingIps([floatingIp(external, { floatingIpAddress: '10.16.161.51' })]))).toMatch(
      /^IpAddressAlreadyAllocated/,
    );
    expect(world.get('floatingip', make.floatingIp(world, external)).association).toBeNull();
  });

  it('are associated, found so again, moved, freed and deleted', () => {
    const world = new World();
    const { external, tenant, instance, routerId, inside } = scenarioA(world);
    const id = make.floatingIp(world, external);
    expect(world.eventsOf(updateFloatingIp(id, to(instance)))).toEqual(['FloatingIpAssociated']);
    expect(world.get('floatingip', id).association).toMatchObject({ portId: instance, routerId, subnetId: inside });
    expect(world.eventsOf(updateFloatingIp(id, to(instance)))).toEqual([]);
    const other = make.port(world, tenant);
    expect(world.eventsOf(updateFloatingIp(id, to(other)))).toEqual([
      'FloatingIpDisassociated',
      'FloatingIpAssociated',
    ]);
    expect(world.eventsOf(updateFloatingIp(id, { description: 'd' }))).toEqual(['FloatingIpAttributesSet']);
    expect(world.get('floatingip', id).association?.portId).toBe(other);
    expect(world.eventsOf(updateFloatingIp(id, { target: null }))).toEqual(['FloatingIpDisassociated']);
    expect(world.eventsOf(deleteFloatingIp(id))).toEqual(['FloatingIpDeleted', 'PortDeleted']);
    world.heldClaims();
  });

  it('become free when the port they lead to is deleted', () => {
    const world = new World();
    const { external, instance } = scenarioA(world);
    const id = make.floatingIp(world, external, to(instance));
    expect(world.eventsOf(deletePort(instance))).toEqual([
      'FloatingIpDisassociated',
      'PortDeleted',
      'NetworkWithdrawnFromHost',
    ]);
    expect(world.get('floatingip', id).association).toBeNull();
  });

  it('say why they cannot be', () => {
    const world = new World();
    const { external, tenant, instance, inside } = scenarioA(world);
    const first = make.floatingIp(world, external, to(instance));
    const fixed = world.get('floatingip', first).association?.fixedIpAddress;
    expect(world.refusal(createFloatingIps([floatingIp(external, to(instance))]))).toMatch(
      new RegExp(
        `^FloatingIPPortAlreadyAssociated: Cannot associate floating IP [0-9.]+ \\([0-9a-f-]+\\) with port ${instance} using fixed IP ${fixed}, as that fixed IP already has a floating IP on external network ${external}.$`,
      ),
    );
    expect(world.refusal(createFloatingIps([floatingIp(tenant)]))).toBe(
      `BadRequest: Bad floatingip request: Network ${tenant} is not a valid external network.`,
    );
    expect(world.refusal(createFloatingIps([floatingIp(external, to(inside))]))).toMatch(/^PortNotFound/);
    const elsewhere = make.network(world);
    make.subnet(world, elsewhere, '10.5.0.0/24');
    const lonely = make.port(world, elsewhere);
    expect(world.refusal(createFloatingIps([floatingIp(external, to(lonely))]))).toMatch(
      /^ExternalGatewayForFloatingIPNotFound/,
    );
    const two = make.port(world, tenant, { fixedIps: [{ subnetId: inside }, { subnetId: inside }] });
    expect(world.refusal(createFloatingIps([floatingIp(external, to(two))]))).toMatch(/multiple fixed IPv4 addresses/);
    expect(world.refusal(createFloatingIps([floatingIp(external, to(two, '10.0.0.250'))]))).toMatch(
      /does not have fixed ip/,
    );
  });
});
