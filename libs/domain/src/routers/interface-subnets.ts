/** On which subnets a router may have a leg, and on whose. */
import { addressToInt, cidrContains, FixedIp, Network, Port, Router, Subnet, versionOf } from '@plumbline/contracts';
import { isOf, policiesFor } from '../access.js';
import type { Draft } from '../draft.js';
import { badRequest, subnetNotFound } from '../errors.js';
import { refuseOverlap, subnetsOf } from './legs.js';

/** The subnet, seen by the actor, with its network; it must stay as it is. */
export function seenSubnet(draft: Draft, subnetId: string): { subnet: Subnet; network: Network } {
  const subnet = draft.visible('subnet', subnetId);
  const network = subnet && draft.get('network', subnet.networkId);
  if (!subnet || !network) throw subnetNotFound(subnetId);
  return { subnet, network };
}

/**
 * A leg made by subnet bears the subnet's gateway address: that of everybody there. So it is for the subnet's own project, and for those that its network was
 * opened to by name; not for all that share a network with all (the reference's rule).
 */
export function refuseForeign(draft: Draft, subnet: Subnet): void {
  const { actor } = draft.context;
  if (actor.role === 'admin' || isOf(actor, subnet)) return;
  const policy = policiesFor(draft, subnet.networkId, actor.projectId, 'access_as_shared').find(
    ({ targetProject }) => targetProject === actor.projectId,
  );
  if (!policy)
    throw badRequest(
      'router',
      `Cannot add interface to router because subnet ${subnet.id} is not owned by project making the request`,
    );
  draft.standOn(`rbacpolicy/${policy.id}`);
}

/** A leg made of a port on somebody else's subnet bears an address of its pools, which never hold the subnet's gateway. */
export function refuseOutsidePools(draft: Draft, port: Port, subnets: readonly Subnet[]): void {
  const { actor } = draft.context;
  if (actor.role === 'admin') return;
  for (const subnet of subnets.filter((each) => !isOf(actor, each))) {
    const out = port.fixedIps.some((ip) => ip.subnetId === subnet.id && !inPools(subnet, ip.ipAddress));
    if (out)
      throw badRequest(
        'router',
        `Cannot add interface to router because specified port ${port.id} has an IP address out of the allocation pool of subnet ${subnet.id}, which is not owned by the project making the request`,
      );
  }
}

const inPools = (subnet: Subnet, address: string): boolean =>
  cidrContains(subnet.cidr, address) &&
  subnet.allocationPools.some(
    ({ start, end }) => addressToInt(start) <= addressToInt(address) && addressToInt(address) <= addressToInt(end),
  );

/** Refuses what the router could not route: a subnet it has already, one that overlaps, one whose router advertisements come from elsewhere. */
export function refuseSubnet(draft: Draft, router: Router, subnet: Subnet): void {
  if (subnet.ipVersion === 6 && subnet.ipv6RaMode === null && subnet.ipv6AddressMode !== null)
    throw badRequest(
      'router',
      `IPv6 subnet ${subnet.id} configured to receive RAs from an external router cannot be added to Neutron Router`,
    );
  const others = subnetsOf(draft, router);
  if (others.some(({ id }) => id === subnet.id))
    throw badRequest('router', `Router already has a port on subnet ${subnet.id}`);
  refuseOverlap(subnet, others);
}

export const hasIpv6 = (fixedIps: readonly FixedIp[]): boolean =>
  fixedIps.some(({ ipAddress }) => versionOf(ipAddress) === 6);

/** The router's leg on the network that has IPv6 addresses: all IPv6 subnets of a network share it. */
export const ipv6LegOn = (draft: Draft, router: Router, networkId: string): Port | undefined =>
  Object.keys(router.interfaces)
    .map((id) => draft.get('port', id))
    .find((port) => port?.networkId === networkId && hasIpv6(port.fixedIps));
