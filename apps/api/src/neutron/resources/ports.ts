import { NODE_AGENT, carrierOf, decidingAgent, firewallOf } from '@plumbline/contracts';
import {
  createPorts,
  deletePort,
  ensureDefaultGroup,
  NewPort,
  PortChanges,
  portNotFound,
  uncarriedText,
  updatePort,
} from '@plumbline/domain';
import {
  bool,
  dictionary,
  hostId,
  mac,
  oneOf,
  onlyEmptyText,
  onlyFalse,
  onlyNull,
  orNull,
  text,
  uuid,
} from '../types/attribute-types.js';
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
import { cases, firstOf, isSaid, orNone, read, textOf, word } from '../computed/computed.js';
import { object, OWN_ID, report } from '../computed/joins.js';
import { IS_OF_ROUTER, PORT_REASON, PORT_STATUS } from '../computed/statuses.js';
import type { CreateInput, UpdateInput } from '../input.js';
import { type Attribute, FEW_VALUES, having, type Row, table } from '../attribute.js';
import { declare, type Resource, type Surroundings } from '../resource.js';
import { type Vif, vifOf, VNIC_TYPES } from '../vif.js';
import {
  adminStateUp,
  changes,
  constant,
  description,
  head,
  name,
  none,
  noQosPolicy,
  SHOWN,
  status,
  tags,
} from './standard.js';

/** A port that came to its host, or came there with its router. */
const SINCE = [
  ['o', 'binding'],
  ['r', 'host'],
] as const;
/** A router's ports are on the host of their router. A port whose network the host cannot carry is not bound. */
const HOST = firstOf(orNone(textOf('o', 'binding', 'host')), textOf('r', 'host'), word(''));
/** Of a port that is bound: null, its host carries its network; '', no OVS agent has registered that host; else the physical network that the host does not map. */
const UNCARRIED = cases(
  [
    [
      isSaid(HOST),
      read(
        (tables) => `(SELECT CASE WHEN n.id IS NULL THEN ''
        WHEN n.doc -> 'bridgeMappings' ? (w.doc ->> 'physicalNetwork') THEN NULL ELSE w.doc ->> 'physicalNetwork' END
      FROM ${tables.of('network')} w LEFT JOIN ${tables.of('node')} n ON n.id = ${HOST.sql(tables)} AND n.doc -> 'removed' = 'false'
      WHERE w.id = o.doc ->> 'networkId')`,
      ),
    ],
  ],
  null,
);
/** Of its host, as the log says. */
const FIREWALL = cases(
  [
    [
      isSaid(HOST),
      read(
        (tables) => `(SELECT n.doc ->> 'firewall' FROM ${tables.of('node')} n
      WHERE n.id = ${HOST.sql(tables)} AND n.doc -> 'removed' = 'false')`,
      ),
    ],
  ],
  null,
);
/** Of the Open vSwitch agent on its host. */
const DATAPATH = cases(
  [
    [
      isSaid(HOST),
      read(
        (tables) => `(SELECT a.configurations ->> 'datapath_type' FROM ${tables.agents} a
      WHERE a.host = ${HOST.sql(tables)} AND a.kind = '${NODE_AGENT}')`,
      ),
    ],
  ],
  null,
);

/** Bound to the host, or of a router that is there; both arms are answered by the index. Many hosts: one pass over the rows. */
const onHost: NonNullable<Attribute['where']> = (values, { param, tables }) => {
  const hostOf = HOST.sql(tables);
  if (values.length > FEW_VALUES) return `${hostOf} = ANY (${param(values, 'text[]')})`;
  return values
    .map((host) => {
      if (host === '') return `${hostOf} = ''`;
      const isOn = (part: object) => `o.doc @> ${param(JSON.stringify(part), 'jsonb')}`;
      const routers = `SELECT jsonb_build_object('deviceId', x.id) FROM ${tables.of('router')} x WHERE x.doc @> ${param(JSON.stringify({ host }), 'jsonb')}`;
      return `(${isOn({ binding: { host } })} OR o.doc @> ANY(ARRAY(${routers}))) AND ${hostOf} = ${param(host, 'text')}`;
    })
    .map((each) => `(${each})`)
    .join(' OR ');
};

const fixedIpsOf = (row: Row) => row.doc['fixedIps'] as readonly { subnetId: string; ipAddress: string }[];
const binding = (row: Row) => row.doc['binding'] as { vnicType: string; profile: object };

const vif = (row: Row): Vif =>
  vifOf({
    host: String(row['host']),
    vnicType: binding(row).vnicType,
    carried: row['uncarried'] === null,
    firewall: firewallOf({ firewall: (row['firewall'] as string | null) ?? 'none', removed: false }),
    datapathType: row['datapath_type'] as string | null,
  });

/** In the words of a refusal; undefined: it did not. */
function whyBindingFailed(row: Row): string | undefined {
  if (vif(row).vifType !== 'binding_failed') return undefined;
  const [host, uncarried] = [String(row['host']), row['uncarried'] as string | null];
  return uncarried === null
    ? `vnic_type ${binding(row).vnicType} cannot be wired: use normal`
    : `host ${host} cannot carry its network: ${uncarriedText(uncarried)}`;
}

