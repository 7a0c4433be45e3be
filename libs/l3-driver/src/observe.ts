/**
 * Reads a node. For each router namespace three commands at the same time (one ip(8) for links, addresses and routes of both families; the
 * rules of each IP version) and two requests to the exec helper, which start no program. Changes nothing.
 */
import {
  dialect,
  isOurDevice,
  netnsOf,
  ObservedLink,
  ObservedRouter,
  OutsideLink,
  OUTSIDE_PREFIX,
  outsideOf,
  outsideSysctl,
  Route,
  routerIdOf,
  sysctlsOf,
} from '@plumbline/l3-core';
import { Runner } from '@plumbline/exec';

/** What we read of `ip -d -j address show` and `link show`. */
type IpLink = {
  ifname: string;
  ifindex: number;
  link_index?: number;
  flags?: string[];
  mtu?: number;
  address?: string;
  addr_info?: { family: string; local: string; prefixlen: number; broadcast?: string; scope: string }[];
};
type IpRoute = { dst: string; gateway?: string; dev?: string; protocol?: string; table?: string; type?: string };
type IpNetns = { name: string };

/** Veths of the node's root namespace by index. */
export type Veths = ReadonlyMap<number, IpLink>;
/** A router before its devices are matched with their outer ends. */
export type RawRouter = Readonly<{
  id: string;
  loUp: boolean;
  links: readonly IpLink[];
  txChecksum: ReadonlyMap<string, boolean>;
  routes: readonly Route[];
  sysctls: Readonly<Record<string, string>>;
  rules4: string;
  rules6: string;
}>;

/** ip(8) prints one JSON array a command of a batch, a line each. */
function parseJsonLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('['))
    .flatMap((line) => JSON.parse(line) as T[]);
}

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
export async function readRouter(runner: Runner, id: string, guess: readonly string[] = []): Promise<RawRouter> {
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
  const devices = async (): Promise<Omit<RawRouter, 'id' | 'rules4' | 'rules6'>> => {
    const stdin = 'address show\nroute show table all\n';
    const { stdout } = await runner.run(['ip', '-d', '-j', '-batch', '-'], { ...inside, stdin });
    const items = parseJsonLines<IpLink | IpRoute>(stdout);
    const links = items.filter((item): item is IpLink => 'ifname' in item);
    const ours = links.filter(({ ifname }) => isOurDevice(ifname));
    const names = ours.map(({ ifname }) => ifname);
    const right = guessed !== null && names.join() === guess.join();
    const [sysctls, txChecksum] = await (right ? guessed : parameters(names));
    return {
      loUp: links.some((link) => link.ifname === 'lo' && isUp(link)),
      links: ours,
      txChecksum,
      routes: items.flatMap((item) => ('dst' in item ? observedRoute(item) : [])),
      sysctls: Object.fromEntries(sysctls),
    };
  };
  const [found, rules4, rules6] = await Promise.allSettled([
    devices(),
    runner.run(dialect.save[4], inside),
    runner.run(dialect.save[6], inside),
  ]);
  const failed = [found, rules4, rules6].find((result) => result.status === 'rejected');
  if (found.status === 'rejected' || rules4.status === 'rejected' || rules6.status === 'rejected')
    throw failed?.status === 'rejected' ? failed.reason : new Error('not read');
  return { id, ...found.value, rules4: rules4.value.stdout, rules6: rules6.value.stdout };
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
  links: raw.links.map((link) => observedLink(link, veths, raw.txChecksum.get(link.ifname) ?? true)),
  routes: raw.routes,
  sysctls: raw.sysctls,
  rules4: dialect.tablesIn(raw.rules4),
  rules6: dialect.tablesIn(raw.rules6),
});

const isUp = (link: IpLink): boolean => link.flags?.includes('UP') ?? false;

function observedLink(link: IpLink, veths: Veths, txChecksum: boolean): ObservedLink {
  // A veth's index of its peer does not say in which namespace the peer is: both must point at each other.
  const other = veths.get(link.link_index ?? -1);
  return {
    device: link.ifname,
    mac: link.address ?? '',
    mtuBytes: link.mtu ?? 0,
    up: isUp(link),
    txChecksum,
    outside: other?.link_index === link.ifindex ? other.ifname : null,
    // The link-local addresses of IPv6 are the kernel's own.
    addresses: (link.addr_info ?? [])
      .filter((address) => !(address.family === 'inet6' && address.scope === 'link'))
      .map((address) => ({
        address: `${address.local}/${address.prefixlen}`,
        broadcast: address.broadcast ?? null,
      })),
  };
}

/** A route of the main table on a device of ours that the kernel did not make for an address. */
function observedRoute(route: IpRoute): Route[] {
  const { dst, gateway, dev, protocol, table, type } = route;
  if ((table ?? 'main') !== 'main' || protocol === 'kernel' || !dev || !isOurDevice(dev)) return [];
  if (type !== undefined && type !== 'unicast') return [];
  const version = `${dst}${gateway ?? ''}`.includes(':') ? 6 : 4;
  const destination = dst === 'default' || dst.includes('/') ? dst : `${dst}/${version === 4 ? 32 : 128}`;
  return [{ version, destination, via: gateway ?? null, device: dev }];
}
