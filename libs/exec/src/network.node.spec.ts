/** What rtnetlink says, beside what ip(8) and tc(8) print of the same namespace. */
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { HelperProcess } from './helper-process.js';
import { addressText, CommandFailed, run, Spawner, type NetworkQuestion, type SeenNetwork } from './index.js';
import { Looks } from './looks.js';
import { makeNetns, type ScratchNetns } from './testing/index.js';

let spawner: Spawner;
let netns: ScratchNetns;
let other: ScratchNetns;
const ALL: NetworkQuestion = {
  links: 'all',
  parts: ['addresses', 'routes', 'neighbours', 'policyRules', 'queues'],
  devices: ['qr-', 'qg-'],
  sysctls: ['net/ipv4/ip_forward', 'net/ipv4/conf/%/rp_filter', 'net/none'],
  txChecksum: true,
  rulesRevision: true,
};
const LINES = [
  'link add qr-one address 02:00:00:00:00:01 mtu 1400 type veth peer name two netns OTHER',
  'link add v0 type veth peer name v1',
  'link add br0 type bridge',
  'link set v0 master br0',
  'link set qr-one up',
  'link set v0 up arp off multicast off',
  'address add 10.0.0.1/24 brd 10.0.0.255 dev qr-one',
  'address add 100.64.0.9/32 dev qr-one',
  'address add 2001:db8:0:1::1/64 dev qr-one nodad',
  'route add default via 10.0.0.254 dev qr-one proto 201',
  'route add 10.1.0.0/16 proto 201 nexthop via 10.0.0.2 dev qr-one nexthop via 10.0.0.3 dev qr-one',
  'route add 10.2.0.0/16 nexthop via 10.0.0.2 dev qr-one weight 3 nexthop via 10.0.0.3 dev qr-one',
  'route add 10.3.0.0/16 via 10.0.0.2 dev qr-one metric 7 mtu 1300',
  'route add blackhole 10.4.0.0/16',
  'route add 10.5.0.0/16 via 10.0.0.2 table 77',
  'route add 10.6.0.0/16 via 10.0.0.2 tos 0x10',
  'route add 2001:db8:9::/48 via 2001:db8:0:1::9 dev qr-one pref high',
  'route add 2001:db8:a::/48 nexthop via 2001:db8:0:1::9 dev qr-one nexthop via 2001:db8:0:1::a dev qr-one',
  'route add unreachable 2001:db8:b::/48',
  'rule add pref 100 from 10.0.0.0/24 table 77',
  'rule add pref 101 iif qr-one table main',
  'rule add pref 102 table 88',
  'rule add pref 103 not fwmark 1 table main',
  'rule add pref 104 prohibit',
  'rule add pref 105 table main suppress_prefixlength 0',
  '-6 rule add pref 106 oif qr-one table 99',
  'neighbour add 10.0.0.77 lladdr 02:00:00:00:00:77 dev qr-one nud permanent',
  'neighbour add proxy 10.0.0.88 dev qr-one',
];

beforeAll(async () => {
  spawner = new Spawner();
  [netns, other] = [await makeNetns('plumbnet'), await makeNetns('plumbnet')];
  const inside = (line: string) => run(['ip', ...line.replace('OTHER', other.name).split(' ')], { netns: netns.name });
  await run(['ip', '-n', other.name, 'link', 'set', 'lo', 'up']);
  for (const line of LINES) {
    await inside(line);
    if (line.startsWith('link set qr-one')) await run(['ip', '-n', other.name, 'link', 'set', 'two', 'up']);
  }
  await run(['tc', 'qdisc', 'add', 'dev', 'qr-one', 'root', 'pfifo'], { netns: netns.name });
  await run(['tc', 'qdisc', 'add', 'dev', 'qr-one', 'ingress'], { netns: netns.name });
});
afterAll(async () => {
  await spawner.close();
  await netns.remove();
  await other.remove();
});

const look = async (question = ALL, name = netns.name): Promise<SeenNetwork> => {
  const [seen] = await spawner.look(question, [name]);
  if (!seen || seen instanceof CommandFailed) throw seen ?? new Error('no answer');
  return seen;
};
type Shown = Record<string, unknown>;
const shown = async (...argv: string[]): Promise<Shown[]> =>
  JSON.parse((await run(argv, { netns: netns.name })).stdout || '[]') as Shown[];
const ipShow = (...argv: string[]): Promise<Shown[]> => shown('ip', '-d', '-j', ...argv);

it('links are those of ip(8), each with its addresses', async () => {
  const { links } = await look();
  const asShown = (await ipShow('address', 'show')).map((link) => {
    const flags = link['flags'] as string[];
    return {
      name: link['ifname'],
      index: link['ifindex'],
      kind: (link['linkinfo'] as { info_kind?: string } | undefined)?.info_kind ?? null,
      mac: link['address'],
      mtuBytes: link['mtu'],
      up: flags.includes('UP'),
      running: link['operstate'] !== 'DOWN' && link['operstate'] !== 'LOWERLAYERDOWN',
      answersArp: !flags.includes('NOARP'),
      multicast: flags.includes('MULTICAST'),
      enslaved: link['master'] !== undefined,
      qdisc: link['qdisc'],
      peerIndex: link['link_index'] ?? null,
      addresses: (
        link['addr_info'] as { local: string; prefixlen: number; broadcast?: string; tentative?: true }[]
      ).map(({ local, prefixlen, broadcast = null, tentative = false }) => ({
        address: `${local}/${prefixlen}`,
        broadcast,
        tentative,
      })),
    };
  });
  expect(links).toEqual(asShown);
  expect(links.find(({ name }) => name === 'qr-one')).toMatchObject({ kind: 'veth', mtuBytes: 1400 });
});

