/** The dnsmasq of a network: what is on its command line is fixed while it runs, what is in its files is read again at SIGHUP. */
import { prefixLengthOf, intToAddress, rangeOf, type Subnet } from '@plumbline/contracts';
import { filesFolder, type WantedProcess } from '@plumbline/processes';
import { hostsText, namesText } from './hosts.js';
import { dhcpNetns, dnsmasqName } from './marks.js';
import { mostLeases, optionsText, portsWithOptions } from './options.js';
import { serversText } from './servers.js';
import { servedSubnets, type AddressedNetwork, type DhcpTerms } from './served.js';

/** How long a lease lasts: the reference's default. */
const LEASE_SECONDS = 86_400;

/** Where dnsmasq keeps its leases: beside its files, for what is in there and not asked for is removed. */
export const leasesFile = (owner: string, name: string, runDir?: string): string =>
  filesFolder(owner, name, runDir).replace(/files$/, 'leases');

/** Null where no subnet is served. */
export function dnsmasqOf(served: AddressedNetwork, terms: DhcpTerms): WantedProcess | null {
  const { network, server } = served;
  const subnets = servedSubnets(served);
  if (subnets.length === 0) return null;
  const name = dnsmasqName(network.id);
  const withOptions = portsWithOptions(served);
  const folder = filesFolder(terms.owner, name, terms.runDir);
  const file = (of: string, content: string) => ({ name: of, content, mode: 0o644 });
  return {
    name,
    netns: dhcpNetns(network.id),
    argv: [
      'dnsmasq',
      '--keep-in-foreground',
      '--no-hosts',
      '--no-resolv',
      '--conf-file=/dev/null',
      '--pid-file',
      '--log-facility=-',
      ...['--quiet-dhcp', '--quiet-dhcp6'],
      `--dhcp-hostsfile=${folder}/hosts`,
      `--addn-hosts=${folder}/names`,
      `--dhcp-optsfile=${folder}/opts`,
      `--servers-file=${folder}/servers`,
      `--dhcp-leasefile=${leasesFile(terms.owner, name, terms.runDir)}`,
      '--dhcp-match=set:ipxe,175',
      '--dhcp-userclass=set:ipxe6,iPXE',
      '--local-service',
      '--bind-dynamic',
      // Whatever it knows of leases, the log is right: a guest that still has its address keeps it, one whose address went is told so.
      '--dhcp-authoritative',
      // The same server to guests wherever the port is, and when the leases are gone. Enterprise number 0 is nobody's.
      `--dhcp-duid=0,${hexPairs(server.id)}`,
      ...subnets.map(rangeArgument),
      `--dhcp-option-force=option:mtu,${network.mtuBytes}`,
      `--dhcp-lease-max=${mostLeases(served)}`,
      `--domain=${terms.dnsDomain}`,
      ...withOptions.map(({ port }) => `--dhcp-mac=set:port-${port.id},${port.macAddress}`),
    ],
    files: [
      file('hosts', hostsText(served, terms)),
      file('names', namesText(served, terms)),
      file('opts', optionsText(served, withOptions, terms)),
      file('servers', serversText(served, terms)),
    ],
    reload: 'signal',
  };
}

const hexPairs = (id: string): string => id.replace(/-/g, '').replace(/(..)(?=.)/g, '$1:');

/** Addresses are given to the hosts that are named, and to nobody else. */
function rangeArgument({ id, cidr, ipVersion }: Subnet): string {
  const { first, version } = rangeOf(cidr);
  const bits = prefixLengthOf(cidr);
  const mask = ipVersion === 4 ? intToAddress((0xffff_ffffn << BigInt(32 - bits)) & 0xffff_ffffn, 4) : String(bits);
  return `--dhcp-range=set:subnet-${id},${intToAddress(first, version)},static,${mask},${LEASE_SECONDS}s`;
}
