import { describe, expect, it } from '@jest/globals';
import { guestOf, networkOf, servedOf, subnetOf } from '@plumbline/dhcp-core/testing';
import { documentOf } from './documents.js';
import type { Guest } from './guest.js';

const served = servedOf(1, [
  { cidr: '10.1.0.0/24', gatewayIp: '10.1.0.1', dnsNameservers: ['203.0.113.53'] },
  { cidr: '2001:db8:1::/64', gatewayIp: '2001:db8:1::1', enableDhcp: false },
]);
const port = guestOf(served, 10, { deviceId: 'vm-one', projectId: 'garden', dnsName: 'web' });
const DATA = {
  projectId: 'garden',
  deviceId: 'vm-one',
  revision: '00000000-0000-4000-8000-000000000001',
  hostname: 'db.example.test',
  publicKeys: { zoe: 'ssh-ed25519 ZZZ zoe', ann: 'ssh-rsa AAA ann' },
  userData: Buffer.from('#!/bin/sh\necho \u00e9\n').toString('base64'),
};
const guest = (more: Partial<Guest> = {}, leased: readonly string[] = []): Guest => ({
  asking: port,
  ports: [{ port, network: served.network, subnets: served.subnets, leased: new Set(leased) }],
  data: DATA,
  dnsDomain: 'example.test.',
  ...more,
});
const bare = guest({ data: null });
const said = (path: string, of: Guest = guest()): string | null => {
  const document = documentOf(path, of);
  if (!document) return null;
  return 'text' in document ? document.text : Buffer.from(document.base64, 'base64').toString();
};

describe('the paths of OpenStack', () => {
  it('are listed', () => {
    expect(said('/openstack')?.split('\n')).toEqual(expect.arrayContaining(['2018-08-27', 'latest']));
    expect(said('/openstack/latest/')).toBe(
      'meta_data.json\nnetwork_data.json\nuser_data\nvendor_data.json\nvendor_data2.json',
    );
    expect(said('/openstack/latest', bare)).not.toContain('user_data');
  });

  it('say who it is, with what its owner gave', () => {
    expect(JSON.parse(said('/openstack/2018-08-27/meta_data.json') ?? '')).toEqual({
      uuid: 'vm-one',
      project_id: 'garden',
      hostname: 'db.example.test',
      name: 'db',
      launch_index: 0,
      public_keys: { zoe: 'ssh-ed25519 ZZZ zoe', ann: 'ssh-rsa AAA ann' },
      keys: [
        { name: 'ann', type: 'ssh', data: 'ssh-rsa AAA ann' },
        { name: 'zoe', type: 'ssh', data: 'ssh-ed25519 ZZZ zoe' },
      ],
    });
    expect(said('/openstack/latest/user_data?x=y')).toBe('#!/bin/sh\necho \u00e9\n');
    expect(said('/openstack/latest/vendor_data.json')).toBe('{}');
  });

  it('without that: the name that DHCP tells, and no keys', () => {
    const named = JSON.parse(said('/openstack/latest/meta_data.json', bare) ?? '') as object;
    expect(named).toMatchObject({ hostname: 'web.example.test', name: 'web' });
    expect(named).not.toHaveProperty('keys');
    const nameless = guest({ data: null, asking: { ...port, dnsName: '' } });
    expect(said('/latest/meta-data/hostname', nameless)).toBe('host-10-1-0-10.example.test');
    expect(said('/openstack/latest/user_data', bare)).toBeNull();
  });

  it('say its network: addresses where nobody gives them out, and that it asks where somebody does', () => {
    const link = `tap${port.id.slice(0, 11)}`;
    const still = { link, network_id: served.network.id };
    const v6 = {
      ...still,
      id: 'network1',
      type: 'ipv6',
      ip_address: '2001:db8:1::a',
      netmask: 'ffff:ffff:ffff:ffff::',
      routes: [{ network: '::', netmask: '::', gateway: '2001:db8:1::1' }],
      services: [],
    };
    expect(JSON.parse(said('/openstack/latest/network_data.json') ?? '')).toEqual({
      links: [{ id: link, vif_id: port.id, type: 'ovs', mtu: 1450, ethernet_mac_address: port.macAddress }],
      networks: [
        {
          ...still,
          id: 'network0',
          type: 'ipv4',
          ip_address: '10.1.0.10',
          netmask: '255.255.255.0',
          routes: [{ network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.1.0.1' }],
          services: [{ type: 'dns', address: '203.0.113.53' }],
        },
        v6,
      ],
      services: [{ type: 'dns', address: '203.0.113.53' }],
    });
    const asks = JSON.parse(
      said('/openstack/latest/network_data.json', guest({}, [served.subnets[0]?.id ?? ''])) ?? '',
    ) as object;
    expect(asks).toMatchObject({ networks: [{ ...still, id: 'network0', type: 'ipv4_dhcp' }, v6], services: [] });
  });

  it.each([
    ['slaac', false, 'ipv6_slaac'],
    ['dhcpv6-stateful', true, 'ipv6_dhcpv6-stateful'],
    ['dhcpv6-stateless', true, 'ipv6_dhcpv6-stateless'],
  ] as const)('say of %s what the guest does itself', (mode, leased, type) => {
    const subnet = subnetOf({
      id: 'six',
      networkId: 'n',
      cidr: '2001:db8::/64',
      ipv6AddressMode: mode,
      ipv6RaMode: mode,
    });
    const six = { ...port, fixedIps: [{ subnetId: 'six', ipAddress: '2001:db8::5' }] };
    const of = {
      port: six,
      network: networkOf({ id: 'n' }),
      subnets: [subnet],
      leased: new Set(leased ? ['six'] : []),
    };
    const { networks } = JSON.parse(said('/openstack/latest/network_data.json', guest({ ports: [of] })) ?? '') as {
      networks: object[];
    };
    expect(networks).toMatchObject([{ type }]);
  });
});

describe('the paths of EC2', () => {
  it.each([
    ['/2009-04-04', 'meta-data/\nuser-data'],
    ['/latest/meta-data/', 'ami-launch-index\nhostname\ninstance-id\nlocal-hostname\nlocal-ipv4\npublic-keys/'],
    ['/latest/meta-data/instance-id', 'vm-one'],
    ['/latest/meta-data/local-ipv4', '10.1.0.10'],
    ['/latest/meta-data/hostname', 'db.example.test'],
    ['/latest/meta-data/public-keys/', '0=ann\n1=zoe'],
    ['/latest/meta-data/public-keys/1/', 'openssh-key'],
    ['/latest/meta-data/public-keys/1/openssh-key', 'ssh-ed25519 ZZZ zoe'],
    ['/latest/user-data', '#!/bin/sh\necho \u00e9\n'],
  ])('%s', (path, text) => expect(said(path)).toBe(text));

  it('are listed by version', () =>
    expect(said('/')?.split('\n')).toEqual(expect.arrayContaining(['2009-04-04', 'latest'])));
});

it.each([
  '/nonsense',
  '/latest/meta-data/toString',
  '/latest/meta-data/hostname/x',
  '/openstack/constructor',
  '/openstack/latest/x',
  '/openstack/latest/meta_data.json/x',
  '/latest/meta-data/public-keys/2',
])('nothing is at %s', (path) => expect(said(path)).toBeNull());