it('one link is asked for by its name, and one that is not there is left out', async () => {
  const { links, routes } = await look({ links: ['none', 'qr-one'] });
  expect(links.map(({ name, peerIndex }) => [name, peerIndex !== null])).toEqual([['qr-one', true]]);
  expect(routes).toEqual([]);
});

it('routes are those of ip(8), and what is odd about them is seen', async () => {
  const all = [
    ...(await ipShow('-4', 'route', 'show', 'table', 'all')),
    ...(await ipShow('-6', 'route', 'show', 'table', 'all')),
  ];
  const { routes } = await look();
  const key = ({ destination, type, table }: { destination: string; type: string; table: string }): string =>
    `${destination} ${type} ${table}`;
  const text = all.map(({ dst, type = 'unicast', table = 'main' }) => {
    const to = String(dst);
    const bits = to.includes(':') ? 128 : 32;
    return key({
      destination: to === 'default' || to.includes('/') ? to : `${to}/${bits}`,
      type: String(type),
      table: String(table),
    });
  });
  expect(routes.map(key).sort()).toEqual(text.sort());
  const found = (destination: string) => routes.find((route) => route.destination === destination);
  expect(found('default')).toMatchObject({
    version: 4,
    hops: [{ via: '10.0.0.254', device: 'qr-one' }],
    odd: false,
    kernel: false,
  });
  expect(found('10.0.0.0/24')).toMatchObject({ kernel: true, source: '10.0.0.1', table: 'main', odd: false });
  expect(found('10.1.0.0/16')).toMatchObject({ hops: [{ via: '10.0.0.2' }, { via: '10.0.0.3' }], odd: false });
  expect(found('2001:db8:a::/48')?.hops).toHaveLength(2);
  expect(found('2001:db8:a::/48')).toMatchObject({ version: 6, metric: 1024, odd: false });
  expect(found('10.3.0.0/16')).toMatchObject({ metric: 7, odd: true });
  for (const odd of ['10.2.0.0/16', '10.6.0.0/16', '2001:db8:9::/48']) expect(found(odd)?.odd).toBe(true);
  expect(found('10.4.0.0/16')?.type).toBe('blackhole');
  expect(found('2001:db8:b::/48')?.type).toBe('unreachable');
  expect(found('10.5.0.0/16')?.table).toBe('77');
});

it('what is said again is the same object, and a device of another name has its routes with it', async () => {
  const inside = (line: string) => run(['ip', ...line.split(' ')], { netns: netns.name });
  const many = Array.from({ length: 120 }, (_, n) => `address add 10.78.0.${n}/32 dev br0\n`).join('');
  await run(['ip', '-batch', '-'], { netns: netns.name, stdin: many });
  const [first, again] = [await look(), await look()];
  expect(again).toEqual(first);
  const four = ({ routes }: SeenNetwork) => routes.filter(({ version }) => version === 4);
  expect(four(again).every((route, at) => route === four(first)[at])).toBe(true);
  await inside('address add 10.77.0.1/32 dev br0');
  await inside('link set br0 up');
  for (const name of ['br0', 'other']) {
    if (name !== 'br0') await inside(`link set br0 name ${name}`);
    const { routes, links } = await look();
    expect(routes.find(({ destination }) => destination === '10.77.0.1/32')?.hops).toEqual([
      { via: null, device: name },
    ]);
    expect(links.find((link) => link.name === name)?.addresses.map(({ address }) => address)).toContain('10.77.0.1/32');
  }
  for (const line of [
    'address delete 10.77.0.1/32 dev other',
    'address flush dev other',
    'link set other down',
    'link set other name br0',
  ])
    await inside(line);
  const gone = await look();
  expect(gone.routes.some(({ destination }) => destination === '10.77.0.1/32')).toBe(false);
});

it('policy rules, neighbours and queues are those of ip(8) and tc(8)', async () => {
  const { policyRules, neighbours, queues } = await look();
  const plain = (version: 4 | 6) =>
    policyRules.get(version)?.map(({ priority, table, plain: is, devices }) => [priority, table, is, devices]);
  expect(plain(4)).toEqual([
    [0, 'local', true, []],
    [100, '77', false, []],
    [101, 'main', false, ['qr-one']],
    [102, '88', true, []],
    [103, 'main', false, []],
    [104, null, false, []],
    [105, 'main', false, []],
    [32766, 'main', true, []],
    [32767, 'default', true, []],
  ]);
  expect(plain(6)).toEqual([
    [0, 'local', true, []],
    [106, '99', false, ['qr-one']],
    [32766, 'main', true, []],
  ]);
  expect(neighbours).toEqual([
    { device: 'qr-one', address: '10.0.0.77', proxy: false },
    { device: 'qr-one', address: '10.0.0.88', proxy: true },
  ]);
  expect(queues.filter(({ device }) => device === 'qr-one')).toEqual([
    { device: 'qr-one', kind: 'pfifo', receives: false },
    { device: 'qr-one', kind: 'ingress', receives: true },
  ]);
});

