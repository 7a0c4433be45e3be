/** What a node must know of a network to serve DHCP on it, and the subnets on which it does. */
import { dhcpServiceOf, type FixedIp, type Network, type Port, type Subnet } from '@plumbline/contracts';

export type ServedNetwork = Readonly<{
  network: Network;
  subnets: readonly Subnet[];
  /** The port of the DHCP server on this node. */
  server: Port;
  /** All other ports of the network. Those of DHCP servers among them are left out. */
  ports: readonly Port[];
}>;

export type DhcpTerms = Readonly<{
  /** Whose processes these are: `dhcp-<host>`, in the form of a process's name. */
  owner: string;
  /** Domain of all names, with the dot at its end. */
  dnsDomain: string;
  /** Name servers to ask on networks whose subnets name none: those of the node, in order. */
  resolvers: readonly string[];
  /** True where 169.254.169.254 is answered: guests get a route to it. */
  metadata: boolean;
  /** Folder of the processes' folders. Default: as in libs/processes. */
  runDir?: string;
}>;

export const by =
  <T>(key: (item: T) => string) =>
  (a: T, b: T): number =>
    key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;

/** Subnets that are served: DHCP is on, and the server has an address in it (dnsmasq serves no other). Sorted by id. */
export const servedSubnets = ({ subnets, server }: ServedNetwork): Subnet[] =>
  subnets
    .filter(
      (subnet) => dhcpServiceOf(subnet) !== null && server.fixedIps.some(({ subnetId }) => subnetId === subnet.id),
    )
    .sort(by(({ id }) => id));

/** One address of a port, with its subnet. */
export type Lease = Readonly<{ port: Port; ip: FixedIp; subnet: Subnet }>;

/** `addresses`: every address of the network's ports, those of DHCP servers left out. Sorted by port: once for all texts, for a network may have thousands. */
export type AddressedNetwork = ServedNetwork & Readonly<{ addresses: readonly Lease[] }>;

export function withAddresses(served: ServedNetwork): AddressedNetwork {
  const known = new Map(served.subnets.map((subnet) => [subnet.id, subnet]));
  const addresses = served.ports
    .filter(({ deviceOwner }) => deviceOwner !== 'network:dhcp')
    .sort(by(({ id }) => id))
    .flatMap((port) =>
      port.fixedIps.flatMap((ip): Lease[] => {
        const subnet = known.get(ip.subnetId);
        return subnet ? [{ port, ip, subnet }] : [];
      }),
    );
  return { ...served, addresses };
}
