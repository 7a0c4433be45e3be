/**
 * A router's interfaces on tenant networks, by subnet or by port. Each IPv4 subnet has an interface of its own; the IPv6 subnets of one network share one, as in
 * the reference implementation. Every change of an interface's addresses is also written to the router's stream, so two overlapping subnets cannot be added at
 * the same time.
 */
import { DEVICE_OWNER, FixedIp, Port, Router } from '@plumbline/contracts';
import { canChange } from '../access.js';
import { isHostAddress } from '../allocation.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import {
  addressAllocated,
  addressNotOnSubnet,
  badRequest,
  notAuthorized,
  portInUse,
  portNotFound,
  routerInterfaceInUseByFloatingIp,
  routerInterfaceInUseByRoute,
  routerInterfaceNotFound,
  routerInterfaceNotFoundForSubnet,
  subnetMismatchForPort,
  subnetNotFound,
} from '../errors.js';
import { disassociatePort } from '../floating-ips/association.js';
import { interfaceInUseByForwarding } from '../port-forwardings/errors.js';
import { removeForwardingsTo } from '../port-forwardings/removal.js';
import { recordPort, recordPortDeleted } from '../ports/ports.js';
import { refuseDestination } from '../traffic.js';
import {
  hasIpv6,
  ipv6LegOn,
  refuseForeign,
  refuseOutsidePools,
  refuseSubnet,
  seenSubnet,
} from './interface-subnets.js';
import { subnetsOf, theRouter } from './router-ports.js';
import { nexthopReachable } from './routes.js';
import { Fleet, schedule } from './scheduling.js';

/** Which interface: its subnet, its port, or (to remove) both. */
export type InterfaceName = Readonly<{ subnetId?: string | undefined; portId?: string | undefined }>;
/** The answer to a client that added or removed an interface. */
export type InterfaceInfo = Readonly<{
  routerId: string;
  projectId: string;
  portId: string;
  networkId: string;
  /** The subnets that were added or removed. */
  subnetIds: readonly string[];
}>;

export const addRouterInterface = (routerId: string, name: InterfaceName, fleet: Fleet): Decide<InterfaceInfo> =>
  deciding((draft) => {
    const router = theRouter(draft, routerId);
    if (name.portId !== undefined && name.subnetId !== undefined)
      throw badRequest('router', 'Cannot specify both subnet-id and port-id');
    const port =
      name.portId !== undefined
        ? adoptPort(draft, router, name.portId)
        : portOnSubnet(draft, router, subnetNamed(name));
    recordInterface(draft, router, port);
    schedule(draft, routerId, fleet);
    return info(router, port, name.subnetId === undefined ? subnetIdsOf(port) : [name.subnetId]);
  });

export const removeRouterInterface = (routerId: string, name: InterfaceName): Decide<InterfaceInfo> =>
  deciding((draft) => {
    const router = theRouter(draft, routerId);
    if (name.portId === undefined) subnetNamed(name);
    const port = interfaceNamed(draft, router, name);
    const gone =
      name.portId === undefined ? port.fixedIps.filter((ip) => ip.subnetId === name.subnetId) : port.fixedIps;
    for (const { subnetId } of gone) refuseInUse(draft, router, subnetId);
    const kept = port.fixedIps.filter((ip) => !gone.includes(ip));
    const { id: portId, networkId } = port;
    if (kept.length > 0) {
      for (const { ipAddress } of gone) disassociatePort(draft, portId, ipAddress);
      draft.record({ type: 'PortFixedIpsSet', version: 1, data: { portId, networkId, fixedIps: kept } });
      recordInterface(draft, router, draft.get('port', portId) as Port);
    } else {
      draft.record({ type: 'RouterInterfaceRemoved', version: 1, data: { routerId, portId, networkId } });
      disassociatePort(draft, portId);
      removeForwardingsTo(draft, portId);
      recordPortDeleted(draft, port);
    }
    return info(router, port, [...new Set(gone.map((ip) => ip.subnetId))]);
  });

/** Appends the event with the interface's addresses from now on. */
function recordInterface(draft: Draft, router: Router, { id: portId, networkId, fixedIps }: Port): void {
  draft.record({
    type: 'RouterInterfaceAdded',
    version: 1,
    data: { routerId: router.id, portId, networkId, fixedIps },
  });
}

function subnetNamed({ subnetId }: InterfaceName): string {
  if (subnetId === undefined) throw badRequest('router', 'Either subnet_id or port_id must be specified');
  return subnetId;
}

const subnetIdsOf = (port: Port): string[] => [...new Set(port.fixedIps.map((ip) => ip.subnetId))];

const info = (router: Router, port: Port, subnetIds: readonly string[]): InterfaceInfo => ({
  routerId: router.id,
  projectId: router.projectId,
  portId: port.id,
  networkId: port.networkId,
  subnetIds,
});

