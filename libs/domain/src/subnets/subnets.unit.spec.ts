import { describe, expect, it } from '@jest/globals';
import { DEVICE_OWNER } from '@plumbline/contracts';
import fc from 'fast-check';
import type { Actor } from '../actor.js';
import { createPorts, deletePort, updatePort } from '../ports/ports.js';
import { addRouterInterface } from '../routers/interfaces.js';
import { make, port, subnet } from '../testing/requests.js';
import { World } from '../testing/world.js';
import { eui64Address } from './ipv6.js';
import { createSubnets, deleteSubnet, NewSubnet, updateSubnet } from './subnets.js';

const SLAAC = { ipv6RaMode: 'slaac', ipv6AddressMode: 'slaac' } as const;
const MAC = 'fa:16:3e:00:00:01';
const member: Actor = { projectId: 'q', role: 'member' };
const addressesOf = (world: World, id: string) => world.get('port', id).fixedIps.map(({ ipAddress }) => ipAddress);

describe('IPv6 modes', () => {
  it.each<[string, Partial<NewSubnet>, RegExp]>([
    ['10.0.0.0/24', { ipv6RaMode: 'slaac' }, /ipv6_ra_mode is not valid when ip_version is 4/],
    ['10.0.0.0/24', { ipv6AddressMode: 'slaac' }, /ipv6_address_mode is not valid when ip_version is 4/],
    ['fd00::/64', { ...SLAAC, enableDhcp: false }, /cannot be set when enable_dhcp is set to False/],
    ['fd00::/64', { ...SLAAC, ipv6AddressMode: 'dhcpv6-stateful' }, /they must be the same value/],
    ['fd00::/63', SLAAC, /Invalid CIDR fd00::\/63 for IPv6 address mode/],
    ['fd00::/80', { ipv6AddressMode: 'dhcpv6-stateless' }, /requires the prefix to be \/64/],
  ])('refuse %s with %j', (cidr, request, reason) => {
    const world = new World();
    expect(world.refusal(createSubnets([subnet(make.network(world), cidr, request)]))).toMatch(reason);
  });

  it('go together where the reference says so, and DHCP stays on with them', () => {
    const world = new World();
    const networkId = make.network(world);
    const modes = ['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'] as const;
    modes.forEach((mode, n) => {
      make.subnet(world, networkId, `fd00:0:0:${n}1::/64`, { ipv6RaMode: mode });
      make.subnet(world, networkId, `fd00:0:0:${n}2::/64`, { ipv6AddressMode: mode });
      const id = make.subnet(world, networkId, `fd00:0:0:${n}3::/64`, { ipv6RaMode: mode, ipv6AddressMode: mode });
      expect(world.refusal(updateSubnet(id, { enableDhcp: false }))).toMatch(
        /Cannot disable enable_dhcp with ipv6 attributes set/,
      );
    });
    make.subnet(world, networkId, 'fd01::/48', { ipv6AddressMode: 'dhcpv6-stateful' });
  });

  it('make addresses of MACs as RFC 4291 has it', () => {
    expect(eui64Address('2001:db8:1::/64', MAC)).toBe('2001:db8:1:0:f816:3eff:fe00:1');
    expect(eui64Address('2001:db8::/64', '34:56:78:9a:bc:de')).toBe('2001:db8::3656:78ff:fe9a:bcde');
  });
});

