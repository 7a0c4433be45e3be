import type { PortRange } from '@plumbline/contracts';
import {
  createFloatingIps,
  deleteFloatingIp,
  FloatingIpChanges,
  floatingIpNotFound,
  badRequest,
  NewFloatingIp,
  updateFloatingIp,
} from '@plumbline/domain';
import type { Topology } from '@plumbline/topology';
import { ip, orNull, text, uuid } from '../types/attribute-types.js';
import { dnsDomain, dnsName } from '../types/dns-types.js';
import { type Attribute, containing, type Param, type Resource, type Row, type Wish } from '../resource.js';
import { constant, head, oneOf, SHOWN, status, tail } from './standard.js';

/** Invariant 11: read back by the L3 agent at the association's position or later, and the port wired on its own host. */
const STATUS = `CASE WHEN l.status = 'ERROR' OR (o.doc -> 'association' = 'null' AND pf.failed) THEN 'ERROR'
  WHEN l.status = 'ACTIVE' AND w.status = 'ACTIVE' OR (o.doc -> 'association' = 'null' AND pf.active) THEN 'ACTIVE' ELSE 'DOWN' END`;

/** Its forwardings, and what the L3 agent reports of them; one row, of nulls when there are none. */
const FORWARDINGS = `(
      SELECT jsonb_agg(f.doc ORDER BY f.doc ->> 'createdAt', f.id) AS docs, min(f.doc ->> 'routerId') AS router_id,
        bool_or(s.status = 'ERROR') AS failed, bool_and(coalesce(s.status = 'ACTIVE', false)) AS active,
        min(s.reason) FILTER (WHERE s.status = 'ERROR') AS reason
      FROM plumbline.port_forwardings f
      LEFT JOIN plumbline.routers q ON q.id = f.doc ->> 'routerId'
      LEFT JOIN plumbline.object_status s ON s.object_kind = 'portforwarding' AND s.object_id = f.id AND s.agent_kind = 'l3'
        AND s.host = q.doc ->> 'host' AND s.position >= (f.set_at ->> 'portforwarding')::bigint
      WHERE f.doc @> jsonb_build_object('floatingIpId', o.id))`;

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

type Forwarding = Readonly<{
  id: string;
  protocol: string;
  internalIpAddress: string;
  internalPortId: string;
  internalPorts: PortRange | null;
  externalPorts: PortRange | null;
}>;

/** As the reference shows them inside a floating IP: ranges only where there is no single port. */
const shownForwarding = (forwarding: Forwarding): object => ({
  id: forwarding.id,
  protocol: forwarding.protocol,
  internal_ip_address: forwarding.internalIpAddress,
  internal_port_id: forwarding.internalPortId,
  ...shownPorts('internal', forwarding.internalPorts),
  ...shownPorts('external', forwarding.externalPorts),
});

function shownPorts(side: string, range: PortRange | null): object {
  if (!range) return { [`${side}_port`]: null };
  if (range.first === range.last) return { [`${side}_port`]: range.first };
  return { [`${side}_port`]: null, [`${side}_port_range`]: `${range.first}:${range.last}` };
}

const ROUTER = `coalesce(o.doc #>> '{association,routerId}', pf.router_id)`;

/** By its association or by its forwardings; each is answered by an index. */
const carriedBy = (values: readonly unknown[], param: Param): string =>
  values
    .flatMap((value) => {
      if (value === null) return [`o.doc -> 'association' = 'null' AND pf.router_id IS NULL`];
      const forwarding = param(JSON.stringify({ routerId: value }), 'jsonb');
      return [
        containing((routerId) => ({ association: { routerId } }))([value], param),
        `o.id = ANY (ARRAY(SELECT f.doc ->> 'floatingIpId' FROM plumbline.port_forwardings f WHERE f.doc @> ${forwarding}))`,
      ];
    })
    .join(' OR ');

/** Of a port that is on no node, no node can have reported. */
function bornColumns({ association }: Row['doc'], topology: Topology): Readonly<Record<string, unknown>> | null {
  const { portId, routerId } = (association ?? {}) as { portId?: string; routerId?: string };
  const port = portId === undefined ? null : topology.get('port', portId);
  if (port === undefined || (port && port.binding.host !== '')) return null;
  const said = { status: 'DOWN', reason: null, port_status: 'DOWN' };
  return { ...said, port, router_id: routerId ?? null, forwardings: null };
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
      write: 'admin',
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
    {
      name: 'router_id',
      type: orNull(uuid),
      sql: ROUTER,
      filter: true,
      where: carriedBy,
      sort: true,
      show: (row) => row['router_id'],
      about: 'Router that carries it, or its forwardings.',
    },
    ...status(STATUS),
    { ...constant('port_details', null, 'Of the port it leads to.'), shownAs: SHOWN.maybe, show: portDetails },
    {
      name: 'port_forwardings',
      type: text(),
      shownAs: SHOWN.objects,
      show: (row) => ((row['forwardings'] ?? []) as readonly Forwarding[]).map(shownForwarding),
      about: 'Its port forwardings.',
    },
    {
      name: 'dns_name',
      path: 'dnsName',
      type: dnsName,
      post: 'allowed',
      default: '',
      filter: true,
      sort: true,
      about: 'DNS name; kept and shown, published nowhere.',
    },
    {
      name: 'dns_domain',
      path: 'dnsDomain',
      type: dnsDomain,
      post: 'allowed',
      default: '',
      filter: true,
      sort: true,
      about: 'Domain of the DNS name.',
    },
    ...tail,
  ],
  from: `plumbline.floating_ips o
    ${oneOf('plumbline.routers', 'r', `id = o.doc #>> '{association,routerId}'`)}
    ${oneOf('plumbline.ports', 'p', `id = o.doc #>> '{association,portId}'`)}
    ${oneOf(
      'plumbline.object_status',
      'l',
      `object_kind = 'floatingip' AND object_id = o.id AND agent_kind = 'l3' AND host = r.doc ->> 'host'
        AND position >= (o.set_at ->> 'association')::bigint`,
    )}
    ${oneOf(
      'plumbline.object_status',
      'w',
      `object_kind = 'port' AND object_id = p.id AND agent_kind = 'ovs' AND host = p.doc #>> '{binding,host}'
        AND position >= (p.set_at ->> 'binding')::bigint`,
    )}
    LEFT JOIN LATERAL ${FORWARDINGS} pf ON true`,
  columns: `p.doc AS port, ${STATUS} AS status, coalesce(l.reason, pf.reason) AS reason, pf.docs AS forwardings, ${ROUTER} AS router_id,
    CASE WHEN w.status IN ('ACTIVE', 'ERROR') THEN w.status ELSE 'DOWN' END AS port_status`,
  born: bornColumns,
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
