import { decidingAgent, type PortRange } from '@plumbline/contracts';
import {
  createFloatingIps,
  deleteFloatingIp,
  floatingIpNotFound,
  badRequest,
  updateFloatingIp,
} from '@plumbline/domain';
import {
  both,
  cases,
  columnOf,
  type Computed,
  either,
  firstOf,
  idOf,
  isNull,
  isOneOf,
  jsonOf,
  textOf,
  word,
} from '../computed/computed.js';
import { latestOf, object, OWN_ID, report, summary } from '../computed/joins.js';
import { failedWith, routerPorts } from '../computed/statuses.js';
import type { UpdateInput } from '../input.js';
import { type Attribute, FEW_VALUES, having, type Row, table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { type AttributeType, ip, orNull, text, uuid } from '../types/attribute-types.js';
import { dnsDomain, dnsName } from '../types/dns-types.js';
import { constant, head, noQosPolicy, partsChange, SHOWN, status, tailWithParts } from './standard.js';

const NOT_ASSOCIATED = isNull(jsonOf('o', 'association'));
const reported = (alias: string, status: string): Computed => isOneOf(columnOf(alias, 'status'), status);
const forwardings = (column: string): Computed => columnOf('pf', column);

/** A port that is nobody's device and on no host holds an address that others answer for (a virtual address): there is nothing of it to be wired. */
const VIRTUAL = both(isOneOf(textOf('p', 'deviceId'), ''), isOneOf(textOf('p', 'binding', 'host'), ''));

/**
 * Invariant 11: read back by the L3 agent since the association and since its router came to its host, and wired are the port on its own host and the router's
 * gateway. A network that is set down carries nothing, and nor does one whose port at the router cannot work.
 */
const STATUS = cases(
  [
    [either(failedWith('l', 'e'), both(NOT_ASSOCIATED, forwardings('failed'))), word('ERROR')],
    [isOneOf(textOf('x', 'adminStateUp'), 'false'), word('DOWN')],
    [
      either(
        both(reported('l', 'ACTIVE'), columnOf('e', 'wired'), either(reported('w', 'ACTIVE'), VIRTUAL)),
        both(NOT_ASSOCIATED, forwardings('active')),
      ),
      word('ACTIVE'),
    ],
  ],
  word('DOWN'),
);
const REASON = cases(
  [
    [reported('l', 'ERROR'), columnOf('l', 'reason')],
    [failedWith('l', 'e'), columnOf('e', 'reason')],
  ],
  forwardings('reason'),
);
const PORT_STATUS = cases(
  [[isOneOf(columnOf('w', 'status'), 'ACTIVE', 'ERROR'), columnOf('w', 'status')]],
  word('DOWN'),
);
const ROUTER = firstOf(textOf('o', 'association', 'routerId'), forwardings('router_id'));

/** Its forwardings, and what the L3 agent reports about them. Always one row; its columns are null when there are none. */
const FORWARDINGS = summary(
  'pf',
  (tables) => `
      SELECT jsonb_agg(f.doc ORDER BY f.doc ->> 'createdAt', f.id) AS docs, min(f.doc ->> 'routerId') AS router_id,
        bool_or(s.status = 'ERROR' OR s.status IS NOT NULL AND e.failed) AS failed, bool_and(coalesce(s.status = 'ACTIVE' AND e.wired, false)) AS active,
        coalesce(min(s.reason) FILTER (WHERE s.status = 'ERROR'), min(e.reason)) AS reason
      FROM ${tables.of('portforwarding')} f
      LEFT JOIN ${tables.of('router')} q ON q.id = f.doc ->> 'routerId'
      LEFT JOIN ${tables.objectStatus} s ON s.object_kind = 'portforwarding' AND s.object_id = f.id
        AND s.agent_kind = '${decidingAgent.portforwarding}' AND s.host = q.doc ->> 'host' AND s.position >= ${latestOf(
          [
            ['f', 'portforwarding'],
            ['q', 'host'],
          ],
        )}
      LEFT JOIN ${tables.of('port')} t ON t.id = f.doc ->> 'internalPortId'
      LEFT JOIN LATERAL (${routerPorts(tables, 'q', "t.doc ->> 'networkId'")}) e ON true
      WHERE f.doc @> jsonb_build_object('floatingIpId', o.id)`,
);

/** A member of the association: null when there is none. */
const associated = <const P extends string>(name: string, path: P, type: AttributeType<string>, about: string) =>
  ({
    name,
    path,
    type: orNull(type),
    post: 'allowed',
    put: true,
    sql: textOf('o', 'association', path).sql,
    filter: true,
    where: (values, { param }) =>
      [
        ...(values.includes(null) ? [having({ path: ['association'] })([null], { param })] : []),
        ...(values.some((value) => value !== null)
          ? [
              having({ path: ['association', path] })(
                values.filter((value) => value !== null),
                { param },
              ),
            ]
          : []),
      ].join(' OR '),
    sort: true,
    show: (row) => (row.doc['association'] as Record<string, unknown> | null)?.[path] ?? null,
    about,
  }) as const satisfies Attribute;

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

/** By its association or by its forwardings; each is answered by an index. Many routers: one pass over the rows. */
const carriedBy: NonNullable<Attribute['where']> = (values, { param, tables }) => {
  const none = `${NOT_ASSOCIATED.sql(tables)} AND pf.router_id IS NULL`;
  if (values.length > FEW_VALUES) {
    const ids = param(
      values.filter((value) => value !== null),
      'text[]',
    );
    return [`${ROUTER.sql(tables)} = ANY (${ids})`, ...(values.includes(null) ? [none] : [])].join(' OR ');
  }
  return values
    .flatMap((value) => {
      if (value === null) return [none];
      const forwarding = param(JSON.stringify({ routerId: value }), 'jsonb');
      return [
        having({ path: ['association', 'routerId'] })([value], { param }),
        `o.id = ANY (ARRAY(SELECT f.doc ->> 'floatingIpId' FROM ${tables.of('portforwarding')} f WHERE f.doc @> ${forwarding}))`,
      ];
    })
    .join(' OR ');
};

const attributes = table([
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
  associated('port_id', 'portId', uuid, 'Port it leads to.'),
  associated('fixed_ip_address', 'fixedIpAddress', ip, 'Which of its addresses.'),
  {
    name: 'router_id',
    type: orNull(uuid),
    sql: ROUTER.sql,
    filter: true,
    where: carriedBy,
    sort: true,
    show: (row) => row['router_id'],
    about: 'Router that translates it, or its forwardings.',
  },
  ...status(STATUS),
  {
    ...constant('port_details', null, 'Details of the port that it leads to.'),
    shownAs: SHOWN.maybe,
    show: portDetails,
  },
  {
    name: 'port_forwardings',
    type: text(),
    shownAs: SHOWN.objects,
    show: (row) => ((row['forwardings'] ?? []) as readonly Forwarding[]).map(shownForwarding),
    about: 'Its port forwardings.',
  },
  { ...noQosPolicy, path: 'qosPolicyId' },
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
  ...tailWithParts('floatingip'),
]);

export const floatingips: Resource = declare({
  name: 'floatingip',
  collection: 'floatingips',
  kind: 'floatingip',
  visible: 'own',
  tagged: true,
  about: 'An outside address that leads to a fixed one.',
  attributes,
  joins: [
    object('r', 'router', textOf('o', 'association', 'routerId')),
    object('p', 'port', textOf('o', 'association', 'portId')),
    object('x', 'network', textOf('o', 'floatingNetworkId')),
    report('l', {
      kind: 'floatingip',
      id: OWN_ID,
      agent: decidingAgent.floatingip,
      host: textOf('r', 'host'),
      since: [
        ['o', 'association'],
        ['r', 'host'],
      ],
    }),
    report('w', {
      kind: 'port',
      id: idOf('p'),
      agent: decidingAgent.port,
      host: textOf('p', 'binding', 'host'),
      since: [['p', 'binding']],
    }),
    summary('e', (tables) => routerPorts(tables, 'r', "p.doc ->> 'networkId'")),
    FORWARDINGS,
  ],
  columns: {
    ...partsChange('floatingip'),
    port: jsonOf('p'),
    status: STATUS,
    reason: REASON,
    forwardings: forwardings('docs'),
    router_id: ROUTER,
    port_status: PORT_STATUS,
  },
  notFound: floatingIpNotFound,
  create: async (inputs) => createFloatingIps(inputs.map((input) => ({ ...input, target: targetOf(input) ?? null }))),
  update: async (id, input) => {
    const { description, ...association } = input;
    // An update that names nothing at all ends the association, as in the reference: some clients (gophercloud) disassociate by it.
    const target = Object.keys(input).length === 0 ? null : targetOf(association);
    return updateFloatingIp(id, { description, ...(target !== undefined && { target }) });
  },
  delete: deleteFloatingIp,
});

/** Undefined: the request does not mention the association. Null: it asks for none. */
function targetOf({ portId, fixedIpAddress }: UpdateInput<typeof attributes>) {
  if (portId === undefined || portId === null) {
    if (fixedIpAddress) throw badRequest('floatingip', 'fixed_ip_address cannot be specified without a port_id');
    return portId;
  }
  return { portId, fixedIpAddress: fixedIpAddress ?? null };
}
