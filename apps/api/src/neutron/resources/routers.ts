import { carrierOf, decidingAgent, type HostRoute } from '@plumbline/contracts';
import {
  addRouterInterface,
  addRoutes,
  createRouters,
  Decide,
  DEFAULT_ZONE,
  deleteRouter,
  InterfaceInfo,
  removeRouterInterface,
  removeRoutes,
  routerNotFound,
  updateRouter,
} from '@plumbline/domain';
import { z } from 'zod';
import {
  type AttributeType,
  list,
  members,
  onlyFalse,
  onlyNull,
  refuseDuplicates,
  text,
} from '../types/attribute-types.js';
import { badRequest } from '../../errors/edge-error.js';
import { cases, columnOf, firstOf, isThere, jsonOf, textOf, word } from '../computed/computed.js';
import { agent, object, OWN_ID, report, summary } from '../computed/joins.js';
import { ROUTER_REASON, ROUTER_STATUS, routerPorts } from '../computed/statuses.js';
import { type Row, table } from '../attribute.js';
import { declare, type Resource } from '../resource.js';
import { gatewayInfo, hostRoutes, interfaceName } from '../types/structured-types.js';
import { adminStateUp, head, name, none, partsChange, SHOWN, status, tailWithParts } from './standard.js';

const HOST = textOf('o', 'host');
const ZONE = cases(
  [[isThere(columnOf('a', 'id')), firstOf(columnOf('a', 'availability_zone'), word(DEFAULT_ZONE))]],
  null,
);

type Gateway = Readonly<{ networkId: string; enableSnat: boolean }>;
function shownGateway(row: Row): object | null {
  const gateway = row.doc['gateway'] as Gateway | null;
  const ips = (row['gateway_ips'] ?? []) as { subnetId: string; ipAddress: string }[];
  return (
    gateway && {
      network_id: gateway.networkId,
      external_fixed_ips: ips.map((ip) => ({ subnet_id: ip.subnetId, ip_address: ip.ipAddress })),
      enable_snat: gateway.enableSnat,
    }
  );
}

/** The answer of add and remove: the interface that was added or removed. */
const answering =
  (decide: Decide<InterfaceInfo>): Decide<Record<string, unknown>> =>
  (topology, context) => {
    const { result, ...decision } = decide(topology, context);
    const { routerId, projectId, portId, networkId, subnetIds } = result;
    return {
      ...decision,
      result: {
        id: routerId,
        tenant_id: projectId,
        port_id: portId,
        network_id: networkId,
        subnet_id: subnetIds.at(-1),
        subnet_ids: subnetIds,
      },
    };
  };

/** The answer is the router after the change. */
const answeringItself =
  (decide: Decide<void>): Decide<null> =>
  (topology, context) => ({ ...decide(topology, context), result: null });

/** Body of add_extraroutes and remove_extraroutes. */
function extraRoutes(body: unknown): readonly HostRoute[] {
  const { router } = members(body, 'body', 'request body', ['router']);
  if (router === undefined) throw badRequest(`Unable to find 'router' in request body`);
  const { routes } = members(router, 'router', 'router', ['routes']);
  if (routes === undefined) throw badRequest(`Unable to find 'routes' in request body`);
  return hostRoutes.parse(routes, 'routes');
}

const MOST_HINTS = 16;
const zoneHints: AttributeType<readonly string[]> = {
  schema: z.array(z.string()),
  parse: (value, attribute) => {
    const hints = list(value ?? [], attribute, MOST_HINTS, (item) => text().parse(item, attribute));
    refuseDuplicates(hints, attribute, 'availability zone');
    return hints;
  },
};

const attributes = table([
  ...head,
  name,
  adminStateUp,
  ...status(ROUTER_STATUS),
  {
    name: 'external_gateway_info',
    path: 'gateway',
    type: gatewayInfo,
    post: 'allowed',
    put: true,
    default: null,
    show: shownGateway,
    about: 'Gateway on an external network; null for none.',
  },
  {
    name: 'routes',
    path: 'routes',
    type: hostRoutes,
    put: true,
    about: 'Extra routes; several to one destination share its traffic.',
  },
  {
    name: 'distributed',
    type: onlyFalse,
    post: 'allowed',
    put: true,
    read: 'admin',
    write: 'admin',
    show: () => false,
    about: 'False only.',
  },
  {
    name: 'ha',
    type: onlyFalse,
    post: 'allowed',
    put: true,
    read: 'admin',
    write: 'admin',
    show: () => false,
    about: 'False only.',
  },
  none('service_type_id', onlyNull, { post: 'allowed' }, 'Null only: no flavors.'),
  {
    ...none('enable_ndp_proxy', onlyFalse, { post: 'allowed', put: true }, 'False only: no NDP proxy.'),
    sql: `'false'::text`,
    filter: true,
  },
  { name: 'flavor_id', type: onlyNull, post: 'allowed', show: () => null, about: 'No flavors.' },
  {
    name: 'availability_zone_hints',
    path: 'availabilityZoneHints',
    type: zoneHints,
    post: 'allowed',
    default: [],
    show: (row) => row.doc['availabilityZoneHints'] ?? [],
    about: 'Zones it may run in; none: any.',
  },
  {
    name: 'availability_zones',
    type: text(),
    shownAs: SHOWN.words,
    show: (row) => (row['zone'] === null ? [] : [row['zone']]),
    about: 'Zone of the agent that carries it.',
  },
  ...tailWithParts('router'),
]);

export const routers: Resource = declare({
  name: 'router',
  collection: 'routers',
  kind: 'router',
  visible: 'own',
  tagged: true,
  about: 'Joins subnets, and leads them outside.',
  attributes,
  joins: [
    object('g', 'port', textOf('o', 'gateway', 'portId')),
    report('s', { kind: 'router', id: OWN_ID, agent: decidingAgent.router, host: HOST, since: [['o', 'host']] }),
    summary('e', (tables) => routerPorts(tables, 'o')),
    agent('a', carrierOf.router, HOST),
  ],
  columns: {
    ...partsChange('router'),
    gateway_ips: jsonOf('g', 'fixedIps'),
    status: ROUTER_STATUS,
    reason: ROUTER_REASON,
    zone: ZONE,
  },
  notFound: routerNotFound,
  create: async (inputs, { fleet }) => createRouters(inputs, await fleet()),
  update: async (id, input, { fleet }) => updateRouter(id, input, await fleet()),
  delete: deleteRouter,
  actions: {
    add_router_interface: async (id, body, { fleet }) =>
      answering(addRouterInterface(id, interfaceName(body), await fleet())),
    remove_router_interface: async (id, body) => answering(removeRouterInterface(id, interfaceName(body))),
    add_extraroutes: async (id, body) => answeringItself(addRoutes(id, extraRoutes(body))),
    remove_extraroutes: async (id, body) => answeringItself(removeRoutes(id, extraRoutes(body))),
  },
});
