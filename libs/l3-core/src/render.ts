/**
 * From a host's view to the routers wanted on that host. Pure and sorted: equal views give equal text (invariant 8). Nothing is chosen here: a
 * node adds only what its machine is (`NodeFacts`), not what it did before.
 */
import {
  addressToInt,
  canonicalAddress,
  canonicalCidr,
  cidrContains,
  intToAddress,
  ObjectKey,
  prefixLengthOf,
  rangeOf,
  versionOf,
} from '@plumbline/contracts';
import { HostView } from '@plumbline/topology';
import { advertisingOf } from './advertising.js';
import { Gathered, Incomplete, RouterPort, routersHere } from './router-ports.js';
import { hasIpv6, isLinkLocal } from './ipv6.js';
import { netnsOf, outsideDevice } from './marks.js';
import { Members } from './members.js';
import { hopRefusal } from './routes.js';
import { rulesV4, rulesV6 } from './rules.js';
import { Address, Link, Route, RouterState } from './state.js';
import { sysctlsOf } from './sysctls.js';

export type NodeFacts = Readonly<{
  userspace: boolean;
  /** True where a metadata agent answers guests: routers redirect to it what they ask. Default false. */
  metadata?: boolean;
}>;

/** The result for one router: its state, or why it has none. `keys`: the objects that it is computed from. */
export type Rendered = Readonly<{ id: string; keys: ReadonlySet<ObjectKey> }> &
  (
    | Readonly<{ kind: 'present'; gathered: Gathered; state: RouterState }>
    /** Administratively down: nothing of it is wanted on the node. */
    | Readonly<{ kind: 'down'; gathered: Gathered }>
    /** An event of a type that this release does not know names it or an object of it: left as it is. */
    | Readonly<{ kind: 'frozen'; frozenBy: ObjectKey }>
    | Readonly<{ kind: 'incomplete'; reason: string }>
  );

/** Renders the routers of the view's host, or those of them named in `only`, from nothing. */
export function render(view: HostView, facts: NodeFacts, only?: ReadonlySet<string>): Map<string, Rendered> {
  const members = new Members();
  members.update(view, 'all');
  return renderRouters(view, facts, members, only ?? new Set(routersHere(view).map(({ id }) => id)));
}

/** Those of these routers that are on the view's host, in the order given. */
export function renderRouters(
  view: HostView,
  facts: NodeFacts,
  members: Members,
  ids: Iterable<string>,
): Map<string, Rendered> {
  const rendered = new Map<string, Rendered>();
  for (const id of ids) {
    const one = renderOne(view, facts, members, id);
    if (one) rendered.set(id, one);
  }
  return rendered;
}

function renderOne(view: HostView, facts: NodeFacts, members: Members, id: string): Rendered | null {
  try {
    const gathered = members.gather(view, id);
    if (!gathered) return null;
    const { keys, router } = gathered;
    const frozenBy = [...keys].find((key) => view.frozen.has(key));
    if (frozenBy) return { id, keys, kind: 'frozen', frozenBy };
    if (!router.adminStateUp) return { id, keys, kind: 'down', gathered };
    return { id, keys, kind: 'present', gathered, state: renderRouter(gathered, facts) };
  } catch (error) {
    if (!(error instanceof Incomplete)) throw error;
    const { keys, message } = error;
    if (view.frozen.has(`router/${id}`)) return { id, keys, kind: 'frozen', frozenBy: `router/${id}` };
    return { id, keys, kind: 'incomplete', reason: message };
  }
}

const made = new WeakMap<Gathered, Readonly<{ facts: Required<NodeFacts>; state: RouterState }>>();

/** The state of one router that is up; made once of a router that does not change. */
export function renderRouter(gathered: Gathered, facts: NodeFacts): RouterState {
  const { userspace, metadata = false } = facts;
  const before = made.get(gathered);
  if (before?.facts.userspace === userspace && before.facts.metadata === metadata) return before.state;
  const state = stateOf(gathered, { userspace, metadata });
  made.set(gathered, { facts: { userspace, metadata }, state });
  return state;
}

function stateOf(gathered: Gathered, facts: NodeFacts): RouterState {
  const links = gathered.ports
    .map((routerPort) => renderLink(routerPort, gathered, facts))
    .sort(by((link) => link.device));
  return {
    id: gathered.router.id,
    netns: netnsOf(gathered.router.id),
    links,
    ...routesOf(gathered),
    sysctls: sysctlsOf(
      links.map(({ device }) => device),
      links.filter(({ mtuBytes }) => hasIpv6(mtuBytes)).map(({ device }) => device),
    ),
    rules4: rulesV4(gathered, facts.metadata === true),
    rules6: rulesV6(gathered, facts.metadata === true),
    advertising: gathered.ports.flatMap((routerPort) => advertisingOf(routerPort) ?? []),
  };
}

function renderLink(routerPort: RouterPort, gathered: Gathered, facts: NodeFacts): Link {
  const addresses = routerPort.addresses.map(({ ip, subnet }) => subnetAddress(ip, subnet.cidr));
  const floating = routerPort === gathered.gateway ? floatingAddresses(gathered).map(hostAddress) : [];
  return {
    device: routerPort.device,
    outside: outsideDevice(routerPort.port.id),
    mac: routerPort.port.macAddress,
    mtuBytes: routerPort.mtuBytes,
    up: routerPort.port.adminStateUp,
    txChecksum: !facts.userspace,
    // The router's own address first: the kernel takes the first of a prefix as the source of what it sends itself.
    addresses: [...addresses, ...floating],
    port: { portId: routerPort.port.id, mac: routerPort.port.macAddress, position: routerPort.position },
  };
}

