import {
  createNetworks,
  deleteNetwork,
  NetworkChanges,
  networkNotFound,
  NewNetwork,
  updateNetwork,
} from '@plumbline/domain';
import { bool, integer, orNull, physicalNetwork, text } from '../attribute-types.js';
import type { Attribute, Resource } from '../resource.js';
import { adminStateUp, constant, emptyList, head, name, tail } from './standard.js';

const provider = (name: string, path: string, type: Attribute['type'], about: string): Attribute => ({
  name: `provider:${name}`,
  path,
  type,
  post: 'allowed',
  default: null,
  filter: true,
  sort: true,
  read: 'admin',
  write: 'admin',
  about,
});
const flag = (name: string, path: string, value: boolean, about: string): Attribute => ({
  name,
  path,
  type: bool,
  post: 'allowed',
  put: true,
  default: value,
  filter: true,
  sort: true,
  about,
});

/** Seen by everybody. */
const IS_SHARED = `o.doc @> '{"shared": true}' OR o.doc @> '{"external": true}'`;
const isTargeted = (project: string): string =>
  `EXISTS (SELECT FROM plumbline.rbac_policies b WHERE b.doc @> jsonb_build_object('objectId', o.id) AND b.doc ->> 'targetProject' IN (${project}, '*'))`;

export const networks: Resource = {
  name: 'network',
  collection: 'networks',
  kind: 'network',
  visible: (project) => `${IS_SHARED} OR ${isTargeted(project)}`,
  tagged: true,
  about: 'An isolated layer 2 segment.',
  attributes: [
    ...head,
    name,
    adminStateUp,
    {
      name: 'mtu',
      path: 'mtuBytes',
      type: integer(0, 65535),
      post: 'allowed',
      put: true,
      default: 0,
      filter: true,
      sort: true,
      about: 'Bytes; 0 asks for what the segment allows.',
    },
    { ...constant('status', 'ACTIVE', 'Always ACTIVE.'), filter: true, sort: true, sql: `'ACTIVE'::text` },
    { name: 'subnets', type: text(), about: 'Ids of its subnets.', show: (row) => row['subnets'] },
    flag('shared', 'shared', false, 'Visible to every project.'),
    flag('router:external', 'external', false, 'Routers may have their gateway on it.'),
    flag('is_default', 'isDefault', false, 'The default external network.'),
    flag('port_security_enabled', 'portSecurityEnabled', true, 'Default of its ports.'),
    provider('network_type', 'networkType', orNull(text(32)), 'flat, vlan or vxlan.'),
    provider('physical_network', 'physicalNetwork', physicalNetwork, 'Physical network that carries it.'),
    provider('segmentation_id', 'segmentationId', orNull(integer(0, 2 ** 24)), 'VLAN id or VNI.'),
    emptyList('availability_zone_hints', 'No availability zones.'),
    constant('availability_zones', [], 'No availability zones.'),
    constant('ipv4_address_scope', null, 'No address scopes.'),
    constant('ipv6_address_scope', null, 'No address scopes.'),
    ...tail,
  ],
  from: 'plumbline.networks o',
  columns: `o.doc, (SELECT coalesce(jsonb_agg(s.id ORDER BY s.id), '[]') FROM plumbline.subnets s
    WHERE s.doc @> jsonb_build_object('networkId', o.id)) AS subnets`,
  born: () => ({ subnets: [], shared_with: [], external_for_some: false, scope4: null, scope6: null }),
  notFound: networkNotFound,
  create: async (wishes, { segments }) => createNetworks(wishes as readonly NewNetwork[], segments),
  update: async (id, wish) => updateNetwork(id, wish as NetworkChanges),
  delete: deleteNetwork,
};
