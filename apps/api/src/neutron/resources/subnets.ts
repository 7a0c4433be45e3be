import { createSubnets, deleteSubnet, subnetNotFound, updateSubnet } from '@plumbline/domain';
import { bool, cidr, integer, ip, ipVersion, oneOf, onlyNull, orNull, uuid } from '../types/attribute-types.js';
import { type Attribute, table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { allocationPools, hostRoutes, nameservers } from '../types/structured-types.js';
import { serviceTypes } from '../types/service-types.js';
import { isOpened } from './shared.js';
import { head, name, tail } from './standard.js';

const mode = <const P extends string>(name: string, path: P, about: string) =>
  ({
    name,
    path,
    type: orNull(oneOf(['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'])),
    post: 'allowed',
    filter: true,
    sort: true,
    about,
  }) as const satisfies Attribute;

const attributes = table([
  ...head,
  name,
  {
    name: 'network_id',
    path: 'networkId',
    type: uuid,
    post: 'required',
    filter: true,
    sort: true,
    about: 'Its network.',
  },
  {
    name: 'ip_version',
    path: 'ipVersion',
    type: ipVersion,
    post: 'required',
    filter: true,
    sort: true,
    about: '4 or 6.',
  },
  {
    name: 'cidr',
    path: 'cidr',
    type: orNull(cidr),
    post: 'allowed',
    filter: true,
    sort: true,
    about: 'Its prefix; of a pool any of it when absent.',
  },
  {
    name: 'prefixlen',
    path: 'prefixLength',
    type: orNull(integer(0, 128)),
    post: 'allowed',
    visible: false,
    about: 'Length of a prefix that is chosen from a pool.',
  },
  {
    name: 'subnetpool_id',
    path: 'subnetPoolId',
    type: orNull(uuid),
    post: 'allowed',
    filter: true,
    sort: true,
    about: 'Pool that its prefix comes from.',
  },
  {
    name: 'use_default_subnetpool',
    path: 'useDefaultPool',
    type: bool,
    post: 'allowed',
    default: false,
    visible: false,
    about: 'Takes the prefix from the default pool of its IP version.',
  },
  {
    name: 'segment_id',
    type: onlyNull,
    post: 'allowed',
    put: true,
    visible: false,
    about: 'Null only: a network has one segment, and its subnets are on it.',
  },
  {
    name: 'gateway_ip',
    path: 'gatewayIp',
    type: orNull(ip),
    post: 'allowed',
    put: true,
    filter: true,
    sort: true,
    about: 'Gateway; null for none; the first address when absent.',
  },
  {
    name: 'allocation_pools',
    path: 'allocationPools',
    type: allocationPools,
    post: 'allowed',
    put: true,
    about: 'Ranges from which addresses are chosen; when absent all addresses but the gateway.',
  },
  {
    name: 'dns_nameservers',
    path: 'dnsNameservers',
    type: nameservers,
    post: 'allowed',
    put: true,
    default: [],
    about: 'Name servers.',
  },
  {
    name: 'host_routes',
    path: 'hostRoutes',
    type: hostRoutes,
    post: 'allowed',
    put: true,
    default: [],
    about: 'Routes for the hosts.',
  },
  {
    name: 'enable_dhcp',
    path: 'enableDhcp',
    type: bool,
    post: 'allowed',
    put: true,
    default: true,
    filter: true,
    sort: true,
    about: 'DHCP.',
  },
  mode('ipv6_ra_mode', 'ipv6RaMode', 'How routers advertise it.'),
  mode('ipv6_address_mode', 'ipv6AddressMode', 'How hosts get their addresses.'),
  {
    name: 'service_types',
    path: 'serviceTypes',
    type: serviceTypes,
    post: 'allowed',
    put: true,
    default: [],
    write: 'admin',
    about: 'Only ports with these device owners get addresses from it; when empty all do.',
  },
  ...tail,
]);

export const subnets: Resource = declare({
  name: 'subnet',
  collection: 'subnets',
  kind: 'subnet',
  visible: {
    kind: 'network',
    path: 'networkId',
    seen: (seeing) => `n.project_id = ${seeing.project} OR n.doc @> '{"shared": true}' OR n.doc @> '{"external": true}'
      OR ${isOpened('n.id', seeing)}`,
  },
  tagged: true,
  about: 'A block of addresses of a network.',
  attributes,
  notFound: subnetNotFound,
  create: async (inputs) => createSubnets(inputs),
  update: async (id, input) => updateSubnet(id, input),
  delete: deleteSubnet,
});
