/**
 * Reads a node. For each router namespace three commands at the same time (one ip(8) for links, addresses and routes of both families; the
 * rules of each IP version) and two requests to the exec helper, which start no program. Changes nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  Connection,
  dialect,
  FoundNeighbour,
  FoundPolicyRule,
  FoundPolicyRules,
  FoundRoute,
  isOurDevice,
  netnsOf,
  ObservedLink,
  ObservedRouter,
  OutsideLink,
  OUTSIDE_PREFIX,
  outsideOf,
  hasIpv6,
  outsideSysctl,
  routerIdOf,
  sysctlsOf,
} from '@plumbline/l3-core';
import { Runner } from '@plumbline/exec';
import { listConnections } from './connections.js';

/** What we read of `ip -d -j address show` and `link show`. */
type IpLink = {
  ifname: string;
  ifindex: number;
  link_index?: number;
  flags?: string[];
  operstate?: string;
  mtu?: number;
  qdisc?: string;
  master?: string;
  address?: string;
  addr_info?: { local: string; prefixlen: number; broadcast?: string; tentative?: boolean }[];
};
type IpHop = { gateway?: string; dev?: string; weight?: number };
type IpRoute = IpHop & {
  dst: string;
  protocol?: string;
  table?: string;
  type?: string;
  prefsrc?: string;
  metric?: number;
  pref?: string;
  nexthops?: readonly IpHop[];
};
type IpRule = { priority: number; table?: string; action?: string; src?: string; iif?: string; oif?: string };
/** What we read of `tc -j qdisc show`. */
type TcQueue = { kind: string; dev: string; parent?: string };
type IpNeighbour = { dst: string; dev?: string };
type IpNetns = { name: string };

/** Veths of the node's root namespace by index. */
export type Veths = ReadonlyMap<number, IpLink>;
/** A router before its devices are matched with their outer ends. */
export type RawRouter = Readonly<{
  id: string;
  loUp: boolean;
  links: readonly IpLink[];
  txChecksum: ReadonlyMap<string, boolean>;
  routes: readonly FoundRoute[];
  neighbours: readonly FoundNeighbour[];
  policyRules: FoundPolicyRules;
  /** Device -> kind of the queueing discipline that receives. */
  ingress: ReadonlyMap<string, string>;
  sysctls: Readonly<Record<string, string>>;
  rules4: string;
  rules6: string;
  connections: readonly Connection[] | null;
}>;

/** ip(8) prints one JSON array a command of a batch, a line each. */
const jsonLines = (text: string): unknown[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('['))
    .map((line) => JSON.parse(line) as unknown[]);
const parseJsonLines = <T>(text: string): T[] => jsonLines(text).flat() as T[];

/** Routers that have a namespace. */
export async function observeNetnses(runner: Runner): Promise<string[]> {
  const { stdout } = await runner.run(['ip', '-j', '-batch', '-'], { stdin: 'netns list\n', reads: true });
  return parseJsonLines<IpNetns>(stdout).flatMap(({ name }) => routerIdOf(name) ?? []);
}

export async function observeVeths(runner: Runner): Promise<Veths> {
  const { stdout } = await runner.run(['ip', '-j', '-batch', '-'], { stdin: 'link show type veth\n', reads: true });
  return new Map(parseJsonLines<IpLink>(stdout).map((link) => [link.ifindex, link]));
}

/** Those of these links of the root namespace that are there, with what they are. Asked by name: a node has hundreds. */
export async function observeLinks(runner: Runner, names: readonly string[]): Promise<Veths> {
  if (names.length === 0) return new Map();
  const stdin = `${names.map((name) => `link show dev ${name}`).join('\n')}\n`;
  // With -force it goes on behind a name that is not there, and ends with 1.
  const { stdout } = await runner.run(['ip', '-j', '-force', '-batch', '-'], { stdin, reads: true, okCodes: [0, 1] });
  return new Map(parseJsonLines<IpLink>(stdout).map((link) => [link.ifindex, link]));
}