/** What its agent says of a port that is wired, beyond that, and why one that is DOWN is so; undefined: nothing. */
const whyNoTalk = ({ status, reason }: Row): string | undefined =>
  (status === 'ACTIVE' || status === 'DOWN') && reason ? String(reason) : undefined;

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
  ...status(PORT_STATUS, {
    about:
      'or DOWN as its node says, or why its binding failed, or what keeps the guest of an ACTIVE port from talking',
    of: (row) => whyBindingFailed(row) ?? whyNoTalk(row),
  }),
  {
    name: 'device_id',
    path: 'deviceId',
    type: text(),
    post: 'allowed',
    put: true,
    default: '',
    filter: true,
    sort: true,
    about: 'Id of what uses the port: an instance, a router.',
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
    about: 'What kind of thing uses the port.',
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
    sql: `CASE WHEN o.doc -> 'fixedIps' = '[]' THEN 'none' ELSE 'immediate' END`,
    filter: true,
    sort: true,
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
    about: 'Stored for a DHCP server. An update adds to them and removes those whose value is null.',
  },
  {
    name: 'security_groups',
    path: 'securityGroupIds',
    type: securityGroupIds,
    where: having({ path: ['securityGroupIds'], each: [] }),
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
    sql: HOST.sql,
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
    sql: textOf('o', 'binding', 'vnicType').sql,
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
    about: 'Stored with the port, bound or not.',
  },
  {
    ...constant('binding:vif_type', '', 'ovs, unbound or binding_failed.'),
    read: 'admin',
    show: (row) => vif(row).vifType,
  },
  {
    ...constant('binding:vif_details', {}, 'How an instance is plugged.'),
    read: 'admin',
    show: (row) => vif(row).vifDetails,
  },
  none(
    'dns_domain',
    onlyEmptyText,
    { post: 'allowed', put: true },
    "Empty only: the names of all ports end with the operator's domain.",
  ),
  noQosPolicy,
  none('device_profile', onlyNull, { post: 'allowed' }, 'Null only: no accelerators.'),
  none('numa_affinity_policy', onlyNull, { post: 'allowed', put: true }, 'Null only: nothing here places instances.'),
  none('propagate_uplink_status', onlyFalse, { post: 'allowed' }, 'False only: no SR-IOV.'),
  none('data_plane_status', onlyNull, { put: true }, 'Null only: the nodes report what works, see status.'),
  description,
  { ...tags, post: 'allowed', default: [] },
  ...changes,
]);

export const ports: Resource = declare({
  name: 'port',
  collection: 'ports',
  kind: 'port',
  visible: { kind: 'network', path: 'networkId', seen: ({ project }) => `n.project_id = ${project}` },
  tagged: true,
  after: ensureDefaultGroup,
  about: 'A connection point of a network: of an instance, a router or a floating IP.',
  attributes,
  joins: [
    object('r', 'router', textOf('o', 'deviceId'), {
      when: IS_OF_ROUTER,
      found: 'planned',
    }),
    report('s', { kind: 'port', id: OWN_ID, agent: decidingAgent.port, host: HOST, since: SINCE }, 'planned'),
    report(
      'l',
      { kind: 'port', id: OWN_ID, agent: carrierOf.router, host: textOf('r', 'host'), since: SINCE },
      'planned',
    ),
  ],
  columns: {
    host: HOST,
    status: PORT_STATUS,
    reason: PORT_REASON,
    datapath_type: DATAPATH,
    firewall: FIREWALL,
    uncarried: UNCARRIED,
  },
  notFound: portNotFound,
  create: async (inputs, around) => {
    for (const input of inputs) checkName(input, around);
    return createPorts(inputs.map(toNewPort));
  },
  update: async (id, input, around) => {
    checkName(input, around);
    return updatePort(id, toChanges(input));
  },
  delete: deletePort,
});

type Changes = UpdateInput<typeof attributes>;

function checkName({ dnsName: given }: Pick<Changes, 'dnsName'>, { dnsDomain }: Surroundings): void {
  if (given) checkInDomain(given, dnsDomain);
}

/** The three wire attributes of a binding are one value of the domain. */
const bindingOf = ({ bindingHost, bindingVnicType, bindingProfile }: Changes) => ({
  ...(bindingHost !== undefined && { host: bindingHost }),
  ...(bindingVnicType !== undefined && { vnicType: bindingVnicType }),
  ...(bindingProfile !== undefined && { profile: bindingProfile }),
});

function toChanges(input: Changes): PortChanges {
  const { bindingHost: _host, bindingVnicType: _vnicType, bindingProfile: _profile, ...facts } = input;
  const binding = bindingOf(input);
  return Object.keys(binding).length > 0 ? { ...facts, binding } : facts;
}

function toNewPort({
  bindingHost,
  bindingVnicType,
  bindingProfile,
  ...facts
}: CreateInput<typeof attributes>): NewPort {
  const binding = { host: bindingHost ?? '', vnicType: bindingVnicType ?? 'normal', profile: bindingProfile ?? {} };
  return { ...facts, binding };
}
