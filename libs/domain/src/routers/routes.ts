/** Extra routes of a router: their next hops must be hosts on one of its subnets, and not the router itself. */
import {
  canonicalAddress,
  canonicalCidr,
  cidrContains,
  HostRoute,
  isNoHostIn,
  Router,
  Subnet,
  versionOf,
} from '@plumbline/contracts';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { invalidRoutes } from '../errors.js';
import { routesExhausted } from './errors.js';
import { routerPortIds, subnetsOf, theRouter } from './router-ports.js';

/** As the reference's `max_routes`. */
export const MOST_ROUTES = 30;

export const nexthopReachable = (route: HostRoute, subnets: readonly Subnet[]): boolean =>
  subnets.some(({ cidr }) => cidrContains(cidr, route.nexthop));

export function setRoutes(draft: Draft, router: Router, requested: readonly HostRoute[]): void {
  const subnets = subnetsOf(draft, router);
  const own = new Set(
    routerPortIds(router).flatMap((id) => draft.get('port', id)?.fixedIps.map((ip) => ip.ipAddress) ?? []),
  );
  const routes = requested.map((route) => {
    const canonical = checked(route);
    const shown = JSON.stringify(route);
    if (!nexthopReachable(canonical, subnets)) throw invalidRoutes(shown, 'the nexthop is not connected with router');
    if (subnets.some(({ cidr }) => isNoHostIn(cidr, canonical.nexthop)))
      throw invalidRoutes(shown, 'the nexthop is the network, broadcast or anycast address of its subnet');
    if (own.has(canonical.nexthop)) throw invalidRoutes(shown, 'the nexthop is used by router');
    return canonical;
  });
  if (routes.length > MOST_ROUTES) throw routesExhausted(router.id, MOST_ROUTES);
  if (JSON.stringify(routes) !== JSON.stringify(router.routes))
    draft.record({ type: 'RouterRoutesSet', version: 1, data: { routerId: router.id, routes } });
}

/** Adds routes; those that are there already stay. */
export const addRoutes = (routerId: string, added: readonly HostRoute[]): Decide<void> =>
  deciding((draft) => {
    const router = theRouter(draft, routerId);
    const all = new Map([...router.routes, ...added.map(checked)].map((route) => [textOf(route), route]));
    setRoutes(draft, router, [...all.values()]);
  });

/** Removes routes; a route that does not exist is no error. */
export const removeRoutes = (routerId: string, removed: readonly HostRoute[]): Decide<void> =>
  deciding((draft) => {
    const router = theRouter(draft, routerId);
    const gone = new Set(removed.map((route) => textOf(checked(route))));
    const routes = router.routes.filter((route) => !gone.has(textOf(route)));
    if (routes.length < router.routes.length)
      draft.record({ type: 'RouterRoutesSet', version: 1, data: { routerId, routes } });
  });

const textOf = ({ destination, nexthop }: HostRoute): string => `${destination} ${nexthop}`;

function checked(route: HostRoute): HostRoute {
  if (versionOf(route.destination) !== versionOf(route.nexthop))
    throw invalidRoutes(JSON.stringify(route), 'destination and nexthop are of different IP versions');
  return { destination: canonicalCidr(route.destination), nexthop: canonicalAddress(route.nexthop) };
}
