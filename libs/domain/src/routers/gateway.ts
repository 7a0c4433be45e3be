/** A router's gateway: its port on an external network, made and removed with it. */
import { DEVICE_OWNER, Port, Router } from '@plumbline/contracts';
import { RequestedIp } from '../allocation.js';
import type { Draft } from '../draft.js';
import { badRequest, gatewayInUseByFloatingIp, networkNotFound } from '../errors.js';
import { recordPort, recordPortDeleted } from '../ports/ports.js';
import { refuseOverlap, subnetsOf, subnetsOfAddresses } from './legs.js';

export type WishedGateway = Readonly<{
  networkId: string;
  /** Undefined: as it is, or true for a new gateway. */
  enableSnat?: boolean | undefined;
  /** Undefined: chosen, or as they are. */
  externalFixedIps?: readonly RequestedIp[] | undefined;
}>;

/** Makes the router's gateway what is wished: null for none. Appends nothing when it is so already. */
export function setGateway(draft: Draft, routerId: string, wish: WishedGateway | null): void {
  const router = draft.get('router', routerId) as Router;
  const held = router.gateway;
  if (wish === null) {
    if (held) clearGateway(draft, router);
    return;
  }
  const port = held && draft.get('port', held.portId);
  if (held && port && held.networkId === wish.networkId && keepsAddresses(port, wish)) {
    const enableSnat = wish.enableSnat ?? held.enableSnat;
    if (enableSnat === held.enableSnat) return;
    draft.record({
      type: 'RouterGatewaySet',
      version: 1,
      data: { routerId, portId: port.id, networkId: held.networkId, fixedIps: port.fixedIps, enableSnat },
    });
    return;
  }
  if (held && held.networkId === wish.networkId && port) draft.record(portGone(port));
  else if (held) clearGateway(draft, router);
  newGateway(draft, routerId, { ...wish, enableSnat: wish.enableSnat ?? held?.enableSnat ?? true });
}

const portGone = (port: Port) =>
  ({ type: 'PortDeleted', version: 1, data: { portId: port.id, networkId: port.networkId } }) as const;

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

function newGateway(draft: Draft, routerId: string, wish: WishedGateway & { enableSnat: boolean }): void {
  const network = draft.get('network', wish.networkId);
  if (!network) throw networkNotFound(wish.networkId);
  if (!network.external) throw badRequest('router', `Network ${wish.networkId} is not an external network`);
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
  const others = subnetsOf(
    draft,
    draft.get('router', routerId) as Router,
    draft.get('router', routerId)?.gateway?.portId,
  );
  for (const subnet of subnetsOfAddresses(draft, fixedIps)) refuseOverlap(subnet, others);
  draft.record({
    type: 'RouterGatewaySet',
    version: 1,
    data: { routerId, portId, networkId: network.id, fixedIps, enableSnat: wish.enableSnat },
  });
}

/** Appends RouterGatewayCleared and the end of its port. No floating IP may be carried by the router. */
export function clearGateway(draft: Draft, router: Router): void {
  if (!router.gateway) return;
  const { portId, networkId } = router.gateway;
  if (draft.find('floatingip', `router/${router.id}`).length > 0) throw gatewayInUseByFloatingIp(router.id, networkId);
  draft.expectNone(`carried/${router.id}/`);
  draft.record({ type: 'RouterGatewayCleared', version: 1, data: { routerId: router.id, portId, networkId } });
  const port = draft.get('port', portId);
  if (port) recordPortDeleted(draft, port);
}
