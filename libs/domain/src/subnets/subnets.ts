/** Subnets. Their events are in their network's stream, so two that overlap cannot be created at the same time. */
import {
  AllocationPool,
  canonicalCidr,
  cidrsOverlap,
  HostRoute,
  isRouterPort,
  Subnet,
  SubnetPool,
} from '@plumbline/contracts';
import { changedFields, definedOnly } from '../changes.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import { NO_DHCP, startServing, type DhcpFleet } from '../dhcp/scheduling.js';
import type { Draft } from '../draft.js';
import { badRequest, gatewayIpInUse, invalidInput, networkNotFound, notAuthorized, subnetNotFound } from '../errors.js';
import { checkIpv6Mtu } from '../networks/mtu.js';
import { ownsNetwork } from '../ports/fixed-ips.js';
import { takePrefix, requestedPool } from '../subnet-pools/allocation.js';
import { giveAutomaticAddresses, takeAddressesBack } from './automatic.js';
import { checkDhcpPrefix, checkedNameservers, checkedRoutes, checkedServiceTypes, sameVersion } from './checks.js';
import { networkAddressScopeAffinity, networkSubnetPoolAffinity } from './errors.js';
import { checkDhcpChange, checkModes } from './ipv6.js';
import { checkedPools, checkGateway, checkGatewayOutsidePools, defaultGateway, defaultPools } from './pools.js';

export type NewSubnet = Readonly<{
  projectId: string;
  networkId: string;
  name: string;
  description: string;
  ipVersion: 4 | 6;
  /** Undefined or null: any of the pool. */
  cidr?: string | null | undefined;
  /** With a pool and no prefix of its own; undefined or null: the pool's default length. */
  prefixLength?: number | null | undefined;
  subnetPoolId?: string | null | undefined;
  useDefaultPool?: boolean | undefined;
  /** Undefined: the first address. Null: none. */
  gatewayIp?: string | null | undefined;
  /** Undefined: all but the gateway. */
  allocationPools?: readonly AllocationPool[] | undefined;
  dnsNameservers: readonly string[];
  hostRoutes: readonly HostRoute[];
  enableDhcp: boolean;
  ipv6RaMode?: Subnet['ipv6RaMode'] | undefined;
  ipv6AddressMode?: Subnet['ipv6AddressMode'] | undefined;
  /** Only ports of these device owners may have addresses here; empty: all. */
  serviceTypes?: readonly string[] | undefined;
}>;
export type SubnetChanges = Partial<
  Pick<
    NewSubnet,
    | 'name'
    | 'description'
    | 'gatewayIp'
    | 'allocationPools'
    | 'dnsNameservers'
    | 'hostRoutes'
    | 'enableDhcp'
    | 'serviceTypes'
  >
>;

const NEW = 'new subnet';

/** All or none, in one command, with the DHCP servers that their networks lack. Returns the ids in the order asked. */
export const createSubnets = (requests: readonly NewSubnet[], dhcp: DhcpFleet = NO_DHCP): Decide<string[]> =>
  deciding((draft) => {
    const ids = requests.map((request) => createSubnet(draft, request));
    for (const networkId of new Set(requests.map((request) => request.networkId))) startServing(draft, networkId, dhcp);
    return ids;
  });

export function createSubnet(draft: Draft, request: NewSubnet): string {
  const { networkId, ipVersion, ipv6RaMode = null, ipv6AddressMode = null } = request;
  if (!draft.visible('network', networkId)) throw networkNotFound(networkId);
  if (!ownsNetwork(draft, networkId)) throw notAuthorized('create_subnet');
  const pool = requestedPool(draft, request);
  const cidr = prefixOf(draft, request, pool);
  if (ipVersion === 6) checkIpv6Mtu(draft.get('network', networkId)?.mtuBytes ?? Infinity, 'ip_version');
  if (request.enableDhcp) checkDhcpPrefix(cidr);
  checkModes({ ipVersion, cidr, enableDhcp: request.enableDhcp, ipv6RaMode, ipv6AddressMode });
  const others = draft.find('subnet', `network/${networkId}`);
  if (others.some((other) => cidrsOverlap(other.cidr, cidr)))
    throw invalidInput(
      `Requested subnet with cidr: ${cidr} for network: ${networkId} overlaps with another subnet`,
      'cidr',
    );
  checkAffinity(
    draft,
    pool,
    others.filter((other) => other.ipVersion === ipVersion),
  );
  const gatewayIp = gatewayOf(request.gatewayIp, cidr, ipVersion);
  const allocationPools = request.allocationPools
    ? checkedPools(cidr, request.allocationPools)
    : defaultPools(cidr, gatewayIp);
  checkGatewayOutsidePools(gatewayIp, allocationPools);
  const serviceTypes = checkedServiceTypes(request.serviceTypes ?? []);
  const subnetId = draft.context.newId();
  draft.record({
    type: 'SubnetCreated',
    version: 1,
    data: {
      subnetId,
      networkId,
      projectId: request.projectId,
      name: request.name,
      description: request.description,
      ipVersion,
      cidr,
      gatewayIp,
      allocationPools,
      dnsNameservers: checkedNameservers(request.dnsNameservers, ipVersion, NEW),
      hostRoutes: checkedRoutes(request.hostRoutes, ipVersion, NEW),
      enableDhcp: request.enableDhcp,
      ipv6RaMode,
      ipv6AddressMode,
      ...(pool && { subnetPoolId: pool.id }),
      ...(serviceTypes.length > 0 && { serviceTypes }),
    },
  });
  giveAutomaticAddresses(draft, draft.get('subnet', subnetId) as Subnet);
  return subnetId;
}

