/** The scenarios that specs of core, driver and agent share. */
import { idOf, Story } from '@plumbline/topology/testing';

/** One router, an instance at 10.0.0.3, a floating IP, later a second one (the tutorial picture). */
export const tutorial = (): Story =>
  new Story()
    .network('e1', '10.16.160.0/21', { external: true, gatewayIp: '10.16.160.1' })
    .network('a1', '10.0.0.0/24', { gatewayIp: '10.0.0.1' })
    .router('c1')
    .interface('c1', 'a1', '11111111-11', 'fa:16:3e:00:00:01', '10.0.0.1')
    .gateway('c1', 'e1', '22222222-22', 'fa:16:3e:00:00:02', '10.16.161.54')
    .floatingIp('71', 'e1', '10.16.161.51')
    .associate('71', '10.16.161.51', '10.0.0.3', 'ba1', 'c1')
    .floatingIp('72', 'e1', '10.16.161.52')
    .associate('72', '10.16.161.52', '10.0.0.4', 'ba1', 'c1');

/** The complete rule set of a router on a network node. */
export const networkNode = (): Story =>
  new Story()
    .network('e2', '10.255.253.0/24', { external: true, gatewayIp: '10.255.253.1' })
    .network('a2', '10.0.2.0/24', { gatewayIp: '10.0.2.1' })
    .router('c2')
    .interface('c2', 'a2', '33333333-33', 'fa:16:3e:00:00:03', '10.0.2.1')
    .gateway('c2', 'e2', '44444444-44', 'fa:16:3e:00:00:04', '10.255.253.11')
    .floatingIp('73', 'e2', '10.255.253.84')
    .associate('73', '10.255.253.84', '10.0.2.84', 'ba2', 'c2');

/** What the reference implementation's data plane was captured from. */
export const reference = (): Story =>
  new Story()
    .network('e3', '10.200.0.0/16', { external: true, gatewayIp: '10.200.0.1' })
    .network('a3', '192.168.7.0/24', { gatewayIp: '192.168.7.1' })
    .router('81d9fe72')
    .interface('81d9fe72', 'a3', 'a075f8a5-71', 'fa:16:3e:7c:4a:c3', '192.168.7.1')
    .gateway('81d9fe72', 'e3', 'fd9c7daf-34', 'fa:16:3e:bb:33:e5', '10.200.3.156')
    .floatingIp('74', 'e3', '10.200.3.41')
    .associate('74', '10.200.3.41', '192.168.7.161', 'ba3', '81d9fe72')
    .floatingIp('e014e609', 'e3', '10.200.2.182')
    .forward('ce1a0410', '81d9fe72', ['e014e609', '10.200.2.182'], 'tcp', '2222>22', '192.168.7.101@5349b384');

const AUTOMATIC = {
  slaac: { ipv6RaMode: 'slaac', ipv6AddressMode: 'slaac' },
  stateful: { ipv6RaMode: 'dhcpv6-stateful', ipv6AddressMode: 'dhcpv6-stateful' },
  stateless: { ipv6RaMode: 'dhcpv6-stateless', ipv6AddressMode: 'dhcpv6-stateless' },
} as const;

/**
 * What the reference's router advertisements were captured from, and then what comes later: a second prefix beside the first, which goes again; other
 * nameservers; an interface that is down for a while; one that goes; the router is down, and up; it goes.
 */
export const advertised = (): Story => {
  const servers = { dnsNameservers: ['2001:db8::53'] };
  const v1 = { version: 1 } as const;
  const router = { routerId: idOf('cbd29e08') };
  const dual = { portId: idOf('e0b5c057-86'), networkId: idOf('a0b') };
  const [first, second] = [
    { subnetId: idOf('ba06'), ipAddress: '2001:db8:3::' },
    { subnetId: idOf('ba07'), ipAddress: '2001:db8:7::1' },
  ];
  const stateless = { portId: idOf('ab96f46a-bc'), networkId: idOf('a0d') };
  const up = (adminStateUp: boolean) =>
    ({ type: 'PortAttributesSet', ...v1, data: { portId: stateless.portId, set: { adminStateUp } } }) as const;
  return new Story()
    .network('a0b', '10.30.3.0/24', { gatewayIp: '10.30.3.1' })
    .subnet('a0b', 'ba06', '2001:db8:3::/64', '2001:db8:3::', { ...AUTOMATIC.slaac, ...servers })
    .network('a0c', '2001:db8:4::/64', { gatewayIp: '2001:db8:4::', ...AUTOMATIC.stateful, ...servers })
    .network('a0d', '2001:db8:5::/64', { gatewayIp: '2001:db8:5::', ...AUTOMATIC.stateless, ...servers })
    .router('cbd29e08')
    .interface('cbd29e08', 'a0b', '3ecb9b81-c2', 'fa:16:3e:3e:fd:28', '10.30.3.1')
    .interface('cbd29e08', 'a0b', dual.portId.slice(0, 11), 'fa:16:3e:36:3a:09', '2001:db8:3::@ba06')
    .interface('cbd29e08', 'a0c', 'a17fdcc0-ab', 'fa:16:3e:8e:5b:6f', '2001:db8:4::')
    .interface('cbd29e08', 'a0d', 'ab96f46a-bc', 'fa:16:3e:d6:3c:cb', '2001:db8:5::')
    .subnet('a0b', 'ba07', '2001:db8:7::/64', '2001:db8:7::1', { ...AUTOMATIC.stateless })
    .add(
      { type: 'PortFixedIpsSet', ...v1, data: { ...dual, fixedIps: [first, second] } },
      {
        type: 'SubnetAttributesSet',
        ...v1,
        data: { subnetId: idOf('ba06'), networkId: idOf('a0b'), set: { dnsNameservers: ['2001:db8::54'] } },
      },
      { type: 'PortFixedIpsSet', ...v1, data: { ...dual, fixedIps: [first] } },
      up(false),
      up(true),
      { type: 'RouterInterfaceRemoved', ...v1, data: { ...router, ...stateless } },
      { type: 'PortDeleted', ...v1, data: stateless },
      { type: 'RouterAttributesSet', ...v1, data: { ...router, set: { adminStateUp: false } } },
      { type: 'RouterAttributesSet', ...v1, data: { ...router, set: { adminStateUp: true } } },
      { type: 'RouterUnscheduled', ...v1, data: { ...router, host: 'net1' } },
    );
};

