/**
 * Reads a node. The exec helper looks into many router namespaces with one child (links, addresses, routes, neighbours, policy rules, queueing disciplines, kernel parameters,
 * checksum offload) and starts no program for it. The packet filter's rules are printed by two programs, only where they changed since (rules-memory.ts). Changes nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  CommandFailed,
  type NetworkQuestion,
  type Runner,
  type SeenAddress,
  type SeenLink,
  type SeenNetwork,
  type SeenPolicyRule,
  type SeenRoute,
} from '@plumbline/exec';
import {
  type Address,
  type Connection,
  dialect,
  FoundPolicyRule,
  FoundRoute,
  GATEWAY_PREFIX,
  hasIpv6,
  INTERFACE_PREFIX,
  isOurDevice,
  netnsOf,
  ObservedLink,
  ObservedRouter,
  OutsideLink,
  OUTSIDE_PREFIX,
  outsideSysctl,
  routerIdOf,
  sysctlsOf,
} from '@plumbline/l3-core';
import { CONNECTIONS, listConnections } from './connections.js';
import type { NetnsRules, RulesMemory } from './rules-memory.js';

/** Outer ends, in the namespace that the node works in: by index, and whether they have IPv6 by sysctl. */
export type Outsides = Readonly<{ links: ReadonlyMap<number, SeenLink>; sysctls: ReadonlyMap<string, string> }>;
/** A router before its devices are matched with their outer ends. */
export type RawRouter = Readonly<{ id: string; network: SeenNetwork; rules: NetnsRules }> &
  Pick<ObservedRouter, 'connections'>;
/** `entered` false: the reason is that the namespace could not be entered. */
export type Unread = Readonly<{ id: string; reason: string; entered: boolean }>;

/** Routers that have a namespace. */
export async function observeNetnses(runner: Runner): Promise<string[]> {
  const { stdout } = await runner.run(['ip', '-j', 'netns', 'list'], { reads: true });
  const names = JSON.parse(stdout.trim() || '[]') as { name: string }[];
  return names.flatMap(({ name }) => routerIdOf(name) ?? []);
}

/** Those of these links that are there. Asked by name: a node has hundreds. */
export async function observeOutsides(runner: Runner, links: readonly string[]): Promise<Outsides> {
  if (links.length === 0) return { links: new Map(), sysctls: new Map() };
  const [seen] = await runner.look({ links, devices: [OUTSIDE_PREFIX], sysctls: [outsideSysctl('%')] });
  if (!seen || seen instanceof CommandFailed) throw seen ?? new Error('nothing was seen');
  return { links: new Map(seen.links.map((link) => [link.index, link])), sysctls: seen.sysctls };
}

const ROUTER: NetworkQuestion = {
  links: 'all',
  parts: ['addresses', 'routes', 'neighbours', 'policyRules', 'queues'],
  devices: [INTERFACE_PREFIX, GATEWAY_PREFIX],
  sysctls: [...Object.keys(sysctlsOf(['%'])), CONNECTIONS],
  txChecksum: true,
  rulesRevision: true,
};
/** Namespaces that are looked into by one child of the helper, one after the other. */
const AT_ONCE = 25;

/** Each router by itself: one that cannot be read harms no other. `listsConnections`: of which routers. */
export async function readRouters(
  runner: Runner,
  ids: readonly string[],
  memory: RulesMemory,
  listsConnections: (routerId: string) => boolean,
): Promise<(RawRouter | Unread)[]> {
  const parts = Array.from({ length: Math.ceil(ids.length / AT_ONCE) }, (_, n) =>
    ids.slice(n * AT_ONCE, (n + 1) * AT_ONCE),
  );
  const read = async (part: readonly string[]): Promise<(RawRouter | Unread)[]> => {
    const networks = await lookInto(runner, part);
    return Promise.all(
      networks.map(async (network, index) => {
        const id = part[index] as string;
        try {
          if (network instanceof CommandFailed) throw network;
          const [rules, connections] = await Promise.all([
            rulesOf(runner, id, network, memory),
            // Where they cannot be listed, what is older than the rules stays, and is asked for again.
            listsConnections(id) ? connectionsOf(runner, id, network).catch(() => null) : null,
          ]);
          return { id, network, rules, connections };
        } catch (error) {
          memory.forget(netnsOf(id));
          const reason = error instanceof Error ? error.message : String(error);
          return { id, reason, entered: !(error instanceof CommandFailed && error.reason === 'netns') };
        }
      }),
    );
  };
  return (await Promise.all(parts.map(read))).flat();
}

