/** A router's gateway: its port on an external network, made and removed with it. */
import { DEVICE_OWNER, FixedIp, Network, Port, Router, versionOf } from '@plumbline/contracts';
import { RequestedIp } from '../allocation.js';
import type { Draft } from '../draft.js';
import { badRequest, gatewayInUseByFloatingIp, networkNotFound, notAuthorized } from '../errors.js';
import { gatewayInUseByForwarding } from '../port-forwardings/errors.js';
import { setFixedIps } from '../ports/fixed-ips.js';
import { recordPort, recordPortDeleted } from '../ports/ports.js';
import { isExternalFor } from './external.js';
import { refuseOverlap, subnetsOf, subnetsOfAddresses } from './legs.js';

export type WishedGateway = Readonly<{
  networkId: string;
  /** Undefined: as it is, or true for a new gateway. */
  enableSnat?: boolean | undefined;
  /** Undefined: chosen, or as they are. */
  externalFixedIps?: readonly RequestedIp[] | undefined;
}>;

/** Source NAT and the choice of outside addresses are for administrators, whatever the value is. */
export function mayWishFor(draft: Draft, wish: WishedGateway | null | undefined, verb: 'create' | 'update'): void {
  if (!wish || draft.context.actor.role === 'admin') return;
  const rule = `${verb}_router:external_gateway_info`;
  if (wish.enableSnat !== undefined) throw notAuthorized(`${rule}:enable_snat`);
  if (wish.externalFixedIps !== undefined) throw notAuthorized(`${rule}:external_fixed_ips`);
}

/** Makes the router's gateway what is wished: null for none. Appends nothing when it is so already. Other addresses on the same network keep the port. */
export function setGateway(draft: Draft, routerId: string, wish: WishedGateway | null): void {
  const router = draft.get('router', routerId) as Router;
  const held = router.gateway;
  const port = held && draft.get('port', held.portId);
  if (wish === null) {
    if (held) clearGateway(draft, router);
    return;
  }
  if (!held || !port || held.networkId !== wish.networkId) {
    if (held) clearGateway(draft, router);
    newGateway(draft, routerId, { ...wish, enableSnat: wish.enableSnat ?? held?.enableSnat ?? true });
    return;
  }
  const enableSnat = wish.enableSnat ?? held.enableSnat;
  const keeps = keepsAddresses(port, wish);
  if (keeps && enableSnat === held.enableSnat) return;
  if (!keeps) readdress(draft, router, port, wish.externalFixedIps ?? []);
  const { fixedIps } = draft.get('port', port.id) as Port;
  draft.record({
    type: 'RouterGatewaySet',
    version: 1,
    data: { routerId, portId: port.id, networkId: held.networkId, fixedIps, enableSnat },
  });
}

function keepsAddresses(port: Port, { externalFixedIps }: WishedGateway): boolean {
  if (externalFixedIps === undefined) return true;
  return (
    externalFixedIps.length === port.fixedIps.length &&
    externalFixedIps.every((wished) =>
      port.fixedIps.some(
        (ip) =>
          (wished.ipAddress === undefined || wished.ipAddress === ip.ipAddress) &&
          (wished.subnetId === undefined || wished.subnetId === ip.subnetId),
      ),
    )
  );
}

function readdress(draft: Draft, router: Router, port: Port, wished: readonly RequestedIp[]): void {
  refuseNextHop(draft, port.networkId, wished);
  setFixedIps(draft, port, wished);
  const { fixedIps } = draft.get('port', port.id) as Port;
  refuseOverlaps(draft, router, fixedIps, port.id);
  if (!fixedIps.some((ip) => versionOf(ip.ipAddress) === 4)) refuseForwarded(draft, router.id);
}

function newGateway(draft: Draft, routerId: string, wish: WishedGateway & { enableSnat: boolean }): void {
  const network = externalNetwork(draft, wish.networkId);
  refuseNextHop(draft, network.id, wish.externalFixedIps ?? []);
  const portId = recordPort(draft, network, {
    projectId: '',
    name: '',
    description: '',
    adminStateUp: true,
    deviceId: routerId,
    deviceOwner: DEVICE_OWNER.routerGateway,
    portSecurityEnabled: false,
    macAddress: null,
    fixedIps: wish.externalFixedIps ?? null,
  });
  const fixedIps = draft.get('port', portId)?.fixedIps ?? [];
  refuseOverlaps(draft, draft.get('router', routerId) as Router, fixedIps, portId);
  draft.record({
    type: 'RouterGatewaySet',
    version: 1,
    data: { routerId, portId, networkId: network.id, fixedIps, enableSnat: wish.enableSnat },
  });
}

function externalNetwork(draft: Draft, id: string): Network {
  const network = draft.visible('network', id);
  if (!network) throw networkNotFound(id);
  if (!isExternalFor(draft, network)) throw badRequest('router', `Network ${id} is not an external network`);
  return network;
}

/** The address by which the network itself is left is not for a router of ours. */
function refuseNextHop(draft: Draft, networkId: string, wished: readonly RequestedIp[]): void {
  const gateways = new Set(draft.find('subnet', `network/${networkId}`).map((subnet) => subnet.gatewayIp));
  const taken = wished.find(({ ipAddress }) => ipAddress !== undefined && gateways.has(ipAddress));
  if (taken) throw badRequest('router', `External IP ${taken.ipAddress} is the same as the gateway IP`);
}

function refuseOverlaps(draft: Draft, router: Router, fixedIps: readonly FixedIp[], portId: string): void {
  const others = subnetsOf(draft, { ...router, gateway: null }, portId);
  for (const subnet of subnetsOfAddresses(draft, fixedIps)) refuseOverlap(subnet, others);
}

function refuseForwarded(draft: Draft, routerId: string): void {
  const forwardings = draft.find('portforwarding', `gateway/${routerId}`);
  if (forwardings.length > 0)
    throw gatewayInUseByForwarding(
      routerId,
      forwardings.map(({ id }) => id),
    );
}

/** Appends RouterGatewayCleared and the end of its port. The router may carry no floating IP and no port forwarding. */
export function clearGateway(draft: Draft, router: Router): void {
  if (!router.gateway) return;
  const { portId, networkId } = router.gateway;
  refuseForwarded(draft, router.id);
  const carries =
    draft.find('floatingip', `router/${router.id}`).length > 0 ||
    draft.find('portforwarding', `router/${router.id}`).length > 0;
  if (carries) throw gatewayInUseByFloatingIp(router.id, networkId);
  draft.expectNone(`carried/${router.id}/`);
  draft.record({ type: 'RouterGatewayCleared', version: 1, data: { routerId: router.id, portId, networkId } });
  const port = draft.get('port', portId);
  if (port) recordPortDeleted(draft, port);
}
