/** What interfaces and gateways have in common: a router's ports and the subnets they are on. */
import { cidrsOverlap, FixedIp, Router, Subnet } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { badRequest, routerNotFound } from '../errors.js';

export function theRouter(draft: Draft, id: string): Router {
  const router = draft.get('router', id);
  if (!router) throw routerNotFound(id);
  return router;
}

/** Port ids of all legs of a router: its interfaces and its gateway. */
export const legPorts = (router: Router): string[] => [
  ...Object.keys(router.interfaces),
  ...(router.gateway ? [router.gateway.portId] : []),
];

/** Subnets on which a router has an address. `except`: a leg that does not count. */
export function subnetsOf(draft: Draft, router: Router, except?: string): Subnet[] {
  return legPorts(router)
    .filter((portId) => portId !== except)
    .flatMap((portId) => draft.get('port', portId)?.fixedIps ?? [])
    .flatMap(({ subnetId }) => draft.get('subnet', subnetId) ?? []);
}

/** Two legs of one router must not lead to overlapping prefixes: it could not tell where a packet belongs. */
export function refuseOverlap(subnet: Subnet, others: readonly Subnet[]): void {
  const overlapping = others.find((other) => cidrsOverlap(other.cidr, subnet.cidr));
  if (overlapping)
    throw badRequest(
      'router',
      `Cidr ${subnet.cidr} of subnet ${subnet.id} overlaps with cidr ${overlapping.cidr} of subnet ${overlapping.id}`,
    );
}

/** The subnets of some addresses; the network is stood on, so they stay. */
export const subnetsOfAddresses = (draft: Draft, ips: readonly FixedIp[]): Subnet[] =>
  ips.flatMap(({ subnetId }) => draft.get('subnet', subnetId) ?? []);