function portOnSubnet(draft: Draft, router: Router, subnetId: string): Port {
  const { subnet, network } = seenSubnet(draft, subnetId);
  const ipAddress = subnet.gatewayIp;
  if (ipAddress === null) throw badRequest('router', 'Subnet for router interface must have a gateway IP');
  refuseForeign(draft, subnet);
  refuseSubnet(draft, router, subnet);
  // A gateway outside the prefix is somebody else's: the interface must be added by a port.
  if (!isHostAddress(subnet.cidr, ipAddress)) throw addressNotOnSubnet(ipAddress);
  if (draft.held(`address/${network.id}/${ipAddress}`)) throw addressAllocated(ipAddress, subnetId);
  const shared = subnet.ipVersion === 6 ? ipv6LegOn(draft, router, network.id) : undefined;
  if (shared) {
    draft.dependOn(`network/${network.id}`);
    const fixedIps = [...shared.fixedIps, { subnetId, ipAddress }];
    draft.record({ type: 'PortFixedIpsSet', version: 1, data: { portId: shared.id, networkId: network.id, fixedIps } });
    return draft.get('port', shared.id) as Port;
  }
  const portId = recordPort(draft, network, {
    projectId: router.projectId,
    name: '',
    description: '',
    adminStateUp: true,
    deviceId: router.id,
    deviceOwner: DEVICE_OWNER.routerInterface,
    portSecurityEnabled: false,
    macAddress: null,
    fixedIps: [{ subnetId, ipAddress }],
  });
  return draft.get('port', portId) as Port;
}

/** A client's port becomes the router's. It loses its binding, since it is on the router's host. */
function adoptPort(draft: Draft, router: Router, portId: string): Port {
  const port = draft.visible('port', portId);
  if (!port) throw portNotFound(portId);
  if (!canChange(draft, draft.context.actor, port, false)) throw notAuthorized('update_port');
  if (port.deviceId !== '') throw portInUse(portId, port.networkId, port.deviceId);
  if (port.fixedIps.length === 0) throw badRequest('router', 'Router port must have at least one fixed IP');
  refuseDestination(draft, port, 'router', 'a router interface');
  const subnets = port.fixedIps.flatMap(({ subnetId }) => draft.get('subnet', subnetId) ?? []);
  if (subnets.filter((subnet) => subnet.ipVersion === 4).length > 1)
    throw badRequest('router', 'Cannot have multiple IPv4 subnets on router port');
  for (const subnet of new Set(subnets)) refuseSubnet(draft, router, subnet);
  refuseOutsidePools(draft, port, subnets);
  const other = hasIpv6(port.fixedIps) ? ipv6LegOn(draft, router, port.networkId) : undefined;
  if (other)
    throw badRequest(
      'router',
      `Router already contains IPv6 port ${other.id} belonging to network id ${port.networkId}. Only one IPv6 port from the same network subnet can be connected to a router`,
    );
  draft.dependOn(`network/${port.networkId}`);
  if (port.binding.host) {
    const unbound = { portId, networkId: port.networkId, host: port.binding.host };
    draft.record({ type: 'PortUnbound', version: 1, data: unbound });
  }
  const set = { deviceId: router.id, deviceOwner: DEVICE_OWNER.routerInterface };
  draft.record({ type: 'PortAttributesSet', version: 1, data: { portId, set } });
  return draft.get('port', portId) as Port;
}

function refuseInUse(draft: Draft, router: Router, subnetId: string): void {
  const forwardings = draft
    .find('portforwarding', `router/${router.id}`)
    .filter((each) => each.internalSubnetId === subnetId);
  if (
    forwardings.some(({ floatingIpId }) => floatingIpId !== null) ||
    draft.find('floatingip', `router/${router.id}`).some((fip) => fip.association?.subnetId === subnetId)
  )
    throw routerInterfaceInUseByFloatingIp(router.id, subnetId);
  if (forwardings.length > 0) throw interfaceInUseByForwarding(router.id, subnetId);
  const rest = subnetsOf(draft, router).filter(({ id }) => id !== subnetId);
  if (router.routes.some((route) => !nexthopReachable(route, rest)))
    throw routerInterfaceInUseByRoute(router.id, subnetId);
  draft.expectNone(`carried/${router.id}/${subnetId}/`);
}

function interfaceNamed(draft: Draft, router: Router, { portId, subnetId }: InterfaceName): Port {
  const onSubnet = (ips: readonly FixedIp[]) => ips.some((ip) => ip.subnetId === subnetId);
  if (portId !== undefined) {
    const port = Object.hasOwn(router.interfaces, portId) ? draft.get('port', portId) : undefined;
    if (!port) throw routerInterfaceNotFound(router.id, portId);
    if (subnetId !== undefined && !onSubnet(port.fixedIps)) throw subnetMismatchForPort(portId, subnetId);
    return port;
  }
  const port = Object.keys(router.interfaces)
    .map((id) => draft.get('port', id))
    .find((candidate) => candidate !== undefined && onSubnet(candidate.fixedIps));
  if (port) return port;
  if (!draft.visible('subnet', subnetId as string)) throw subnetNotFound(subnetId as string);
  throw routerInterfaceNotFoundForSubnet(router.id, subnetId as string);
}