async function connectionsOf(runner: Runner, id: string, { sysctls }: SeenNetwork): Promise<readonly Connection[]> {
  return sysctls.get(CONNECTIONS) === '0' ? [] : listConnections(runner, netnsOf(id));
}

async function rulesOf(runner: Runner, id: string, network: SeenNetwork, memory: RulesMemory): Promise<NetnsRules> {
  const netns = netnsOf(id);
  const known = memory.at(netns, network.rulesRevision);
  if (known) return known;
  const [four, six] = (await Promise.all(
    ([4, 6] as const).map(async (version) => (await runner.run(dialect.save[version], { netns, reads: true })).stdout),
  )) as [string, string];
  const rules: NetnsRules = {
    rules4: dialect.tablesIn(four),
    rules6: dialect.tablesIn(six),
    unreadable: [
      ...dialect.unreadableIn(four).map((table) => ({ version: 4 as const, table })),
      ...dialect.unreadableIn(six).map((table) => ({ version: 6 as const, table })),
    ],
  };
  memory.read(netns, network.rulesRevision, rules);
  return rules;
}

/**
 * The kernel makes the route in table local of a new IPv6 address a moment after the address, from a work queue of its own, also without duplicate address
 * detection (addrconf_dad_start in net/ipv6/addrconf.c): such a route is missing only if it still is a moment later.
 */
async function lookInto(runner: Runner, ids: readonly string[]): Promise<(SeenNetwork | CommandFailed)[]> {
  const networks = [...(await runner.look(ROUTER, ids.map(netnsOf)))];
  for (let left = ROUTE_LOOKS; left > 0; left -= 1) {
    const waiting = networks.flatMap((each, index) =>
      !(each instanceof CommandFailed) && awaitsRoute(each) ? [index] : [],
    );
    if (waiting.length === 0) break;
    await delay(ROUTE_PAUSE_MS);
    const again = await runner.look(
      ROUTER,
      waiting.map((index) => netnsOf(ids[index] as string)),
    );
    for (const [at, index] of waiting.entries()) networks[index] = again[at] as SeenNetwork | CommandFailed;
  }
  return networks;
}
const ROUTE_LOOKS = 10;
const ROUTE_PAUSE_MS = 20;

function awaitsRoute({ links, routes }: SeenNetwork): boolean {
  const six = links.filter((link) => isOurDevice(link.name) && hasIpv6Now(link));
  const addresses = six.flatMap(({ name, addresses: all }) =>
    all
      .filter(({ address, tentative }) => !tentative && address.includes(':'))
      .map(({ address }) => `${name} ${address.replace(/\/.*/, '/128')}`),
  );
  if (addresses.length === 0) return false;
  const local = new Set(
    routes.flatMap(({ version, type, hops, destination }) =>
      version === 6 && type === 'local' ? [`${hops[0]?.device} ${destination}`] : [],
    ),
  );
  return addresses.some((each) => !local.has(each));
}

/** Outer ends by name. */
export const outsidesIn = ({ links, sysctls }: Outsides): Map<string, OutsideLink> =>
  new Map(
    [...links.values()].flatMap(({ name, up, mtuBytes }) =>
      name.startsWith(OUTSIDE_PREFIX)
        ? [[name, { name, up, mtuBytes, ipv6: (sysctls.get(outsideSysctl(name)) ?? '1') !== '1' }] as const]
        : [],
    ),
  );

