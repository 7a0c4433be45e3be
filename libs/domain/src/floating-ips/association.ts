/** The association of a floating IP with a fixed address: make it, end it. Used by floating IPs and by ports. */
import { FixedIp, FloatingIp, Port, Router, versionOf } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import {
  badRequest,
  externalGatewayForFloatingIpNotFound,
  floatingIpPortAlreadyAssociated,
  portNotFound,
} from '../errors.js';
import { floatingIpInUseByForwarding } from '../port-forwardings/errors.js';
import { mayLeadTo } from '../traffic.js';

/** `fixedIpAddress` null: the port's only IPv4 address. */
export type Target = Readonly<{ portId: string; fixedIpAddress: string | null }>;

/**
 * Appends the events that associate the floating IP with the target: none when it is already, FloatingIpDisassociated first when
 * it is associated with another. The port and the router become preconditions.
 */
export function associate(draft: Draft, floatingIp: FloatingIp, target: Target): void {
  const port = draft.visible('port', target.portId);
  if (!port) throw portNotFound(target.portId);
  mayLeadTo(draft, port, { resource: 'floatingip', projectId: floatingIp.projectId });
  if (draft.find('portforwarding', `floatingip/${floatingIp.id}`).length > 0)
    throw floatingIpInUseByForwarding(floatingIp.id);
  const { ipAddress, subnetId } = fixedIpOf(port, target.fixedIpAddress);
  const held = floatingIp.association;
  if (held?.portId === port.id && held.fixedIpAddress === ipAddress) return;
  const router = routerBetween(draft, port, subnetId, floatingIp.floatingNetworkId);
  const { id, floatingIpAddress, floatingNetworkId } = floatingIp;
  if (draft.held(`association/${port.id}/${floatingNetworkId}/${ipAddress}/`))
    throw floatingIpPortAlreadyAssociated({
      address: floatingIpAddress,
      id,
      port: port.id,
      fixedIp: ipAddress,
      network: floatingNetworkId,
    });
  draft.dependOn(`router/${router.id}`);
  if (held) disassociate(draft, floatingIp);
  draft.record({
    type: 'FloatingIpAssociated',
    version: 1,
    data: {
      floatingIpId: id,
      floatingIpAddress,
      portId: port.id,
      fixedIpAddress: ipAddress,
      subnetId,
      routerId: router.id,
    },
  });
}

/** Appends FloatingIpDisassociated when the floating IP is associated. */
export function disassociate(draft: Draft, floatingIp: FloatingIp): void {
  if (!floatingIp.association) return;
  const { portId, fixedIpAddress, routerId } = floatingIp.association;
  const { id: floatingIpId, floatingIpAddress } = floatingIp;
  draft.record({
    type: 'FloatingIpDisassociated',
    version: 1,
    data: { floatingIpId, floatingIpAddress, portId, fixedIpAddress, routerId },
  });
}

/** Ends every association with a port, or with one of its addresses. */
export function disassociatePort(draft: Draft, portId: string, fixedIpAddress?: string): void {
  for (const floatingIp of draft.find('floatingip', `associated/${portId}`))
    if (fixedIpAddress === undefined || floatingIp.association?.fixedIpAddress === fixedIpAddress)
      disassociate(draft, floatingIp);
}

function fixedIpOf(port: Port, requested: string | null): FixedIp {
  const candidates = port.fixedIps.filter((ip) => versionOf(ip.ipAddress) === 4);
  if (requested !== null) {
    const found = candidates.find((ip) => ip.ipAddress === requested);
    if (!found) throw badRequest('floatingip', `Port ${port.id} does not have fixed ip ${requested}`);
    return found;
  }
  const [first, ...more] = candidates;
  if (!first)
    throw badRequest('floatingip', `Cannot add floating IP to port ${port.id} that has no fixed IPv4 addresses`);
  if (more.length > 0)
    throw badRequest(
      'floatingip',
      `Port ${port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP`,
    );
  return first;
}

/** The router between, or null. See `routerBetween`. */
export function routerBetweenIfAny(
  draft: Draft,
  port: Port,
  subnetId: string,
  externalNetworkId: string,
): Router | null {
  const gatewayIp = draft.get('subnet', subnetId)?.gatewayIp;
  const interfaces = draft.find('port', `router-ports/${port.networkId}`);
  const candidates = interfaces.flatMap((each) => {
    const address = each.fixedIps.find((ip) => ip.subnetId === subnetId)?.ipAddress;
    const router = address === undefined ? undefined : draft.get('router', each.deviceId);
    return router?.gateway?.networkId === externalNetworkId ? [{ router, isGateway: address === gatewayIp }] : [];
  });
  return (candidates.find(({ isGateway }) => isGateway) ?? candidates[0])?.router ?? null;
}

/** The router with an interface on the subnet and its gateway on the external network. Preferred: the one that has the subnet's gateway address. */
function routerBetween(draft: Draft, port: Port, subnetId: string, externalNetworkId: string): Router {
  const router = routerBetweenIfAny(draft, port, subnetId, externalNetworkId);
  if (!router) throw externalGatewayForFloatingIpNotFound(externalNetworkId, subnetId, port.id);
  return router;
}
