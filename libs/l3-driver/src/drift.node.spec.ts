import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory, linkLocalOf, netnsOf, outsideDevice } from '@plumbline/l3-core';
import { idOf, life, networkNode, Story } from '@plumbline/l3-core/testing';
import { watchNamespaces } from './netlink-watch.js';
import { NodeL3Driver } from './node-driver.js';
import { makeNode, ScratchNode } from './testing/index.js';

const story = life();
/** The moment with most on the node: two families, extra routes, floating IPs on both kinds of outside subnet. */
const length = story.log.findIndex(({ event }) => event.type === 'RouterRoutesSet') + 1;
const ROUTER = netnsOf(idOf('c4'));
const QR = 'qr-55555555-55';
const QR6 = 'qr-55555556-55';
const QG = 'qg-66666666-66';
const TAP = outsideDevice(idOf('55555555-55'));

let node: ScratchNode;
let driver: NodeL3Driver;
const memory = new L3Memory();
beforeAll(async () => {
  node = await makeNode();
  driver = node.driver();
  expect((await look()).failed).toEqual([]);
});
afterAll(() => node.remove());

const look = (what: Story = story, upTo = length): Promise<Convergence> =>
  converge(what.view(upTo), driver, { touched: 'all', mayRemove: true, unverified: false }, memory);

/** Words separated by spaces; none of the values used here holds one. */
const inside = (command: string, netns = ROUTER): Promise<unknown> => node.spawner.run(command.split(' '), { netns });
const outside = (command: string): Promise<unknown> => node.spawner.run(command.split(' '));
const vsctl = (command: string): Promise<unknown> =>
  node.ovs.tool(['ovs-vsctl', `--db=${node.ovs.remote}`, ...command.split(' ')]);

