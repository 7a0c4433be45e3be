/** A router's gateway: its port on an external network, created and deleted with the gateway. */
import { DEVICE_OWNER, FixedIp, Network, Port, Router, versionOf } from '@plumbline/contracts';
import { asksForTheSame, RequestedIp } from '../allocation.js';
import type { Draft } from '../draft.js';
import { badRequest, gatewayInUseByFloatingIp, networkNotFound, notAuthorized } from '../errors.js';
import { gatewayInUseByForwarding } from '../port-forwardings/errors.js';
import { setFixedIps } from '../ports/fixed-ips.js';
import { recordPort, recordPortDeleted } from '../ports/ports.js';
import { isExternalFor } from './external.js';
import { refuseOverlap, subnetsOf, subnetsOfAddresses } from './router-ports.js';

export type RequestedGateway = Readonly<{
  networkId: string;
  /** Undefined: as it is, or true for a new gateway. */
  enableSnat?: boolean | undefined;
  /** Undefined: chosen, or as they are. */
  externalFixedIps?: readonly RequestedIp[] | undefined;
}>;

/** Source NAT and the choice of outside addresses are for administrators, whatever the value is. */
export function mayRequestGateway(
  draft: Draft,
  request: RequestedGateway | null | undefined,
  verb: 'create' | 'update',
): void {
  if (!request || draft.context.actor.role === 'admin') return;
  const rule = `${verb}_router:external_gateway_info`;
  if (request.enableSnat !== undefined) throw notAuthorized(`${rule}:enable_snat`);
  if (request.externalFixedIps !== undefined) throw notAuthorized(`${rule}:external_fixed_ips`);
}

/** Sets the router's gateway as requested; null: none. Appends nothing when it is the same already. With other addresses on the same network the port stays. */
export function setGateway(draft: Draft, routerId: string, request: RequestedGateway | null): void {
  const router = draft.get('router', routerId) as Router;
  const held = router.gateway;
  const port = held && draft.get('port', held.portId);
  if (request === null) {
    if (held) clearGateway(draft, router);
    return;
  }
  if (!held || !port || held.networkId !== request.networkId) {
    if (held) clearGateway(draft, router);
    newGateway(draft, routerId, { ...request, enableSnat: request.enableSnat ?? held?.enableSnat ?? true });
    return;
  }
  const enableSnat = request.enableSnat ?? held.enableSnat;
  const keeps = keepsAddresses(port, request);
  if (keeps && enableSnat === held.enableSnat) return;
  if (!keeps) readdress(draft, router, port, request.externalFixedIps ?? []);
  const { fixedIps } = draft.get('port', port.id) as Port;
  draft.record({
    type: 'RouterGatewaySet',
    version: 1,
    data: { routerId, portId: port.id, networkId: held.networkId, fixedIps, enableSnat },
  });
}

function keepsAddresses(port: Port, { externalFixedIps }: RequestedGateway): boolean {
  return externalFixedIps === undefined || asksForTheSame(port.fixedIps, externalFixedIps);
}

function readdress(draft: Draft, router: Router, port: Port, requested: readonly RequestedIp[]): void {
  refuseNextHop(draft, port.networkId, requested);
  setFixedIps(draft, port, requested);
  const { fixedIps } = draft.get('port', port.id) as Port;
  refuseOverlaps(draft, router, fixedIps, port.id);
  if (!fixedIps.some((ip) => versionOf(ip.ipAddress) === 4)) refuseForwarded(draft, router.id);
}

function newGateway(draft: Draft, routerId: string, request: RequestedGateway & { enableSnat: boolean }): void {
  const network = externalNetwork(draft, request.networkId);
  refuseNextHop(draft, network.id, request.externalFixedIps ?? []);
  const portId = recordPort(draft, network, {
    projectId: '',
    name: '',
    description: '',
    adminStateUp: true,
    deviceId: routerId,
    deviceOwner: DEVICE_OWNER.routerGateway,
    portSecurityEnabled: false,
    macAddress: null,
    fixedIps: request.externalFixedIps ?? null,
  });
  const fixedIps = draft.get('port', portId)?.fixedIps ?? [];
  refuseOverlaps(draft, draft.get('router', routerId) as Router, fixedIps, portId);
  draft.record({
    type: 'RouterGatewaySet',
    version: 1,
    data: { routerId, portId, networkId: network.id, fixedIps, enableSnat: request.enableSnat },
  });
}

function externalNetwork(draft: Draft, id: string): Network {
  const network = draft.visible('network', id);
  if (!network) throw networkNotFound(id);
  if (!isExternalFor(draft, network)) throw badRequest('router', `Network ${id} is not an external network`);
  return network;
}

/** Refuses the gateway address of the external subnet itself. */
function refuseNextHop(draft: Draft, networkId: string, requested: readonly RequestedIp[]): void {
  const gateways = new Set(draft.find('subnet', `network/${networkId}`).map((subnet) => subnet.gatewayIp));
  const taken = requested.find(({ ipAddress }) => ipAddress !== undefined && gateways.has(ipAddress));
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

/** Appends RouterGatewayCleared and the deletion of its port. The router must have no floating IP and no port forwarding. */
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
