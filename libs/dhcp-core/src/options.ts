/**
 * The options file of dnsmasq (`--dhcp-optsfile`): a line for each option of a subnet or port, picked by tag. Texts are the reference's (reference.unit.spec.ts).
 */
import {
  dhcpServiceOf,
  type ExtraDhcpOpt,
  type Port,
  prefixLengthOf,
  type Subnet,
  versionOf,
} from '@plumbline/contracts';
import { addressesOf, by, servedSubnets, type DhcpTerms, type ServedNetwork } from './served.js';

const METADATA = '169.254.169.254/32';
/** Nameservers that say "none": the option goes out empty, where dnsmasq would name itself. */
const NO_NAMESERVER: readonly string[] = ['0.0.0.0', '::'];

export function optionsText(served: ServedNetwork, terms: DhcpTerms): string {
  const lines = [
    ...servedSubnets(served).flatMap((subnet) =>
      subnet.ipVersion === 4 ? options4(subnet, served, terms) : options6(subnet, terms),
    ),
    ...portsWithOptions(served).flatMap(({ port, options }) => options.map((option) => portOption(port, option))),
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

/** A text that is one line and one word where dnsmasq reads a word. What is neither comes from no API of ours. */
const isName = (text: string): boolean => /^[A-Za-z0-9][A-Za-z0-9:_-]*$/.test(text);
const isValue = (text: string): boolean => !/[\u0000-\u001f\u007f]/.test(text);

/** Ports that have options of their own for an address that is served, with those. Sorted by port. */
export function portsWithOptions(served: ServedNetwork): { port: Port; options: ExtraDhcpOpt[] }[] {
  const leased = new Map<Port, Set<4 | 6>>();
  const subnets = new Set(servedSubnets(served).map(({ id }) => id));
  for (const { port, ip, subnet } of addressesOf(served))
    if (port.extraDhcpOpts.length > 0 && subnets.has(subnet.id) && dhcpServiceOf(subnet) !== null)
      leased.set(port, (leased.get(port) ?? new Set()).add(versionOf(ip.ipAddress)));
  return [...leased].flatMap(([port, versions]) => {
    const options = port.extraDhcpOpts.filter(
      ({ name, value, ipVersion }) => versions.has(ipVersion) && isName(name) && isValue(value),
    );
    return options.length > 0 ? [{ port, options }] : [];
  });
}

/** A number stays a number; a name is one of IPv4 or of IPv6. */
function portOption({ id }: Port, { name, value, ipVersion }: ExtraDhcpOpt): string {
  const family = ipVersion === 4 ? 'option' : 'option6';
  const option = /^\d+$/.test(name) ? (ipVersion === 4 ? name : `${family}:${name}`) : `${family}:${name}`;
  return line(`tag:port-${id}`, option, value === '' ? [] : [value]);
}

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
