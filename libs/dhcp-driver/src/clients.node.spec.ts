/** Real dnsmasq and real clients behind a real switch: what guests get is what the objects say. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { guestOf, servedOf } from '@plumbline/dhcp-core/testing';
import type { Port } from '@plumbline/contracts';
import type { ServedNetwork } from '@plumbline/dhcp-core';
import { DhcpNode } from './testing/index.js';

let node: DhcpNode;
beforeAll(async () => {
  node = await DhcpNode.make();
});
afterAll(() => node.remove());

const withPorts = (served: ServedNetwork, ...ports: Port[]): ServedNetwork => ({ ...served, ports });

const V4 = {
  cidr: '10.1.0.0/24',
  gatewayIp: '10.1.0.1',
  dnsNameservers: ['203.0.113.53', '203.0.113.54'],
  hostRoutes: [{ destination: '10.99.0.0/16', nexthop: '10.1.0.254' }],
};

describe('a guest of an IPv4 subnet', () => {
  const served = servedOf(1, [V4], { mtuBytes: 1400 });
  const named = guestOf(served, 10, {
    dnsName: 'web1',
    extraDhcpOpts: [
      { name: 'bootfile-name', value: 'pxelinux.0', ipVersion: 4 },
      { name: '42', value: '203.0.113.123', ipVersion: 4 },
      { name: 'dns-server', value: '2001:db8::99', ipVersion: 6 },
    ],
  });
  const plain = guestOf(served, 11);

  it('gets address, routes, MTU, nameservers and names', async () => {
    await node.serve(withPorts(served, named, plain));
    const [a, b] = [await node.plug(named, 1), await node.plug(plain, 1)];
    expect(await a.udhcpc()).toMatchObject({
      ip: '10.1.0.10',
      mask: '24',
      router: '10.1.0.1',
      dns: '203.0.113.53 203.0.113.54',
      domain: 'example.test',
      hostname: 'web1',
      mtu: '1400',
      lease: '86400',
      staticroutes: '10.99.0.0/16 10.1.0.254 0.0.0.0/0 10.1.0.1',
      ntpsrv: '203.0.113.123',
      bootfile: 'pxelinux.0',
    });
    expect(await b.dhclient('-4')).toMatchObject({
      new_ip_address: '10.1.0.11',
      new_subnet_mask: '255.255.255.0',
      new_routers: '10.1.0.1',
      new_domain_name: 'example.test',
      new_domain_name_servers: '203.0.113.53 203.0.113.54',
      new_interface_mtu: '1400',
      new_host_name: 'host-10-1-0-11',
      new_dhcp_server_identifier: '10.1.0.2',
    });
    // Given back, and given anew.
    await b.releaseByDhclient('-4');
    expect(await b.dhclient('-4')).toMatchObject({ new_ip_address: '10.1.0.11' });
    expect(await b.dhcpcd('-4')).toMatchObject({
      new_ip_address: '10.1.0.11',
      new_subnet_cidr: '24',
      new_domain_name_servers: '203.0.113.53 203.0.113.54',
      new_interface_mtu: '1400',
      new_classless_static_routes: '10.99.0.0/16 10.1.0.254 0.0.0.0/0 10.1.0.1',
    });
    // Whoever has no port gets nothing.
    const stranger = await node.plug(guestOf(served, 99), 1);
    await expect(stranger.udhcpc('-t', '2')).rejects.toThrow();
  }, 120_000);
});

describe('a guest of an IPv6 subnet', () => {
  const V6 = { gatewayIp: null, dnsNameservers: ['2001:db8::53'] };
  it('gets its address by DHCPv6, or what else there is to know of a subnet where it makes it itself', async () => {
    const stateful = servedOf(2, [
      { ...V6, cidr: '2001:db8:2::/64', ipv6AddressMode: 'dhcpv6-stateful', ipv6RaMode: 'dhcpv6-stateful' },
    ]);
    const stateless = servedOf(3, [
      { ...V6, cidr: '2001:db8:3::/64', ipv6AddressMode: 'dhcpv6-stateless', ipv6RaMode: 'dhcpv6-stateless' },
    ]);
    const [six, own] = [guestOf(stateful, 10, { dnsName: 'six' }), guestOf(stateless, 11)];
    await node.serve(withPorts(stateful, six), withPorts(stateless, own));
    const [a, b] = [await node.plug(six, 1), await node.plug(own, 2)];
    expect(await a.dhclient('-6')).toMatchObject({
      new_ip6_address: '2001:db8:2::a',
      new_dhcp6_name_servers: '2001:db8::53',
      new_dhcp6_domain_search: 'example.test.',
      new_fqdn_fqdn: 'six.example.test',
    });
    expect(await b.dhclient('-6', '-S')).toMatchObject({ new_dhcp6_name_servers: '2001:db8::53' });
    // Given back, and given anew, also to another client.
    await a.releaseByDhclient('-6');
    expect(await a.dhclient('-6')).toMatchObject({ new_ip6_address: '2001:db8:2::a' });
    await a.releaseByDhclient('-6');
    expect(await a.dhcpcd('-6', '--ia_na')).toMatchObject({ new_dhcp6_ia_na1_ia_addr1: '2001:db8:2::a' });
  }, 120_000);
});

describe('a client that stays', () => {
  it('renews its lease, and gives it back', async () => {
    const served = servedOf(9, [V4]);
    const port = guestOf(served, 10);
    await node.serve(withPorts(served, port));
    const guest = await node.plug(port, 1);
    const client = await guest.stayingUdhcpc();
    expect(await client.renew()).toMatchObject({ ip: '10.1.0.10', dns: '203.0.113.53 203.0.113.54' });
    // What has changed since comes with the renewal.
    const subnets = served.subnets.map((each) => ({ ...each, dnsNameservers: ['203.0.113.99'] }));
    await node.serve(withPorts({ ...served, subnets }, port));
    expect(await client.renew()).toMatchObject({ ip: '10.1.0.10', dns: '203.0.113.99' });
    await client.release();
    expect(await guest.udhcpc()).toMatchObject({ ip: '10.1.0.10' });
  }, 120_000);
});

describe('names', () => {
  const both = { dnsNameservers: ['10.1.0.53', '2001:db8:a::53'] };
  const served = servedOf(
    10,
    [
      { cidr: '10.1.0.0/24', gatewayIp: '10.1.0.1', ...both },
      { cidr: '2001:db8:a::/64', ipv6AddressMode: 'dhcpv6-stateful', ipv6RaMode: 'dhcpv6-stateful' },
    ],
    { dnsDomain: 'tenant.example.' },
  );
  const [asking, web, other] = [guestOf(served, 10), guestOf(served, 11, { dnsName: 'web' }), guestOf(served, 53)];
  const quiet = { ...served, subnets: served.subnets.map((each) => ({ ...each, dnsNameservers: [] })) };
  const none = { ...served, subnets: served.subnets.map((each) => ({ ...each, dnsNameservers: ['0.0.0.0'] })) };

  it('of the network are answered, each way, and others by whom its subnets or its node name', async () => {
    node.resolvers = [];
    await node.serve(withPorts(served, asking, web, other));
    const [guest, resolver] = [await node.plug(asking, 1), await node.plug(other, 1)];
    await guest.has('10.1.0.10/24', '2001:db8:a::a/64');
    await resolver.has('10.1.0.53/24', '2001:db8:a::35/64');
    for (const server of ['10.1.0.2', '2001:db8:a::2'])
      for (const name of ['web.example.test', 'WEB.example.test', 'web', 'web.tenant.example']) {
        expect([name, await guest.ask(server, name)]).toEqual([name, ['10.1.0.11']]);
        expect([name, await guest.ask(server, name, 'AAAA')]).toEqual([name, ['2001:db8:a::b']]);
      }
    expect(await guest.ask('10.1.0.2', '11.0.1.10.in-addr.arpa', 'PTR')).toEqual(['web.example.test']);
    const reverse = `b.${'0.'.repeat(19)}a.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa`;
    expect(await guest.ask('10.1.0.2', reverse, 'PTR')).toEqual(['web.example.test']);
    expect(await guest.ask('10.1.0.2', 'host-10-1-0-53.example.test')).toEqual(['10.1.0.53']);

    const end = await resolver.resolves('www.example.com', '198.51.100.7');
    expect(await guest.ask('10.1.0.2', 'www.example.com')).toEqual(['198.51.100.7']);
    const before = await node.dnsmasqs();
    // Nobody is named: the node's own, which is the same here.
    await node.serve(withPorts(quiet, asking, web, other));
    expect(await guest.ask('10.1.0.2', 'www.example.com')).toBe('EREFUSED');
    node.resolvers = ['10.1.0.53'];
    await node.serve(withPorts(quiet, asking, web, other));
    expect(await guest.ask('10.1.0.2', 'www.example.com')).toEqual(['198.51.100.7']);
    // No nameserver is asked for: guests are told none, and nobody is asked.
    await node.serve(withPorts(none, asking, web, other));
    expect(await guest.ask('10.1.0.2', 'www.example.com')).toBe('EREFUSED');
    expect(await guest.ask('10.1.0.2', 'web.example.test')).toEqual(['10.1.0.11']);
    expect(await node.dnsmasqs()).toEqual(before);
    await end();
    node.resolvers = [];
  }, 120_000);
});

describe('of several subnets', () => {
  it('a guest has the address of its own, and a route to the others', async () => {
    const served = servedOf(4, [
      { ...V4, hostRoutes: [] },
      { cidr: '10.2.0.0/24', gatewayIp: '10.2.0.1' },
    ]);
    const [first, second] = served.subnets.map(({ id }) => id);
    const one = guestOf(served, 10, { fixedIps: [{ subnetId: first as string, ipAddress: '10.1.0.10' }] });
    const two = guestOf(served, 11, { fixedIps: [{ subnetId: second as string, ipAddress: '10.2.0.11' }] });
    await node.serve(withPorts(served, one, two));
    const [a, b] = [await node.plug(one, 1), await node.plug(two, 1)];
    expect(await a.udhcpc()).toMatchObject({
      ip: '10.1.0.10',
      staticroutes: '10.2.0.0/24 0.0.0.0 0.0.0.0/0 10.1.0.1',
      serverid: '10.1.0.2',
    });
    expect(await b.udhcpc()).toMatchObject({
      ip: '10.2.0.11',
      dns: '10.2.0.2',
      staticroutes: '10.1.0.0/24 0.0.0.0 0.0.0.0/0 10.2.0.1',
      serverid: '10.2.0.2',
    });
    // The server answers the names that the API shows.
    await a.has('10.1.0.10/24');
    expect(await a.ask('10.1.0.2', 'host-10-2-0-11.example.test')).toEqual(['10.2.0.11']);
  }, 120_000);
});

describe('an address that goes to another port', () => {
  it("is the new one's at once, and the old one is told so", async () => {
    const served = servedOf(5, [V4]);
    const opts = { extraDhcpOpts: [{ name: '42', value: '203.0.113.9', ipVersion: 4 as const }], dnsName: 'web' };
    const [old, other] = [guestOf(served, 10, opts), guestOf(served, 20)];
    await node.serve(withPorts(served, old, other));
    const [a, b] = [await node.plug(old, 1), await node.plug(other, 1)];
    expect(await a.dhclient('-4')).toMatchObject({ new_ip_address: '10.1.0.10' });
    const before = await node.dnsmasqs();
    await node.serve(withPorts(served, { ...old, fixedIps: other.fixedIps }, { ...other, fixedIps: old.fixedIps }));
    expect(await b.udhcpc()).toMatchObject({ ip: '10.1.0.10' });
    expect(await a.dhclient('-4')).toMatchObject({ new_ip_address: '10.1.0.20' });
    // Files and a signal: nothing was started anew, and dnsmasq 2.90 lived through the signals.
    expect(await node.dnsmasqs()).toEqual(before);
  }, 120_000);

  it('is so by DHCPv6', async () => {
    const served = servedOf(6, [
      { cidr: '2001:db8:6::/64', ipv6AddressMode: 'dhcpv6-stateful', ipv6RaMode: 'dhcpv6-stateful' },
    ]);
    const [old, other] = [guestOf(served, 10), guestOf(served, 11)];
    await node.serve(withPorts(served, old, { ...other, fixedIps: [] }));
    const [a, b] = [await node.plug(old, 1), await node.plug(other, 1)];
    expect(await a.dhclient('-6')).toMatchObject({ new_ip6_address: '2001:db8:6::a' });
    const before = await node.dnsmasqs();
    await node.serve(withPorts(served, { ...old, fixedIps: [] }, { ...other, fixedIps: old.fixedIps }));
    expect(await b.dhclient('-6')).toMatchObject({ new_ip6_address: '2001:db8:6::a' });
    expect(await node.dnsmasqs()).toEqual(before);
  }, 120_000);

  it('was leased while dnsmasq did not run, and is free all the same', async () => {
    const served = servedOf(7, [V4]);
    const [old, other] = [guestOf(served, 10), guestOf(served, 11)];
    await node.serve(withPorts(served, old));
    const [a, b] = [await node.plug(old, 1), await node.plug(other, 1)];
    expect(await a.udhcpc()).toMatchObject({ ip: '10.1.0.10' });
    await node.killDnsmasqs();
    await node.serve(withPorts(served, { ...other, fixedIps: old.fixedIps }));
    expect(await b.udhcpc()).toMatchObject({ ip: '10.1.0.10' });
  }, 120_000);
});

describe('extra options of a port', () => {
  it('come, change and go while dnsmasq goes on serving, also behind a lease', async () => {
    const served = servedOf(8, [V4]);
    const option = (value: string) => ({ extraDhcpOpts: [{ name: '42', value, ipVersion: 4 as const }] });
    const port = guestOf(served, 10, option('203.0.113.1'));
    await node.serve(withPorts(served, port));
    const guest = await node.plug(port, 1);
    expect(await guest.udhcpc()).toMatchObject({ ntpsrv: '203.0.113.1' });
    const [before] = await node.dnsmasqs();
    await node.serve(withPorts(served, { ...port, ...option('203.0.113.2') }));
    expect(await guest.udhcpc()).toMatchObject({ ntpsrv: '203.0.113.2' });
    expect(await node.dnsmasqs()).toEqual([before]);
    await node.serve(withPorts(served, { ...port, extraDhcpOpts: [] }));
    expect(await guest.udhcpc()).not.toHaveProperty('ntpsrv');
  }, 120_000);

  const option = (name: string, value: string, ipVersion: 4 | 6 = 4) => ({ name, value, ipVersion });

  it('of IPv4 come by name and by number, before those of subnet and network', async () => {
    const served = servedOf(11, [V4], { mtuBytes: 1400 });
    const boot = 'http://boot.example/a,b?c="d"#e\\f';
    const port = guestOf(served, 10, {
      extraDhcpOpts: [
        option('mtu', '1300'),
        option('dns-server', '203.0.113.99, 203.0.113.98'),
        option('router', ''),
        option('classless-static-route', '10.50.0.0/16,10.1.0.77'),
        option('42', '203.0.113.123'),
        option('66', 'tftp.example.org'),
        option('BOOTFILE-NAME', boot),
        option('domain-search', 'a.example,b.example'),
        option('server-ip-address', '203.0.113.69'),
        option('200', 'c0:01:ff'),
        option('tag:ipxe,67', 'http://boot.example/ipxe'),
      ],
    });
    const plain = guestOf(served, 11);
    await node.serve(withPorts(served, port, plain));
    const [a, b] = [await node.plug(port, 1), await node.plug(plain, 1)];
    const told = await a.udhcpc('-O', '200', '-O', '119');
    expect(told).toMatchObject({
      ...{ ip: '10.1.0.10', mtu: '1300', dns: '203.0.113.99 203.0.113.98', staticroutes: '10.50.0.0/16 10.1.0.77' },
      ...{ ntpsrv: '203.0.113.123', tftp: 'tftp.example.org', bootfile: boot, search: 'a.example b.example' },
      ...{ siaddr: '203.0.113.69', opt200: 'c001ff' },
    });
    expect(told).not.toHaveProperty('router');
    expect(await b.udhcpc('-O', '200')).not.toHaveProperty('opt200');
    // What iPXE sends (option 175): the condition holds.
    expect(await a.udhcpc('-x', '0xaf:b10101')).toMatchObject({ bootfile: 'http://boot.example/ipxe' });
  }, 120_000);

  it('of IPv6 come by name and by number', async () => {
    const served = servedOf(12, [
      {
        ...{ cidr: '2001:db8:c::/64', dnsNameservers: ['2001:db8::53'] },
        ...{ ipv6AddressMode: 'dhcpv6-stateful', ipv6RaMode: 'dhcpv6-stateful' },
      },
    ]);
    const port = guestOf(served, 10, {
      extraDhcpOpts: [
        option('dns-server', '2001:db8::99', 6),
        option('24', 'a.example,b.example', 6),
        option('sntp-server', '[2001:db8::1],[2001:db8::2]', 6),
        // Not of this version: it is not sent.
        option('mtu', '1300', 4),
      ],
    });
    await node.serve(withPorts(served, port, guestOf(served, 11)));
    const [a, b] = [await node.plug(port, 1), await node.plug(guestOf(served, 11), 1)];
    expect(await a.dhclient('-6')).toMatchObject({
      ...{ new_ip6_address: '2001:db8:c::a', new_dhcp6_name_servers: '2001:db8::99' },
      ...{ new_dhcp6_domain_search: 'a.example. b.example.', new_dhcp6_sntp_servers: '2001:db8::1 2001:db8::2' },
    });
    expect(await b.dhclient('-6')).toMatchObject({
      ...{ new_dhcp6_name_servers: '2001:db8::53', new_dhcp6_domain_search: 'example.test.' },
    });
  }, 120_000);
});
