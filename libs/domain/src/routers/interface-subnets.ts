/** On which subnets a router may have an interface, and on whose. */
import { addressToInt, cidrContains, FixedIp, Network, Port, Router, Subnet, versionOf } from '@plumbline/contracts';
import { isOf, policiesFor } from '../access.js';
import type { Draft } from '../draft.js';
import { badRequest, subnetNotFound } from '../errors.js';
import { refuseOverlap, subnetsOf } from './router-ports.js';

/** The subnet, which the actor must see, with its network; it becomes a precondition. */
export function seenSubnet(draft: Draft, subnetId: string): { subnet: Subnet; network: Network } {
  const subnet = draft.visible('subnet', subnetId);
  const network = subnet && draft.get('network', subnet.networkId);
  if (!subnet || !network) throw subnetNotFound(subnetId);
  return { subnet, network };
}

/**
 * An interface that is requested by subnet gets the subnet's gateway address, which everybody on the subnet uses. So only the subnet's own project may request it,
 * and projects to which the network is shared by name; not every project when it is shared with all (the reference's rule).
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
  draft.dependOn(`rbacpolicy/${policy.id}`);
}

/** An interface from a port on another project's subnet has an address of its pools, which never contain the subnet's gateway. */
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

/** Refuses what the router could not route: a subnet it has already, an overlapping one, one with router advertisements from another router. */
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

/** The router's interface with IPv6 addresses on the network: all IPv6 subnets of a network share it. */
export const ipv6LegOn = (draft: Draft, router: Router, networkId: string): Port | undefined =>
  Object.keys(router.interfaces)
    .map((id) => draft.get('port', id))
    .find((port) => port?.networkId === networkId && hasIpv6(port.fixedIps));
