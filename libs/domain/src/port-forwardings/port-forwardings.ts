/**
 * Port forwardings: from ports of an outside address to a port of an inside address. The outside address is a floating IP, or a router's own gateway address.
 *
 * Two port forwardings of one address never share ports of a protocol: both are written to the stream of the floating IP (or of the router), so two that are
 * created at the same time conflict there, and the second is decided again. The inside port and the router are preconditions of a port forwarding. A command
 * that removes one of them requires that no port forwarding holds a claim on it: `forwarded-to/<port>/`, `carried/<router>/<subnet>/`.
 */
import { FixedIp, FloatingIp, Port, PortForwarding, Router, versionOf } from '@plumbline/contracts';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { floatingIpNotFound, floatingIpPortAlreadyAssociated, portNotFound, routerNotFound } from '../errors.js';
import { routerBetweenIfAny } from '../floating-ips/association.js';
import { mayLeadTo } from '../traffic.js';
import { badForwarding, portForwardingNotFound, portHasFloatingIp } from './errors.js';
import { checkPorts, Ports, refuseCollision } from './ranges.js';
import { recordForwardingDeleted } from './removal.js';

/** The owner of the outside address: a floating IP, or a router (its gateway address). */
export type Outside = Readonly<{ floatingIpId: string }> | Readonly<{ routerId: string }>;

export type NewPortForwarding = Ports &
  Readonly<{
    outside: Outside;
    description: string;
    internalPortId: string;
    /** Null: the port's first IPv4 address. */
    internalIpAddress: string | null;
  }>;
export type PortForwardingChanges = Readonly<{
  description?: string | undefined;
  protocol?: PortForwarding['protocol'] | undefined;
  externalPorts?: PortForwarding['externalPorts'] | undefined;
  internalPorts?: PortForwarding['internalPorts'] | undefined;
  internalPortId?: string | undefined;
  /** Null: the port's first IPv4 address. */
  internalIpAddress?: string | null | undefined;
}>;

/** All or none, in one command. Returns the ids in the order asked. They belong to the project of the floating IP or router. */
export const createPortForwardings = (requests: readonly NewPortForwarding[]): Decide<string[]> =>
  deciding((draft) => requests.map((request) => createPortForwarding(draft, request)));

function createPortForwarding(draft: Draft, request: NewPortForwarding): string {
  const { description, protocol, externalPorts, internalPorts } = request;
  const whole = wholeOf(draft, request.outside);
  checkPorts(request);
  const port = theInsidePort(draft, request.internalPortId);
  mayLeadTo(draft, port, { resource: 'port_forwarding', projectId: whole.projectId });
  const inside = fixedIpOf(port, request.internalIpAddress);
  const facts = {
    protocol,
    externalPorts,
    internalPorts,
    internalPortId: port.id,
    internalIpAddress: inside.ipAddress,
    internalSubnetId: inside.subnetId,
  };
  const others = forwardingsOf(draft, request.outside);
  refuseCollision(facts, others);
  const routerId = routeTo(draft, whole, port, inside, others);
  const portForwardingId = draft.context.newId();
  draft.record({
    type: 'PortForwardingCreated',
    version: 1,
    data: {
      portForwardingId,
      projectId: whole.projectId,
      name: '',
      description,
      routerId,
      floatingIpId: whole.kind === 'floatingip' ? whole.id : null,
      externalIpAddress: whole.kind === 'floatingip' ? whole.floatingIpAddress : null,
      ...facts,
    },
  });
  return portForwardingId;
}

/** Changes the given attributes; the result must be valid as a whole. `outside`: the owner of the outside address. */
export const updatePortForwarding = (outside: OutsideKind, id: string, changes: PortForwardingChanges): Decide<void> =>
  deciding((draft) => {
    const forwarding = theForwarding(draft, outside, id);
    const protocol = changes.protocol ?? forwarding.protocol;
    const ports: Ports = {
      protocol,
      externalPorts: changes.externalPorts === undefined ? forwarding.externalPorts : changes.externalPorts,
      internalPorts: changes.internalPorts === undefined ? forwarding.internalPorts : changes.internalPorts,
    };
    checkPorts(ports);
    const moved = changes.internalPortId !== undefined && changes.internalPortId !== forwarding.internalPortId;
    const port = moved
      ? theInsidePort(draft, changes.internalPortId as string)
      : draft.get('port', forwarding.internalPortId);
    if (!port) throw portNotFound(forwarding.internalPortId);
    const kept = moved ? null : forwarding.internalIpAddress;
    const inside = fixedIpOf(port, changes.internalIpAddress === undefined ? kept : changes.internalIpAddress);
    const facts = {
      description: changes.description ?? forwarding.description,
      ...ports,
      internalPortId: port.id,
      internalIpAddress: inside.ipAddress,
      internalSubnetId: inside.subnetId,
    };
    const { floatingIpId, externalIpAddress } = forwarding;
    const of: Outside = floatingIpId === null ? { routerId: forwarding.routerId } : { floatingIpId };
    const whole = wholeOf(draft, of);
    const others = forwardingsOf(draft, of).filter((other) => other.id !== id);
    refuseCollision(facts, others);
    const leadsElsewhere = moved || inside.ipAddress !== forwarding.internalIpAddress;
    if (leadsElsewhere || !sameInside(facts, forwarding))
      mayLeadTo(draft, port, { resource: 'port_forwarding', projectId: whole.projectId });
    const routerId = leadsElsewhere ? routeTo(draft, whole, port, inside, others) : forwarding.routerId;
    const same = Object.entries({ ...facts, routerId }).every(
      ([field, value]) => JSON.stringify(value) === JSON.stringify(forwarding[field as keyof PortForwarding]),
    );
    if (same) return;
    draft.record({
      type: 'PortForwardingChanged',
      version: 1,
      data: { portForwardingId: id, routerId, floatingIpId, externalIpAddress, ...facts },
    });
  });