/**
 * Rejects when the namespace is not there (CommandFailed, reason `netns`) or cannot be read. `guess`: the devices it had the last time. Their parameters are read
 * together with the list of devices, and again when the guess was wrong: waiting for the names would cost a round of processes.
 */
export async function readRouter(
  runner: Runner,
  id: string,
  guess: readonly string[] = [],
  listsConnections = false,
): Promise<RawRouter> {
  const netns = netnsOf(id);
  const inside = { netns, reads: true };
  const parameters = (names: readonly string[]) =>
    Promise.all([
      runner.readSysctls(Object.keys(sysctlsOf(names)), { netns }),
      runner.readTxChecksum(names, { netns }),
    ]);
  const guessed = guess.length > 0 ? parameters(guess) : null;
  // A failure is reported where the result is used; after a wrong guess it is not used.
  guessed?.catch(() => undefined);
  // ip(8) shows those of one family at a time.
  const rules6In = runner.run(['ip', '-6', '-j', 'rule', 'show'], { ...inside, okCodes: [0, 1, 2] });
  const queues = runner.run(['tc', '-j', 'qdisc', 'show'], inside);
  const devices = async (): Promise<Omit<RawRouter, 'id' | 'ingress' | 'rules4' | 'rules6' | 'connections'>> => {
    const [links, routes, fixed, proxies, policy4] = await show(runner, netns);
    const policy6 = await rules6In;
    const ours = links.filter(({ ifname }) => isOurDevice(ifname));
    const names = ours.map(({ ifname }) => ifname);
    const right = guessed !== null && names.join() === guess.join();
    const [sysctls, txChecksum] = await (right ? guessed : parameters(names));
    return {
      loUp: links.some((link) => link.ifname === 'lo' && isUp(link)),
      links: ours,
      txChecksum,
      routes: routes.flatMap(observedRoute),
      policyRules: new Map([
        [4, policy4.map(policyRule)],
        ...(policy6.code === 0 ? [[6, parseJsonLines<IpRule>(policy6.stdout).map(policyRule)] as const] : []),
      ]),
      neighbours: [...fixed.flatMap(neighbour(false)), ...proxies.flatMap(neighbour(true))],
      sysctls: Object.fromEntries(sysctls),
    };
  };
  const all = [
    devices(),
    runner.run(dialect.save[4], inside),
    runner.run(dialect.save[6], inside),
    queues,
    rules6In,
    // Where they cannot be listed, what is older than the rules stays, and is asked for again.
    listsConnections ? listConnections(runner, netns).catch(() => null) : null,
  ] as const;
  // Nothing is left running behind the caller's back.
  await Promise.allSettled(all);
  const [found, rules4, rules6, { stdout: queued }, , connections] = await Promise.all(all);
  const ingress = new Map(
    parseJsonLines<TcQueue>(queued).flatMap(({ kind, dev, parent }) =>
      parent === INGRESS ? [[dev, kind] as const] : [],
    ),
  );
  return { id, ...found, ingress, rules4: rules4.stdout, rules6: rules6.stdout, connections };
}

type Shown = [IpLink[], IpRoute[], IpNeighbour[], IpNeighbour[], IpRule[]];

/**
 * The kernel makes the route in table local of a new IPv6 address a moment after the address, from a work queue of its own, also without duplicate address
 * detection (addrconf_dad_start in net/ipv6/addrconf.c): such a route is missing only if it still is a moment later.
 */
async function show(runner: Runner, netns: string): Promise<Shown> {
  const stdin = `${SHOW.join('\n')}\n`;
  for (let left = ROUTE_LOOKS; ; left -= 1) {
    const { stdout } = await runner.run(['ip', '-d', '-j', '-batch', '-'], { netns, reads: true, stdin });
    const shown = jsonLines(stdout);
    if (shown.length !== SHOW.length) throw new Error(`ip -batch answered ${shown.length} of ${SHOW.length} commands`);
    const [links, routes] = shown as Shown;
    if (left === 0 || !awaitsRoute(links, routes)) return shown as Shown;
    await delay(ROUTE_PAUSE_MS);
  }
}
const ROUTE_LOOKS = 10;
const ROUTE_PAUSE_MS = 20;

