/** A router's interfaces on tenant networks, by subnet or by port. */
import { DEVICE_OWNER, FixedIp, Port, Router, Subnet } from '@plumbline/contracts';
import { Decide, deciding, Draft } from '../draft.js';
import {
  addressAllocated,
  badRequest,
  portInUse,
  portNotFound,
  routerInterfaceInUseByFloatingIp,
  routerInterfaceInUseByRoute,
  routerInterfaceNotFound,
  routerInterfaceNotFoundForSubnet,
  subnetMismatchForPort,
  subnetNotFound,
} from '../errors.js';
import { recordPort, recordPortDeleted } from '../ports/ports.js';
import { refuseOverlap, subnetsOf, theRouter } from './legs.js';
import { nexthopReachable } from './routes.js';
import { Fleet, schedule } from './scheduling.js';

/** Which interface: its subnet, its port, or (to remove) both. */
export type InterfaceName = Readonly<{ subnetId?: string | undefined; portId?: string | undefined }>;
/** What a client is told of an interface that came or went. */
export type InterfaceInfo = Readonly<{
  routerId: string;
  projectId: string;
  portId: string;
  networkId: string;
  subnetIds: readonly string[];
}>;

export const addRouterInterface = (routerId: string, name: InterfaceName, fleet: Fleet): Decide<InterfaceInfo> =>
  deciding((draft) => {
    const router = theRouter(draft, routerId);
    if (name.portId !== undefined && name.subnetId !== undefined)
      throw badRequest('router', 'Cannot specify both subnet-id and port-id');
    if (name.portId === undefined && name.subnetId === undefined) throw nothingNamed();
    const port =
      name.portId === undefined
        ? portOnSubnet(draft, router, name.subnetId as string)
        : adoptPort(draft, router, name.portId);
    const { id: portId, networkId, fixedIps } = port;
    draft.record({ type: 'RouterInterfaceAdded', version: 1, data: { routerId, portId, networkId, fixedIps } });
    schedule(draft, routerId, fleet);
    return info(router, port);
  });

export const removeRouterInterface = (routerId: string, name: InterfaceName): Decide<InterfaceInfo> =>
  deciding((draft) => {
    const router = theRouter(draft, routerId);
    if (name.portId === undefined && name.subnetId === undefined) throw nothingNamed();
    const port = interfaceNamed(draft, router, name);
    const rest = subnetsOf(draft, router, port.id);
    for (const { subnetId } of port.fixedIps) {
      if (draft.find('floatingip', `router/${routerId}`).some((fip) => fip.association?.subnetId === subnetId))
        throw routerInterfaceInUseByFloatingIp(routerId, subnetId);
      const stranded = router.routes.some((route) => !nexthopReachable(route, rest));
      if (stranded) throw routerInterfaceInUseByRoute(routerId, subnetId);
      draft.expectNone(`carried/${routerId}/${subnetId}/`);
    }
    const { id: portId, networkId } = port;
    draft.record({ type: 'RouterInterfaceRemoved', version: 1, data: { routerId, portId, networkId } });
    recordPortDeleted(draft, port);
    return info(router, port);
  });

const nothingNamed = () => badRequest('router', 'Either subnet_id or port_id must be specified');

const info = (router: Router, port: Port): InterfaceInfo => ({
  routerId: router.id,
  projectId: router.projectId,
  portId: port.id,
  networkId: port.networkId,
  subnetIds: port.fixedIps.map((ip) => ip.subnetId),
});

function portOnSubnet(draft: Draft, router: Router, subnetId: string): Port {
  const subnet = draft.get('subnet', subnetId);
  const network = subnet && draft.get('network', subnet.networkId);
  if (!subnet || !network) throw subnetNotFound(subnetId);
  if (subnet.gatewayIp === null) throw badRequest('router', 'Subnet for router interface must have a gateway IP');
  refuseSubnet(draft, router, subnet);
  if (draft.held(`address/${network.id}/${subnet.gatewayIp}`)) throw addressAllocated(subnet.gatewayIp, subnetId);
  const portId = recordPort(draft, network, {
    projectId: router.projectId,
    name: '',
    description: '',
    adminStateUp: true,
    deviceId: router.id,
    deviceOwner: DEVICE_OWNER.routerInterface,
    portSecurityEnabled: false,
    macAddress: null,
    fixedIps: [{ subnetId, ipAddress: subnet.gatewayIp }],
  });
  return draft.get('port', portId) as Port;
}

/** A port a client made becomes the router's: it loses its binding, for it is where its router is. */
function adoptPort(draft: Draft, router: Router, portId: string): Port {
  const port = draft.get('port', portId);
  if (!port) throw portNotFound(portId);
  if (port.deviceId !== '') throw portInUse(portId, port.networkId, port.deviceId);
  if (port.fixedIps.length === 0) throw badRequest('router', 'Router port must have at least one fixed IP');
  const subnets = port.fixedIps.flatMap(({ subnetId }) => draft.get('subnet', subnetId) ?? []);
  if (subnets.filter((subnet) => subnet.ipVersion === 4).length > 1)
    throw badRequest('router', 'Cannot have multiple IPv4 subnets on router port');
  for (const subnet of subnets) refuseSubnet(draft, router, subnet);
  draft.standOn(`network/${port.networkId}`);
  draft.expectNone(`association/${portId}/`);
  if (port.binding.host) {
    const unbound = { portId, networkId: port.networkId, host: port.binding.host };
    draft.record({ type: 'PortUnbound', version: 1, data: unbound });
  }
  const set = { deviceId: router.id, deviceOwner: DEVICE_OWNER.routerInterface };
  draft.record({ type: 'PortAttributesSet', version: 1, data: { portId, set } });
  return draft.get('port', portId) as Port;
}

function refuseSubnet(draft: Draft, router: Router, subnet: Subnet): void {
  const others = subnetsOf(draft, router);
  if (others.some(({ id }) => id === subnet.id))
    throw badRequest('router', `Router already has a port on subnet ${subnet.id}`);
  refuseOverlap(subnet, others);
}

function interfaceNamed(draft: Draft, router: Router, { portId, subnetId }: InterfaceName): Port {
  const onSubnet = (ips: readonly FixedIp[]) => ips.some((ip) => ip.subnetId === subnetId);
  if (portId !== undefined) {
    const port = portId in router.interfaces ? draft.get('port', portId) : undefined;
    if (!port) throw routerInterfaceNotFound(router.id, portId);
    if (subnetId !== undefined && !onSubnet(port.fixedIps)) throw subnetMismatchForPort(portId, subnetId);
    return port;
  }
  if (!draft.get('subnet', subnetId as string)) throw subnetNotFound(subnetId as string);
  const port = Object.keys(router.interfaces)
    .map((id) => draft.get('port', id))
    .find((candidate) => candidate !== undefined && onSubnet(candidate.fixedIps));
  if (!port) throw routerInterfaceNotFoundForSubnet(router.id, subnetId as string);
  return port;
}
