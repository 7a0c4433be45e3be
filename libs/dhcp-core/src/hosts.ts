/**
 * The hosts file of dnsmasq (`--dhcp-hostsfile`): which address each MAC gets, and under which name; and the names that it answers (`--addn-hosts`).
 *
 * No line has `set:<tag>`, though ports with options of their own need a tag: dnsmasq 2.90 dies at the first SIGHUP behind an answer to such a host (it links the
 * tag of the line with those of the subnet, and frees both when it reads the file anew). `--dhcp-mac` sets the tags (process.ts).
 */
import { dhcpServiceOf } from '@plumbline/contracts';
import { servedSubnets, type AddressedNetwork, type DhcpTerms } from './served.js';
import { nameInNetwork, nameOf } from './names.js';

export function hostsText(served: AddressedNetwork, { dnsDomain }: DhcpTerms): string {
  return leasesOf(served)
    .map(({ port, ip }) => {
      const { fqdn } = nameOf(port.dnsName, ip.ipAddress, dnsDomain);
      // The tag is what dnsmasq itself gives a DHCPv6 request: without it the line would answer one of IPv4, with no address.
      const v6 = ip.ipAddress.includes(':');
      return `${[port.macAddress, ...(v6 ? ['tag:dhcpv6'] : []), fqdn, v6 ? `[${ip.ipAddress}]` : ip.ipAddress].join(',')}\n`;
    })
    .join('');
}

/** Who may have a lease of which address: address -> MAC. */
export const holdersOf = (served: AddressedNetwork): ReadonlyMap<string, string> =>
  new Map(leasesOf(served).map(({ port, ip }) => [ip.ipAddress, port.macAddress]));

const leasesOf = (served: AddressedNetwork) => {
  const leased = new Set(servedSubnets(served).flatMap((each) => (dhcpServiceOf(each) === 'leased' ? [each.id] : [])));
  return served.addresses.filter(({ subnet }) => leased.has(subnet.id));
};

/** Also of addresses that guests make themselves. An address is asked for by any of its names; asked for a name, it says the first. */
export const namesText = (served: AddressedNetwork, { dnsDomain }: DhcpTerms): string =>
  served.addresses
    .map(({ port, ip }) => {
      const { fqdn, hostname } = nameOf(port.dnsName, ip.ipAddress, dnsDomain);
      const other = nameInNetwork(port.dnsName, served.network.dnsDomain);
      return `${ip.ipAddress}\t${[fqdn, hostname, ...(other === null || other === fqdn ? [] : [other])].join(' ')}\n`;
    })
    .join('');

/** As `holdersOf`, from a hosts file that was written before. */
export function holdersIn(hosts: string): ReadonlyMap<string, string> {
  return new Map(
    hosts.split('\n').flatMap((each): [string, string][] => {
      const words = each.split(',');
      const address = words.at(-1)?.replace(/^\[|\]$/g, '');
      return words.length >= 3 && address ? [[address, words[0] ?? '']] : [];
    }),
  );
}
