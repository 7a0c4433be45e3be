import {
  type BindingPolicy,
  createPorts,
  deletePort,
  NewPort,
  PortChanges,
  portNotFound,
  updatePort,
} from '@plumbline/domain';
import { bool, dictionary, hostId, mac, oneOf, orNull, text, uuid } from '../types/attribute-types.js';
import { dnsName } from '../types/dns-types.js';
import {
  addressPairs,
  checkInDomain,
  dhcpOptions,
  filteredFixedIps,
  havingFixedIps,
  namedInDns,
  securityGroupIds,
} from '../types/port-types.js';
import { containing, type Param, type Resource, type Row, type Surroundings, type Wish } from '../resource.js';
import { adminStateUp, constant, head, name, SHOWN, status, tail } from './standard.js';

const VNIC_TYPES = [
  'normal',
  'direct',
  'macvtap',
  'baremetal',
  'direct-physical',
  'virtio-forwarder',
  'smart-nic',
  'remote-managed',
  'vdpa',
  'accelerator-direct',
  'accelerator-direct-physical',
];

/** A router's ports are where their router is; what a host cannot carry is not bound. */
export const PORT_HOST = `coalesce(nullif(o.doc #>> '{binding,host}', ''), r.doc ->> 'host', '')`;
const STATUS = `CASE WHEN o.doc ->> 'deviceOwner' = 'network:floatingip' THEN 'N/A'
    WHEN s.status IN ('ACTIVE', 'ERROR') THEN s.status ELSE 'DOWN' END`;

/** Bound to the host, or of a router that is there; both arms are answered by the index. */
const onHost = (values: readonly unknown[], param: Param): string =>
  values
    .map((host) => {
      if (host === '') return `${PORT_HOST} = ''`;
      const isOn = (part: object) => `o.doc @> ${param(JSON.stringify(part), 'jsonb')}`;
      const routers = `SELECT jsonb_build_object('deviceId', x.id) FROM plumbline.routers x WHERE x.doc @> ${param(JSON.stringify({ host }), 'jsonb')}`;
      return `(${isOn({ binding: { host } })} OR o.doc @> ANY(ARRAY(${routers}))) AND ${PORT_HOST} = ${param(host, 'text')}`;
    })
    .map((each) => `(${each})`)
    .join(' OR ');

const fixedIpsOf = (row: Row) => row.doc['fixedIps'] as readonly { subnetId: string; ipAddress: string }[];
const binding = (row: Row) => row.doc['binding'] as { vnicType: string; profile: object };

function vifType(row: Row): string {
  if (row['host'] === '') return 'unbound';
  return row['carried'] && binding(row).vnicType === 'normal' ? 'ovs' : 'binding_failed';
}
const vifDetails = (row: Row): object =>
  vifType(row) === 'ovs'
    ? {
        connectivity: 'l2',
        port_filter: false,
        ovs_hybrid_plug: false,
        datapath_type: row['datapath_type'] ?? 'system',
        bridge_name: 'br-int',
      }
    : {};