/**
 * Forwardings as they come and go: a single public address, which is the router's own; a floating IP that two instances share; ranges; every protocol;
 * a change of the instance, of the ports, of the router's address; an address that is forwarded, then associated, then forwarded again.
 */
export const forwardings = (): Story => {
  const shared = ['78', '192.168.1.178'] as const;
  const turned = ['79', '192.168.1.179'] as const;
  const a = '192.168.50.11@d1';
  const b = '192.168.50.12@d2';
  return new Story()
    .network('e8', '192.168.1.0/24', { external: true, gatewayIp: '192.168.1.1' })
    .network('a8', '192.168.50.0/24', { gatewayIp: '192.168.50.1' })
    .router('c8')
    .interface('c8', 'a8', '81111111-81', 'fa:16:3e:00:08:01', '192.168.50.1')
    .gateway('c8', 'e8', '82222222-82', 'fa:16:3e:00:08:02', '192.168.1.100')
    .floatingIp('78', 'e8', shared[1])
    .floatingIp('79', 'e8', turned[1])
    .forward('f1', 'c8', null, 'tcp', '5001>22', a)
    .forward('f2', 'c8', shared, 'tcp', '2222>22', a)
    .forward('f3', 'c8', shared, 'tcp', '2223>22', b)
    .forward('f4', 'c8', shared, 'udp', '2222>53', b)
    .forward('f5', 'c8', shared, 'tcp', '8000-8010>8000-8010', a)
    .forward('f6', 'c8', shared, 'tcp', '9000-9010>7000-7010', b)
    .forward('f7', 'c8', shared, 'tcp', '9100-9110>80', b)
    .forward('f8', 'c8', shared, 'icmp', null, a)
    .forward('f9', 'c8', shared, 'sctp', '100-101>200-201', a)
    .forward('fa', 'c8', shared, 'dccp', '100>200', a)
    .forward('fb', 'c8', shared, 'icmp6', null, a)
    .forward('fc', 'c8', null, 'udp', '1-65535>1-65535', b)
    .forward('fd', 'c8', turned, 'tcp', '80>80', a)
    .forward('f2', 'c8', shared, 'tcp', '2222>22', b, true)
    .forward('f3', 'c8', shared, 'tcp', '2223>23', b, true)
    .forward('f5', 'c8', shared, 'tcp', '8000-8005>8000-8005', a, true)
    .unforward('f7', 'c8', shared)
    .unforward('f8', 'c8', shared)
    .unforward('fd', 'c8', turned)
    .associate('79', turned[1], '192.168.50.13', 'ba8', 'c8')
    .disassociate('79', turned[1], '192.168.50.13', 'c8')
    .forward('fe', 'c8', turned, 'tcp', '80>8080', b)
    .add({
      type: 'PortFixedIpsSet',
      version: 1,
      data: {
        portId: idOf('82222222-82'),
        networkId: idOf('e8'),
        fixedIps: [{ subnetId: idOf('be8'), ipAddress: '192.168.1.101' }],
      },
    })
    .unforward('fc', 'c8', null)
    .unforward('f9', 'c8', shared);
};

/**
 * A router's life: two routers, two families, extra routes, a gateway without source NAT, a floating IP that moves between routers, an interface and a
 * router that go, administrative downs.
 */
