/**
 * A random walk of networks, subnets, ports and options on a node that serves DHCP, with faults on the way: agents that begin anew, steps that are refused, dnsmasq
 * killed, what is ours broken or copied by hand. After each step the node is what a model says that knows nothing of how it is made: the text of the hosts and
 * options files, one dnsmasq for each network that is served and none besides, the same namespaces, devices, ports of the switch and folders, and no file more.
 *
 * The walk follows from its seed, which the name of the test says: PLUMB_TEST_SEED gives the same walk again. `--long`: ten times the steps.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { AnyObject, ExtraDhcpOpt, Network, ObjectKey, Port, Subnet } from '@plumbline/contracts';
import { keyOf } from '@plumbline/contracts';
import { convergeDhcpView, DhcpMemory, type DhcpDriver, type DhcpStep } from '@plumbline/dhcp-core';
import { addressIn, macOf, networkOf, portOf, subnetOf, TERMS, uuidOf } from '@plumbline/dhcp-core/testing';
import { DhcpNode, until } from '@plumbline/dhcp-driver/testing';
import { emptyView } from '@plumbline/topology';
import { seed as chosen, times } from '../../tools/jest/effort.mjs';

const seed = chosen ?? Math.floor(Math.random() * 1e9);
const HOST = 'net1';
const STEPS = times(120);
const MOST = { networks: 3, subnets: 3, ports: 6 } as const;

/** mulberry32: numbers from 0 to 1 that follow from the seed. */
function drawing(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
const draw = drawing(seed);
const chance = (share: number): boolean => draw() < share;
const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(draw() * from.length)];

/** What there is in the log, as far as it concerns the node. */
class Cloud {
  private made = 0;
  readonly networks = new Map<string, Network>();
  readonly subnets = new Map<string, Subnet>();
  readonly ports = new Map<string, Port>();

  next = (): number => (this.made += 1);
  in = (network: Network): Subnet[] => [...this.subnets.values()].filter(({ networkId }) => networkId === network.id);
  on = (network: Network): Port[] => [...this.ports.values()].filter(({ networkId }) => networkId === network.id);
  server = (network: Network): Port | undefined => this.on(network).find(({ servesDhcp }) => servesDhcp);
  guests = (network: Network): Port[] => this.on(network).filter(({ servesDhcp }) => !servesDhcp);
}

type Change = () => void;

