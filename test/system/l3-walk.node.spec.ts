/**
 * A walk over a busy network node: each thing that it shows (rule, address, route, policy rule, kernel parameter, property of a link, switch port, namespace) is
 * taken away or altered, one at a time, and one look at its router puts back exactly that. What is altered is read from the node, so what the agent
 * makes tomorrow is walked over, too.
 *
 * A look is what follows on a change that is heard of (netlink-watch.ts, port-watch.ts) and what the rotation does; when they come has specs of its own.
 * Every third thing of a kind; all of them with `--long`.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  converge,
  type Convergence,
  isOurChain,
  isOurDevice,
  L3Memory,
  netnsOf,
  outsideOf,
  sysctlsOf,
} from '@plumbline/l3-core';
import { idOf, life } from '@plumbline/l3-core/testing';
import { effort } from '../../tools/jest/effort.mjs';
import { NodeL3Driver } from '@plumbline/l3-driver';
import { makeNode, ScratchNode } from '@plumbline/l3-driver/testing';

const story = life();
/** The moment with most on the node: two families, extra routes, floating IPs on both kinds of outside subnet. */
const view = story.view(story.log.findIndex(({ event }) => event.type === 'RouterRoutesSet') + 1);
const router = idOf('c4');
const netns = netnsOf(router);
const memory = new L3Memory();

let node: ScratchNode;
let driver: NodeL3Driver;
const look = (
  touched: ReadonlySet<`router/${string}`> | 'all' = new Set([`router/${router}` as const]),
): Promise<Convergence> => converge(view, driver, { touched, mayRemove: true, unverified: false }, memory);
const inside = async (command: string): Promise<string> =>
  (await node.spawner.run(command.split(' '), { netns })).stdout;
const outside = async (command: string): Promise<string> => (await node.spawner.run(command.split(' '))).stdout;
const vsctl = (command: string): Promise<unknown> =>
  node.ovs.tool(['ovs-vsctl', `--db=${node.ovs.remote}`, ...command.split(' ')]);
const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

type IpLink = {
  ifname: string;
  mtu: number;
  address: string;
  flags: string[];
  addr_info: { local: string; prefixlen: number }[];
};
const links = async (): Promise<IpLink[]> =>
  (JSON.parse(await inside('ip -j address show')) as IpLink[]).filter(({ ifname }) => isOurDevice(ifname));
const devices = async (): Promise<string[]> => (await links()).map(({ ifname }) => ifname);
/** Left out is what the kernel adds and no packet needs: anycast, and the broadcast address of an address that is a subnet by itself. */
const routes = async (family: 4 | 6, of = netns): Promise<string[]> =>
  linesOf((await node.spawner.run(`ip -${family} route show table all`.split(' '), { netns: of })).stdout).filter(
    (line) => !/^anycast |^broadcast (\S+) .* src \1$/.test(line) && line.split(' ').some(isOurDevice),
  );
/** The route to a link-local address comes a second later than the address, when the kernel has checked that nobody else has it. */
const settled = (lines: readonly string[]): string[] => lines.filter((line) => !line.startsWith('local fe80:')).sort();
const parameters = async (): Promise<string[]> => Object.keys(sysctlsOf(await devices()));
const saved = async (command: string): Promise<string[]> =>
  linesOf(await inside(command)).flatMap((line) => (line.startsWith('#') ? [] : [line.replace(/\[\d+:\d+\]/, '')]));