export const life = (): Story => {
  const story = new Story()
    .network('e4', '203.0.113.0/24', { external: true, gatewayIp: '203.0.113.1' })
    .subnet('e4', 'be46', '2001:db8:e::/64', '2001:db8:e::1')
    .subnet('e4', 'be45', '198.51.100.0/24', '198.51.100.1')
    .network('a4', '10.1.0.0/24', { gatewayIp: '10.1.0.1' })
    .subnet('a4', 'ba46', '2001:db8:a::/64', '2001:db8:a::1')
    .network('a5', '10.2.0.0/24', { gatewayIp: '10.2.0.1', mtuBytes: 1400 })
    .router('c4')
    .router('c5')
    .interface('c4', 'a4', '55555555-55', 'fa:16:3e:00:00:05', '10.1.0.1')
    .interface('c4', 'a4', '55555556-55', 'fa:16:3e:00:00:15', '2001:db8:a::1@ba46')
    .gateway('c4', 'e4', '66666666-66', 'fa:16:3e:00:00:06', '203.0.113.9', '2001:db8:e::9@be46')
    .interface('c5', 'a5', '77777777-77', 'fa:16:3e:00:00:07', '10.2.0.1')
    .gateway('c5', 'e4', '88888888-88', 'fa:16:3e:00:00:08', '203.0.113.10')
    .floatingIp('75', 'e4', '198.51.100.75')
    .associate('75', '198.51.100.75', '10.1.0.75', 'ba4', 'c4')
    .floatingIp('76', 'e4', '203.0.113.76')
    .associate('76', '203.0.113.76', '10.1.0.76', 'ba4', 'c4');
  const v1 = { version: 1 } as const;
  const routerId = idOf('c4');
  return story
    .add(
      {
        type: 'RouterRoutesSet',
        ...v1,
        data: { routerId, routes: [{ destination: '172.16.5.7/16', nexthop: '10.1.0.200' }] },
      },
      { type: 'RouterAttributesSet', ...v1, data: { routerId, set: { name: 'renamed' } } },
    )
    .associate('76', '203.0.113.76', '10.1.0.77', 'ba4', 'c4')
    .disassociate('75', '198.51.100.75', '10.1.0.75', 'c4')
    .associate('75', '198.51.100.75', '10.2.0.75', 'ba5', 'c5')
    .add(
      {
        type: 'RouterGatewaySet',
        ...v1,
        data: { routerId, portId: idOf('66666666-66'), networkId: idOf('e4'), fixedIps: [], enableSnat: false },
      },
      {
        type: 'PortFixedIpsSet',
        ...v1,
        data: {
          portId: idOf('66666666-66'),
          networkId: idOf('e4'),
          fixedIps: [{ subnetId: idOf('be4'), ipAddress: '203.0.113.19' }],
        },
      },
      { type: 'PortAttributesSet', ...v1, data: { portId: idOf('77777777-77'), set: { adminStateUp: false } } },
      {
        type: 'RouterInterfaceRemoved',
        ...v1,
        data: { routerId, portId: idOf('55555556-55'), networkId: idOf('a4') },
      },
      { type: 'PortDeleted', ...v1, data: { portId: idOf('55555556-55'), networkId: idOf('a4') } },
      { type: 'PortAttributesSet', ...v1, data: { portId: idOf('77777777-77'), set: { adminStateUp: true } } },
      { type: 'RouterAttributesSet', ...v1, data: { routerId: idOf('c5'), set: { adminStateUp: false } } },
      { type: 'RouterAttributesSet', ...v1, data: { routerId: idOf('c5'), set: { adminStateUp: true } } },
    )
    .disassociate('76', '203.0.113.76', '10.1.0.77', 'c4')
    .add({ type: 'RouterUnscheduled', ...v1, data: { routerId, host: 'net1' } });
};

/** `routers` routers of one outside network, each with a tenant network and `floating` floating IPs: what a full network node carries. */
export const crowd = (routers: number, floating: number): Story => {
  const story = new Story().network('eee', '100.64.0.0/16', { external: true, gatewayIp: '100.64.0.1' });
  for (let n = 1; n <= routers; n += 1) {
    const hex = n.toString(16).padStart(3, '0');
    const high = Math.floor(n / 200);
    const low = n % 200;
    story
      .network(`a${hex}`, `10.${high}.${low}.0/24`, { gatewayIp: `10.${high}.${low}.1` })
      .router(`c${hex}`)
      .interface(
        `c${hex}`,
        `a${hex}`,
        `1${hex}`,
        `fa:16:3e:01:${hex.slice(0, 1)}0:${hex.slice(1)}`,
        `10.${high}.${low}.1`,
      )
      .gateway(
        `c${hex}`,
        'eee',
        `2${hex}`,
        `fa:16:3e:02:${hex.slice(0, 1)}0:${hex.slice(1)}`,
        `100.64.${high}.${low + 2}`,
      );
    for (let f = 1; f <= floating; f += 1) {
      const address = `100.64.${100 + f + high * 10}.${low}`;
      story
        .floatingIp(`7${f}${hex}`, 'eee', address)
        .associate(`7${f}${hex}`, address, `10.${high}.${low}.${10 + f}`, `ba${hex}`, `c${hex}`);
    }
  }
  return story;
};
