/** Whole objects from the few facts that a test cares about, and the network that they make. */
import type { Network, Port, Subnet } from '@plumbline/contracts';
import type { DhcpTerms, ServedNetwork } from '../served.js';

const common = {
  projectId: 'project',
  name: '',
  description: '',
  tags: [],
  createdAt: '2026-01-01T00:00:00Z',
  updatedAt: '2026-01-01T00:00:00Z',
  revision: 0,
  setAt: {},
};

/** A UUID of a number below 10^10. Its first eleven characters tell it from others, as those of a device's name. */
export const uuidOf = (number: number): string => {
  const digits = String(number).padStart(10, '0');
  return `${digits.slice(0, 8)}-${digits.slice(8)}00-4000-8000-000000000000`;
};
export const macOf = (number: number): string =>
  `fa:16:3e:${[16, 8, 0].map((shift) => ((number >> shift) & 0xff).toString(16).padStart(2, '0')).join(':')}`;

export const networkOf = (facts: Partial<Network> & Pick<Network, 'id'>): Network => ({
  kind: 'network',
  ...common,
  adminStateUp: true,
  mtuBytes: 1450,
  shared: false,
  external: false,
  isDefault: false,
  networkType: 'vxlan',
  physicalNetwork: null,
  segmentationId: 100,
  portSecurityEnabled: true,
  dnsDomain: '',
  ...facts,
});

export const subnetOf = (facts: Partial<Subnet> & Pick<Subnet, 'id' | 'networkId' | 'cidr'>): Subnet => ({
  kind: 'subnet',
  ...common,
  ipVersion: facts.cidr.includes(':') ? 6 : 4,
  gatewayIp: null,
  allocationPools: [],
  dnsNameservers: [],
  hostRoutes: [],
  enableDhcp: true,
  ipv6RaMode: null,
  ipv6AddressMode: null,
  subnetPoolId: null,
  serviceTypes: [],
  ...facts,
});

export const portOf = (facts: Partial<Port> & Pick<Port, 'id' | 'networkId' | 'macAddress'>): Port => ({
  kind: 'port',
  ...common,
  adminStateUp: true,
  deviceId: '',
  deviceOwner: 'compute:nova',
  fixedIps: [],
  portSecurityEnabled: true,
  securityGroupIds: [],
  allowedAddressPairs: [],
  extraDhcpOpts: [],
  dnsName: '',
  servesDhcp: false,
  binding: { host: '', vnicType: 'normal', profile: {} },
  inactiveBindings: {},
  ...facts,
});

export const TERMS: DhcpTerms = { owner: 'dhcp-test', dnsDomain: 'example.test.', resolvers: [], metadata: false };

/** A network with a server at `.2` of each subnet (`::2`), whose other ports a test gives it. `number` tells its ids from those of others. */
export function servedOf(
  number: number,
  subnets: readonly (Partial<Subnet> & Pick<Subnet, 'cidr'>)[],
  network: Partial<Network> = {},
): ServedNetwork & { subnets: readonly Subnet[] } {
  const id = uuidOf(number * 1_000_000);
  const made = subnets.map((facts, at) =>
    subnetOf({ id: uuidOf(number * 1_000_000 + 100 + at), networkId: id, ...facts }),
  );
  const server = portOf({
    id: uuidOf(number * 1_000_000 + 99),
    networkId: id,
    macAddress: macOf(number * 100_000 + 99),
    deviceOwner: 'network:dhcp',
    fixedIps: made.map((subnet) => ({ subnetId: subnet.id, ipAddress: addressIn(subnet, 2) })),
  });
  return { network: networkOf({ ...network, id }), subnets: made, server, ports: [] };
}

/** The nth address of a subnet, whose prefix ends at a whole byte (IPv4) or with `::`. */
export const addressIn = ({ cidr }: Pick<Subnet, 'cidr'>, nth: number): string => {
  const prefix = cidr.split('/')[0] ?? '';
  return prefix.includes(':') ? `${prefix}${nth.toString(16)}` : prefix.replace(/\d+$/, String(nth));
};

/** Another port of the network, with the nth address of each of its subnets. */
export const guestOf = (served: ServedNetwork, nth: number, facts: Partial<Port> = {}): Port => {
  const number = Number(served.network.id.replace('-', '').slice(0, 10)) + 1_000 + nth;
  return portOf({
    id: uuidOf(number),
    networkId: served.network.id,
    macAddress: macOf(number),
    fixedIps: served.subnets.map((subnet) => ({ subnetId: subnet.id, ipAddress: addressIn(subnet, nth) })),
    ...facts,
  });
};