/** All of this router that anybody could look at, and of the others what says that they were not touched. */
async function dump(): Promise<string[]> {
  const ports = [...(await node.ports.observe()).ports.values()].map((each) => JSON.stringify(each)).sort();
  const values = await node.spawner.readSysctls(await parameters(), { netns });
  const shown = await Promise.all([
    links().then((all) =>
      all
        .map(({ ifname, mtu, address, flags, addr_info }) =>
          JSON.stringify([
            ifname,
            mtu,
            address,
            [...flags].sort(),
            addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`).sort(),
          ]),
        )
        .sort(),
    ),
    routes(4).then(settled),
    routes(6).then(settled),
    routes(4, netnsOf(idOf('c5'))).then(settled),
    routes(6, netnsOf(idOf('c5'))).then(settled),
    inside('ip -4 rule show').then(linesOf),
    inside('ip -6 rule show').then(linesOf),
    saved('iptables-save'),
    saved('ip6tables-save'),
    outside('ip -o link show type veth').then((text) =>
      linesOf(text)
        .map((line) => line.replace(/^\d+: |@if\d+|link\/ether \S+|link-netnsid \d+/g, ''))
        .sort(),
    ),
  ]);
  return [...shown, ports, [...values].map((each) => each.join(' ')).sort()].flatMap((part, index) =>
    part.map((line) => `${index} ${line}`),
  );
}

type Harm = readonly [what: string, ...commands: (() => Promise<unknown>)[]];
const run = (command: string): Harm => [command, () => inside(command)];

async function rules(program: 'iptables' | 'ip6tables'): Promise<Harm[]> {
  let table = '';
  const numbers = new Map<string, number>();
  return (await saved(`${program}-save`)).flatMap((line): Harm[] => {
    if (line.startsWith('*')) table = line.slice(1);
    const chain = /^-A (\S+)/.exec(line)?.[1];
    if (chain === undefined) return [];
    const number = (numbers.get(`${table} ${chain}`) ?? 0) + 1;
    numbers.set(`${table} ${chain}`, number);
    return isOurChain(chain) || / -j neutron-/.test(line) ? [run(`${program} -t ${table} -D ${chain} ${number}`)] : [];
  });
}

const KINDS: Readonly<Record<string, () => Promise<Harm[]>>> = {
  'IPv4 rules': () => rules('iptables'),
  'IPv6 rules': () => rules('ip6tables'),
  addresses: async () =>
    (await links()).flatMap(({ ifname, addr_info }) =>
      addr_info.map(({ local, prefixlen }) => run(`ip address del ${local}/${prefixlen} dev ${ifname}`)),
    ),
  'IPv4 routes': async () => (await routes(4)).map((route) => run(`ip -4 route del ${route}`)),
  'IPv6 routes': async () => (await routes(6)).map((route) => run(`ip -6 route del ${route}`)),
  'policy rules': async () =>
    [4, 6].flatMap((family) =>
      [0, 32766, ...(family === 4 ? [32767] : [])].map((priority) => run(`ip -${family} rule del pref ${priority}`)),
    ),
  'kernel parameters': async () => {
    const values = await node.spawner.readSysctls(await parameters(), { netns });
    return [...values].map(([key, value]) => run(`sysctl -q -w ${key}=${value === '0' ? 1 : 0}`));
  },
  'properties of links': async () =>
    (await devices()).flatMap((device): Harm[] => [
      ...['down', 'mtu 1290', 'arp off', 'multicast off', 'address 02:00:00:00:00:99'].map((what) =>
        run(`ip link set ${device} ${what}`),
      ),
      run(`ethtool -K ${device} tx on`),
      run(`tc qdisc add dev ${device} ingress`),
      ...['down', 'mtu 1290'].map((what): Harm => [
        `outer end ${what}`,
        () => outside(`ip link set ${outsideOf(device)} ${what}`),
      ]),
    ]),
  'links, switch ports and the namespace': async () => [
    ...(await devices()).flatMap((device): Harm[] => [
      [`link ${device}`, () => outside(`ip link del ${outsideOf(device)}`)],
      [`switch port of ${device}`, () => vsctl(`del-port br-int ${outsideOf(device)}`)],
    ]),
    ['namespace', () => outside(`ip netns del ${netns}`)],
    ['namespace file without its mount', () => outside(`umount /run/netns/${netns}`)],
  ],
};

beforeAll(async () => {
  node = await makeNode();
  driver = node.driver();
  expect((await look('all')).failed).toEqual([]);
});
afterAll(() => node.remove());

describe('a busy network node', () => {
  it.each(Object.entries(KINDS))('%s: each is put back by one look, and nothing else moves', async (_kind, shown) => {
    const before = await dump();
    const all = await shown();
    expect(all.length).toBeGreaterThan(0);
    const some = effort > 1 ? all : all.filter((_each, index) => index % 3 === 0);
    for (const [what, ...commands] of some) {
      for (const command of commands) await command();
      const { failed, statuses, drift } = await look();
      expect([what, failed, statuses.filter(({ status }) => status !== 'ACTIVE'), drift > 0]).toEqual([
        what,
        [],
        [],
        true,
      ]);
      const after = await dump();
      const [lost, came] = [
        before.filter((line) => !after.includes(line)),
        after.filter((line) => !before.includes(line)),
      ];
      expect({ what, lost, came }).toEqual({ what, lost: [], came: [] });
      expect(after).toEqual(before);
    }
  });
});
