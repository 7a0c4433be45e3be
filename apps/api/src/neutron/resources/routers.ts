import {
  addRouterInterface,
  createRouters,
  Decide,
  deleteRouter,
  InterfaceInfo,
  NewRouter,
  removeRouterInterface,
  RouterChanges,
  routerNotFound,
  updateRouter,
} from '@plumbline/domain';
import { onlyFalse, onlyNull } from '../attribute-types.js';
import type { Resource, Row } from '../resource.js';
import { gatewayInfo, hostRoutes, interfaceName } from '../structured-types.js';
import { adminStateUp, constant, emptyList, head, name, status, tail } from './standard.js';

const STATUS = `CASE WHEN s.status = 'ERROR' THEN 'ERROR' ELSE 'ACTIVE' END`;

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

/** The answer of add and remove: what came or went. */
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
        subnet_id: subnetIds[0],
        subnet_ids: subnetIds,
      },
    };
  };

export const routers: Resource = {
  name: 'router',
  collection: 'routers',
  kind: 'router',
  visible: 'own',
  tagged: true,
  about: 'Joins subnets, and leads them outside.',
  attributes: [
    ...head,
    name,
    adminStateUp,
    ...status(STATUS),
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
    { name: 'routes', path: 'routes', type: hostRoutes, put: true, about: 'Extra routes.' },
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
    { name: 'flavor_id', type: onlyNull, post: 'allowed', show: () => null, about: 'No flavors.' },
    emptyList('availability_zone_hints', 'No availability zones.'),
    constant('availability_zones', [], 'No availability zones.'),
    ...tail,
  ],
  from: `plumbline.routers o
    LEFT JOIN plumbline.ports g ON g.id = o.doc #>> '{gateway,portId}'
    LEFT JOIN plumbline.object_status s ON s.object_kind = 'router' AND s.object_id = o.id AND s.agent_kind = 'l3'
      AND s.host = o.doc ->> 'host'`,
  columns: `o.doc, g.doc -> 'fixedIps' AS gateway_ips, ${STATUS} AS status, s.reason`,
  notFound: routerNotFound,
  create: async (wishes, { fleet }) => createRouters(wishes as readonly NewRouter[], await fleet()),
  update: async (id, wish, { fleet }) => updateRouter(id, wish as RouterChanges, await fleet()),
  delete: deleteRouter,
  actions: {
    add_router_interface: async (id, body, { fleet }) =>
      answering(addRouterInterface(id, interfaceName(body), await fleet())),
    remove_router_interface: async (id, body) => answering(removeRouterInterface(id, interfaceName(body))),
  },
};