describe('subnets with automatic addresses', () => {
  it('give every port its own, beside one of each version of the others', () => {
    const world = new World();
    const networkId = make.network(world);
    make.subnet(world, networkId, '10.0.0.0/24');
    make.subnet(world, networkId, 'fd00:1::/64', SLAAC);
    const stateless = make.subnet(world, networkId, 'fd00:2::/64', { ipv6AddressMode: 'dhcpv6-stateless' });
    make.subnet(world, networkId, 'fd00:3::/64');
    const id = make.port(world, networkId, { macAddress: MAC });
    expect(addressesOf(world, id)).toEqual([
      expect.stringMatching(/^10\.0\.0\./),
      expect.stringMatching(/^fd00:3::/),
      'fd00:1::f816:3eff:fe00:1',
      'fd00:2::f816:3eff:fe00:1',
    ]);
    const named = make.port(world, networkId, { macAddress: 'fa:16:3e:00:00:02', fixedIps: [{ subnetId: stateless }] });
    expect(addressesOf(world, named)).toEqual(['fd00:1::f816:3eff:fe00:2', 'fd00:2::f816:3eff:fe00:2']);
    const chosen = { subnetId: stateless, ipAddress: 'fd00:2::99' };
    expect(world.refusal(createPorts([port(networkId, { fixedIps: [chosen] })]))).toBe(
      `AllocationOnAutoAddressSubnet: IPv6 address fd00:2::99 cannot be directly assigned to a port on subnet ${stateless} as the subnet is configured for automatic addresses`,
    );
    world.heldClaims();
  });

  it('keep them in updates, and change them with the MAC', () => {
    const world = new World();
    const networkId = make.network(world);
    make.subnet(world, networkId, '10.0.0.0/24');
    make.subnet(world, networkId, 'fd00:1::/64', SLAAC);
    const id = make.port(world, networkId, { macAddress: MAC });
    world.do(updatePort(id, { fixedIps: [{ ipAddress: '10.0.0.9' }] }));
    expect(addressesOf(world, id)).toEqual(['10.0.0.9', 'fd00:1::f816:3eff:fe00:1']);
    world.do(updatePort(id, { fixedIps: world.get('port', id).fixedIps }));
    world.do(updatePort(id, { macAddress: 'fa:16:3e:00:00:0f' }));
    expect(addressesOf(world, id)).toEqual(['10.0.0.9', 'fd00:1::f816:3eff:fe00:f']);
    world.heldClaims();
  });

  it('are added to the ports that are there, and taken from them when they go; routers keep theirs', () => {
    const world = new World();
    const networkId = make.network(world);
    make.subnet(world, networkId, '10.0.0.0/24');
    const id = make.port(world, networkId, { macAddress: MAC });
    const bare = make.port(world, networkId, { macAddress: 'fa:16:3e:00:00:02', fixedIps: [] });
    const routerId = make.router(world);
    const six = make.subnet(world, networkId, 'fd00:1::/64', SLAAC);
    expect(addressesOf(world, id)).toEqual([expect.any(String), 'fd00:1::f816:3eff:fe00:1']);
    expect(addressesOf(world, bare)).toEqual(['fd00:1::f816:3eff:fe00:2']);
    const interfacePortId = world.do(addRouterInterface(routerId, { subnetId: six }, { l3Hosts: [] })).portId;
    expect(addressesOf(world, interfacePortId)).toEqual(['fd00:1::1']);
    expect(world.refusal(deleteSubnet(six))).toMatch(/^SubnetInUse/);
    world.heldClaims();
    const seven = make.subnet(world, networkId, 'fd00:7::/64', SLAAC);
    expect(addressesOf(world, id)).toHaveLength(3);
    expect(addressesOf(world, interfacePortId)).toEqual(['fd00:1::1']);
    world.do(deleteSubnet(seven));
    expect(addressesOf(world, id)).toHaveLength(2);
    world.heldClaims();
  });

  it('say so when more ports would change at once than one command does', () => {
    const world = new World();
    const networkId = make.network(world);
    world.do(createPorts(Array.from({ length: 1001 }, () => port(networkId, { fixedIps: [] }))));
    expect(world.refusal(createSubnets([subnet(networkId, 'fd00::/64', SLAAC)]))).toMatch(
      /^TooManyPortsAtOnce: Network .* has 1001 ports.*up to 1000/,
    );
  });
});

describe('subnets with service types', () => {
  it('serve the ports they name, and those first', () => {
    const world = new World();
    const networkId = make.network(world);
    const all = make.subnet(world, networkId, '10.1.0.0/24');
    const computes = make.subnet(world, networkId, '10.2.0.0/24', { serviceTypes: ['compute:nova'] });
    expect(addressesOf(world, make.port(world, networkId, { deviceOwner: 'compute:nova' }))[0]).toMatch(/^10\.2/);
    expect(addressesOf(world, make.port(world, networkId))[0]).toMatch(/^10\.1/);
    const stranger = port(networkId, { fixedIps: [{ subnetId: computes }] });
    expect(world.refusal(createPorts([stranger]))).toMatch(/fixed_ips included invalid subnet/);
    world.do(updateSubnet(all, { serviceTypes: ['network:router_gateway'] }));
    expect(world.refusal(createPorts([port(networkId)]))).toBe(
      `IpAddressGenerationFailureNoMatchingSubnet: No valid service subnet for the given device owner, network ${networkId}, service type .`,
    );
    expect(world.refusal(updateSubnet(all, { serviceTypes: ['me'] }))).toMatch(
      /^InvalidSubnetServiceType: Subnet service type me does not correspond to a valid device owner\./,
    );
  });
});