/** The prefix as requested, or taken from the pool. */
function prefixOf(draft: Draft, request: NewSubnet, pool: SubnetPool | null): string {
  const { ipVersion, projectId, cidr = null, prefixLength = null } = request;
  if (cidr !== null && prefixLength !== null)
    throw badRequest('subnets', 'cidr and prefixlen must not be supplied together');
  if (cidr !== null) sameVersion('cidr', cidr, ipVersion);
  if (pool && cidr === null && request.allocationPools)
    throw badRequest('subnets', 'allocation_pools allowed only for specific subnet requests');
  if (pool) return takePrefix(draft, pool, { projectId, cidr, length: prefixLength });
  if (cidr === null) throw badRequest('subnets', 'a subnetpool must be specified in the absence of a cidr');
  return canonicalCidr(cidr);
}

/** Subnets of one network and IP version come from one pool or from none; in an address scope, from pools of that scope. */
function checkAffinity(draft: Draft, pool: SubnetPool | null, others: readonly Subnet[]): void {
  const strangers = others.filter((other) => other.subnetPoolId !== (pool?.id ?? null));
  if (strangers.length === 0) return;
  const scopes = strangers.map(({ subnetPoolId }) => {
    if (subnetPoolId === null) return null;
    draft.dependOn(`subnetpool/${subnetPoolId}`);
    return draft.get('subnetpool', subnetPoolId)?.addressScopeId ?? null;
  });
  const scope = pool?.addressScopeId ?? null;
  if (scopes.some((other) => other !== scope)) {
    if (scope !== null || scopes.some((other) => other !== null)) throw networkAddressScopeAffinity();
    throw networkSubnetPoolAffinity();
  }
  if (scope === null) throw networkSubnetPoolAffinity();
}

export const updateSubnet = (id: string, changes: SubnetChanges, dhcp: DhcpFleet = NO_DHCP): Decide<void> =>
  deciding((draft) => {
    const subnet = draft.get('subnet', id);
    if (!subnet) throw subnetNotFound(id);
    const { cidr, ipVersion } = subnet;
    checkDhcpChange(subnet, changes.enableDhcp);
    if (changes.enableDhcp && !subnet.enableDhcp) checkDhcpPrefix(cidr);
    const { name, description, enableDhcp, dnsNameservers, hostRoutes, allocationPools, serviceTypes } = changes;
    const wanted = definedOnly({
      name,
      description,
      enableDhcp,
      dnsNameservers: dnsNameservers && checkedNameservers(dnsNameservers, ipVersion, id),
      hostRoutes: hostRoutes && checkedRoutes(hostRoutes, ipVersion, id),
      allocationPools: allocationPools && checkedPools(cidr, allocationPools),
      gatewayIp: changes.gatewayIp === undefined ? undefined : gatewayOf(changes.gatewayIp, cidr, ipVersion),
      serviceTypes: serviceTypes && checkedServiceTypes(serviceTypes),
    }) as Partial<Subnet>;
    const set = changedFields(subnet, wanted);
    if (set.gatewayIp !== undefined) oldGatewayIsFree(draft, subnet);
    checkGatewayOutsidePools(
      set.gatewayIp === undefined ? subnet.gatewayIp : set.gatewayIp,
      set.allocationPools ?? subnet.allocationPools,
    );
    if (Object.keys(set).length > 0)
      draft.record({
        type: 'SubnetAttributesSet',
        version: 1,
        data: { subnetId: id, networkId: subnet.networkId, set },
      });
    if (set.enableDhcp) startServing(draft, subnet.networkId, dhcp);
  });

export const deleteSubnet = (id: string): Decide<void> =>
  deciding((draft) => {
    const subnet = draft.get('subnet', id);
    if (!subnet) throw subnetNotFound(id);
    takeAddressesBack(draft, subnet);
    draft.record({ type: 'SubnetDeleted', version: 1, data: { subnetId: id, networkId: subnet.networkId } });
  });

function gatewayOf(requested: string | null | undefined, cidr: string, ipVersion: 4 | 6): string | null {
  if (requested === undefined) return defaultGateway(cidr);
  if (requested === null) return null;
  sameVersion('gateway_ip', requested, ipVersion);
  return checkGateway(cidr, requested);
}

function oldGatewayIsFree(draft: Draft, subnet: Subnet): void {
  if (subnet.gatewayIp === null) return;
  const user = draft
    .find('port', `address/${subnet.networkId}/${subnet.gatewayIp}`)
    .find((port) => isRouterPort(port) && port.deviceId !== '');
  if (user) throw gatewayIpInUse(subnet.gatewayIp, user.id);
}