const BREAK: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['a rule deleted', () => inside('iptables -t nat -F neutron-l3-agent-float-snat')],
  ['a rule added to a chain of ours', () => inside('iptables -A neutron-l3-agent-FORWARD -j ACCEPT')],
  ['a rule altered', () => inside('iptables -R neutron-l3-agent-INPUT 1 -p tcp --dport 9697 -j ACCEPT')],
  ['an IPv6 rule deleted', () => inside('ip6tables -t mangle -F neutron-l3-agent-scope')],
  ['a jump deleted', () => inside('iptables -t nat -D POSTROUTING 1')],
  ['all rules flushed', () => inside('iptables -t nat -F')],
  ['an address deleted', () => inside(`ip address del 198.51.100.75/32 dev ${QG}`)],
  ['an address added', () => inside(`ip address add 192.0.2.77/24 dev ${QR}`)],
  ['an IPv6 address deleted', () => inside(`ip address del 2001:db8:e::9/64 dev ${QG}`)],
  ['the default route deleted', () => inside('ip route del default')],
  ['the default route changed', () => inside(`ip route replace default via 203.0.113.2 dev ${QG}`)],
  ['the IPv6 default route changed', () => inside(`ip -6 route replace default via 2001:db8:e::2 dev ${QG}`)],
  ['a route added', () => inside(`ip route add 192.0.2.0/24 via 10.1.0.3 dev ${QR}`)],
  ['the connected route deleted', () => inside(`ip route del 10.1.0.0/24 dev ${QR}`)],
  ['the connected route replaced', () => inside('ip route replace 10.1.0.0/24 via 10.1.0.3')],
  ['the connected route from another address', () => inside(`ip route replace 10.1.0.0/24 dev ${QR} src 127.0.0.1`)],
  ['the IPv6 connected route deleted', () => inside(`ip -6 route del 2001:db8:e::/64 dev ${QG}`)],
  ['the link-local route deleted', () => inside(`ip -6 route del fe80::/64 dev ${QR6}`)],
  [
    'the link-local route deleted while its address is checked for duplicates',
    async () => {
      const address = `${linkLocalOf('fa:16:3e:00:00:15')} dev ${QR6}`;
      await inside(`ip address del ${address}`);
      await inside(`ip address add ${address}`);
      await inside(`ip -6 route del fe80::/64 dev ${QR6}`);
    },
  ],
  ['the route to the address itself deleted', () => inside(`ip route del local 10.1.0.1 dev ${QR} table local`)],
  ['that to an IPv6 address deleted', () => inside(`ip -6 route del local 2001:db8:a::1 dev ${QR6} table local`)],
  ['that to a floating address deleted', () => inside(`ip route del local 203.0.113.76 dev ${QG} table local`)],
  ['the broadcast route deleted', () => inside(`ip route del broadcast 10.1.0.255 dev ${QR} table local`)],
  ['the multicast route deleted', () => inside(`ip -6 route del multicast ff00::/8 dev ${QR6} table local`)],
  ['the link-local address deleted', () => inside(`ip address del ${linkLocalOf('fa:16:3e:00:00:15')} dev ${QR6}`)],
  ['an address of a host taken', () => inside(`ip route add local 10.1.0.77 dev ${QR} table local`)],
  ['a host shut out', () => inside('ip route add blackhole 10.1.0.77')],
  ['an IPv6 host shut out', () => inside('ip -6 route add unreachable 2001:db8:a::77')],
  ['a second default route', () => inside(`ip route add default via 203.0.113.2 dev ${QG} metric 7`)],
  ['a route with an MTU of its own', () => inside(`ip route change default via 203.0.113.1 dev ${QG} mtu 600`)],
  ['all routes deleted', () => inside('ip route flush table main')],
  ['all IPv6 routes deleted', () => inside('ip -6 route flush table main')],
  ['a neighbour fixed', () => inside(`ip neigh replace 10.1.0.75 lladdr 02:00:00:00:00:01 nud permanent dev ${QR}`)],
  ['a host answered for', () => inside(`ip neigh add proxy 10.1.0.75 dev ${QR}`)],
  ['forwarding of a device off', () => inside(`sysctl -q -w net/ipv4/conf/${QR}/forwarding=0`)],
  ['IPv6 forwarding of a device off', () => inside(`sysctl -q -w net/ipv6/conf/${QR6}/forwarding=0`)],
  ['IPv6 of a device off', () => inside(`sysctl -q -w net/ipv6/conf/${QR6}/disable_ipv6=1`)],
  ['packets checked for their way back', () => inside(`sysctl -q -w net/ipv4/conf/${QR}/rp_filter=1`)],
  ['no ARP', () => inside(`ip link set ${QR} arp off`)],
  ['a queue in the way', () => inside(`tc qdisc add dev ${QR} root pfifo limit 1`)],
  ['a filter for what comes in', () => inside(`tc qdisc add dev ${QR} ingress`)],
  ['another one', () => inside(`tc qdisc add dev ${QG} clsact`)],
  ['a policy rule that leads nowhere', () => inside('ip rule add from 10.1.0.0/24 blackhole')],
  ['one of the priority of ours', () => inside('ip rule add pref 32766 from all lookup 7')],
  ['an IPv6 one', () => inside('ip -6 rule add pref 0 unreachable')],
  ['no look at table main', () => inside('ip rule del pref 32766')],
  ['no policy rule left', () => inside('ip -6 rule flush').then(() => inside('ip -6 rule del pref 0'))],
  [
    'an address of a host taken by anycast',
    () => inside(`ip -6 route add anycast 2001:db8:a::77 dev ${QR6} table local`),
  ],
  ['an MTU too small for IPv6', () => inside(`ip link set ${QR6} mtu 900`)],
  ['an outer MTU too small for IPv6', () => outside(`ip link set ${TAP} mtu 900`)],
  ['a namespace file without its mount', () => outside(`umount /run/netns/${ROUTER}`)],
  ['forwarding off', () => inside('sysctl -q -w net.ipv4.ip_forward=0')],
  ['ARP answered for others', () => inside('sysctl -q -w net.ipv4.conf.all.arp_ignore=0')],
  ['advertisements accepted', () => inside(`sysctl -q -w net/ipv6/conf/${QG}/accept_ra=2`)],
  ['a device down', () => inside(`ip link set ${QG} down`)],
  ['another MAC', () => inside(`ip link set ${QR} address fa:16:3e:99:99:99`)],
  ['another MTU', () => inside(`ip link set ${QR} mtu 1400`)],
  ['the outer end down', () => outside(`ip link set ${TAP} down`)],
  ['IPv6 on the outer end', () => outside(`sysctl -q -w net/ipv6/conf/${TAP}/disable_ipv6=0`)],
  ['checksums left to the device', () => inside(`ethtool -K ${QR} tx on`)],
  ['loopback down', () => inside('ip link set lo down')],
  ['a link deleted', () => outside(`ip link del ${TAP}`)],
  ['a device renamed', () => inside(`ip link set ${QR} name eth7`)],
  ['a namespace deleted', () => outside(`ip netns del ${ROUTER}`)],
  [
    'a namespace whose name alone is left',
    () => outside(`ip netns del ${ROUTER}`).then(() => outside(`touch /run/netns/${ROUTER}`)),
  ],
  ['an OVS port deleted', () => vsctl(`del-port br-int ${TAP}`)],
  ['an OVS port said to be another', () => vsctl(`set interface ${TAP} external_ids:iface-id=other`)],
  [
    'all of it',
    () =>
      outside(`ip netns del ${netnsOf(idOf('c5'))}`)
        .then(() => vsctl('del-br br-int'))
        .then(() => vsctl('add-br br-int -- set bridge br-int datapath_type=netdev')),
  ],
];