/** Addresses of associated floating IPs and of those that have forwardings, each once. */
function floatingAddresses({ floatingIps, forwardings }: Gathered): string[] {
  const forwarded = forwardings.flatMap(({ object }) => object.externalIpAddress ?? []);
  return [...new Set([...floatingIps.map((fip) => fip.floatingIpAddress), ...forwarded])].sort();
}

function subnetAddress(ip: string, cidr: string): Address {
  const address = `${canonicalAddress(ip)}/${prefixLengthOf(cidr)}`;
  const { last, version } = rangeOf(cidr);
  const hasBroadcast = version === 4 && prefixLengthOf(cidr) <= 30;
  return { address, broadcast: hasBroadcast ? intToAddress(last, version) : null };
}

const hostAddress = (ip: string): Address => ({
  address: `${canonicalAddress(ip)}/32`,
  broadcast: canonicalAddress(ip),
});

/** A prefix as a route's destination, whatever host bits it was given with. */
const destinationOf = (cidr: string): string => {
  const canonical = canonicalCidr(cidr);
  return canonical === '0.0.0.0/0' || canonical === '::/0' ? 'default' : canonical;
};

function routesOf(gathered: Gathered): Pick<RouterState, 'routes' | 'badHops'> {
  const routes = new Map<string, readonly Route[]>();
  const add = (route: Route): void => {
    routes.set(keyOf(route), [route]);
  };
  const { gateway } = gathered;
  if (gateway?.port.adminStateUp) {
    const ownSubnets = new Set(gateway.addresses.map((address) => address.subnet.id));
    const device = gateway.device;
    // Floating IPs of another subnet of the same outside network: its hosts are neighbours, not behind the gateway.
    for (const subnet of gathered.outsideSubnets)
      if (!ownSubnets.has(subnet.id) && gateway.addresses.some((address) => address.version === subnet.ipVersion))
        add({ version: subnet.ipVersion, destination: destinationOf(subnet.cidr), via: null, device });
    for (const { subnet, version } of gateway.addresses) {
      const via = subnet.gatewayIp;
      if (!via || routes.has(`${version} default`)) continue;
      // RFC 1122 wants the gateway on the port's own subnet; some providers have it elsewhere. A host route makes it reachable.
      if (!cidrContains(subnet.cidr, via) && !isLinkLocal(via))
        add({ version, destination: `${canonicalAddress(via)}/${version === 4 ? 32 : 128}`, via: null, device });
      add({ version, destination: 'default', via: canonicalAddress(via), device });
    }
  }
  // What the router reaches without a gateway it reaches so, whatever extra routes there are to the same destination.
  const near = new Set(
    [...routes.values()]
      .flat()
      .filter(({ via }) => via === null)
      .map(keyOf),
  );
  for (const { port, addresses } of gathered.ports)
    if (port.adminStateUp)
      for (const { ip, version, subnet } of addresses) {
        near.add(keyOf({ version, destination: destinationOf(subnet.cidr) }));
        near.add(keyOf({ version, destination: `${canonicalAddress(ip)}/${version === 4 ? 32 : 128}` }));
      }
  const own = gathered.ports.flatMap(({ addresses }) => addresses.map(({ ip, subnet }) => ({ ip, cidr: subnet.cidr })));
  const extra = new Map<string, Route[]>();
  for (const { destination, nexthop } of gathered.router.routes) {
    // The kernel refuses a route whose next hop is on no subnet of the router's ports: it is left out.
    const routerPort = gathered.ports.find(
      (each) => each.port.adminStateUp && each.addresses.some(({ subnet }) => cidrContains(subnet.cidr, nexthop)),
    );
    if (!routerPort) continue;
    const route: Route = {
      version: versionOf(nexthop),
      destination: destinationOf(destination),
      via: canonicalAddress(nexthop),
      device: routerPort.device,
    };
    const others = extra.get(keyOf(route)) ?? [];
    if (!near.has(keyOf(route)) && !others.some(({ via }) => via === route.via))
      extra.set(keyOf(route), [...others, route]);
  }
  const badHops: { route: Route; reason: string }[] = [];
  for (const [key, all] of extra) {
    const hops = all.filter((route) => {
      // A route with one next hop is the kernel's to judge; one of several that it does not take would cost the others.
      const reason = all.length > 1 && route.via !== null ? hopRefusal(route.via, own) : null;
      if (reason !== null) badHops.push({ route, reason });
      return reason === null;
    });
    if (hops.length > 0) routes.set(key, hops);
  }
  // On-link routes first: a next hop must be reachable when the route through it is made.
  const sorted = [...routes.values()]
    .flat()
    .sort((a, b) => Number(a.via !== null) - Number(b.via !== null) || compareRoutes(a, b));
  return { routes: sorted, badHops };
}

const keyOf = ({ version, destination }: Pick<Route, 'version' | 'destination'>): string => `${version} ${destination}`;

function compareRoutes(a: Route, b: Route): number {
  if (a.version !== b.version) return a.version - b.version;
  if (a.destination === b.destination) return (a.via ?? '') < (b.via ?? '') ? -1 : a.via === b.via ? 0 : 1;
  if (a.destination === 'default' || b.destination === 'default') return a.destination === 'default' ? -1 : 1;
  const [left = '', right = ''] = [a.destination.split('/')[0], b.destination.split('/')[0]];
  const difference = addressToInt(left) - addressToInt(right);
  return difference < 0n ? -1 : difference > 0n ? 1 : prefixLengthOf(a.destination) - prefixLengthOf(b.destination);
}

const by =
  <T>(key: (item: T) => string) =>
  (a: T, b: T): number =>
    key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
