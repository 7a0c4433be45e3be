/**
 * Routes: which ones a router is to have, and the steps from found to wanted. Pure.
 *
 * Every route that packets need is state of its own here, also those that the kernel makes by itself for an address or a link (to the connected subnet, to the
 * address, to multicast groups): once somebody has deleted or replaced one, the kernel does not make it again. While its address or link is still to be made
 * nothing is missing: the kernel makes the route then, and the read-back looks whether it did.
 *
 * Roads not taken: to make an IPv4 address anew when its connected route is missing (others of the same prefix, and what goes through it, would be without
 * route meanwhile); to delete every route of the kernel that we do not expect (kernels differ in what they keep in table local; there only what somebody else
 * wrote is removed).
 */
import { addressToInt, canonicalCidr, isNoHostIn, prefixLengthOf } from '@plumbline/contracts';
import { L3Step } from './driver.js';
import { hasIpv6, isLinkLocal } from './ipv6.js';
import { FoundRoute, Hop, KernelRoute, Link, ObservedLink, ObservedRouter, Route, RouterState } from './state.js';

const versionOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);
const ipOf = (address: string): string => address.slice(0, address.indexOf('/'));
const hostPrefix = (ip: string): string => `${ip}/${versionOf(ip) === 4 ? 32 : 128}`;

/** What the kernel makes for a device that is up and has these addresses; of addresses of one IPv4 prefix the first is the source. */
export function kernelRoutesOf({
  device,
  mtuBytes,
  addresses,
}: Pick<Link, 'device' | 'mtuBytes' | 'addresses'>): KernelRoute[] {
  const routes = new Map<string, KernelRoute>();
  const add = (type: KernelRoute['type'], destination: string, source: string | null): void => {
    const route = { version: versionOf(destination), type, destination, device, source };
    const text = kernelText(route);
    if (!routes.has(text)) routes.set(text, route);
  };
  for (const { address, broadcast } of addresses) {
    const ip = ipOf(address);
    const version = versionOf(ip);
    if (version === 6 && !hasIpv6(mtuBytes)) continue;
    const source = version === 4 ? ip : null;
    add('local', hostPrefix(ip), source);
    if (version === 6 || prefixLengthOf(address) < 32) add('unicast', canonicalCidr(address), source);
    if (broadcast !== null && broadcast !== ip) add('broadcast', hostPrefix(broadcast), source);
  }
  if (hasIpv6(mtuBytes)) add('multicast', 'ff00::/8', null);
  return [...routes.values()];
}

/** Equal for routes that are in each other's place. */
const kernelText = ({
  type,
  destination,
  device,
}: Readonly<Record<'type' | 'destination' | 'device', string>>): string => `${type} ${destination} ${device}`;

/** A kernel's route as it is found. */
export const foundKernelRoute = ({ version, type, destination, device, source }: KernelRoute): FoundRoute => ({
  version,
  destination,
  hops: [{ via: null, device }],
  type,
  table: type === 'unicast' ? 'main' : 'local',
  kernel: true,
  source,
  metric: null,
  plain: true,
});

/** Routes of the kernel as found, by what they are. */
export type KernelRoutes = ReadonlyMap<string, FoundRoute>;
export function kernelRoutesIn(found: readonly FoundRoute[]): KernelRoutes {
  const routes = new Map<string, FoundRoute>();
  for (const route of found) {
    const { type, destination, hops } = route;
    const [hop] = hops;
    if (route.kernel && route.plain && hops.length === 1 && hop?.via === null)
      routes.set(kernelText({ type, destination, device: hop.device }), route);
  }
  return routes;
}

/** Whether it is there. Only for a connected subnet does it matter which address the router sends from. */
function isThere(route: KernelRoute, found: KernelRoutes): boolean {
  const there = found.get(kernelText(route));
  return there !== undefined && (route.type !== 'unicast' || there.source === route.source);
}

/** Routes of the kernel that are missing on a link that is up, as it was found and is wanted. */
function missingOn(link: Link, now: ObservedLink, found: KernelRoutes): KernelRoute[] {
  const there = new Set(now.addresses.map(({ address }) => address));
  const addresses = [
    ...link.addresses.filter(({ address }) => there.has(address)),
    ...now.addresses.filter(({ address }) => isLinkLocal(address)),
  ];
  const tentative = new Set([...now.tentative].map((address) => hostPrefix(ipOf(address))));
  return kernelRoutesOf({ ...link, addresses }).filter(
    (route) =>
      (route.version === 4 || now.ipv6) &&
      !(route.type === 'local' && tentative.has(route.destination)) &&
      !isThere(route, found),
  );
}

