import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory, netnsOf, outsideDevice } from '@plumbline/l3-core';
import { idOf, life, networkNode, Story } from '@plumbline/l3-core/testing';
import { NodeL3Driver } from './node-driver.js';
import { makeNode, ScratchNode } from './testing/index.js';

const story = life();
/** The moment with most on the node: two families, extra routes, floating IPs on both kinds of outside subnet. */
const length = story.log.findIndex(({ event }) => event.type === 'RouterRoutesSet') + 1;
const ROUTER = netnsOf(idOf('c4'));
const QR = 'qr-55555555-55';
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
    const foreign = async (): Promise<string> =>
      [
        (await node.spawner.run(['iptables-save'], { netns: ROUTER })).stdout
          .split('\n')
          .filter((line) => /operator|veth-x/.test(line))
          .join('\n')
          .replace(/\[\d+:\d+\]/g, ''),
        (await node.spawner.run(['ip', '-br', 'address', 'show', 'veth-x'], { netns: ROUTER })).stdout,
        (await node.spawner.run(['ip', 'route', 'show', 'dev', 'veth-x'], { netns: ROUTER })).stdout,
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
