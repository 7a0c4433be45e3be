import {
  createFloatingIps,
  deleteFloatingIp,
  FloatingIpChanges,
  floatingIpNotFound,
  badRequest,
  NewFloatingIp,
  updateFloatingIp,
} from '@plumbline/domain';
import { ip, orNull, uuid } from '../attribute-types.js';
import { type Attribute, containing, type Resource, type Row, type Wish } from '../resource.js';
import { constant, head, status, tail } from './standard.js';

/** Invariant 11: read back by the L3 agent at the association's position or later, and the port wired on its own host. */
const STATUS = `CASE WHEN l.status = 'ERROR' THEN 'ERROR' WHEN l.status = 'ACTIVE' AND w.status = 'ACTIVE' THEN 'ACTIVE' ELSE 'DOWN' END`;

const associated = (name: string, path: string, field: string, rest: Partial<Attribute>): Attribute => ({
  name,
  path,
  type: orNull(uuid),
  sql: `o.doc #>> '{association,${field}}'`,
  filter: true,
  where: (values, param) =>
    containing((value) => ({ association: value === null ? null : { [field]: value } }))(values, param),
  sort: true,
  show: (row) => (row.doc['association'] as Record<string, unknown> | null)?.[field] ?? null,
  about: '',
  ...rest,
});

function portDetails(row: Row): object | null {
  const port = row['port'] as Record<string, unknown> | null;
  return (
    port && {
      name: port['name'],
      network_id: port['networkId'],
      mac_address: port['macAddress'],
      admin_state_up: port['adminStateUp'],
      status: row['port_status'],
      device_id: port['deviceId'],
      device_owner: port['deviceOwner'],
    }
  );
}

export const floatingips: Resource = {
  name: 'floatingip',
  collection: 'floatingips',
  kind: 'floatingip',
  visible: 'own',
  tagged: true,
  about: 'An outside address that leads to a fixed one.',
  attributes: [
    ...head,
    {
      name: 'floating_network_id',
      path: 'floatingNetworkId',
      type: uuid,
      post: 'required',
      filter: true,
      sort: true,
      about: 'The external network.',
    },
    {
      name: 'floating_ip_address',
      path: 'floatingIpAddress',
      type: orNull(ip),
      post: 'allowed',
      default: null,
      filter: true,
      sort: true,
      about: 'Chosen when absent.',
    },
    {
      name: 'subnet_id',
      path: 'subnetId',
      type: orNull(uuid),
      post: 'allowed',
      default: null,
      visible: false,
      about: 'Subnet to choose from.',
    },
    associated('port_id', 'portId', 'portId', { post: 'allowed', put: true, about: 'Port it leads to.' }),
    associated('fixed_ip_address', 'fixedIpAddress', 'fixedIpAddress', {
      type: orNull(ip),
      post: 'allowed',
      put: true,
      about: 'Which of its addresses.',
    }),
    associated('router_id', 'routerId', 'routerId', { about: 'Router that carries it.' }),
    ...status(STATUS),
    { ...constant('port_details', null, 'Of the port it leads to.'), show: portDetails },
    constant('port_forwardings', [], 'None yet.'),
    ...tail,
  ],
  from: `plumbline.floating_ips o
    LEFT JOIN plumbline.routers r ON r.id = o.doc #>> '{association,routerId}'
    LEFT JOIN plumbline.ports p ON p.id = o.doc #>> '{association,portId}'
    LEFT JOIN plumbline.object_status l ON l.object_kind = 'floatingip' AND l.object_id = o.id AND l.agent_kind = 'l3'
      AND l.host = r.doc ->> 'host' AND l.position >= (o.set_at ->> 'association')::bigint
    LEFT JOIN plumbline.object_status w ON w.object_kind = 'port' AND w.object_id = p.id AND w.agent_kind = 'ovs'
      AND w.host = p.doc #>> '{binding,host}' AND w.position >= (p.set_at ->> 'binding')::bigint`,
  columns: `o.doc, p.doc AS port, ${STATUS} AS status, l.reason,
    CASE WHEN w.status IN ('ACTIVE', 'ERROR') THEN w.status ELSE 'DOWN' END AS port_status`,
  notFound: floatingIpNotFound,
  create: async (wishes) =>
    createFloatingIps(wishes.map((wish) => ({ ...wish, target: targetOf(wish) ?? null }) as unknown as NewFloatingIp)),
  update: async (id, wish) => {
    const target = targetOf(wish);
    return updateFloatingIp(id, { ...wish, ...(target !== undefined && { target }) } as FloatingIpChanges);
  },
  delete: deleteFloatingIp,
};

/** Undefined: nothing is said of the association. Null: none. */
function targetOf({ portId, fixedIpAddress }: Wish) {
  if (portId === undefined || portId === null) {
    if (fixedIpAddress) throw badRequest('floatingip', 'fixed_ip_address cannot be specified without a port_id');
    return portId;
  }
  return { portId: portId as string, fixedIpAddress: (fixedIpAddress ?? null) as string | null };
}
