/**
 * Whom dnsmasq asks for names that it does not know itself (`--servers-file`, read again at SIGHUP): the nameservers of the network's subnets, or those of the node
 * where none names any. One dnsmasq serves the whole network, so it asks them for whoever asks it.
 */
import { canonicalAddress } from '@plumbline/contracts';
import { NO_NAMESERVER } from './options.js';
import { servedSubnets, type DhcpTerms, type ServedNetwork } from './served.js';

export const serversText = (served: ServedNetwork, terms: DhcpTerms): string =>
  forwardersOf(served, terms)
    .map((address) => `server=${address}\n`)
    .join('');

function forwardersOf(served: ServedNetwork, { resolvers }: DhcpTerms): readonly string[] {
  const lists = servedSubnets(served).map(({ dnsNameservers }) => dnsNameservers);
  // Servers of this network that are named as its nameservers would ask each other for ever.
  const dhcp = [served.server, ...served.ports.filter(({ deviceOwner }) => deviceOwner === 'network:dhcp')];
  const own = new Set(dhcp.flatMap(({ fixedIps }) => fixedIps.map(({ ipAddress }) => canonicalAddress(ipAddress))));
  const named = new Set(
    lists.flat().filter((address) => !NO_NAMESERVER.includes(address) && !own.has(canonicalAddress(address))),
  );
  if (named.size > 0) return [...named];
  const saysNone = (list: readonly string[]): boolean =>
    list.length > 0 && list.every((address) => NO_NAMESERVER.includes(address));
  return lists.every(saysNone) ? [] : resolvers;
}