/** The next change of a cloud, or null where that one cannot be made now. */
const CHANGES: readonly ((cloud: Cloud) => Change | null)[] = [
  (cloud) => {
    if (cloud.networks.size >= MOST.networks) return null;
    const number = cloud.next();
    return () => {
      const network = networkOf({ id: uuidOf(number * 1_000), mtuBytes: pick([1400, 1450]) ?? 1450 });
      cloud.networks.set(network.id, network);
      const server = portOf({
        id: uuidOf(number * 1_000 + 1),
        networkId: network.id,
        macAddress: macOf(number * 1_000 + 1),
        deviceOwner: 'network:dhcp',
        servesDhcp: true,
        binding: { host: HOST, vnicType: 'normal', profile: {} },
      });
      cloud.ports.set(server.id, server);
      addSubnet(cloud, network);
    };
  },
  (cloud) => {
    const network = pick([...cloud.networks.values()]);
    if (!network || !chance(0.25)) return null;
    return () => {
      cloud.networks.delete(network.id);
      for (const { id } of cloud.in(network)) cloud.subnets.delete(id);
      for (const { id } of cloud.on(network)) cloud.ports.delete(id);
    };
  },
  (cloud) => {
    const network = pick([...cloud.networks.values()]);
    return network && cloud.in(network).length < MOST.subnets ? () => addSubnet(cloud, network) : null;
  },
  (cloud) => {
    const subnet = pick([...cloud.subnets.values()]);
    if (!subnet) return null;
    return () => {
      cloud.subnets.delete(subnet.id);
      for (const port of cloud.ports.values())
        set(cloud, port, { fixedIps: port.fixedIps.filter(({ subnetId }) => subnetId !== subnet.id) });
    };
  },
  (cloud) => {
    const subnet = pick([...cloud.subnets.values()]);
    return subnet
      ? () => {
          cloud.subnets.set(subnet.id, { ...subnet, enableDhcp: !subnet.enableDhcp });
          settle(cloud, subnet.networkId);
        }
      : null;
  },
  (cloud) => {
    const subnet = pick([...cloud.subnets.values()]);
    return subnet ? () => void cloud.subnets.set(subnet.id, { ...subnet, ...subnetFacts(subnet.cidr) }) : null;
  },
  ...Array.from({ length: 3 }, () => (cloud: Cloud): Change | null => {
    const network = pick([...cloud.networks.values()]);
    if (!network || cloud.guests(network).length >= MOST.ports) return null;
    return () => addPort(cloud, network);
  }),
  ...Array.from({ length: 2 }, () => (cloud: Cloud): Change | null => {
    const port = pick([...cloud.ports.values()].filter(({ servesDhcp }) => !servesDhcp));
    return port ? () => void cloud.ports.delete(port.id) : null;
  }),
  ...Array.from({ length: 3 }, () => (cloud: Cloud): Change | null => {
    const port = pick([...cloud.ports.values()].filter(({ servesDhcp }) => !servesDhcp));
    const what = pick([
      () => ({ extraDhcpOpts: options() }),
      () => ({ dnsName: name() }),
      () => ({ macAddress: macOf(500_000 + cloud.next()) }),
    ]);
    return port && what ? () => set(cloud, port, what()) : null;
  }),
  // Two ports change their addresses, in one command.
  (cloud) => {
    const network = pick([...cloud.networks.values()]);
    const [a, b] = network ? cloud.guests(network) : [];
    if (!a || !b) return null;
    return () => {
      set(cloud, a, { fixedIps: b.fixedIps });
      set(cloud, b, { fixedIps: a.fixedIps });
    };
  },
  // The network goes to another node, and comes back soon.
  (cloud) => {
    const all = [...cloud.networks.values()];
    const away = all.filter((network) => cloud.server(network)?.binding.host !== HOST);
    const network = away[0] ?? (chance(0.5) ? pick(all) : undefined);
    const server = network && cloud.server(network);
    if (!server) return null;
    const host = server.binding.host === HOST ? 'net2' : HOST;
    return () => set(cloud, server, { binding: { ...server.binding, host } });
  },
];

function set(cloud: Cloud, port: Port, facts: Partial<Port>): void {
  cloud.ports.set(port.id, { ...port, ...facts });
}
const name = (): string => pick(['', '', 'web', 'db1', 'a-long-name-with-9-parts']) ?? '';
const OPTIONS: readonly ExtraDhcpOpt[] = [
  { name: 'ntp-server', value: '203.0.113.9', ipVersion: 4 },
  { name: 'tftp-server', value: 'boot.example.test', ipVersion: 4 },
  { name: 'bootfile-name', value: 'pxe/linux.0', ipVersion: 4 },
  { name: 'ntp-server', value: '[2001:db8::123]', ipVersion: 6 },
];
const options = (): ExtraDhcpOpt[] => (chance(0.5) ? [] : OPTIONS.filter(() => chance(0.4)));

const subnetFacts = (cidr: string) =>
  cidr.includes(':')
    ? { dnsNameservers: pick([[], ['2001:db8::53'], ['2001:db8::53', '2001:db8::54'], ['::']]) ?? [] }
    : {
        gatewayIp: pick([null, addressIn({ cidr }, 1)]) ?? null,
        dnsNameservers: pick([[], ['203.0.113.53'], ['203.0.113.53', '203.0.113.54'], ['0.0.0.0']]) ?? [],
        hostRoutes:
          pick([
            [],
            [],
            [{ destination: '10.99.0.0/16', nexthop: addressIn({ cidr }, 254) }],
            [{ destination: '0.0.0.0/0', nexthop: addressIn({ cidr }, 253) }],
          ]) ?? [],
      };

