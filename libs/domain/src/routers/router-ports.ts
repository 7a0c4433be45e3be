/** What interfaces and gateways have in common: a router's ports and the subnets they are on. */
import { cidrsOverlap, FixedIp, Router, Subnet } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { badRequest, routerNotFound } from '../errors.js';

export function theRouter(draft: Draft, id: string): Router {
  const router = draft.get('router', id);
  if (!router) throw routerNotFound(id);
  return router;
}

/** Ids of all ports of a router: its interfaces and its gateway. */
export const routerPortIds = (router: Router): string[] => [
  ...Object.keys(router.interfaces),
  ...(router.gateway ? [router.gateway.portId] : []),
];

/** Subnets on which a router has an address. `except`: a port to leave out. */
export function subnetsOf(draft: Draft, router: Router, except?: string): Subnet[] {
  return routerPortIds(router)
    .filter((portId) => portId !== except)
    .flatMap((portId) => draft.get('port', portId)?.fixedIps ?? [])
    .flatMap(({ subnetId }) => draft.get('subnet', subnetId) ?? []);
}

/** Two ports of one router must not have overlapping prefixes: the router could not tell where to send a packet. */
export function refuseOverlap(subnet: Subnet, others: readonly Subnet[]): void {
  const overlapping = others.find((other) => cidrsOverlap(other.cidr, subnet.cidr));
  if (overlapping)
    throw badRequest(
      'router',
      `Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${overlapping.cidr} of subnet ${overlapping.id}`,
    );
}

/** The subnets of some addresses. They cannot change: their network is a precondition already. */
export const subnetsOfAddresses = (draft: Draft, ips: readonly FixedIp[]): Subnet[] =>
  ips.flatMap(({ subnetId }) => draft.get('subnet', subnetId) ?? []);
