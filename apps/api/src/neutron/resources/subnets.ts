import {
  badRequest,
  createSubnets,
  deleteSubnet,
  NewSubnet,
  SubnetChanges,
  subnetNotFound,
  updateSubnet,
} from '@plumbline/domain';
import { bool, cidr, ip, ipVersion, onlyFalse, onlyNull, orNull, uuid } from '../attribute-types.js';
import type { Resource, Wish } from '../resource.js';
import { allocationPools, hostRoutes, nameservers } from '../structured-types.js';
import { emptyList, head, name, tail } from './standard.js';

export const subnets: Resource = {
  name: 'subnet',
  collection: 'subnets',
  kind: 'subnet',
  visible: (
    project,
  ) => `EXISTS (SELECT FROM plumbline.networks n WHERE n.id = o.doc ->> 'networkId' AND (n.project_id = ${project}
    OR n.doc @> '{"shared": true}' OR n.doc @> '{"external": true}'
    OR EXISTS (SELECT FROM plumbline.rbac_policies b WHERE b.doc @> jsonb_build_object('objectId', n.id) AND b.doc ->> 'targetProject' IN (${project}, '*'))))`,
  tagged: true,
  about: 'A block of addresses of a network.',
  attributes: [
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
    { name: 'cidr', path: 'cidr', type: cidr, post: 'allowed', filter: true, sort: true, about: 'Its prefix.' },
    { name: 'subnetpool_id', type: onlyNull, post: 'allowed', show: () => null, about: 'No subnet pools.' },
    { name: 'use_default_subnetpool', type: onlyFalse, post: 'allowed', visible: false, about: 'No subnet pools.' },
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
      about: 'Where addresses are chosen from; all but the gateway when absent.',
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
    { name: 'ipv6_ra_mode', path: 'ipv6RaMode', type: onlyNull, post: 'allowed', about: 'Null only.' },
    { name: 'ipv6_address_mode', path: 'ipv6AddressMode', type: onlyNull, post: 'allowed', about: 'Null only.' },
    emptyList('service_types', 'No service types.', true),
    ...tail,
  ],
  from: 'plumbline.subnets o',
  columns: 'o.doc',
  notFound: subnetNotFound,
  create: async (wishes) => createSubnets(wishes.map(withCidr)),
  update: async (id, wish) => updateSubnet(id, wish as SubnetChanges),
  delete: deleteSubnet,
};

function withCidr(wish: Wish): NewSubnet {
  if (wish['cidr'] === undefined)
    throw badRequest('subnets', 'a subnetpool must be specified in the absence of a cidr');
  return wish as NewSubnet;
}