describe('drift', () => {
  it.each(BREAK)('%s: found, put back, counted', async (_name, harm) => {
    await harm();
    const mended = await look();
    expect(mended.failed).toEqual([]);
    expect(mended.drift).toBeGreaterThan(0);
    expect(mended.statuses.filter((status) => status.status !== 'ACTIVE')).toEqual([]);
    const before = node.runner.mutations;
    expect((await look()).applied).toBe(0);
    expect(node.runner.mutations).toBe(before);
  });

  it('the route to an IPv6 address deleted again and again: the kernel is given the time that it takes to make it', async () => {
    for (let turn = 1; turn <= 100; turn += 1) {
      await inside(`ip -6 route del local 2001:db8:a::1 dev ${QR6} table local`);
      const mended = await look();
      expect({ turn, failed: mended.failed, drift: mended.drift > 0 }).toEqual({ turn, failed: [], drift: true });
    }
  });

  it.each([
    ['nat', 'ip nat PREROUTING tcp dport 99 dnat to 10.1.0.75'],
    ['filter', 'ip filter FORWARD ct state invalid drop'],
    ['filter', 'ip6 filter FORWARD ct state invalid drop'],
  ])(
    'a rule of nft in table %s: in error with what to do, no rule written, and well again without it',
    async (table, rule) => {
      const [family = ''] = rule.split(' ');
      const listed = async (): Promise<string> =>
        (await node.spawner.run(`nft -a -s list table ${family} ${table}`.split(' '), { netns: ROUTER })).stdout;
      await inside(`nft add rule ${rule}`);
      const before = await listed();
      for (let turn = 1; turn <= 3; turn += 1) {
        const { applied, statuses } = await look();
        const router = statuses.find(({ kind, id }) => kind === 'router' && ROUTER.endsWith(id));
        expect([applied, router?.status]).toEqual([0, 'ERROR']);
        expect(router?.reason).toContain(`nft -a list table ${family} ${table}`);
        const floating = statuses.find(({ kind }) => kind === 'floatingip');
        if (table === 'nat') expect(floating?.status).toBe('ERROR');
      }
      expect(await listed()).toBe(before);
      const [, chain = '', handle = ''] =
        /chain (PREROUTING|FORWARD) {[^}]*(?:dnat to|ct state invalid)[^}]*# handle (\d+)/.exec(before) ?? [];
      await inside(`nft delete rule ${family} ${table} ${chain} handle ${handle}`);
      const mended = await look();
      expect([mended.applied, mended.statuses.filter(({ status }) => status !== 'ACTIVE')]).toEqual([0, []]);
    },
  );

  it('links, addresses, routes and policy rules that somebody changes in a namespace are heard of, and so are outer ends', async () => {
    let heard: (id: string) => void = () => undefined;
    const unwatch = watchNamespaces(node.spawner, (routers) => routers.forEach((id) => heard(id)));
    const changed = async (harm: () => Promise<unknown>): Promise<void> => {
      const told = new Promise<void>((resolve) => (heard = (id) => ROUTER.endsWith(id) && resolve()));
      await harm();
      await told;
      expect((await look()).failed).toEqual([]);
    };
    // It begins a moment after it was started.
    let begun = false;
    heard = () => (begun = true);
    for (let mtu = 1300; !begun; mtu += 1) {
      await inside(`ip link set ${QR} mtu ${mtu}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect((await look()).failed).toEqual([]);
    for (const harm of [
      () => inside(`ip address del 198.51.100.75/32 dev ${QG}`),
      () => inside('ip route del default'),
      () => inside(`ip -6 route add unreachable 2001:db8:a::77`),
      () => inside('ip rule add from 10.1.0.0/24 blackhole'),
      () => inside(`ip link set ${QR} down`),
      () => outside(`ip link set ${TAP} mtu 1400`),
    ])
      await changed(harm);
    unwatch();
  });

  it('what is foreign stays, through changes and removals of ours', async () => {
    await outside('ip netns add foreign');
    await outside('ip link add tapforeign type veth peer name tapforeign2');
    await vsctl('add-port br-int foreign0 -- set interface foreign0 type=internal');
    await inside('ip link add veth-x type veth peer name veth-y');
    await inside('ip address add 192.0.2.9/24 dev veth-x');
    await inside('ip link set veth-x up');
    await inside('iptables -N operator');
    await inside('iptables -A operator -s 192.0.2.0/24 -j RETURN');
    await inside('iptables -I FORWARD 1 -j operator');
    await inside('iptables -t nat -A POSTROUTING -o veth-x -j MASQUERADE');
    await inside('iptables -t nat -D POSTROUTING 1');
    await inside('ip rule add iif veth-x lookup 77');
    const foreign = async (): Promise<string> =>
      [
        (await node.spawner.run(['iptables-save'], { netns: ROUTER })).stdout
          .split('\n')
          .filter((line) => /operator|veth-x/.test(line))
          .join('\n')
          .replace(/\[\d+:\d+\]/g, ''),
        (await node.spawner.run(['ip', '-br', 'address', 'show', 'veth-x'], { netns: ROUTER })).stdout,
        (await node.spawner.run(['ip', 'route', 'show', 'dev', 'veth-x'], { netns: ROUTER })).stdout,
        (await node.spawner.run(['ip', 'rule', 'show', 'iif', 'veth-x'], { netns: ROUTER })).stdout,
      ].join('\n');
    const before = await foreign();
    expect(before.split('\n').length).toBeGreaterThan(5);
    const mended = await look();
    expect(mended.failed).toEqual([]);
    expect(mended.drift).toBeGreaterThan(0);
    expect(await foreign()).toBe(before);
    const { stdout } = await node.spawner.run(['iptables', '-S', 'FORWARD'], { netns: ROUTER });
    expect(stdout.split('\n')[1]).toBe('-A FORWARD -j operator');
    await look(networkNode(), undefined);
    expect((await node.spawner.run(['ip', 'netns', 'list'])).stdout).toContain('foreign');
    await outside('ip link show tapforeign');
    await vsctl('get interface foreign0 ofport');
    expect((await node.spawner.run(['ip', 'netns', 'list'])).stdout).not.toContain(ROUTER);
  });
});

describe('a warm cache outside', () => {
  it('turns to the new place of a floating IP', async () => {
    await node.plug('outside', 4095, '10.255.253.67/24');
    const tap = outsideDevice(idOf('44444444-44'));
    const moved = networkNode();
    const length = moved.log.length - 1;
    await look(moved, length);
    await node.wire(tap, 10);
    await node.wire('v-outside', 10);
    await inside('ip neigh replace 10.255.253.84 lladdr fa:16:3e:00:de:ad dev eth0 nud reachable', 'outside');
    expect((await look(moved)).failed).toEqual([]);
    const end = Date.now() + 3000;
    for (;;) {
      const { stdout } = await node.spawner.run(['ip', 'neigh', 'show', '10.255.253.84'], { netns: 'outside' });
      if (stdout.includes('fa:16:3e:00:00:04')) break;
      if (Date.now() > end) throw new Error(`the neighbour still has: ${stdout}`);
    }
  });
});
