/** Subnets. Their events are in their network's stream: two that overlap cannot be made at once. */
import {
  AllocationPool,
  canonicalAddress,
  canonicalCidr,
  cidrsOverlap,
  FixedIp,
  HostRoute,
  isRouterPort,
  Subnet,
  versionOf,
} from '@plumbline/contracts';
import { changedFields } from '../changes.js';
import { Decide, deciding, Draft } from '../draft.js';
import { gatewayIpInUse, invalidInput, networkNotFound, subnetInUse, subnetNotFound } from '../errors.js';
import { checkedPools, checkGateway, checkGatewayOutsidePools, defaultGateway, defaultPools } from './pools.js';

export type NewSubnet = Readonly<{
  projectId: string;
  networkId: string;
  name: string;
  description: string;
  ipVersion: 4 | 6;
  cidr: string;
  /** Undefined: the first address. Null: none. */
  gatewayIp?: string | null | undefined;
  /** Undefined: all but the gateway. */
  allocationPools?: readonly AllocationPool[] | undefined;
  dnsNameservers: readonly string[];
  hostRoutes: readonly HostRoute[];
  enableDhcp: boolean;
}>;
export type SubnetChanges = Partial<
  Pick<
    NewSubnet,
    'name' | 'description' | 'gatewayIp' | 'allocationPools' | 'dnsNameservers' | 'hostRoutes' | 'enableDhcp'
  >
>;

/** All or none, in one command. Returns the ids in the order asked. */
export const createSubnets = (wishes: readonly NewSubnet[]): Decide<string[]> =>
  deciding((draft) => wishes.map((wish) => createSubnet(draft, wish)));

function createSubnet(draft: Draft, wish: NewSubnet): string {
  const { networkId, ipVersion } = wish;
  if (!draft.get('network', networkId)) throw networkNotFound(networkId);
  sameVersion('cidr', wish.cidr, ipVersion);
  const cidr = canonicalCidr(wish.cidr);
  if (draft.find('subnet', `network/${networkId}`).some((other) => cidrsOverlap(other.cidr, cidr)))
    throw invalidInput(
      `Requested subnet with cidr: ${cidr} for network: ${networkId} overlaps with another subnet`,
      'cidr',
    );
  const gatewayIp = gatewayOf(wish.gatewayIp, cidr, ipVersion);
  const allocationPools = wish.allocationPools
    ? checkedPools(cidr, wish.allocationPools)
    : defaultPools(cidr, gatewayIp);
  checkGatewayOutsidePools(gatewayIp, allocationPools);
  const subnetId = draft.context.newId();
  draft.record({
    type: 'SubnetCreated',
    version: 1,
    data: {
      subnetId,
      networkId,
      projectId: wish.projectId,
      name: wish.name,
      description: wish.description,
      ipVersion,
      cidr,
      gatewayIp,
      allocationPools,
      dnsNameservers: canonicalAddresses(wish.dnsNameservers),
      hostRoutes: canonicalRoutes(wish.hostRoutes, ipVersion),
      enableDhcp: wish.enableDhcp,
      ipv6RaMode: null,
      ipv6AddressMode: null,
    },
  });
  return subnetId;
}

export const updateSubnet = (id: string, changes: SubnetChanges): Decide<void> =>
  deciding((draft) => {
    const subnet = draft.get('subnet', id);
    if (!subnet) throw subnetNotFound(id);
    const wanted: Partial<Subnet> = definedOnly({
      name: changes.name,
      description: changes.description,
      enableDhcp: changes.enableDhcp,
      dnsNameservers: changes.dnsNameservers && canonicalAddresses(changes.dnsNameservers),
      hostRoutes: changes.hostRoutes && canonicalRoutes(changes.hostRoutes, subnet.ipVersion),
      allocationPools: changes.allocationPools && checkedPools(subnet.cidr, changes.allocationPools),
      gatewayIp:
        changes.gatewayIp === undefined ? undefined : gatewayOf(changes.gatewayIp, subnet.cidr, subnet.ipVersion),
    });
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
  });

export const deleteSubnet = (id: string): Decide<void> =>
  deciding((draft) => {
    const subnet = draft.get('subnet', id);
    if (!subnet) throw subnetNotFound(id);
    const inUse = (ips: readonly FixedIp[]) => ips.some((ip) => ip.subnetId === id);
    if (draft.find('port', `network/${subnet.networkId}`).some((port) => inUse(port.fixedIps))) throw subnetInUse(id);
    draft.expectNone(`allocation/${id}/`);
    draft.record({ type: 'SubnetDeleted', version: 1, data: { subnetId: id, networkId: subnet.networkId } });
  });

function gatewayOf(wished: string | null | undefined, cidr: string, ipVersion: 4 | 6): string | null {
  if (wished === undefined) return defaultGateway(cidr);
  if (wished === null) return null;
  sameVersion('gateway_ip', wished, ipVersion);
  return checkGateway(cidr, wished);
}

function sameVersion(name: string, address: string, ipVersion: 4 | 6): void {
  if (versionOf(address) !== ipVersion)
    throw invalidInput(`${name} '${address}' does not match the ip_version '${ipVersion}'`, name);
}

const canonicalAddresses = (addresses: readonly string[]) => addresses.map(canonicalAddress);

const canonicalRoutes = (routes: readonly HostRoute[], ipVersion: 4 | 6): HostRoute[] =>
  routes.map(({ destination, nexthop }) => {
    sameVersion('host_routes', destination, ipVersion);
    sameVersion('host_routes', nexthop, ipVersion);
    return { destination: canonicalCidr(destination), nexthop: canonicalAddress(nexthop) };
  });

function oldGatewayIsFree(draft: Draft, subnet: Subnet): void {
  if (subnet.gatewayIp === null) return;
  const user = draft
    .find('port', `address/${subnet.networkId}/${subnet.gatewayIp}`)
    .find((port) => isRouterPort(port) && port.deviceId !== '');
  if (user) throw gatewayIpInUse(subnet.gatewayIp, user.id);
}

/** Without the fields that are undefined. */
function definedOnly<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
