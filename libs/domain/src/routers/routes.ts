/** Extra routes of a router: their next hops must be neighbours on one of its subnets, and not the router itself. */
import {
  canonicalAddress,
  canonicalCidr,
  cidrContains,
  HostRoute,
  Router,
  Subnet,
  versionOf,
} from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { invalidRoutes } from '../errors.js';
import { legPorts, subnetsOf } from './legs.js';

export const nexthopReachable = (route: HostRoute, subnets: readonly Subnet[]): boolean =>
  subnets.some(({ cidr }) => cidrContains(cidr, route.nexthop));

export function setRoutes(draft: Draft, router: Router, wished: readonly HostRoute[]): void {
  const subnets = subnetsOf(draft, router);
  const own = new Set(
    legPorts(router).flatMap((id) => draft.get('port', id)?.fixedIps.map((ip) => ip.ipAddress) ?? []),
  );
  const routes = wished.map((route) => {
    const shown = JSON.stringify(route);
    if (versionOf(route.destination) !== versionOf(route.nexthop))
      throw invalidRoutes(shown, 'destination and nexthop are of different IP versions');
    const canonical = { destination: canonicalCidr(route.destination), nexthop: canonicalAddress(route.nexthop) };
    if (!nexthopReachable(canonical, subnets)) throw invalidRoutes(shown, 'the nexthop is not connected with router');
    if (own.has(canonical.nexthop)) throw invalidRoutes(shown, 'the nexthop is used by router');
    return canonical;
  });
  if (JSON.stringify(routes) !== JSON.stringify(router.routes))
    draft.record({ type: 'RouterRoutesSet', version: 1, data: { routerId: router.id, routes } });
}