function awaitsRoute(links: readonly IpLink[], routes: readonly IpRoute[]): boolean {
  const local = new Set(routes.filter(({ type }) => type === 'local').map(({ dev, dst }) => `${dev ?? ''} ${dst}`));
  return links.some(
    (link) =>
      isOurDevice(link.ifname) &&
      hasIpv6Now(link) &&
      (link.addr_info ?? []).some(
        (each) => each.local.includes(':') && !each.tentative && !local.has(`${link.ifname} ${each.local}`),
      ),
  );
}

/** Whether the outer ends of these devices are silent, by sysctl. */
export const readOutsides = (runner: Runner, devices: readonly string[]): Promise<ReadonlyMap<string, string>> =>
  runner.readSysctls(devices.map((device) => outsideSysctl(outsideOf(device))));

/** Outer ends by name. Whether IPv6 is on is only read for those of `routers`; `known`: values that were read already. */
export async function observeOutsides(
  runner: Runner,
  veths: Veths,
  routers: readonly RawRouter[],
  known: ReadonlyMap<string, string>,
): Promise<Map<string, OutsideLink>> {
  const taps = [...veths.values()].filter(({ ifname }) => ifname.startsWith(OUTSIDE_PREFIX));
  const there = new Set(taps.map(({ ifname }) => ifname));
  const asked = routers
    .flatMap(({ links }) => links.map(({ ifname }) => ifname))
    .filter((device) => there.has(outsideOf(device)) && !known.has(outsideSysctl(outsideOf(device))));
  const values = new Map([...known, ...(asked.length > 0 ? await readOutsides(runner, asked) : [])]);
  return new Map(
    taps.map((link): [string, OutsideLink] => {
      const name = link.ifname;
      const ipv6 = (values.get(outsideSysctl(name)) ?? '1') !== '1';
      return [name, { name, up: isUp(link), mtuBytes: link.mtu ?? 0, ipv6 }];
    }),
  );
}

/** A router with its devices matched with their outer ends. */
export const observedRouter = (raw: RawRouter, veths: Veths): ObservedRouter => ({
  id: raw.id,
  netns: netnsOf(raw.id),
  loUp: raw.loUp,
  links: raw.links.map((link) => observedLink(link, veths, raw)),
  routes: raw.routes,
  neighbours: raw.neighbours,
  policyRules: raw.policyRules,
  sysctls: raw.sysctls,
  rules4: dialect.tablesIn(raw.rules4),
  rules6: dialect.tablesIn(raw.rules6),
  unreadable: [
    ...dialect.unreadableIn(raw.rules4).map((table) => ({ version: 4 as const, table })),
    ...dialect.unreadableIn(raw.rules6).map((table) => ({ version: 6 as const, table })),
  ],
  connections: raw.connections,
});

/** In the order in which they are read back. */
const SHOW = [
  ...['address show', 'route show table all', 'neighbour show nud permanent', 'neighbour show proxy'],
  'rule show',
] as const;
/** Parent of a queueing discipline that receives (TC_H_INGRESS). */
const INGRESS = 'ffff:fff1';
/** What a veth has that is up, and one that is down. */
const QUEUELESS: readonly string[] = ['noqueue', 'noop'];

const isPlain = ({ flags = [], master }: IpLink): boolean =>
  master === undefined && !flags.includes('NOARP') && flags.includes('MULTICAST');

const isUp = (link: IpLink): boolean => link.flags?.includes('UP') ?? false;

/** Contract: ObservedLink.ipv6. */
const hasIpv6Now = (link: IpLink): boolean =>
  isUp(link) && link.operstate !== 'DOWN' && link.operstate !== 'LOWERLAYERDOWN' && hasIpv6(link.mtu ?? 0);