it('parameters and checksum offload are read of devices whose names begin so', async () => {
  await spawner.setTxChecksum(['qr-one'], false, { netns: netns.name });
  const { sysctls, txChecksum } = await look();
  expect([...sysctls]).toEqual([
    ['net/ipv4/ip_forward', '0'],
    ['net/ipv4/conf/qr-one/rp_filter', expect.stringMatching(/^[012]$/)],
  ]);
  expect([...txChecksum]).toEqual([['qr-one', false]]);
  await expect(spawner.look({ ...ALL, devices: ['(?{1})'] })).rejects.toThrow("cannot be how a device's name begins");
});

it('a revision of the rules counts the transactions, one a table, and tells one namespace from another', async () => {
  const revision = async (name: string) => (await look(ALL, name)).rulesRevision;
  const [here, there] = [await revision(netns.name), await revision(other.name)];
  expect(here?.changes).toBe(1);
  expect(here?.namespace).not.toBe(there?.namespace);
  const input = '*nat\n:one - [0:0]\n-A PREROUTING -j one\nCOMMIT\n*filter\n:two - [0:0]\nCOMMIT\n';
  for (const program of ['iptables', 'ip6tables'])
    await run([`${program}-restore`, '--noflush'], { netns: netns.name, stdin: input });
  expect(await revision(netns.name)).toEqual({ namespace: here?.namespace, changes: 5 });
  for (const reads of ['iptables-save', 'ip6tables-save']) await run([reads], { netns: netns.name });
  await run(['iptables', '-t', 'nat', '-D', 'PREROUTING', '-j', 'one'], { netns: netns.name });
  expect(await revision(netns.name)).toEqual({ namespace: here?.namespace, changes: 6 });
  expect(await revision(other.name)).toEqual(there);
});

it('many namespaces are one question, and one that is not there harms no other', async () => {
  const seen = await spawner.look(ALL, [other.name, 'plumbnet-none', netns.name]);
  expect(seen.map((each) => (each instanceof CommandFailed ? each.reason : each.links.length))).toEqual([
    2,
    'netns',
    5,
  ]);
  expect((seen[1] as CommandFailed).message).toContain('ENOENT');
  expect(await spawner.look(ALL, [])).toEqual([]);
  expect(await spawner.look({ links: ['lo'] })).toMatchObject([{ links: [{ name: 'lo', kind: null }] }]);
});

it('questions of one moment are one request, each with its own answer; those of many namespaces are several', async () => {
  const helper = new HelperProcess();
  const asked = jest.spyOn(helper, 'ask');
  try {
    const looks = new Looks(helper);
    const few: NetworkQuestion = { links: ['lo', 'v0'] };
    const together = () =>
      Promise.all([
        looks.look(ALL, [netns.name, 'plumbnet-none']),
        looks.look({ links: ['lo'] }),
        looks.look(few, [other.name, netns.name]),
      ]);
    const [all, own, two] = await together();
    expect(asked).toHaveBeenCalledTimes(1);
    expect(all[0]).toEqual(await look(ALL, netns.name));
    expect(all[1]).toMatchObject({ reason: 'netns' });
    expect(own).toEqual(await spawner.look({ links: ['lo'] }));
    expect(two.map((each) => (each as SeenNetwork).links.map(({ name }) => name))).toEqual([['lo'], ['lo', 'v0']]);
    asked.mockClear();
    const many = Array.from({ length: 20 }, () => other.name);
    await Promise.all([looks.look(few, many), looks.look(few, many), looks.look(few)]);
    expect(asked).toHaveBeenCalledTimes(2);
    asked.mockRejectedValueOnce(new Error('lost'));
    await expect(together()).rejects.toThrow('lost');
  } finally {
    await helper.close();
  }
});

it.each([
  ['0000:0000:0000:0000:0000:0000:0000:0000', '::'],
  ['0000:0000:0000:0000:0000:0000:0000:0001', '::1'],
  ['2001:0db8:0000:0001:0000:0000:0000:0000', '2001:db8:0:1::'],
  ['0001:0000:0002:0000:0000:0003:0000:0000', '1:0:2::3:0:0'],
  ['0000:0001:0000:0000:0000:0001:0000:0000', '0:1::1:0:0'],
  ['0001:0000:0003:0004:0005:0006:0007:0008', '1:0:3:4:5:6:7:8'],
  ['0000:0000:0000:0000:0000:ffff:0102:0304', '::ffff:1.2.3.4'],
])('the address %s is written %s, as the C library writes it', (bytes, text) => {
  expect(addressText(Buffer.from(bytes.replaceAll(':', ''), 'hex'))).toBe(text);
});
