import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { addBridge } from '@plumbline/ovsdb';
import { linkLocal } from '@plumbline/ovs-core';
import { idOf, macOf, memberId, type ObjectKey, type Port, ViewBuilder } from '@plumbline/ovs-core/testing';
import * as frames from './frames.js';
import { type FlowCount, Prober } from './prober.js';
import { Instance, RealSwitch } from './real-switch.js';

const PORTS = [22, 53, 80, 85, 90, 91, 443, 500, 5000, 7000, 8080];
const ONE = { id: 100, at: 200, rules: 300 };
const [EGRESS, WEB, ADMIN, STATELESS, MUTE, ONLY_WEB_OUT, REMOTE] = [901, 902, 903, 904, 905, 906, 907];
const [KINDS, FREE_KINDS] = [908, 909];
const ADDRESS_GROUP = 950;

const tcp = (min: number, max = min) => ({ protocol: 'tcp', portRangeMin: min, portRangeMax: max });
const udp = (port: number) => ({ protocol: 'udp', portRangeMin: port, portRangeMax: port });
const v6 = { ethertype: 'IPv6' } as const;
const out = { direction: 'egress' } as const;
const groups = (...ids: number[]) => ({ securityGroupIds: ids.map(idOf).sort() });
const addresses = (n: number) => ({
  fixedIps: [
    { subnetId: idOf(1), ipAddress: `10.0.0.${n}` },
    { subnetId: idOf(2), ipAddress: `fd00::${n}` },
  ],
});

const PAIR_MAC = 'fa:16:3e:aa:bb:cc';
const pair = (ipAddress: string, macAddress: string) => ({ ipAddress, macAddress });
const PAIRS = [pair('10.0.0.200', macOf(11)), pair('10.0.0.208/28', PAIR_MAC), pair('fd00::200', macOf(11))];