/** A router with its devices matched with their outer ends. */
export function observedRouter({ id, network, rules, connections }: RawRouter, outsides: Outsides): ObservedRouter {
  const { links, routes, neighbours, policyRules, sysctls } = network;
  return {
    id,
    netns: netnsOf(id),
    loUp: links.some(({ name, up }) => name === 'lo' && up),
    links: links.filter(({ name }) => isOurDevice(name)).map((link) => observedLink(link, outsides, network)),
    routes: routes.flatMap(observedRoute),
    neighbours: neighbours.filter(({ device }) => isOurDevice(device)),
    policyRules: new Map([...policyRules].map(([version, all]) => [version, all.map(policyRule)])),
    sysctls: Object.fromEntries([...sysctls].filter(([key]) => key !== CONNECTIONS)),
    ...rules,
    connections,
  };
}

/** What a veth has that is up, and one that is down. */
const QUEUELESS: readonly string[] = ['noqueue', 'noop'];

/** Contract: ObservedLink.ipv6. */
const hasIpv6Now = ({ up, running, mtuBytes }: SeenLink): boolean => up && running && hasIpv6(mtuBytes);

function observedLink(link: SeenLink, outsides: Outsides, { txChecksum, queues }: SeenNetwork): ObservedLink {
  // A veth's index of its peer does not say in which namespace the peer is: both must point at each other.
  const other = outsides.links.get(link.peerIndex ?? -1);
  return {
    device: link.name,
    mac: link.mac,
    mtuBytes: link.mtuBytes,
    up: link.up,
    txChecksum: txChecksum.get(link.name) ?? true,
    plain: link.answersArp && link.multicast && !link.enslaved,
    qdisc: QUEUELESS.includes(link.qdisc ?? 'noqueue') ? null : link.qdisc,
    ingress: queues.find(({ device, receives }) => receives && device === link.name)?.kind ?? null,
    outside: other?.peerIndex === link.index ? other.name : null,
    ipv6: hasIpv6Now(link),
    addresses: link.addresses.map(observedAddress),
    tentative: new Set(link.addresses.filter(({ tentative }) => tentative).map(({ address }) => address)),
  };
}

/** What the kernel gives its own IPv6 routes, and ip(8) one when nobody says. */
const KERNEL_METRICS: readonly number[] = [0, 256];
const USUAL_METRIC = 1024;
/** Types of route that lead nowhere: they are on no device. */
const DROPPING: readonly string[] = ['blackhole', 'unreachable', 'prohibit', 'throw'];

const addresses = new WeakMap<SeenAddress, Address>();
const routes = new WeakMap<SeenRoute, readonly FoundRoute[]>();

/** What `known` has the same of a thing that was seen before. */
function onceOf<Seen extends object, Found>(
  known: WeakMap<Seen, Found>,
  seen: Seen,
  make: (seen: Seen) => Found,
): Found {
  const before = known.get(seen);
  if (before !== undefined) return before;
  const found = make(seen);
  known.set(seen, found);
  return found;
}

const observedAddress = (seen: SeenAddress): Address =>
  onceOf(addresses, seen, ({ address, broadcast }) => ({ address, broadcast }));

/** Contract: ObservedRouter.routes. */
const observedRoute = (seen: SeenRoute): readonly FoundRoute[] => onceOf(routes, seen, routesIn);

function routesIn(route: SeenRoute): readonly FoundRoute[] {
  const { version, destination, type, table, kernel, source, metric, odd } = route;
  if (table !== 'main' && table !== 'local') return [];
  const drops = DROPPING.includes(type);
  if (drops && (kernel || table === 'local')) return [];
  const hops = drops ? [] : route.hops;
  if (!drops && !hops.some(({ device }) => isOurDevice(device))) return [];
  const usual = metric === null || (kernel ? KERNEL_METRICS.includes(metric) : metric === USUAL_METRIC);
  const plain = (version === 4 ? metric === null : usual) && !odd && (kernel || source === null);
  return [{ version, destination, hops, type, table, kernel, source, metric, plain }];
}

const policyRule = ({ priority, table, plain, devices }: SeenPolicyRule): FoundPolicyRule => ({
  priority,
  table: plain ? table : null,
  devices,
});
