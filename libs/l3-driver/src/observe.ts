/**
 * Reading a node. Per router namespace three commands side by side (one ip(8) for links, addresses and routes of both families; iptables-save;
 * ip6tables-save) and two questions to the exec helper, which start no program. Nothing is changed.
 */
import {
  isOurDevice,
  netnsOf,
  ObservedLink,
  ObservedRouter,
  OutsideLink,
  OUTSIDE_PREFIX,
  outsideSysctl,
  parseSaved,
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

/** The node's root namespace: our namespaces, and veths by index. */
export type Root = Readonly<{ netnses: readonly string[]; veths: ReadonlyMap<number, IpLink> }>;

/** ip(8) prints one JSON array a command of a batch, a line each. */
function parseJsonLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('['))
    .flatMap((line) => JSON.parse(line) as T[]);
}

export async function observeRoot(runner: Runner): Promise<Root> {
  const stdin = 'netns list\nlink show type veth\n';
  const { stdout } = await runner.run(['ip', '-d', '-j', '-batch', '-'], { stdin, reads: true });
  const items = parseJsonLines<IpLink | IpNetns>(stdout);
  const links = items.filter((item): item is IpLink => 'ifname' in item);
  const named = items.filter((item): item is IpNetns => 'name' in item);
  return {
    netnses: named.map(({ name }) => name).filter((name) => routerIdOf(name) !== null),
    veths: new Map(links.map((link) => [link.ifindex, link])),
  };
}

/** Outer ends by name. */
export async function observeOutsides(runner: Runner, root: Root): Promise<Map<string, OutsideLink>> {
  const taps = [...root.veths.values()].filter(({ ifname }) => ifname.startsWith(OUTSIDE_PREFIX));
  const keys = taps.map(({ ifname }) => outsideSysctl(ifname));
  const values = await runner.readSysctls(keys);
  return new Map(
    taps.map((link): [string, OutsideLink] => {
      const name = link.ifname;
      const ipv6 = (values.get(outsideSysctl(name)) ?? '1') !== '1';
      return [name, { name, up: isUp(link), mtuBytes: link.mtu ?? 0, ipv6 }];
    }),
  );
}

/** Rejects when the namespace cannot be read. */
export async function observeRouter(runner: Runner, root: Root, id: string): Promise<ObservedRouter> {
  const netns = netnsOf(id);
  const inside = { netns, reads: true };
  const devices = async (): Promise<Pick<ObservedRouter, 'loUp' | 'links' | 'routes' | 'sysctls'>> => {
    const stdin = 'address show\nroute show table all\n';
    const { stdout } = await runner.run(['ip', '-d', '-j', '-batch', '-'], { ...inside, stdin });
    const items = parseJsonLines<IpLink | IpRoute>(stdout);
    const links = items.filter((item): item is IpLink => 'ifname' in item);
    const ours = links.filter(({ ifname }) => isOurDevice(ifname));
    const names = ours.map(({ ifname }) => ifname);
    const [sysctls, txChecksum] = await Promise.all([
      runner.readSysctls(Object.keys(sysctlsOf(names)), { netns }),
      runner.readTxChecksum(names, { netns }),
    ]);
    return {
      loUp: links.some((link) => link.ifname === 'lo' && isUp(link)),
      links: ours.map((link) => observedLink(link, root, txChecksum.get(link.ifname) ?? true)),
      routes: items.flatMap((item) => ('dst' in item ? observedRoute(item) : [])),
      sysctls: Object.fromEntries(sysctls),
    };
  };
  const [found, rules4, rules6] = await Promise.all([
    devices(),
    runner.run(['iptables-save'], inside),
    runner.run(['ip6tables-save'], inside),
  ]);
  return { id, netns, ...found, rules4: parseSaved(rules4.stdout), rules6: parseSaved(rules6.stdout) };
}

const isUp = (link: IpLink): boolean => link.flags?.includes('UP') ?? false;

function observedLink(link: IpLink, root: Root, txChecksum: boolean): ObservedLink {
  // A veth's index of the other end says nothing of the namespace it is in: both must point at each other.
  const other = root.veths.get(link.link_index ?? -1);
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
