/** Changes of a port's addresses: what is associated with a removed address is disassociated or deleted. */
import type { FixedIp, Port } from '@plumbline/contracts';
import { isOf, policiesFor } from '../access.js';
import { chooseAddresses, type RequestedIp } from '../allocation.js';
import type { Draft } from '../draft.js';
import { networkNotFound, notAuthorized } from '../errors.js';
import { disassociatePort } from '../floating-ips/association.js';
import { removeForwardingsTo } from '../port-forwardings/removal.js';
import { externalNetworks } from '../rbac-policies/opening.js';

/** True for administrators and the network's own project. */
export const ownsNetwork = (draft: Draft, networkId: string): boolean =>
  draft.context.actor.role === 'admin' || isOf(draft.context.actor, draft.get('network', networkId));

/** Only the network's owner may choose the address; a project with which the network is shared may choose the subnet. */
export function mayAskFor(
  draft: Draft,
  networkId: string,
  requested: readonly RequestedIp[] | null | undefined,
  verb: 'create' | 'update',
): void {
  if (!requested || ownsNetwork(draft, networkId)) return;
  const rule = `${verb}_port:fixed_ips`;
  if (requested.some(({ ipAddress }) => ipAddress !== undefined)) throw notAuthorized(`${rule}:ip_address`);
  if (requested.length > 0 && !isShared(draft, networkId)) throw notAuthorized(`${rule}:subnet_id`);
}

function isShared(draft: Draft, networkId: string): boolean {
  const { projectId } = draft.context.actor;
  return (
    draft.get('network', networkId)?.shared === true ||
    policiesFor(draft, networkId, projectId, 'access_as_shared').length > 0
  );
}

/** Appends PortFixedIpsSet when the addresses change. `port` is as it will be: addresses that follow from its MAC use the new MAC. */
export function setFixedIps(draft: Draft, port: Port, requested: readonly RequestedIp[]): void {
  const network = draft.get('network', port.networkId);
  if (!network) throw networkNotFound(port.networkId);
  draft.dependOn(`network/${network.id}`);
  const fixedIps = chooseAddresses(draft, network, requested, draft.get('port', port.id) ?? port);
  const text = (ips: readonly FixedIp[]) => JSON.stringify(ips.map((ip) => [ip.subnetId, ip.ipAddress]));
  if (text(fixedIps) === text(port.fixedIps)) return;
  const gone = port.fixedIps.filter((ip) => !fixedIps.some(({ ipAddress }) => ipAddress === ip.ipAddress));
  for (const { ipAddress } of gone) {
    disassociatePort(draft, port.id, ipAddress);
    removeForwardingsTo(draft, port.id, ipAddress);
  }
  if (gone.length > 0) expectNoOtherAssociation(draft, port.id, gone);
  draft.record({
    type: 'PortFixedIpsSet',
    version: 1,
    data: { portId: port.id, networkId: port.networkId, fixedIps },
  });
}

/** A command that associates a floating IP at the same time does not write the port's stream, but takes a claim: that this claim is free is a precondition. */
function expectNoOtherAssociation(draft: Draft, portId: string, gone: readonly FixedIp[]): void {
  if (draft.find('floatingip', `associated/${portId}`).length === 0) {
    draft.expectNone(`association/${portId}/`);
    return;
  }
  for (const network of externalNetworks(draft))
    for (const { ipAddress } of gone) draft.expectNone(`association/${portId}/${network}/${ipAddress}/`);
}
