/** `network_data.json`: links, addresses, routes and nameservers, as cloud-init and others read it (Nova's format, doc/api_schemas/network_data.json there). */
import { canonicalAddress, intToAddress, prefixLengthOf, type Subnet, versionOf } from '@plumbline/contracts';
import { outsideDevice } from '@plumbline/l3-core';
import type { GuestPort } from './guest.js';

type Link = Readonly<{ id: string; vif_id: string; type: string; mtu: number; ethernet_mac_address: string }>;
type Route = Readonly<{ network: string; netmask: string; gateway: string }>;
type Service = Readonly<{ type: 'dns'; address: string }>;
type Net = Readonly<{ id: string; type: string; link: string; network_id: string }> &
  Partial<Readonly<{ ip_address: string; netmask: string; routes: readonly Route[]; services: readonly Service[] }>>;

export type NetworkData = Readonly<{ links: readonly Link[]; networks: readonly Net[]; services: readonly Service[] }>;

export function networkDataOf(ports: readonly GuestPort[]): NetworkData {
  const links = ports.map(({ port, network }): Link => ({
    id: outsideDevice(port.id),
    vif_id: port.id,
    type: 'ovs',
    mtu: network.mtuBytes,
    ethernet_mac_address: port.macAddress,
  }));
  const networks = ports
    .flatMap(({ port, subnets, leased }) =>
      port.fixedIps.flatMap(({ subnetId, ipAddress }) => {
        const subnet = subnets.find(({ id }) => id === subnetId);
        if (!subnet) return [];
        const common = { link: outsideDevice(port.id), network_id: port.networkId };
        return [{ ...common, ...addressing(subnet, ipAddress, leased.has(subnetId)) }];
      }),
    )
    .map((each, at): Net => ({ id: `network${at}`, ...each }));
  const services = networks.flatMap((each) => each.services ?? []);
  const unique = [...new Map(services.map((each) => [each.address, each])).values()];
  return { links, networks, services: unique };
}

/** What a guest gets by itself is not said again: it would be old when it changes. */
function addressing(subnet: Subnet, ipAddress: string, isLeased: boolean): Omit<Net, 'id' | 'link' | 'network_id'> {
  const { ipVersion, ipv6AddressMode } = subnet;
  if (ipVersion === 6 && ipv6AddressMode === 'slaac') return { type: 'ipv6_slaac' };
  if (isLeased && ipVersion === 4) return { type: 'ipv4_dhcp' };
  if (isLeased && ipv6AddressMode !== null) return { type: `ipv6_${ipv6AddressMode}` };
  const services = subnet.dnsNameservers.map((address): Service => ({ type: 'dns', address }));
  return {
    type: ipVersion === 4 ? 'ipv4' : 'ipv6',
    ip_address: canonicalAddress(ipAddress),
    netmask: netmaskOf(prefixLengthOf(subnet.cidr), ipVersion),
    routes: [
      ...(subnet.gatewayIp === null ? [] : [routeOf(ipVersion === 4 ? '0.0.0.0/0' : '::/0', subnet.gatewayIp)]),
      ...subnet.hostRoutes.map(({ destination, nexthop }) => routeOf(destination, nexthop)),
    ],
    services,
  };
}

function routeOf(cidr: string, gateway: string): Route {
  const network = cidr.split('/')[0] ?? '';
  return { network, netmask: netmaskOf(prefixLengthOf(cidr), versionOf(network)), gateway: canonicalAddress(gateway) };
}

function netmaskOf(bits: number, version: 4 | 6): string {
  const all = version === 4 ? 32n : 128n;
  return intToAddress(((1n << BigInt(bits)) - 1n) << (all - BigInt(bits)), version);
}