/** IPv6 addresses whose route in table local is gone. It cannot be put back in such a way that it goes with its address: the address is made anew. */
export function withoutLocalRoute(now: ObservedLink, found: KernelRoutes): ReadonlySet<string> {
  const addresses = now.addresses.filter(({ address }) => address.includes(':') && !now.tentative.has(address));
  if (addresses.length === 0 || !now.ipv6) return NONE;
  const lost = kernelRoutesOf({ ...now, addresses }).filter(
    (route) => route.type === 'local' && !isThere(route, found),
  );
  const ips = new Set(lost.map(({ destination }) => ipOf(destination)));
  return new Set(addresses.filter(({ address }) => ips.has(ipOf(address))).map(({ address }) => address));
}

const NONE: ReadonlySet<string> = new Set();

/** All next hops of each destination. */
function byDestination(routes: readonly Route[]): Map<string, { version: 4 | 6; destination: string; hops: Hop[] }> {
  const groups = new Map<string, { version: 4 | 6; destination: string; hops: Hop[] }>();
  for (const { version, destination, via, device } of routes) {
    const key = `${version} ${destination}`;
    const group = groups.get(key);
    if (group) group.hops.push({ via, device });
    else groups.set(key, { version, destination, hops: [{ via, device }] });
  }
  return groups;
}

const hopsText = (hops: readonly Hop[]): string =>
  hops
    .map(({ via, device }) => `${via} ${device}`)
    .sort()
    .join();

/** Routes that we make, as they are found. */
export const foundRoutes = (routes: readonly Route[]): FoundRoute[] =>
  [...byDestination(routes).values()].map((group) => ({
    ...group,
    type: 'unicast',
    table: 'main',
    kernel: false,
    source: null,
    metric: null,
    plain: true,
  }));

/** `standing`: links that are there and stay as they are. Routes on any other went with it, or come with it. */
export function planRoutes(
  { netns, links, routes }: RouterState,
  have: ObservedRouter | undefined,
  mayRemove: boolean,
  standing: ReadonlyMap<string, ObservedLink>,
  kernels: KernelRoutes,
): L3Step[] {
  const steps: L3Step[] = [];
  const now = (have?.routes ?? []).filter(({ hops }) => hops.every(({ device }) => standing.has(device)));
  for (const link of links) {
    const was = standing.get(link.device);
    if (!was?.up || !link.up) continue;
    for (const route of missingOn(link, was, kernels))
      if (route.version === 4 || route.type !== 'local') steps.push({ op: 'restore-route', netns, ...route });
  }
  const wanted = byDestination(routes);
  const isWanted = ({ version, destination, hops, type, table, kernel, plain }: FoundRoute): boolean => {
    if (type !== 'unicast' || table !== 'main' || kernel || !plain) return false;
    const group = wanted.get(`${version} ${destination}`);
    return group !== undefined && hopsText(group.hops) === hopsText(hops);
  };
  const right = new Set(now.filter(isWanted).map(({ version, destination }) => `${version} ${destination}`));
  for (const [key, group] of wanted) if (!right.has(key)) steps.push({ op: 'replace-route', netns, ...group });
  if (!mayRemove || !have) return steps;
  // Routes to connected subnets; a single address brings none.
  const brought = new Set(
    have.links.flatMap((found) => {
      const link = links.find(({ device }) => device === found.device);
      const all = [...(link?.addresses ?? []), ...found.addresses].filter(({ address }) => !address.endsWith('/32'));
      return kernelRoutesOf({ ...found, addresses: all }).map(kernelText);
    }),
  );
  for (const route of now) {
    const { version, destination, hops, type, table, kernel, metric, plain } = route;
    const [{ device = '' } = {}] = hops;
    if (isWanted(route)) continue;
    // The kernel's own go with their addresses.
    if (kernel && plain && (table === 'local' || brought.has(kernelText({ type, destination, device })))) continue;
    // `replace` takes the place of an IPv4 route to the same destination. In IPv6 it does so too, but not between a route on link and one by a gateway; to
    // remove the old one now could take away next hops of the new one, so the read-back looks whether it is still there.
    const key = `${version} ${destination}`;
    if (table === 'main' && (version === 4 ? metric === null && wanted.has(key) : wanted.has(key) && !right.has(key)))
      continue;
    if (table === 'main' && version === 4 && metric === null && restored(steps, route)) continue;
    steps.push({ op: 'remove-route', netns, ...route });
  }
  return steps;
}

/** Whether the route to a connected subnet takes the place of this one. */
const restored = (steps: readonly L3Step[], { destination }: FoundRoute): boolean =>
  steps.some((step) => step.op === 'restore-route' && step.type === 'unicast' && step.destination === destination);

/** Why no kernel takes this next hop; null when there is no such reason. `own`: the router's addresses with their subnets. */
export function hopRefusal(via: string, own: readonly Readonly<{ ip: string; cidr: string }>[]): string | null {
  const value = addressToInt(via);
  for (const { ip, cidr } of own) {
    if (versionOf(ip) !== versionOf(via)) continue;
    if (addressToInt(ip) === value) return `${via} is an address of the router itself`;
    if (isNoHostIn(cidr, via)) return `${via} is no host's address in ${cidr}`;
  }
  return null;
}