/** Devices are named by the first characters of their port's id. */
const portId = (n: number): string => `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;

function view(): ViewBuilder {
  let rule = ONE.rules;
  const builder = new ViewBuilder('cmp1').node('cmp1').network(1, 'flat').placed(1, { cmp1: 5 });
  const add = (group: number, ...rules: Parameters<ViewBuilder['rule']>[2][]) => {
    builder.group(group, { stateful: ![STATELESS, MUTE, FREE_KINDS].includes(group) });
    for (const each of rules) builder.rule((rule += 1), group, each);
  };
  add(EGRESS, out, { ...out, ...v6 });
  add(
    WEB,
    { ...tcp(80, 90), remoteIpPrefix: '10.0.0.0/28' },
    udp(53),
    { protocol: 'icmp', portRangeMin: 8, portRangeMax: 0 },
    { ...v6, protocol: 'ipv6-icmp', portRangeMin: 128, remoteIpPrefix: 'fd00::67/128' },
    { ...v6, ...tcp(443), remoteIpPrefix: 'fd00::/64' },
    { protocol: '112' },
    { protocol: 'sctp', portRangeMin: 5000, portRangeMax: 5000 },
  );
  add(
    ADMIN,
    { ...tcp(22), remoteGroupId: idOf(REMOTE) },
    { ...v6, ...tcp(22), remoteGroupId: idOf(REMOTE) },
    { ...tcp(8080), remoteAddressGroupId: idOf(ADDRESS_GROUP) },
  );
  add(STATELESS, tcp(80), udp(53), out, { ...out, ...v6 });
  add(MUTE, tcp(80), { protocol: 'udp' });
  add(ONLY_WEB_OUT, { ...out, ...tcp(80), remoteIpPrefix: '10.0.0.67/32' }, tcp(22));
  add(REMOTE);
  const kinds = [
    { protocol: 'icmp', portRangeMin: 13 },
    { protocol: 'icmp', portRangeMin: 8, portRangeMax: 5 },
    { ...v6, protocol: 'ipv6-icmp', portRangeMin: 128, portRangeMax: 0 },
    { protocol: 'udp', portRangeMin: 499, portRangeMax: 6999 },
    { protocol: 'igmp' },
    { ...v6, ...tcp(8080), remoteAddressGroupId: idOf(ADDRESS_GROUP) },
    { ...v6, protocol: 'sctp', portRangeMin: 5000, portRangeMax: 5001 },
    { ...v6, protocol: '112', remoteIpPrefix: 'fd00::40/122' },
    { ...tcp(22), remoteGroupId: idOf(REMOTE) },
  ];
  add(KINDS, ...kinds, { ...out, ...udp(53) }, { ...out, ...v6 });
  add(FREE_KINDS, ...kinds, out, { ...out, ...v6 });
  builder.addressGroup(ADDRESS_GROUP, ['10.0.0.64/26', '10.0.0.14/32', 'fd00::40/122', 'fd00::11/128']);
  builder.member(REMOTE, 11, ['10.0.0.11/32', 'fd00::11/128']).member(REMOTE, 67, ['10.0.0.67/32']);
  return builder
    .port(11, 1, { id: portId(11), ...addresses(11), ...groups(EGRESS, REMOTE), allowedAddressPairs: PAIRS })
    .port(12, 1, {
      id: portId(12),
      ...addresses(12),
      ...groups(EGRESS, WEB, ADMIN),
      allowedAddressPairs: [pair('10.0.0.201', macOf(12))],
    })
    .port(13, 1, { id: portId(13), ...addresses(13), ...groups(STATELESS) })
    .port(14, 1, { id: portId(14), ...addresses(14), portSecurityEnabled: false })
    .port(15, 1, { id: portId(15), ...addresses(15), ...groups() })
    .port(16, 1, { id: portId(16), ...addresses(16), ...groups(MUTE) })
    .port(17, 1, { id: portId(17), ...addresses(17), ...groups(ONLY_WEB_OUT) })
    .port(18, 1, { id: portId(18), ...addresses(18), ...groups(KINDS) })
    .port(19, 1, { id: portId(19), ...addresses(19), ...groups(FREE_KINDS) });
}

type Try = Readonly<{ do: 'tcp' | 'udp' | 'icmp' | 'one-way'; port?: number; type?: number; v6?: true }> &
  Record<string, unknown>;
const T = (port: number): Try => ({ do: 'tcp', port });
const U = (port: number): Try => ({ do: 'udp', port });
const PING: Try = { do: 'icmp' };
const in6 = (of: Try): Try => ({ ...of, v6: true });
const oneWay = (protocol: number, payload = ''): Try => ({ do: 'one-way', protocol, payload });
/** An association that is opened: the kernel's conntrack takes no other packet, and none with a wrong checksum. */
const sctpTo = (port: number): Try => ({ do: 'one-way', protocol: 132, port });
/** A UDP datagram whose checksum is left out. */
const datagram = (port: number): Try => oneWay(17, `1234${port.toString(16).padStart(4, '0')}00140000`);

/** From, to, what is tried, and whether it gets an answer (one-way: whether it arrives). 67 is outside. */
type Line = readonly [number, number, Try, boolean];
const MATRIX: readonly Line[] = [
  [11, 12, T(80), true],
  [11, 12, T(85), true],
  [11, 12, T(90), true],
  [11, 12, T(91), false],
  [67, 12, T(80), false],
  [11, 12, U(53), true],
  [67, 12, U(53), true],
  [67, 12, U(500), false],
  [11, 12, PING, true],
  [67, 12, PING, true],
  [67, 12, { do: 'icmp', type: 13 }, false],
  [67, 12, in6(PING), true],
  [11, 12, in6(PING), false],
  [11, 12, in6(T(443)), true],
  [67, 12, in6(T(443)), true],
  [11, 12, T(443), false],
  [11, 12, in6(T(80)), false],
  [11, 12, T(22), true],
  [67, 12, T(22), true],
  [14, 12, T(22), false],
  [11, 12, in6(T(22)), true],
  [67, 12, in6(T(22)), false],
  [67, 12, T(8080), true],
  [14, 12, T(8080), true],
  [11, 12, T(8080), false],
  [67, 12, oneWay(112), true],
  [67, 12, oneWay(113), false],
  [11, 12, oneWay(47), false],
  [67, 12, sctpTo(5000), true],
  [67, 12, sctpTo(5001), false],
  [67, 11, T(80), false],
  [67, 11, PING, false],
  [12, 11, PING, false],
  [11, 67, T(80), true],
  [11, 67, U(53), true],
  [11, 67, PING, true],
  [11, 67, in6(T(80)), true],
  [11, 67, in6(PING), true],
  [11, 14, T(80), true],
  [14, 12, T(80), true],
  [14, 11, T(80), false],
  [67, 14, T(91), true],
  [67, 14, in6(PING), true],
  [14, 67, T(80), true],
  [67, 13, T(80), true],
  [11, 13, T(80), true],
  [67, 13, T(81 + 10), false],
  [67, 13, U(53), true],
  // A stateless group lets nothing back in that no rule names: what it asks is not answered.
  [13, 67, T(80), false],
  [13, 67, datagram(500), true],
  // Nor out: its port 16 hears the question and may not answer.
  [67, 16, T(80), false],
  [67, 16, datagram(500), true],
  [67, 15, PING, false],
  [67, 15, T(80), false],
  [15, 67, T(80), false],
  [15, 67, datagram(500), false],
  [17, 67, T(80), true],
  [17, 67, T(443), false],
  [17, 14, T(80), false],
  [17, 67, PING, false],
  [67, 17, T(22), true],
  [11, 17, T(22), true],
  // Types and codes, ranges, remotes of IPv6; 18 is stateful, 19 is not.
  ...[18, 19].flatMap((n): Line[] => [
    [67, n, { do: 'icmp', type: 13 }, true],
    [67, n, PING, false],
    [67, n, { do: 'icmp', code: 4 }, false],
    [67, n, in6(PING), true],
    [67, n, in6({ do: 'icmp', code: 1 }), false],
    [67, n, datagram(498), false],
    [67, n, datagram(499), true],
    [67, n, datagram(6999), true],
    [67, n, datagram(7000), false],
    [67, n, U(500), true],
    [67, n, in6(U(500)), false],
    [67, n, oneWay(2), true],
    [67, n, in6(oneWay(112)), true],
    [67, n, in6(T(8080)), true],
    [11, n, in6(T(8080)), true],
    [14, n, in6(T(8080)), false],
    [11, n, in6(oneWay(112)), false],
    [67, n, in6(sctpTo(5001)), true],
    [67, n, in6(sctpTo(5002)), false],
    [67, n, sctpTo(5000), false],
    [67, n, T(22), true],
    [14, n, T(22), false],
  ]),
  [18, 67, U(53), true],
  [67, 19, { do: 'icmp', code: 5 }, true],
  [19, 67, datagram(53), true],
  [19, 67, U(53), false],
  [18, 67, PING, false],
  [18, 67, in6(PING), true],
  [19, 67, in6(PING), false],
];

/**
 * The first fragment alone has ports. Where conntrack puts datagrams together before they are judged (iptables; the kernel's datapath) that is no matter; the
 * userspace datapath knows the ports of a connection for the first alone, and no datapath those of what it does not track.
 */
const fragments = (firewall: 'openflow' | 'hybrid'): Line[] => {
  const big = { ...U(53), size: 3000 };
  return [
    [11, 67, big, true],
    [11, 67, in6(big), true],
    [18, 67, in6(big), true],
    [67, 14, big, true],
    [67, 14, in6(big), true],
    [67, 12, { ...U(500), size: 3000 }, false],
    [13, 67, big, false],
    ...[11, 14, 67].map((from): Line => [from, 12, big, firewall === 'hybrid']),
    [67, 13, big, firewall === 'hybrid'],
  ];
};

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const ALL_NODES = '33:33:00:00:00:01';
const NOBODY = '00:00:00:00:00:00';
const LINK_LOCAL = linkLocal(macOf(11));

type Fields = Readonly<{
  src: string;
  dst: string;
  tag: number;
  ip: string;
  sha: string;
  spa: string;
  tpa: string;
  target: string;
  option: string;
  sport: number;
  dport: number;
}>;
const OWN: Omit<Fields, 'tag'> = {
  ...{ src: macOf(11), dst: BROADCAST, ip: '10.0.0.11', sha: macOf(11), spa: '10.0.0.11', tpa: '10.0.0.67' },
  ...{ target: 'fd00::11', option: macOf(11), sport: 4000, dport: 4000 },
};
type Make = (of: Omit<Fields, 'tag'> & { tag?: number }, token: Buffer) => string;
const six = { type: 0x86dd };
const sendUdp: Make = (of, token) =>
  frames.ethernet({ ...of, type: 0x0800 }, frames.udp({ ...of, src: of.ip, dst: '10.0.0.255' }, token));
const sendUdp6: Make = (of, token) =>
  frames.ethernet({ ...of, ...six, dst: ALL_NODES }, frames.udp({ ...of, src: of.ip, dst: 'ff02::1' }, token));
const sendArp =
  (op: 1 | 2): Make =>
  (of, token) =>
    frames.ethernet({ ...of, type: 0x0806 }, Buffer.concat([frames.arp({ ...of, op, tha: NOBODY }), token]));
const sendNd =
  (type: 135 | 136): Make =>
  (of, token) =>
    frames.ethernet(
      { ...of, ...six, dst: ALL_NODES },
      frames.neighbour({ ...of, type, src: of.ip, dst: 'ff02::1', option: of.ip === '::' ? null : of.option }, token),
    );
/** Other ICMPv6: a router's words. */
const sendRouter =
  (type: 134 | 137): Make =>
  (of, token) =>
    frames.ethernet(
      { ...of, ...six, dst: ALL_NODES },
      frames.icmp6({ src: of.ip, dst: 'ff02::1', type }, Buffer.concat([Buffer.alloc(36), token])),
    );
const sendEther =
  (type: number): Make =>
  (of, token) =>
    frames.ethernet({ ...of, type }, Buffer.concat([Buffer.alloc(46), token]));
const fe80 = { ip: LINK_LOCAL };

/** What is forged, the frame, what an honest one says, and what the forged one says instead. `by` 14: only a port without port security may say it at all. */
const FORGERIES: readonly (readonly [string, Make, Partial<Fields>, Partial<Fields>, 14?])[] = [
  ['the MAC', sendUdp, {}, { src: macOf(12) }],
  ['the IPv4 address', sendUdp, {}, { ip: '10.0.0.99' }],
  ['the IPv6 address', sendUdp6, { ip: 'fd00::11' }, { ip: 'fd00::99' }],
  ['the ARP sender address', sendArp(2), {}, { spa: '10.0.0.12' }],
  ['the ARP sender MAC', sendArp(2), {}, { sha: macOf(12) }],
  ['the ARP source MAC', sendArp(1), {}, { src: macOf(12), sha: macOf(12) }],
  ['the ARP target of a probe', sendArp(1), { spa: '0.0.0.0', tpa: '10.0.0.11' }, { spa: '0.0.0.0', tpa: '10.0.0.12' }],
  ['the target of a neighbour advertisement', sendNd(136), fe80, { ...fe80, target: 'fd00::12' }],
  ['the MAC of a neighbour advertisement', sendNd(136), fe80, { ...fe80, option: macOf(12) }],
  ['the source of a neighbour advertisement', sendNd(136), fe80, { ip: 'fd00::12' }],
  ['the MAC of a neighbour solicitation', sendNd(135), fe80, { ...fe80, option: macOf(12) }],
  ['the target of duplicate address detection', sendNd(135), { ip: '::' }, { ip: '::', target: 'fd00::12' }],
  ['a router advertisement', sendRouter(134), fe80, fe80, 14],
  ['a redirect', sendRouter(137), fe80, fe80, 14],
  ['an answer of a DHCP server', sendUdp, { sport: 67, dport: 68 }, { sport: 67, dport: 68 }, 14],
  ['the same from another port', sendUdp, { sport: 6767, dport: 68 }, { sport: 6767, dport: 68 }, 14],
  [
    'an answer of a DHCPv6 server',
    sendUdp6,
    { ...fe80, sport: 547, dport: 546 },
    { ...fe80, sport: 547, dport: 546 },
    14,
  ],
  [
    'the MAC of a DHCP client',
    sendUdp,
    { ip: '0.0.0.0', sport: 68, dport: 67 },
    { ip: '0.0.0.0', sport: 68, dport: 67, src: macOf(12) },
  ],
  ['an address that no pair gives', sendUdp, { ip: '10.0.0.200' }, { ip: '10.0.0.202' }],
  ['the address of a pair with another MAC', sendUdp, { ip: '10.0.0.210', src: PAIR_MAC }, { ip: '10.0.0.210' }],
  ['the MAC of a pair with another address', sendUdp, { ip: '10.0.0.223', src: PAIR_MAC }, { src: PAIR_MAC }],
  ['an IPv6 address that no pair gives', sendUdp6, { ip: 'fd00::200' }, { ip: 'fd00::201' }],
  ["another port's pair", sendArp(2), { spa: '10.0.0.200' }, { spa: '10.0.0.201' }],
  ['a VLAN tag of its own network', sendUdp, {}, { tag: 5 }],
  ['a VLAN tag of another', sendUdp, {}, { tag: 6 }],
  ['a priority tag', sendUdp, {}, { tag: 0 }],
  ['another EtherType', sendEther(0x88cc), {}, {}, 14],
];

const toAll = (of: { src: string; type: number }, packet: Buffer): string => {
  const six_ = of.type === 0x86dd;
  return frames.ethernet({ ...of, dst: six_ ? ALL_NODES : BROADCAST }, packet);
};
/** Datagrams for many. */
const many =
  (dst: string, sport: number, dport: number, src?: string) =>
  (n: number, token: Buffer): string =>
    dst.includes(':')
      ? toAll(
          { src: macOf(n), type: 0x86dd },
          frames.udp({ src: src ?? linkLocal(macOf(n)), dst, sport, dport }, token),
        )
      : toAll({ src: macOf(n), type: 0x0800 }, frames.udp({ src: src ?? `10.0.0.${n}`, dst, sport, dport }, token));
/** ICMPv6 for many; a multicast listener's words (RFC 3810) as they are sent. */
const icmp6ToMany =
  (type: number, src?: string) =>
  (n: number, token: Buffer): string => {
    const of = { src: src ?? linkLocal(macOf(n)), dst: 'ff02::1', type };
    const listener = [130, 131, 132, 143].includes(type);
    const solicits = type === 135 || type === 136;
    const packet = solicits
      ? frames.neighbour({ ...of, type, target: `fd00::${n}`, option: src === '::' ? null : macOf(n) }, token)
      : frames.icmp6(of, Buffer.concat([Buffer.alloc(20), token]));
    return toAll({ src: macOf(n), type: 0x86dd }, listener ? frames.withRouterAlert(packet) : packet);
  };
const igmp = (n: number, token: Buffer): string =>
  toAll(
    { src: macOf(n), type: 0x0800 },
    frames.ip(
      { src: `10.0.0.${n}`, dst: '224.0.0.22', protocol: 2, ttl: 1 },
      Buffer.concat([Buffer.alloc(8), token]),
      2,
    ),
  );
/** Who sends to many, what, and who gets it and who does not. 15 is in no group, 67 outside. */
const FOR_MANY: readonly (readonly [number, string, (n: number, token: Buffer) => string, number[], number[]])[] = [
  [67, 'an answer of a DHCP server', many('255.255.255.255', 67, 68), [11, 13, 15, 18], []],
  [67, 'the same from another port', many('255.255.255.255', 6767, 68), [], [11, 15, 18]],
  [67, 'an answer of a DHCPv6 server', many('ff02::1', 547, 546), [11, 13, 15, 18], []],
  [67, 'a question of a DHCP client', many('255.255.255.255', 68, 67, '0.0.0.0'), [14], [11, 15, 18]],
  [67, 'a router advertisement', icmp6ToMany(134), [11, 13, 15, 18], []],
  [67, 'a router solicitation', icmp6ToMany(133), [14], [11, 15, 18]],
  [67, 'a redirect', icmp6ToMany(137), [14], [11, 15, 18]],
  [67, 'a neighbour solicitation', icmp6ToMany(135), [11, 13, 15, 18], []],
  [67, 'a neighbour advertisement', icmp6ToMany(136), [11, 13, 15, 18], []],
  [67, 'a query for multicast listeners', icmp6ToMany(130), [11, 13, 15, 18], []],
  [67, 'a report of a multicast listener', icmp6ToMany(143), [11, 13, 15, 18], []],
  [67, 'an error about nothing', icmp6ToMany(1), [14], [11, 15, 18]],
  [67, 'IGMP', igmp, [14, 18, 19], [11, 12, 13, 15]],
  [67, 'a datagram to a group that rules let in', many('224.0.0.251', 4000, 500), [14, 18, 19], [11, 12, 13, 15]],
  [67, 'a datagram to a group', many('224.0.0.251', 4000, 7001), [14], [11, 12, 13, 15, 18, 19]],
  [15, 'a question of a DHCP client', many('255.255.255.255', 68, 67, '0.0.0.0'), [67, 14], [11]],
  [15, 'a question of a DHCP client with an address', many('255.255.255.255', 68, 67), [67, 14], [11]],
  [15, 'a question of a DHCPv6 client', many('ff02::1', 546, 547), [67, 14], [11]],
  [15, 'an answer of a DHCP server', many('255.255.255.255', 67, 68), [], [67, 14, 11]],
  [15, 'a router solicitation', icmp6ToMany(133), [67, 14], [11]],
  [15, 'a router solicitation without an address', icmp6ToMany(133, '::'), [67, 14], [11]],
  [15, 'duplicate address detection', icmp6ToMany(135, '::'), [67, 14, 11, 12], []],
  [15, 'a report of a multicast listener', icmp6ToMany(143), [67, 14, 11], []],
  [15, 'a report of a multicast listener without an address', icmp6ToMany(143, '::'), [67, 14, 11], []],
  [15, 'IGMP', igmp, [], [67, 14, 18]],
  [15, 'a datagram to a group', many('224.0.0.251', 4000, 500), [], [67, 14, 18]],
  [11, 'IGMP', igmp, [67, 14, 18, 19], [12, 15]],
  [11, 'a datagram to a group', many('224.0.0.251', 4000, 500), [67, 14, 18, 19], [12, 15]],
  [18, 'a datagram to a group', many('224.0.0.251', 4000, 500), [], [67, 14, 19]],
];

/** What holds wherever rules are enforced: the same table of answers, on the wire. */
export function firewallSuite(firewall: 'openflow' | 'hybrid'): void {
  describe(`security groups, with PLUMB_FIREWALL=${firewall}`, () => {
    let real: RealSwitch;
    const instances = new Map<number, Instance>();
    const probers = new Map<number, Prober>();
    let token = 0x51f0_0000;
    const at = (n: number): Prober => probers.get(n) ?? expectNever(`prober ${n}`);
    const converge = (builder: ViewBuilder, touched: 'all' | ReadonlySet<never> = 'all') =>
      real.converger.converge(builder.view, { touched, mayRemove: true });
    const plug = async (n: number, more: Partial<Parameters<typeof Instance.plug>[1]> = {}) => {
      const options = { device: `tap${n}`, mac: macOf(n), address: `10.0.0.${n}/24`, ifaceId: portId(n), ...more };
      const bridged = firewall === 'hybrid' && options.ifaceId !== null;
      const instance = bridged ? await Instance.plugByBridge(real, options) : await Instance.plug(real, options);
      instances.set(n, instance);
      await instance.exec(['ip', 'address', 'add', `fd00::${n}/64`, 'dev', 'eth0', 'nodad']);
      probers.set(n, await Prober.start(instance.netns.name, PORTS));
    };
    const lines = [...MATRIX, ...fragments(firewall)];
    /** Lines that got another answer than they have. */
    const differing = (outcomes: readonly unknown[][]) =>
      outcomes.filter((each, at) => each.at(-1) !== lines[at]?.[3]).map((each) => JSON.stringify(each));
    const attempt = async ([from, to, what, expected]: Line): Promise<boolean> => {
      const seconds = expected ? 5 : 0.7;
      const address = what.v6 ? `fd00::${to}` : `10.0.0.${to}`;
      if (what.do !== 'one-way') return at(from).ask({ ...what, to: address, seconds });
      token += 1;
      const mark = `${token.toString(16)}${'5a'.repeat(8)}`;
      const payload = what.port === undefined ? `${what['payload']}${mark}` : frames.sctpInit(what.port, mark);
      await at(from).ask({ do: 'ip', to: address, protocol: what['protocol'], payload });
      return at(to).ask({ do: 'arrived', token: mark, seconds });
    };

    beforeAll(async () => {
      const config = { bridgeMappings: { physnet1: 'br-ex' }, tunnelIp: null, datapathType: 'netdev' } as const;
      real = await RealSwitch.start({ ...config, firewall });
      await real.mirror.commit(addBridge({ name: 'br-ex', bridge: { datapath_type: 'netdev' } }));
      await converge(view());
      await Promise.all([11, 12, 13, 14, 15, 16, 17, 18, 19].map((n) => plug(n)));
      await plug(67, { bridge: 'br-ex', ifaceId: null });
      const result = await converge(view());
      expect(result.failed).toEqual([]);
      expect(result.statuses.map(({ status, reason }) => reason ?? status)).toEqual(
        result.statuses.map(() => 'ACTIVE'),
      );
    });
    afterAll(async () => {
      for (const prober of probers.values()) await prober.stop();
      for (const instance of instances.values()) await instance.remove();
      await real.stop();
    });

    it('writes everything in the very text in which the node shows it', async () => {
      expect(await converge(view())).toMatchObject({ applied: 0, drift: 0, failed: [] });
      real.restartAgent();
      expect(await converge(view())).toMatchObject({ applied: 0, drift: 0, failed: [] });
    });

    it('answers each line of the matrix on the wire', async () => {
      const outcomes = await Promise.all(lines.map(async (line) => [...line.slice(0, 3), await attempt(line)]));
      expect(differing(outcomes)).toEqual([]);
    });

    const step = async (builder: ViewBuilder, key: ObjectKey, n = 0) => {
      const result = await real.converger.converge(builder.view, { touched: new Set([key]), mayRemove: true });
      expect(result.failed).toEqual([]);
      return n;
    };
    const marked = (): Buffer => {
      token += 1;
      return Buffer.from(`${token.toString(16)}${'a5'.repeat(16)}`, 'hex');
    };

    it('answers the same after the switch was killed and started anew', async () => {
      real.news.length = 0;
      await real.ovs.stopSwitch(true);
      await real.ovs.startSwitch();
      await real.heard(({ reason }) => reason === 'switch-back');
      expect(await converge(view())).toMatchObject({ drift: 0, failed: [] });
      const outcomes = await Promise.all(lines.map(async (line) => [...line.slice(0, 3), await attempt(line)]));
      expect(differing(outcomes)).toEqual([]);
    });

    it('keeps the rules in force while the view of a restarted agent may be old, and gives a node without any what it knows', async () => {
      const save = ['ip', 'netns', 'exec', real.ovs.netns, 'iptables-save'];
      const shown = async () =>
        firewall === 'hybrid' ? (await real.runner.run(save)).stdout : (await real.dump('br-int')).join();
      const hasRule = async () => /ct_tp_dst=7777|--dport 7777 /.test(await shown());
      const loseRules = async () => {
        const flush = 'iptables-restore </dev/null; for t in raw filter; do iptables -t $t -F; iptables -t $t -X; done';
        if (firewall === 'hybrid') await real.runner.run(['ip', 'netns', 'exec', real.ovs.netns, 'sh', '-c', flush]);
        real.news.length = 0;
        await real.ovs.stopSwitch(true);
        await real.ovs.startSwitch();
        await real.heard(({ reason }) => reason === 'switch-back');
      };
      const old = view().rule(450, WEB, tcp(7777));
      const snapshot = () => real.converger.converge(old.view, { touched: 'all', mayRemove: false });
      real.restartAgent();
      await snapshot();
      expect(await hasRule()).toBe(false);
      await loseRules();
      await snapshot();
      await snapshot();
      expect(await hasRule()).toBe(true);
      await converge(view());
      expect(await hasRule()).toBe(false);
    });

    it('drops each forgery, and lets the honest frame pass', async () => {
      const outcomes = await Promise.all(
        FORGERIES.map(async ([what, make, honest, forged, by]) => {
          const [good, bad] = [marked(), marked()];
          await at(by ?? 11).ask({ do: 'frame', frame: make({ ...OWN, ...honest }, good) });
          await at(11).ask({ do: 'frame', frame: make({ ...OWN, ...forged }, bad) });
          const arrives = async (which: Buffer, seconds: number) =>
            Promise.all([67, 14].map((n) => at(n).ask({ do: 'arrived', token: which.toString('hex'), seconds })));
          const passed = by
            ? [await at(67).ask({ do: 'arrived', token: good.toString('hex'), seconds: 5 })]
            : await arrives(good, 5);
          return [what, passed.every(Boolean), (await arrives(bad, 0.5)).some(Boolean)];
        }),
      );
      expect(outcomes).toEqual(FORGERIES.map(([what]) => [what, true, false]));
    });

    it('passes errors about the connections that rules allow, and about no others: not when their rule is gone', async () => {
      const builder = view();
      const of = (n: number): ObjectKey => `securitygrouprule/${idOf(n)}`;
      builder
        .rule(401, WEB, udp(7000))
        .rule(402, WEB, { ...v6, ...udp(7000) })
        .rule(403, ONLY_WEB_OUT, { ...out, ...udp(7000), remoteIpPrefix: '10.0.0.64/26' })
        .rule(404, ONLY_WEB_OUT, { ...out, ...v6, ...udp(7000) })
        .rule(405, WEB, { ...udp(5000), remoteGroupId: idOf(REMOTE) })
        .rule(406, ONLY_WEB_OUT, { ...out, ...udp(5000), remoteGroupId: idOf(REMOTE) })
        .rule(407, ONLY_WEB_OUT, { ...out, ...udp(8080), remoteAddressGroupId: idOf(ADDRESS_GROUP) });
      await converge(builder);
      /** Who opens to whom, and a port: each connection is allowed by one rule alone. */
      const connections = [
        [67, 12, 7000, false],
        [67, 12, 7000, true],
        [17, 67, 7000, false],
        [17, 67, 7000, true],
        [67, 12, 5000, false],
        [17, 67, 5000, false],
        [17, 67, 8080, false],
      ] as const;
      type Connection = (typeof connections)[number];
      const address = (n: number, six_: boolean) => (six_ ? `fd00::${n}` : `10.0.0.${n}`);
      const packet = (from: number, to: number, [opener, , port, six_]: Connection, payload: Buffer) => {
        const [sport, dport] = from === opener ? [4321, port] : [port, 4321];
        return frames.udp({ src: address(from, six_), dst: address(to, six_), sport, dport }, payload);
      };
      const send = (from: number, to: number, six_: boolean, body: Buffer) =>
        at(from).ask({
          do: 'frame',
          frame: frames.ethernet({ src: macOf(from), dst: macOf(to), type: six_ ? 0x86dd : 0x0800 }, body),
        });
      const heard = (n: number, mark: Buffer, seconds: number) =>
        at(n).ask({ do: 'arrived', token: mark.toString('hex'), seconds });
      /** From one end, as if by `src`, about a packet of the other: that nobody listens, that it is too big, that it was on its way for too long. */
      const errors = async (of: Connection, wanted: boolean) => {
        const [opener, other, port, six_] = of;
        const kinds = six_ ? [[1, 4], [2, 0], [3, 0]] : [[3, 3], [3, 4], [11, 0]]; // prettier-ignore
        const outcomes = [opener, other].flatMap((from) => {
          const to = from === opener ? other : opener;
          // A guarded port says nothing in the name of another.
          const senders = from === 67 ? [address(67, six_), address(99, six_)] : [address(from, six_)];
          return senders.flatMap((src) =>
            kinds.map(async ([type = 0, code = 0]) => {
              const mark = marked();
              const quoted = packet(to, from, of, mark);
              await send(from, to, six_, frames.icmpError({ src, dst: address(to, six_), type, code }, quoted));
              return [opener, other, port, src, type, code, await heard(to, mark, wanted ? 5 : 0.5)];
            }),
          );
        });
        return Promise.all(outcomes);
      };
      const passing = (all: readonly unknown[][]) => all.filter((each) => each.at(-1)).map((each) => each.join(' '));
      const every = async (wanted: boolean) =>
        (await Promise.all(connections.map((each) => errors(each, wanted)))).flat();
      // Nothing is open yet.
      expect(passing(await every(false))).toEqual([]);
      for (const of_ of connections) {
        const [opener, other, , six_] = of_;
        for (const [from, to] of [
          [opener, other],
          [other, opener],
        ] as const) {
          const mark = marked();
          await send(from, to, six_, packet(from, to, of_, mark));
          expect([of_, from, await heard(to, mark, 5)]).toEqual([of_, from, true]);
        }
      }
      const held = await every(true);
      expect(held.filter((each) => !each.at(-1))).toEqual([]);
      const keys = [401, 402, 403, 404, 405, 406, 407].map(of);
      for (const key of keys) builder.remove(key);
      await real.converger.converge(builder.view, { touched: new Set(keys), mayRemove: true });
      await real.revalidated();
      expect(passing(await every(false))).toEqual([]);
    });

    it('judges for each receiver what is sent to all', async () => {
      const to = (dport: number) => {
        const mark = marked();
        const frame = sendUdp({ ...OWN, src: macOf(14), ip: '10.0.0.14', dport }, mark);
        return { frame, token: mark.toString('hex') };
      };
      const [open, closed] = [to(53), to(54)];
      await at(14).ask({ do: 'frame', frame: closed.frame });
      await at(14).ask({ do: 'frame', frame: open.frame });
      const hears = (n: number, { token: its }: typeof open, seconds: number) =>
        at(n).ask({ do: 'arrived', token: its, seconds });
      expect(await Promise.all([hears(12, open, 5), hears(13, open, 5), hears(67, open, 5)])).toEqual([
        true,
        true,
        true,
      ]);
      expect(await Promise.all([hears(67, closed, 5), hears(16, closed, 5)])).toEqual([true, true]);
      expect(await Promise.all([hears(12, closed, 0.2), hears(11, open, 0.2)])).toEqual([false, false]);
    });

    it('gives what is for many to those that may get it, each way that an instance needs without any rule', async () => {
      const outcomes = await Promise.all(
        FOR_MANY.map(async ([from, , make, gets, gets_not]) => {
          const mark = marked();
          await at(from).ask({ do: 'frame', frame: make(from, mark) });
          const hear = (all: readonly number[], seconds: number) =>
            Promise.all(
              all.map(async (n) =>
                (await at(n).ask({ do: 'arrived', token: mark.toString('hex'), seconds })) ? [n] : [],
              ),
            );
          return [(await hear(gets, 5)).flat(), (await hear(gets_not, 0.3)).flat()] as const;
        }),
      );
      const said = FOR_MANY.map(([from, what], at_) => [from, what, ...(outcomes[at_] ?? [])]);
      expect(said).toEqual(FOR_MANY.map(([from, what, , gets]) => [from, what, gets, []]));
    });

    it('lets everything in and out while a port has no port security, and judges again when it has it back', async () => {
      const builder = view();
      // It may send to 80 alone: an answer to the stream, sent late, would else open a connection of its own.
      const key = `port/${portId(17)}` as const;
      const guarded = builder.view.objects.get(key) as Port;
      const { securityGroupIds: none } = groups();
      const tries: Line[] = [
        [67, 17, U(500), false],
        [67, 17, T(22), true],
        [67, 17, T(91), false],
        [17, 67, T(80), true],
        [17, 67, T(443), false],
      ];
      await at(67).ask({ do: 'start', name: 'forbidden', kind: 'udp', to: '10.0.0.17', port: 5000 });
      const set = async (of: Partial<Port>, position: number) => {
        builder.put({ ...guarded, ...of, setAt: { ...guarded.setAt, port: position, membership: position } });
        await step(builder, key);
        const wanted = tries.map(([, , , allowed]) => allowed || of.portSecurityEnabled === false);
        await real.revalidated();
        return Promise.all(tries.map(([from, to, what], at) => attempt([from, to, what, wanted[at] ?? false])));
      };
      const forged = async () => {
        const mark = marked();
        const frame = sendUdp({ ...OWN, src: macOf(96), ip: '10.0.0.96' }, mark);
        await at(17).ask({ do: 'frame', frame });
        return at(67).ask({ do: 'arrived', token: mark.toString('hex'), seconds: 0.5 });
      };
      const answers = async () => (await at(67).ask<FlowCount>({ do: 'look', name: 'forbidden' })).back;
      /** Whether answers still come; half a second without one says that none does. */
      const flows = async () => {
        let [last, since] = [await answers(), Date.now()];
        for (const end = since + 3_000; Date.now() < end;) {
          const now = await answers();
          if (now === last && Date.now() > since + 500) return false;
          if (now !== last) [last, since] = [now, Date.now()];
        }
        return true;
      };
      const open = { portSecurityEnabled: false, securityGroupIds: none, allowedAddressPairs: [] };
      for (const turn of [1, 2]) {
        expect(await set(open, 9_000 + turn * 2)).toEqual(tries.map(() => true));
        expect([await forged(), await flows()]).toEqual([true, true]);
        expect(await set({}, 9_001 + turn * 2)).toEqual(tries.map(([, , , allowed]) => allowed));
        expect([await forged(), await flows()]).toEqual([false, false]);
      }
      await at(67).ask({ do: 'finish', name: 'forbidden', seconds: 0 });
      await converge(view());
    });

    it('takes nothing from a port that nobody knows and floods nothing to it, from its first frame on', async () => {
      const marks = Array.from({ length: 3 }, marked);
      await plug(98, { ifaceId: null });
      const unknown = at(98);
      for (const [index, tag] of [undefined, 5, 4095].entries()) {
        const frame = sendUdp(
          { ...OWN, src: macOf(98), ip: '10.0.0.98', ...(tag === undefined ? {} : { tag }) },
          marks[index] ?? Buffer.alloc(0),
        );
        await unknown.ask({ do: 'frame', frame });
      }
      const [broadcast, stranger] = [marked(), marked()];
      await at(14).ask({ do: 'frame', frame: sendUdp({ ...OWN, src: macOf(14), ip: '10.0.0.14' }, broadcast) });
      await at(14).ask({
        do: 'frame',
        frame: sendUdp({ ...OWN, src: macOf(14), ip: '10.0.0.14', dst: macOf(99) }, stranger),
      });
      for (const mark of [broadcast, stranger])
        expect(await at(67).ask({ do: 'arrived', token: mark.toString('hex'), seconds: 5 })).toBe(true);
      for (const mark of [broadcast, stranger])
        expect(await unknown.ask({ do: 'arrived', token: mark.toString('hex'), seconds: 0.3 })).toBe(false);
      for (const mark of marks)
        for (const n of [67, 14])
          expect(await at(n).ask({ do: 'arrived', token: mark.toString('hex'), seconds: 0.1 })).toBe(false);
    });

    it('ends within a second what only the rule allowed that goes, both ways, and loses nothing of what others allow', async () => {
      const builder = view();
      const of = (n: number): ObjectKey => `securitygrouprule/${idOf(n)}`;
      builder
        .rule(401, WEB, tcp(7000))
        .rule(402, WEB, udp(500))
        .rule(403, WEB, { ...tcp(5000), remoteGroupId: idOf(REMOTE) });
      await converge(builder);
      const flow = (name: string, kind: string, port = 0, from = 67) =>
        at(from).ask({ do: 'start', name, kind, to: '10.0.0.12', port });
      const look = (name: string, from = 67) => at(from).ask<FlowCount>({ do: 'look', name });
      const held = ['tcp gone', 'udp gone', 'icmp gone', 'tcp stays', 'udp stays'];
      await flow('tcp gone', 'tcp', 7000);
      await flow('udp gone', 'udp', 500);
      await flow('icmp gone', 'icmp');
      await flow('tcp stays', 'tcp', 22);
      await flow('udp stays', 'udp', 53);
      // Allowed by two rules, of which one goes.
      await flow('member', 'tcp', 5000);
      const until = async (done: () => Promise<boolean>, withinMs: number) => {
        for (const end = Date.now() + withinMs; Date.now() < end;) if (await done()) return true;
        return false;
      };
      const runs = async (name: string) => {
        const { back } = await look(name);
        return until(async () => (await look(name)).back > back + 3, 5_000);
      };
      expect(await Promise.all([...held, 'member'].map(runs))).toEqual([true, true, true, true, true, true]);
      const icmp = [...builder.view.objects.values()].find(
        (object) => object.kind === 'securitygrouprule' && object.protocol === 'icmp',
      );
      const keys = [
        of(401),
        of(402),
        `securitygrouprule/${icmp?.id ?? ''}` as const,
        `securitygroupmember/${memberId(idOf(REMOTE), idOf(67))}` as const,
      ];
      for (const key of keys) builder.remove(key);
      builder.rule(404, WEB, { ...tcp(22), remoteIpPrefix: '10.0.0.64/26' });
      await real.converger.converge(builder.view, { touched: new Set([...keys, of(404)]), mayRemove: true });
      const changedAt = Date.now();
      const silent = async (name: string) => until(async () => (await look(name)).silent > 0.7, 5_000);
      expect(await Promise.all(['tcp gone', 'udp gone', 'icmp gone', 'member'].map(silent))).toEqual([
        true,
        true,
        true,
        true,
      ]);
      for (const name of ['tcp gone', 'udp gone', 'icmp gone', 'member'])
        expect(Date.now() - changedAt - (await look(name)).silent * 1000).toBeLessThan(1_000);
      expect(await Promise.all(['tcp stays', 'udp stays'].map(runs))).toEqual([true, true]);
      for (const name of [...held, 'member']) {
        const { sent, back } = await at(67).ask<FlowCount>({
          ...{ do: 'finish', name, seconds: name.endsWith('stays') ? 5 : 0 },
        });
        if (name.endsWith('stays'))
          expect([name, sent - back]).toEqual([name, name.startsWith('tcp') ? expect.any(Number) : 0]);
      }
    });

    it('loses no packet of what stays allowed while rules, members and ports come and go', async () => {
      const builder = view().rule(402, WEB, udp(500));
      await converge(builder);
      await at(67).ask({ do: 'start', name: 'udp', kind: 'udp', to: '10.0.0.12', port: 500, every: 0.01 });
      await at(11).ask({ do: 'start', name: 'tcp', kind: 'tcp', to: '10.0.0.12', port: 80, every: 0.01 });
      await at(11).ask({ do: 'start', name: 'own', kind: 'udp', to: '10.0.0.12', port: 53, every: 0.01 });
      // Some 200 changes of rules, and 134 of members.
      for (let at = 0; at < 134; at += 1) {
        builder.rule(
          500 + at,
          WEB,
          at % 3 === 0 ? udp(500 + (at % 2)) : { ...tcp(500 + at), remoteGroupId: idOf(REMOTE) },
        );
        await step(builder, `securitygrouprule/${idOf(500 + at)}`);
        builder.member(REMOTE, 800 + at, [`10.0.1.${at}/32`]);
        await step(builder, `securitygroupmember/${memberId(idOf(REMOTE), idOf(800 + at))}`);
        if (at % 2 === 0) builder.remove(`securitygrouprule/${idOf(500 + at)}`);
        await step(builder, `securitygrouprule/${idOf(500 + at)}`);
      }
      const counts = await Promise.all([
        at(67).ask<FlowCount>({ do: 'finish', name: 'udp', seconds: 5 }),
        at(11).ask<FlowCount>({ do: 'finish', name: 'tcp', seconds: 5 }),
        at(11).ask<FlowCount>({ do: 'finish', name: 'own', seconds: 5 }),
      ]);
      expect(counts.map(({ sent, back }) => sent - back)).toEqual([0, 0, 0]);
      expect(Math.min(...counts.map(({ sent }) => sent))).toBeGreaterThan(100);
    });

    it('lets an address of a pair move from one port to another', async () => {
      const vip = '10.0.0.200';
      const builder = view();
      for (const n of [11, 12]) {
        const port = builder.view.objects.get(`port/${portId(n)}`) as Port;
        builder.put({
          ...port,
          allowedAddressPairs: [pair(vip, macOf(n))],
          setAt: { ...port.setAt, membership: 9000 + n },
        });
      }
      await converge(builder);
      const reached = (seconds: number) => at(67).ask({ do: 'udp', to: vip, port: 53, seconds });
      for (const n of [12, 11, 12]) {
        const [holder, other] = n === 12 ? [12, 11] : [11, 12];
        await instances.get(other)?.exec(['ip', 'address', 'del', `${vip}/32`, 'dev', 'eth0'], { okCodes: [0, 2] });
        await instances.get(holder)?.exec(['ip', 'address', 'add', `${vip}/32`, 'dev', 'eth0']);
        const news = frames.ethernet(
          { src: macOf(holder), dst: BROADCAST, type: 0x0806 },
          frames.arp({ op: 1, sha: macOf(holder), spa: vip, tha: NOBODY, tpa: vip }),
        );
        await at(holder).ask({ do: 'frame', frame: news });
        expect([holder, await reached(holder === 12 ? 5 : 0.5)]).toEqual([holder, holder === 12]);
      }
    });
  });
}

function expectNever(name: string): never {
  throw new Error(`no ${name}`);
}