export const deletePortForwarding = (outside: OutsideKind, id: string): Decide<void> =>
  deciding((draft) => recordForwardingDeleted(draft, theForwarding(draft, outside, id)));

export type OutsideKind = 'floatingip' | 'gateway';

function theForwarding(draft: Draft, outside: OutsideKind, id: string): PortForwarding {
  const forwarding = draft.get('portforwarding', id);
  if (!forwarding || (forwarding.floatingIpId === null) !== (outside === 'gateway')) throw portForwardingNotFound(id);
  return forwarding;
}

function wholeOf(draft: Draft, outside: Outside): FloatingIp | Router {
  if ('floatingIpId' in outside) {
    const floatingIp = draft.get('floatingip', outside.floatingIpId);
    if (!floatingIp) throw floatingIpNotFound(outside.floatingIpId);
    return floatingIp;
  }
  const router = draft.get('router', outside.routerId);
  if (!router) throw routerNotFound(outside.routerId);
  return router;
}

export const forwardingsOf = (draft: Draft, outside: Outside): PortForwarding[] =>
  draft.find(
    'portforwarding',
    'floatingIpId' in outside ? `floatingip/${outside.floatingIpId}` : `gateway/${outside.routerId}`,
  );

function theInsidePort(draft: Draft, id: string): Port {
  const port = draft.visible('port', id);
  if (!port) throw portNotFound(id);
  return port;
}

function fixedIpOf(port: Port, requested: string | null): FixedIp {
  const candidates = port.fixedIps.filter((ip) => versionOf(ip.ipAddress) === 4);
  const [first] = candidates;
  if (!first) throw badForwarding(`Requested internal port ${port.id} must allocate an IPv4 address at least`);
  if (requested === null) return first;
  const found = candidates.find((ip) => ip.ipAddress === requested);
  if (!found)
    throw badForwarding(
      `Requested internal IP address ${requested} is not suitable for internal neutron port ${port.id}, as its fixed_ips are ${candidates.map((ip) => ip.ipAddress).join(', ')}`,
    );
  return found;
}

/** True when both reach the same ports of the inside address. */
const sameInside = (one: Ports, other: Ports): boolean =>
  one.protocol === other.protocol && JSON.stringify(one.internalPorts) === JSON.stringify(other.internalPorts);

/** The router that carries the port forwarding; it becomes a precondition. All port forwardings of a floating IP have the same router. */
function routeTo(
  draft: Draft,
  whole: FloatingIp | Router,
  port: Port,
  inside: FixedIp,
  others: readonly PortForwarding[],
): string {
  refuseAssociated(draft, port, inside);
  const routerId =
    whole.kind === 'floatingip'
      ? routerOfFloatingIp(draft, whole, port, inside, others)
      : routerItself(draft, whole, port, inside);
  draft.dependOn(`router/${routerId}`);
  return routerId;
}

function refuseAssociated(draft: Draft, port: Port, inside: FixedIp): void {
  const [floatingIp] = draft.find('floatingip', `associated/${port.id}`);
  if (!floatingIp) return;
  const { id, floatingIpAddress } = floatingIp;
  throw portHasFloatingIp({ address: floatingIpAddress, floatingIp: id, port: port.id, fixedIp: inside.ipAddress });
}

function routerOfFloatingIp(
  draft: Draft,
  floatingIp: FloatingIp,
  port: Port,
  { subnetId, ipAddress }: FixedIp,
  others: readonly PortForwarding[],
): string {
  const { id, floatingIpAddress, floatingNetworkId } = floatingIp;
  if (floatingIp.association)
    throw floatingIpPortAlreadyAssociated({
      address: floatingIpAddress,
      id,
      port: port.id,
      fixedIp: ipAddress,
      network: floatingNetworkId,
    });
  const router = reachable(draft, floatingIp, port, subnetId);
  const [sibling] = others;
  if (sibling && sibling.routerId !== router)
    throw badForwarding(
      `The Floating IP ${id} had been set on router ${sibling.routerId}, the internal Neutron port ${port.id} can not reach it`,
    );
  return router;
}

function reachable(draft: Draft, { id, floatingNetworkId }: FloatingIp, port: Port, subnetId: string): string {
  const router = routerBetweenIfAny(draft, port, subnetId, floatingNetworkId);
  if (!router)
    throw badForwarding(
      `External network ${floatingNetworkId} is not reachable from subnet ${subnetId}. Cannot set Port forwarding for port ${port.id} with Floating IP ${id}`,
    );
  return router.id;
}

function routerItself(draft: Draft, router: Router, port: Port, { subnetId }: FixedIp): string {
  const outside = router.gateway && draft.get('port', router.gateway.portId);
  if (!outside?.fixedIps.some((ip) => versionOf(ip.ipAddress) === 4))
    throw badForwarding(`Router ${router.id} has no gateway with an IPv4 address to forward from`);
  const isInterface = (each: Port) =>
    Object.hasOwn(router.interfaces, each.id) && each.fixedIps.some((ip) => ip.subnetId === subnetId);
  if (!draft.find('port', `router-ports/${port.networkId}`).some(isInterface))
    throw badForwarding(
      `Router ${router.id} has no interface on subnet ${subnetId}. Cannot set Port forwarding for port ${port.id} with its gateway address`,
    );
  return router.id;
}