function addSubnet(cloud: Cloud, network: Network): void {
  const number = cloud.next();
  const sorts = [
    { cidr: `10.${Math.floor(number / 200)}.${number % 200}.0/24` },
    { cidr: `10.${Math.floor(number / 200)}.${number % 200}.0/24`, enableDhcp: false },
    ...(['dhcpv6-stateful', 'dhcpv6-stateless', 'slaac'] as const).map((mode) => ({
      ...{ cidr: `2001:db8:${number.toString(16)}::/64`, ipv6AddressMode: mode, ipv6RaMode: mode },
    })),
  ];
  // Most begin as most are: with one that is leased.
  const sort = (cloud.in(network).length === 0 && chance(0.7) ? sorts[0] : pick(sorts)) ?? { cidr: '' };
  const subnet = subnetOf({
    id: uuidOf(number * 1_000 + 2),
    networkId: network.id,
    ...subnetFacts(sort.cidr),
    ...sort,
  });
  cloud.subnets.set(subnet.id, subnet);
  settle(cloud, network.id);
}

/** The server has an address, the second one, where something is answered. */
function settle(cloud: Cloud, networkId: string): void {
  const network = cloud.networks.get(networkId);
  const server = network && cloud.server(network);
  if (!network || !server) return;
  const fixedIps = cloud
    .in(network)
    .filter((subnet) => subnet.enableDhcp && subnet.ipv6AddressMode !== 'slaac')
    .map((subnet) => ({ subnetId: subnet.id, ipAddress: addressIn(subnet, 2) }));
  set(cloud, server, { fixedIps });
}

function addPort(cloud: Cloud, network: Network): void {
  const number = cloud.next();
  const fixedIps = cloud
    .in(network)
    .filter(() => chance(0.7))
    .map((subnet) => ({ subnetId: subnet.id, ipAddress: addressIn(subnet, 10 + (number % 200)) }));
  const routed = chance(0.15);
  const port = portOf({
    id: uuidOf(number * 1_000 + 3),
    networkId: network.id,
    macAddress: macOf(number * 1_000 + 3),
    fixedIps,
    dnsName: name(),
    extraDhcpOpts: options(),
    ...(routed && { deviceOwner: 'network:router_interface', deviceId: uuidOf(9) }),
    // A user's own, which nobody is to serve.
    ...(!routed && chance(0.1) && { deviceOwner: 'network:dhcp' }),
  });
  cloud.ports.set(port.id, port);
}

/** What a network's files must say, worked out from the objects alone, address by address. */
function expectedFiles(cloud: Cloud, network: Network): { hosts: string[]; opts: string[] } | null {
  const server = cloud.server(network);
  if (server?.binding.host !== HOST || server.fixedIps.length === 0) return null;
  const served = cloud.in(network).filter(({ id }) => server.fixedIps.some(({ subnetId }) => subnetId === id));
  const hosts: string[] = [];
  const opts: string[] = [];
  for (const port of cloud.guests(network)) {
    if (port.deviceOwner === 'network:dhcp') continue;
    const families = new Set<number>();
    for (const { subnetId, ipAddress } of port.fixedIps) {
      const subnet = served.find(({ id }) => id === subnetId);
      if (!subnet) continue;
      families.add(subnet.ipVersion);
      const fqdn = `${port.dnsName || `host-${ipAddress.replaceAll('.', '-').replaceAll(':', '-')}`}.${TERMS.dnsDomain}`;
      if (subnet.ipVersion === 4) hosts.push(`${port.macAddress},${fqdn},${ipAddress}`);
      else if (subnet.ipv6AddressMode === 'dhcpv6-stateful')
        hosts.push(`${port.macAddress},tag:dhcpv6,${fqdn},[${ipAddress}]`);
    }
    for (const each of port.extraDhcpOpts)
      if (families.has(each.ipVersion))
        opts.push(`tag:port-${port.id},option${each.ipVersion === 6 ? '6' : ''}:${each.name},${each.value}`);
  }
  for (const subnet of served) opts.push(...expectedOptions(cloud, network, subnet));
  return { hosts: hosts.sort(), opts: opts.sort() };
}