function observedLink(link: IpLink, veths: Veths, { txChecksum, ingress }: RawRouter): ObservedLink {
  // A veth's index of its peer does not say in which namespace the peer is: both must point at each other.
  const other = veths.get(link.link_index ?? -1);
  const addresses = link.addr_info ?? [];
  const textOf = ({ local, prefixlen }: (typeof addresses)[number]): string => `${local}/${prefixlen}`;
  return {
    device: link.ifname,
    mac: link.address ?? '',
    mtuBytes: link.mtu ?? 0,
    up: isUp(link),
    txChecksum: txChecksum.get(link.ifname) ?? true,
    plain: isPlain(link),
    qdisc: QUEUELESS.includes(link.qdisc ?? 'noqueue') ? null : (link.qdisc ?? null),
    ingress: ingress.get(link.ifname) ?? null,
    outside: other?.link_index === link.ifindex ? other.ifname : null,
    ipv6: hasIpv6Now(link),
    addresses: addresses.map((each) => ({ address: textOf(each), broadcast: each.broadcast ?? null })),
    tentative: new Set(addresses.filter(({ tentative }) => tentative).map(textOf)),
  };
}

/** Attributes that say nothing of where packets go, or are looked at by themselves. */
const USUAL: readonly string[] = [
  ...['type', 'dst', 'gateway', 'dev', 'table', 'protocol', 'scope', 'flags', 'nexthops'],
  ...['metric', 'pref', 'prefsrc'],
];
/** What the kernel gives its own IPv6 routes, and ip(8) one when nobody says. */
const KERNEL_METRICS: readonly number[] = [0, 256];
const USUAL_METRIC = 1024;

/** Contract: ObservedRouter.routes. */
function observedRoute(route: IpRoute): FoundRoute[] {
  const { dst, gateway, dev, protocol, table = 'main', type = 'unicast', prefsrc = null, pref = 'medium' } = route;
  if (table !== 'main' && table !== 'local') return [];
  const drops = DROPPING.includes(type);
  const kernel = protocol === 'kernel';
  if (drops && (kernel || table === 'local')) return [];
  const shown = route.nexthops ?? [{ ...(gateway !== undefined && { gateway }), ...(dev !== undefined && { dev }) }];
  const hops = drops ? [] : shown.map((hop) => ({ via: hop.gateway ?? null, device: hop.dev ?? '' }));
  if (!drops && !hops.some(({ device }) => isOurDevice(device))) return [];
  const version = [dst, ...shown.map((hop) => hop.gateway ?? '')].some((text) => text.includes(':')) ? 6 : 4;
  const { metric = null } = route;
  const usual = metric === null || (kernel ? KERNEL_METRICS.includes(metric) : metric === USUAL_METRIC);
  const plain =
    (version === 4 ? metric === null : usual) &&
    pref === 'medium' &&
    (kernel || prefsrc === null) &&
    shown.every(({ weight = 1 }) => weight === 1) &&
    Object.keys(route).every((key) => USUAL.includes(key));
  const destination = dst === 'default' || dst.includes('/') ? dst : `${dst}/${version === 4 ? 32 : 128}`;
  return [{ version, destination, hops, type, table, kernel, source: prefsrc, metric, plain }];
}

/** Types of route that lead nowhere: they are on no device. */
const DROPPING: readonly string[] = ['blackhole', 'unreachable', 'prohibit', 'throw'];

const neighbour =
  (proxy: boolean) =>
  ({ dst, dev = '' }: IpNeighbour): FoundNeighbour[] =>
    isOurDevice(dev) ? [{ device: dev, address: dst, proxy }] : [];

/** Attributes of a rule that all packets are looked up by. */
const UNCONDITIONAL: readonly string[] = ['priority', 'src', 'table', 'protocol'];

function policyRule(rule: IpRule): FoundPolicyRule {
  const { priority, src, table = null, iif, oif } = rule;
  const plain = src === 'all' && Object.keys(rule).every((key) => UNCONDITIONAL.includes(key));
  return { priority, table: plain ? table : null, devices: [iif, oif].flatMap((device) => device ?? []) };
}
