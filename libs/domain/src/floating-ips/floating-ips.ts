/** Floating IPs: each has an outside port of its own that holds its address, as in the reference implementation. */
import { DEVICE_OWNER, FloatingIp, Port } from '@plumbline/contracts';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { badRequest, floatingIpNotFound, networkNotFound } from '../errors.js';
import { floatingIpInUseByForwarding } from '../port-forwardings/errors.js';
import { recordPort, recordPortDeleted } from '../ports/ports.js';
import { isExternalFor } from '../routers/external.js';
import { associate, disassociate, Target } from './association.js';

export type NewFloatingIp = Readonly<{
  projectId: string;
  description: string;
  floatingNetworkId: string;
  /** Null: any of the network's. */
  floatingIpAddress: string | null;
  subnetId: string | null;
  target: Target | null;
  /** Absent: ''. */
  dnsName?: string | undefined;
  /** Absent: ''. */
  dnsDomain?: string | undefined;
}>;
/** `target` null: associated with nothing. Absent: as it is. */
export type FloatingIpChanges = Readonly<{ description?: string | undefined; target?: Target | null | undefined }>;

/** All or none, in one command. Returns the ids in the order asked. */
export const createFloatingIps = (requests: readonly NewFloatingIp[]): Decide<string[]> =>
  deciding((draft) => requests.map((request) => createFloatingIp(draft, request)));

function createFloatingIp(draft: Draft, request: NewFloatingIp): string {
  const { projectId, description, floatingNetworkId, dnsName = '', dnsDomain = '' } = request;
  const network = draft.visible('network', floatingNetworkId);
  if (!network) throw networkNotFound(floatingNetworkId);
  if (!isExternalFor(draft, network))
    throw badRequest('floatingip', `Network ${floatingNetworkId} is not a valid external network`);
  const subnets = draft.find('subnet', `network/${network.id}`).filter((subnet) => subnet.ipVersion === 4);
  if (subnets.length === 0)
    throw badRequest('floatingip', `Network ${floatingNetworkId} does not contain any IPv4 subnet`);
  const floatingIpId = draft.context.newId();
  const floatingPortId = recordPort(draft, network, {
    projectId: '',
    name: '',
    description: '',
    adminStateUp: true,
    deviceId: floatingIpId,
    deviceOwner: DEVICE_OWNER.floatingIp,
    portSecurityEnabled: false,
    macAddress: null,
    fixedIps: requestedAddress(request),
  });
  const address = draft.get('port', floatingPortId)?.fixedIps.find((ip) => subnets.some((s) => s.id === ip.subnetId));
  if (!address) throw badRequest('floatingip', `Network ${floatingNetworkId} has no IPv4 address for a floating IP`);
  const floatingIpAddress = address.ipAddress;
  draft.record({
    type: 'FloatingIpCreated',
    version: 1,
    data: {
      floatingIpId,
      projectId,
      name: '',
      description,
      ...(dnsName !== '' && { dnsName }),
      ...(dnsDomain !== '' && { dnsDomain }),
      floatingNetworkId,
      floatingIpAddress,
      floatingPortId,
    },
  });
  if (request.target) associate(draft, draft.get('floatingip', floatingIpId) as FloatingIp, request.target);
  return floatingIpId;
}

function requestedAddress({ floatingIpAddress, subnetId }: NewFloatingIp) {
  if (floatingIpAddress === null && subnetId === null) return null;
  return [{ subnetId: subnetId ?? undefined, ipAddress: floatingIpAddress ?? undefined }];
}

export const updateFloatingIp = (id: string, changes: FloatingIpChanges): Decide<void> =>
  deciding((draft) => {
    const floatingIp = draft.get('floatingip', id);
    if (!floatingIp) throw floatingIpNotFound(id);
    const { description, target } = changes;
    if (description !== undefined && description !== floatingIp.description)
      draft.record({ type: 'FloatingIpAttributesSet', version: 1, data: { floatingIpId: id, set: { description } } });
    if (target === null) disassociate(draft, floatingIp);
    else if (target) associate(draft, floatingIp, target);
  });

/** Deletes the floating IP and its port. Its port forwardings must be deleted before. */
export const deleteFloatingIp = (id: string): Decide<void> =>
  deciding((draft) => {
    const floatingIp = draft.get('floatingip', id);
    if (!floatingIp) throw floatingIpNotFound(id);
    if (draft.find('portforwarding', `floatingip/${id}`).length > 0) throw floatingIpInUseByForwarding(id);
    endFloatingIp(draft, floatingIp);
  });

export function endFloatingIp(draft: Draft, floatingIp: FloatingIp): void {
  disassociate(draft, floatingIp);
  draft.record({ type: 'FloatingIpDeleted', version: 1, data: { floatingIpId: floatingIp.id } });
  recordPortDeleted(draft, draft.get('port', floatingIp.floatingPortId) as Port);
}

/** The floating IP that the port belongs to, if it leads nowhere: no association, no port forwarding. */
export function freeFloatingIpOf(draft: Draft, { deviceOwner, deviceId }: Port): FloatingIp | undefined {
  const floatingIp = deviceOwner === DEVICE_OWNER.floatingIp ? draft.get('floatingip', deviceId) : undefined;
  if (!floatingIp || floatingIp.association) return undefined;
  return draft.find('portforwarding', `floatingip/${floatingIp.id}`).length > 0 ? undefined : floatingIp;
}