function expectedOptions(cloud: Cloud, network: Network, subnet: Subnet): string[] {
  const tag = `tag:subnet-${subnet.id}`;
  const [nameserver] = subnet.dnsNameservers;
  const none = nameserver === '0.0.0.0' || nameserver === '::';
  if (subnet.ipVersion === 6) {
    const domain = `${tag},option6:domain-search,${TERMS.dnsDomain}`;
    if (nameserver === undefined) return [domain];
    if (none) return [domain, `${tag},option6:dns-server`];
    return [domain, `${tag},option6:dns-server,${subnet.dnsNameservers.map((each) => `[${each}]`).join(',')}`];
  }
  const lines: string[] = [];
  if (nameserver !== undefined)
    lines.push(`${tag},option:dns-server${none ? '' : `,${subnet.dnsNameservers.join(',')}`}`);
  const others = cloud
    .in(network)
    .filter(({ id, ipVersion }) => ipVersion === 4 && id !== subnet.id)
    .map(({ id, cidr }) => ({ id, route: `${cidr},0.0.0.0` }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const routes = [
    ...others.map(({ route }) => route),
    ...subnet.hostRoutes.map(({ destination, nexthop }) => `${destination},${nexthop}`),
  ];
  if (routes.length > 0 && subnet.gatewayIp !== null && !routes.some((route) => route.startsWith('0.0.0.0/0,')))
    routes.push(`0.0.0.0/0,${subnet.gatewayIp}`);
  for (const option of ['option:classless-static-route', '249'])
    if (routes.length > 0) lines.push(`${tag},${option},${routes.join(',')}`);
  lines.push(`${tag},option:router${subnet.gatewayIp === null ? '' : `,${subnet.gatewayIp}`}`);
  return lines;
}

describe(`a node that serves DHCP, seed ${seed}`, () => {
  const cloud = new Cloud();
  const view = emptyView(HOST);
  const done: string[] = [];
  let node: DhcpNode;
  let memory = new DhcpMemory();
  /** The nth step from now is refused. */
  let refuseAt = 0;

  beforeAll(async () => {
    node = await DhcpNode.make();
  }, 60_000);
  afterAll(() => node?.remove(), 60_000);

  const folderOf = (network: string): string => path.join(node.folder, node.owner, `dnsmasq-${network}`);
  const text = async (argv: readonly string[]): Promise<string> => (await node.node.spawner.run(argv)).stdout;
  const vsctl = (...argv: string[]) => node.node.ovs.tool(['ovs-vsctl', `--db=${node.node.ovs.remote}`, ...argv]);
  const driver = (): DhcpDriver => ({
    observe: (networks, outsides) => node.driver.observe(networks, outsides),
    apply: async (steps: readonly DhcpStep[]) => {
      if (refuseAt > 0 && (refuseAt -= steps.length) <= 0) {
        refuseAt = 0;
        throw new Error('refused by the test');
      }
      return node.driver.apply(steps);
    },
  });

  /** The view as the log is now. A network whose server is elsewhere is not known here. */
  function follow(): Set<ObjectKey> {
    const known = new Map<ObjectKey, AnyObject>();
    for (const network of cloud.networks.values()) {
      if (cloud.server(network)?.binding.host !== HOST) continue;
      for (const each of [network, ...cloud.in(network), ...cloud.on(network)]) known.set(keyOf(each), each);
    }
    const touched = new Set<ObjectKey>();
    for (const [key, object] of known) if (view.objects.get(key) !== object) touched.add(key);
    for (const key of view.objects.keys()) if (!known.has(key)) touched.add(key);
    view.objects.clear();
    for (const [key, object] of known) view.objects.set(key, object);
    view.position += 1;
    return touched;
  }

  async function converge(touched: ReadonlySet<ObjectKey> | 'all', mayRemove = true): Promise<boolean> {
    const terms = { ...TERMS, owner: node.owner, runDir: node.folder };
    const { applied, failed } = await convergeDhcpView(view, driver(), { touched, mayRemove }, memory, terms);
    return applied === 0 && failed.length === 0;
  }

  const firstServed = (): string | undefined => pick([...memory.wanted.keys()]);
  const FAULTS: readonly (readonly [string, () => unknown])[] = [
    ['an agent that begins anew', () => (node.restartAgent(), (memory = new DhcpMemory()))],
    ['a step that is refused', () => (refuseAt = 1 + Math.floor(draw() * 6))],
    [
      'a dnsmasq that is killed',
      async () => {
        const pid = pick(await node.dnsmasqs());
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
      },
    ],
    [
      'a namespace that is deleted',
      async () => {
        const network = firstServed();
        if (network) await node.node.spawner.run(['ip', 'netns', 'delete', `qdhcp-${network}`], { okCodes: [0, 1] });
      },
    ],
    [
      'a port that is taken off the switch',
      async () => {
        const network = firstServed();
        const outside = network && memory.wanted.get(network)?.outside;
        if (outside) await vsctl('--if-exists', 'del-port', 'br-int', outside);
      },
    ],
    [
      'a file that is changed, and one more',
      () => {
        const network = firstServed();
        const hosts = network && path.join(folderOf(network), 'files/hosts');
        if (!hosts || !existsSync(hosts)) return;
        appendFileSync(hosts, 'fa:16:3e:00:00:00,10.255.255.1\n');
        writeFileSync(path.join(path.dirname(hosts), 'more'), 'x');
      },
    ],
    [
      'what an agent before left of a network that nobody has',
      async () => {
        const id = uuidOf(900_000 + cloud.next());
        await node.node.spawner.run(['ip', 'netns', 'add', `qdhcp-${id}`]);
        mkdirSync(path.join(folderOf(id), 'files'), { recursive: true });
        const tap = `tap${id.slice(0, 11)}`;
        await vsctl(
          ...['add-port', 'br-int', tap, '--', 'set', 'interface', tap, 'type=internal'],
          ...[`external_ids:plumb-owner=dhcp`, `external_ids:iface-id=${id}`],
        );
      },
    ],
  ];

  /** What is on the node, and what there should be, as lines. */
  async function found(): Promise<Record<string, unknown>> {
    const folders = path.join(node.folder, node.owner);
    const names = existsSync(folders) ? readdirSync(folders).sort() : [];
    const lines = (file: string): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1).sort();
    return {
      files: Object.fromEntries(
        names.map((each) => {
          const files = path.join(folders, each, 'files');
          return [each, { hosts: lines(path.join(files, 'hosts')), opts: lines(path.join(files, 'opts')) }];
        }),
      ),
      strangers: names.flatMap((each) =>
        readdirSync(path.join(folders, each, 'files')).filter((file) => file === 'more' || file === 'next'),
      ),
      namespaces: (await text(['ip', 'netns', 'list']))
        .split('\n')
        .map((line) => line.split(' ')[0] ?? '')
        .filter((each) => each !== '')
        .sort(),
      processes: (await node.processes.observe()).processes.map((each) => each.name).sort(),
      ports: (await vsctl('list-ports', 'br-int')).stdout
        .split('\n')
        .filter((each) => each.startsWith('tap'))
        .sort(),
    };
  }
  function expected(): Record<string, unknown> {
    const served = [...cloud.networks.values()].flatMap((network) => {
      const files = expectedFiles(cloud, network);
      return files ? [{ network, files, server: cloud.server(network)?.id ?? '' }] : [];
    });
    return {
      files: Object.fromEntries(served.map(({ network, files }) => [`dnsmasq-${network.id}`, files])),
      strangers: [],
      namespaces: served.map(({ network }) => `qdhcp-${network.id}`).sort(),
      processes: served.map(({ network }) => `dnsmasq-${network.id}`).sort(),
      ports: served.map(({ server }) => `tap${server.slice(0, 11)}`).sort(),
    };
  }

  it(
    'is what the log says, whatever came in between',
    async () => {
      for (let step = 0; step < STEPS; step += 1) {
        let change: Change | null = null;
        while (!change) change = pick(CHANGES)?.(cloud) ?? null;
        change();
        const fault = chance(0.3) ? pick(FAULTS) : undefined;
        done.push(`${step} ${fault?.[0] ?? ''}`);
        const touched = follow();
        try {
          if (fault) {
            await fault[1]();
            await converge(touched, chance(0.7)).catch(() => false);
            refuseAt = 0;
            await until('the node to be as the log says', () => converge('all'));
          } else expect((await converge(touched), await converge(touched))).toBe(true);
          expect(await found()).toEqual(expected());
        } catch (error) {
          throw new Error(`at step ${done.at(-1)} of seed ${seed}: ${(error as Error).message}`, { cause: error });
        }
      }
      // Nothing of it is left when nobody asks for anything.
      cloud.networks.clear();
      follow();
      await until('the end', () => converge('all'));
      expect(await found()).toEqual({ files: {}, strangers: [], namespaces: [], processes: [], ports: [] });
    },
    times(480_000),
  );
});
