/** Checks of a subnet's own attributes, whatever network it is on. */
import {
  canonicalAddress,
  canonicalCidr,
  cidrsOverlap,
  DEVICE_OWNER,
  HostRoute,
  prefixLengthOf,
  rangeOf,
  versionOf,
} from '@plumbline/contracts';
import { invalidInput } from '../errors.js';
import { invalidServiceType, tooManyHostRoutes, tooManyNameservers } from './errors.js';

const MOST_NAMESERVERS = 5;
const MOST_HOST_ROUTES = 20;
/** With DHCP the prefix must have room for a server and a host. */
const LONGEST_WITH_DHCP = { 4: 30, 6: 126 } as const;
const NOT_FOR_HOSTS = [
  ['Multicast', ['224.0.0.0/4', 'ff00::/8']],
  ['Loopback', ['127.0.0.0/8', '::1/128']],
] as const;
const OWNER_PREFIXES = ['network:', 'compute:', 'baremetal:', 'neutron:'];

export function sameVersion(name: string, address: string, ipVersion: 4 | 6): void {
  if (versionOf(address) !== ipVersion)
    throw invalidInput(`${name} '${address}' does not match the ip_version '${ipVersion}'`, name);
}

export function checkDhcpPrefix(cidr: string): void {
  if (prefixLengthOf(cidr) > LONGEST_WITH_DHCP[versionOf(cidr)])
    throw invalidInput('Subnet has a prefix length that is incompatible with DHCP service enabled', 'cidr');
  for (const [name, prefixes] of NOT_FOR_HOSTS)
    if (prefixes.some((prefix) => cidrsOverlap(prefix, cidr)))
      throw invalidInput(`${name} IP subnet is not supported if enable_dhcp is True`, 'cidr');
  if (versionOf(cidr) === 4 && rangeOf(cidr).first === 0n)
    throw invalidInput("First IP '0.0.0.0' of network is not supported if enable_dhcp is True", 'cidr');
}

/** Canonical. `subnet`: what it is for, in messages. */
export function checkedNameservers(servers: readonly string[], ipVersion: 4 | 6, subnet: string): string[] {
  if (servers.length > MOST_NAMESERVERS) throw tooManyNameservers(subnet, MOST_NAMESERVERS);
  return servers.map((server) => {
    sameVersion('dns_nameserver', server, ipVersion);
    return canonicalAddress(server);
  });
}

/** Canonical. `subnet`: what it is for, in messages. */
export function checkedRoutes(routes: readonly HostRoute[], ipVersion: 4 | 6, subnet: string): HostRoute[] {
  if (routes.length > MOST_HOST_ROUTES) throw tooManyHostRoutes(subnet, MOST_HOST_ROUTES);
  return routes.map(({ destination, nexthop }) => {
    sameVersion('nexthop', nexthop, ipVersion);
    sameVersion('destination', destination, ipVersion);
    return { destination: canonicalCidr(destination), nexthop: canonicalAddress(nexthop) };
  });
}

/** Each once, in the order given. */
export function checkedServiceTypes(types: readonly string[]): string[] {
  for (const type of types)
    if (!OWNER_PREFIXES.some((prefix) => type.startsWith(prefix))) throw invalidServiceType(type);
  return [...new Set(types)];
}

export const isDhcpPort = ({ deviceOwner }: { deviceOwner: string }): boolean => deviceOwner === DEVICE_OWNER.dhcp;
