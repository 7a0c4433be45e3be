/** From what a node knows of a network to the DHCP that it should have there. Pure and sorted: equal objects give equal text (invariant 8). */
import { canonicalAddress, intToAddress, prefixLengthOf, rangeOf } from '@plumbline/contracts';
import type { Address } from '@plumbline/l3-core';
import { holdersOf } from './hosts.js';
import { dhcpDevice, dhcpNetns, dhcpOutside } from './marks.js';
import { METADATA, METADATA6, METADATA_IP } from './options.js';
import { dnsmasqOf } from './process.js';
import { by, servedSubnets, withAddresses, type DhcpTerms, type ServedNetwork } from './served.js';
import type { DhcpRoute, DhcpState } from './state.js';

/** Null where nothing is to be served: no subnet has DHCP on and an address of the server. */
export function renderDhcp(of: ServedNetwork, terms: DhcpTerms): DhcpState | null {
  const served = withAddresses(of);
  const { network, server } = served;
  const process = dnsmasqOf(served, terms);
  if (!process || !network.adminStateUp || !server.adminStateUp) return null;
  const device = dhcpDevice(server.id);
  return {
    id: network.id,
    netns: dhcpNetns(network.id),
    device,
    outside: dhcpOutside(server.id),
    mac: server.macAddress,
    mtuBytes: network.mtuBytes,
    addresses: [...addressesOf(served), ...(terms.metadata ? metadataAddresses(served) : [])].sort(
      by(({ address }) => address),
    ),
    routes: routesOf(served),
    sysctls: {
      'net/ipv6/conf/default/accept_dad': '0',
      'net/ipv6/conf/default/accept_ra': '0',
      // Addresses and routes come from the log, never from a neighbour's advertisement; and dnsmasq can use the link-local address at once.
      [`net/ipv6/conf/${device}/accept_ra`]: '0',
    },
    port: { portId: server.id, mac: server.macAddress, position: server.setAt['binding'] ?? server.setAt['port'] ?? 0 },
    process,
    holders: holdersOf(served),
  };
}

function addressesOf({ server, subnets }: ServedNetwork): Address[] {
  return server.fixedIps.flatMap(({ subnetId, ipAddress }) => {
    const cidr = subnets.find(({ id }) => id === subnetId)?.cidr;
    if (cidr === undefined) return [];
    const { last, version } = rangeOf(cidr);
    const bits = prefixLengthOf(cidr);
    const broadcast = version === 4 && bits <= 30 ? intToAddress(last, version) : null;
    return [{ address: `${canonicalAddress(ipAddress)}/${bits}`, broadcast }];
  });
}

/** Of each IP version that is served: guests that a router answers do not come here by IPv4, for they have a route by it. */
function metadataAddresses(served: ServedNetwork): Address[] {
  const serves = (version: 4 | 6): boolean => servedSubnets(served).some(({ ipVersion }) => ipVersion === version);
  return [
    ...(serves(4) ? [{ address: METADATA, broadcast: METADATA_IP }] : []),
    ...(serves(6) ? [{ address: METADATA6, broadcast: null }] : []),
  ];
}

function routesOf(served: ServedNetwork): DhcpRoute[] {
  return ([4, 6] as const).flatMap((version) => {
    const gateway = servedSubnets(served).find((each) => each.ipVersion === version && each.gatewayIp !== null);
    const own = served.server.fixedIps.map(({ ipAddress }) => canonicalAddress(ipAddress));
    const via = gateway?.gatewayIp ? canonicalAddress(gateway.gatewayIp) : null;
    return via === null || own.includes(via) ? [] : [{ version, via }];
  });
}
