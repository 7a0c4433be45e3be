/**
 * The options file of dnsmasq (`--dhcp-optsfile`): a line for each option of a subnet or port, picked by tag. Texts are the reference's (reference.unit.spec.ts).
 */
import {
  dhcpOptionWords,
  dhcpServiceOf,
  type ExtraDhcpOpt,
  type Port,
  prefixLengthOf,
  type Subnet,
  versionOf,
  whyNoDhcpOption,
} from '@plumbline/contracts';
import { by, servedSubnets, type AddressedNetwork, type DhcpTerms, type ServedNetwork } from './served.js';

/** Where guests ask for metadata. */
export const METADATA_IP = '169.254.169.254';
export const METADATA = `${METADATA_IP}/32`;
/** The same by IPv6. Guests need no route to it. */
export const METADATA6 = 'fe80::a9fe:a9fe/64';
/** Nameservers that say "none": the option goes out empty, where dnsmasq would name itself. */
export const NO_NAMESERVER: readonly string[] = ['0.0.0.0', '::'];

export function optionsText(served: ServedNetwork, ports: readonly PortOptions[], terms: DhcpTerms): string {
  const lines = [
    ...servedSubnets(served).flatMap((subnet) =>
      subnet.ipVersion === 4 ? options4(subnet, served, terms) : options6(subnet, terms),
    ),
    ...ports.flatMap(({ port, options }) => options.map((option) => portOption(port, option))),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const subnetTag = ({ id }: Subnet): string => `tag:subnet-${id}`;
const line = (tag: string, option: string, values: readonly string[]): string => [tag, option, ...values].join(',');

function options4(subnet: Subnet, served: ServedNetwork, terms: DhcpTerms): string[] {
  const tag = subnetTag(subnet);
  const routes = routesOf(subnet, served, terms).flat();
  return [
    ...nameservers(subnet, 'option:dns-server', (address) => address),
    // Clients that know option 121 ignore option 3; option 249 is what others called it before it had a number.
    ...(routes.length > 0 ? ['option:classless-static-route', '249'].map((option) => line(tag, option, routes)) : []),
    line(tag, 'option:router', subnet.gatewayIp === null ? [] : [subnet.gatewayIp]),
  ];
}

/** Destination and next hop. */
function routesOf(subnet: Subnet, { subnets, ports, server }: ServedNetwork, terms: DhcpTerms): [string, string][] {
  const { gatewayIp } = subnet;
  const neighbours = subnets
    .filter(({ id, ipVersion }) => ipVersion === 4 && id !== subnet.id)
    .sort(by(({ id }) => id))
    .map(({ cidr }): [string, string] => [cidr, '0.0.0.0']);
  const own = subnet.hostRoutes.map(({ destination, nexthop }): [string, string] => [destination, nexthop]);
  const routed =
    gatewayIp !== null &&
    ports.some(
      ({ deviceOwner, fixedIps }) =>
        deviceOwner === 'network:router_interface' &&
        fixedIps.some((ip) => ip.subnetId === subnet.id && ip.ipAddress === gatewayIp),
    );
  const metadataVia = routed ? gatewayIp : server.fixedIps.find(({ subnetId }) => subnetId === subnet.id)?.ipAddress;
  const all: [string, string][] = [...neighbours, ...own];
  if (terms.metadata && metadataVia !== undefined && !has(all, METADATA)) all.push([METADATA, metadataVia]);
  // Clients that take routes from here take no default route from option 3.
  if (gatewayIp !== null && all.length > 0 && !has(all, '0.0.0.0/0')) all.push(['0.0.0.0/0', gatewayIp]);
  return all;
}

const has = (routes: readonly [string, string][], destination: string): boolean =>
  routes.some(([each]) => each === destination);

const options6 = (subnet: Subnet, { dnsDomain }: DhcpTerms): string[] => [
  ...nameservers(subnet, 'option6:dns-server', (address) => `[${address}]`),
  line(subnetTag(subnet), 'option6:domain-search', [dnsDomain]),
];

function nameservers(subnet: Subnet, option: string, text: (address: string) => string): string[] {
  const { dnsNameservers } = subnet;
  if (dnsNameservers.length === 0) return [];
  const none = dnsNameservers.length === 1 && NO_NAMESERVER.includes(dnsNameservers[0] ?? '');
  return [line(subnetTag(subnet), option, none ? [] : dnsNameservers.map(text))];
}

export type PortOptions = Readonly<{ port: Port; options: readonly ExtraDhcpOpt[] }>;

/** Ports that have options of their own for an address that is served, with those. Sorted by port. */
export function portsWithOptions(served: AddressedNetwork): PortOptions[] {
  const leased = new Map<Port, Set<4 | 6>>();
  const subnets = new Set(servedSubnets(served).map(({ id }) => id));
  for (const { port, ip, subnet } of served.addresses)
    if (port.extraDhcpOpts.length > 0 && subnets.has(subnet.id) && dhcpServiceOf(subnet) !== null)
      leased.set(port, (leased.get(port) ?? new Set()).add(versionOf(ip.ipAddress)));
  return [...leased].flatMap(([port, versions]) => {
    // Of an older release there may be some that nobody can send.
    const options = port.extraDhcpOpts.filter((each) => versions.has(each.ipVersion) && whyNoDhcpOption(each) === null);
    return options.length > 0 ? [{ port, options }] : [];
  });
}

/** A line for an option of a port, which it only has with the tag of that port. */
export function portOption({ id }: Pick<Port, 'id'>, each: ExtraDhcpOpt): string {
  const { tags, option } = dhcpOptionWords(each);
  return line([`tag:port-${id}`, ...tags].join(','), option, each.value === '' ? [] : [valueText(each.value)]);
}

/** dnsmasq drops what is behind a `#`, and takes quotes and backslashes away: a value with one of them is quoted, as its man page says of configuration files. */
const valueText = (value: string): string => (/["\\#]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value);

/** Length of the largest pool of leases that dnsmasq may be told. */
const MOST_LEASES = 16_777_216;

/** At most as many leases as the served subnets have addresses. */
export function mostLeases(served: ServedNetwork): number {
  const sizes = servedSubnets(served).map(
    ({ cidr, ipVersion }) => 2 ** ((ipVersion === 4 ? 32 : 128) - prefixLengthOf(cidr)),
  );
  return Math.min(
    MOST_LEASES,
    sizes.reduce((sum, size) => sum + size, 0),
  );
}