describe('subnets', () => {
  it.each<[string, Partial<NewSubnet>, RegExp]>([
    ['10.0.0.0/24', { ipVersion: 6 }, /cidr '10.0.0.0\/24' does not match the ip_version '6'/],
    ['10.0.0.0/31', {}, /prefix length that is incompatible with DHCP/],
    ['224.0.1.0/24', {}, /Multicast IP subnet is not supported/],
    ['127.0.0.0/24', {}, /Loopback IP subnet is not supported/],
    ['10.0.0.0/24', { gatewayIp: '224.0.0.1' }, /Gateway is not valid on subnet/],
    ['10.0.0.0/24', { gatewayIp: 'fd00::1' }, /gateway_ip 'fd00::1' does not match the ip_version '4'/],
    ['10.0.0.0/24', { dnsNameservers: ['fd00::1'] }, /dns_nameserver 'fd00::1' does not match/],
    ['10.0.0.0/24', { dnsNameservers: [1, 2, 3, 4, 5, 6].map((n) => `9.9.9.${n}`) }, /^DNSNameServersExhausted/],
    ['10.0.0.0/24', { hostRoutes: [{ destination: 'fd00::/64', nexthop: '10.0.0.2' }] }, /destination 'fd00::\/64'/],
  ])('refuse %s with %j', (cidr, request, reason) => {
    const world = new World();
    expect(world.refusal(createSubnets([subnet(make.network(world), cidr, request)]))).toMatch(reason);
  });

  it('overlap on different networks only', () => {
    const world = new World();
    const networkId = make.network(world);
    make.subnet(world, networkId, '10.0.0.0/24');
    make.subnet(world, make.network(world), '10.0.0.0/24');
    expect(world.refusal(createSubnets([subnet(networkId, '10.0.0.0/16')]))).toMatch(/overlaps with another subnet/);
  });

  it('are made by the owner of the network', () => {
    const world = new World();
    const shared = make.network(world, { shared: true });
    expect(() => world.as(member, createSubnets([subnet(shared, '10.0.0.0/24', { projectId: 'q' })]))).toThrow(
      /rule:create_subnet is disallowed by policy/,
    );
    const hidden = make.network(world);
    expect(() => world.as(member, createSubnets([subnet(hidden, '10.0.0.0/24', { projectId: 'q' })]))).toThrow(
      /Network .* could not be found/,
    );
    const own = make.network(world, { projectId: 'q' });
    world.as(member, createSubnets([subnet(own, '10.0.0.0/24', { projectId: 'q' })]));
  });

  it('change their pools while addresses are in use, and use all of what they are then', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 0, max: 8 }), fc.boolean()), {
          minLength: 1,
          maxLength: 8,
        }),
        (steps) => {
          const world = new World();
          const networkId = make.network(world);
          const id = make.subnet(world, networkId, '10.0.0.0/26');
          const live = new Map<string, string>();
          for (const [start, size, frees] of steps) {
            const end = Math.min(start + size, 62);
            world.do(updateSubnet(id, { allocationPools: [{ start: `10.0.0.${start}`, end: `10.0.0.${end}` }] }));
            const [oldest] = live.keys();
            if (frees && oldest) {
              world.do(deletePort(oldest));
              live.delete(oldest);
            }
            for (;;)
              try {
                const made = make.port(world, networkId);
                live.set(made, addressesOf(world, made)[0] as string);
              } catch (error) {
                expect(String(error)).toMatch(/No more IP addresses available on network/);
                break;
              }
            expect(new Set(live.values()).size).toBe(live.size);
            const taken = new Set(live.values());
            for (let n = start; n <= end; n += 1) expect(taken.has(`10.0.0.${n}`)).toBe(true);
          }
          world.heldClaims();
        },
      ),
      { numRuns: 25 },
    );
  });

  it('go with the addresses of DHCP servers, which need no asking', () => {
    const world = new World();
    const networkId = make.network(world);
    const id = make.subnet(world, networkId, '10.0.0.0/24');
    const server = make.port(world, networkId, { deviceOwner: DEVICE_OWNER.dhcp });
    world.do(deleteSubnet(id));
    expect(addressesOf(world, server)).toEqual([]);
    world.heldClaims();
  });
});