export const ports: Resource = {
  name: 'port',
  collection: 'ports',
  kind: 'port',
  visible: (project) =>
    `EXISTS (SELECT FROM plumbline.networks n WHERE n.id = o.doc ->> 'networkId' AND n.project_id = ${project})`,
  tagged: true,
  about: 'A connection point of a network: of an instance, a router or a floating IP.',
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
      name: 'mac_address',
      path: 'macAddress',
      type: orNull(mac),
      post: 'allowed',
      put: true,
      default: null,
      filter: true,
      sort: true,
      write: 'network-owner',
      about: 'MAC; chosen when absent, and when updated to null.',
    },
    adminStateUp,
    ...status(STATUS),
    {
      name: 'device_id',
      path: 'deviceId',
      type: text(),
      post: 'allowed',
      put: true,
      default: '',
      filter: true,
      sort: true,
      about: 'Whose port it is.',
    },
    {
      name: 'device_owner',
      path: 'deviceOwner',
      type: text(),
      post: 'allowed',
      put: true,
      default: '',
      filter: true,
      sort: true,
      about: 'What kind of owner.',
    },
    {
      name: 'fixed_ips',
      path: 'fixedIps',
      type: filteredFixedIps,
      where: havingFixedIps,
      post: 'allowed',
      put: true,
      default: null,
      filter: true,
      about: 'Addresses; one of each IP version of the network when absent.',
      show: (row) => fixedIpsOf(row).map((ip) => ({ subnet_id: ip.subnetId, ip_address: ip.ipAddress })),
    },
    {
      name: 'ip_allocation',
      type: text(),
      show: (row) => (fixedIpsOf(row).length > 0 ? 'immediate' : 'none'),
      about: 'Addresses are chosen when the port is made.',
    },
    {
      name: 'allowed_address_pairs',
      path: 'allowedAddressPairs',
      type: addressPairs,
      post: 'allowed',
      put: true,
      default: [],
      write: 'network-owner',
      show: ({ doc }) =>
        (doc['allowedAddressPairs'] as readonly { ipAddress: string; macAddress: string }[]).map((pair) => ({
          mac_address: pair.macAddress,
          ip_address: pair.ipAddress,
        })),
      about: 'Addresses or prefixes that it may also send from, each with a MAC; at most 10.',
    },
    {
      name: 'extra_dhcp_opts',
      path: 'extraDhcpOpts',
      type: dhcpOptions,
      post: 'allowed',
      put: true,
      default: [],
      show: ({ doc }) =>
        (doc['extraDhcpOpts'] as readonly { name: string; value: string; ipVersion: number }[]).map((option) => ({
          opt_name: option.name,
          opt_value: option.value,
          ip_version: option.ipVersion,
        })),
      about: 'Kept for a DHCP server; an update adds to them, and takes away those with the value null.',
    },
    {
      name: 'security_groups',
      path: 'securityGroupIds',
      type: securityGroupIds,
      where: containing((value) => ({ securityGroupIds: value })),
      post: 'allowed',
      put: true,
      default: null,
      filter: true,
      about: "Ids of its security groups; the project's default group when absent.",
    },
    {
      name: 'port_security_enabled',
      path: 'portSecurityEnabled',
      type: bool,
      post: 'allowed',
      put: true,
      default: null,
      filter: true,
      sort: true,
      write: 'network-owner',
      about: "The network's when absent. Such a port is bound only to a host that enforces it.",
    },
    {
      name: 'dns_name',
      path: 'dnsName',
      type: dnsName,
      post: 'allowed',
      put: true,
      default: '',
      about: 'Its name in the DNS.',
    },
    {
      name: 'dns_assignment',
      type: text(),
      shownAs: SHOWN.objects,
      show: (row, { dnsDomain = '' }) =>
        fixedIpsOf(row).map(({ ipAddress }) => namedInDns(String(row.doc['dnsName']), ipAddress, dnsDomain)),
      about: 'Names of its addresses; made of the address when it has no name.',
    },
    {
      name: 'binding:host_id',
      path: 'bindingHost',
      type: hostId,
      post: 'allowed',
      put: true,
      sql: PORT_HOST,
      where: onHost,
      filter: true,
      sort: true,
      read: 'admin',
      write: 'admin',
      show: (row) => row['host'],
      about: 'The node; empty when unbound.',
    },
    {
      name: 'binding:vnic_type',
      path: 'bindingVnicType',
      type: oneOf(VNIC_TYPES),
      post: 'allowed',
      put: true,
      sql: `o.doc #>> '{binding,vnicType}'`,
      filter: true,
      sort: true,
      show: (row) => binding(row).vnicType,
      about: 'Only normal can be wired.',
    },
    {
      name: 'binding:profile',
      path: 'bindingProfile',
      type: dictionary,
      post: 'allowed',
      put: true,
      read: 'admin',
      write: 'admin',
      show: (row) => binding(row).profile,
      about: 'Kept with the port, bound or not.',
    },
    { ...constant('binding:vif_type', '', 'ovs, unbound or binding_failed.'), read: 'admin', show: vifType },
    { ...constant('binding:vif_details', {}, 'How an instance is plugged.'), read: 'admin', show: vifDetails },
    ...tail,
  ],
  from: `plumbline.ports o
    LEFT JOIN plumbline.routers r ON r.id = o.doc ->> 'deviceId' AND o.doc ->> 'deviceOwner' IN ('network:router_interface', 'network:router_gateway')
    LEFT JOIN plumbline.object_status s ON s.object_kind = 'port' AND s.object_id = o.id AND s.agent_kind = 'ovs'
      AND s.host = ${PORT_HOST} AND s.position >= (o.set_at ->> 'binding')::bigint`,
  columns: `${PORT_HOST} AS host, ${STATUS} AS status, s.reason,
    (SELECT a.configurations ->> 'datapath_type' FROM plumbline.agents a WHERE a.host = ${PORT_HOST} AND a.kind = 'ovs') AS datapath_type,
    ${PORT_HOST} <> '' AND EXISTS (SELECT FROM plumbline.nodes n JOIN plumbline.networks w ON w.id = o.doc ->> 'networkId'
      WHERE n.id = ${PORT_HOST} AND n.doc -> 'removed' = 'false'
        AND (w.doc ->> 'physicalNetwork' IS NULL OR n.doc -> 'bridgeMappings' ? (w.doc ->> 'physicalNetwork'))) AS carried`,
  born: (doc) =>
    (doc['binding'] as { host: string }).host === ''
      ? { host: '', status: 'DOWN', reason: null, datapath_type: null, carried: false }
      : null,
  notFound: portNotFound,
  create: async (wishes, around) => {
    for (const wish of wishes) checkName(wish, around);
    const isBound = wishes.some((wish) => Boolean(wish['bindingHost']));
    return createPorts(wishes.map(toNewPort), await bindingPolicy(around, isBound));
  },
  update: async (id, wish, around) => {
    checkName(wish, around);
    const matters = MATTERS_TO_BOUND.some((field) => wish[field] !== undefined);
    return updatePort(id, withBinding(wish) as PortChanges, await bindingPolicy(around, matters));
  },
  delete: deletePort,
};

const checkName = (wish: Wish, { dnsDomain }: Surroundings): void => {
  if (wish['dnsName']) checkInDomain(String(wish['dnsName']), dnsDomain);
};

/** Nobody is asked for a port that needs no host to enforce anything: creating unbound ports costs no query. */
async function bindingPolicy(around: Surroundings, matters: boolean): Promise<BindingPolicy> {
  return { enforcing: matters ? await around.enforcing() : new Set() };
}
const MATTERS_TO_BOUND = ['bindingHost', 'portSecurityEnabled', 'deviceOwner'];

/** The three wire attributes of a binding are one value of the domain. */
function withBinding({ bindingHost, bindingVnicType, bindingProfile, ...facts }: Wish): Wish {
  const given = { host: bindingHost, vnicType: bindingVnicType, profile: bindingProfile };
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  return named.length > 0 ? { ...facts, binding: Object.fromEntries(named) } : facts;
}

function toNewPort(wish: Wish): NewPort {
  const { binding: given, ...facts } = withBinding(wish) as Wish & { binding?: object };
  return { ...facts, binding: { host: '', vnicType: 'normal', profile: {}, ...given } } as unknown as NewPort;
}
