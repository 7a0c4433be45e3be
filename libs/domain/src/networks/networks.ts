/** Networks: created on a segment, changed, deleted with their subnets when no port is left. */
import { DEVICE_OWNER, Network } from '@plumbline/contracts';
import { changedFields, definedOnly } from '../changes.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { defaultExternalNetworkExists, invalidInput, networkInUse, networkNotFound } from '../errors.js';
import { disassociatePort } from '../floating-ips/association.js';
import { endFloatingIp, freeFloatingIpOf } from '../floating-ips/floating-ips.js';
import { recordPortDeleted } from '../ports/ports.js';
import { isExternal, isExternalForAll, open, share } from '../rbac-policies/opening.js';
import { checkIpv6Mtu, mtuOf } from './mtu.js';
import { chooseSegment, SegmentPolicy, RequestedSegment } from './segments.js';
import { makeInternal, unshare } from './sharing.js';

export type NewNetwork = RequestedSegment &
  Readonly<{
    projectId: string;
    name: string;
    description: string;
    adminStateUp: boolean;
    shared: boolean;
    external: boolean;
    isDefault: boolean;
    portSecurityEnabled: boolean;
    /** 0: what the segment allows. */
    mtuBytes: number;
    /** '' for none; ends with a dot. */
    dnsDomain?: string | undefined;
  }>;
export type NetworkChanges = Partial<Omit<NewNetwork, keyof RequestedSegment | 'projectId'>>;

/** All or none, in one command. Returns the ids in the order asked. */
export const createNetworks = (requests: readonly NewNetwork[], policy: SegmentPolicy): Decide<string[]> =>
  deciding((draft) => requests.map((request) => createNetwork(draft, request, policy)));

/** `networkId`: chosen by the caller, who wants to find the network by it again. */
export function createNetwork(
  draft: Draft,
  request: NewNetwork,
  policy: SegmentPolicy,
  networkId = draft.context.newId(),
): string {
  const { networkType, physicalNetwork, segmentationId, mtuBytes, shared, external, ...facts } = request;
  const segment = chooseSegment(draft, { networkType, physicalNetwork, segmentationId }, policy);
  if (facts.isDefault) mayBeDefault(draft, networkId, external);
  const mtu = mtuOf(segment.networkType, mtuBytes);
  draft.record({
    type: 'NetworkCreated',
    version: 1,
    data: { networkId, ...definedOnly(facts), shared: false, external: false, mtuBytes: mtu, ...segment },
  });
  const network = draft.get('network', networkId) as Network;
  if (external) open(draft, network, 'access_as_external');
  if (shared) share(draft, network);
  return networkId;
}

export const updateNetwork = (id: string, changes: NetworkChanges): Decide<void> =>
  deciding((draft) => {
    const network = draft.get('network', id);
    if (!network) throw networkNotFound(id);
    const { shared, external, ...wanted } = changes;
    if (wanted.mtuBytes !== undefined) wanted.mtuBytes = mtuOf(network.networkType, wanted.mtuBytes);
    // Only an external network can be the default.
    if (external === false && network.isDefault) wanted.isDefault ??= false;
    const fromFlag = external === false && network.external ? { external } : {};
    const set = changedFields(network, { ...definedOnly(wanted), ...fromFlag });
    if (set.mtuBytes !== undefined && draft.find('subnet', `network/${id}`).some(({ ipVersion }) => ipVersion === 6))
      checkIpv6Mtu(set.mtuBytes, 'mtu');
    if (wanted.isDefault) mayBeDefault(draft, id, external ?? isExternalForAll(draft, network));
    if (external === false) makeInternal(draft, network);
    if (external === true && !isExternal(draft, network)) open(draft, network, 'access_as_external');
    if (Object.keys(set).length > 0)
      draft.record({ type: 'NetworkAttributesSet', version: 1, data: { networkId: id, set } });
    if (shared === true) share(draft, network);
    if (shared === false) unshare(draft, network);
  });

/** Of free floating IPs that go with their network in one command. */
const MOST_FLOATING_IPS = 1000;

/** Deletes the network with its subnets, with floating IPs that lead nowhere, and with ports of DHCP servers; any other port must be gone before. */
export const deleteNetwork = (id: string): Decide<void> => deciding((draft) => endNetwork(draft, id));

export function endNetwork(draft: Draft, id: string): void {
  if (!draft.get('network', id)) throw networkNotFound(id);
  const ports = draft.find('port', `network/${id}`).map((port) => ({ port, free: freeFloatingIpOf(draft, port) }));
  const used = ports.filter(({ port, free }) => !free && port.deviceOwner !== DEVICE_OWNER.dhcp);
  if (used.length > 0 || ports.length > MOST_FLOATING_IPS)
    throw networkInUse(
      id,
      (used.length > 0 ? used : ports).map(({ port }) => port.id),
    );
  for (const { port, free } of ports) {
    if (free) endFloatingIp(draft, free);
    else {
      disassociatePort(draft, port.id);
      recordPortDeleted(draft, port);
    }
  }
  draft.expectNone(`port/${id}/`);
  for (const subnet of draft.find('subnet', `network/${id}`))
    draft.record({ type: 'SubnetDeleted', version: 1, data: { subnetId: subnet.id, networkId: id } });
  draft.record({ type: 'NetworkDeleted', version: 1, data: { networkId: id } });
}

function mayBeDefault(draft: Draft, id: string, external: boolean): void {
  if (!external)
    throw invalidInput('Only an external network can be the default: set router:external too', 'is_default');
  if (draft.get('network', id)?.isDefault) return;
  if (!draft.held('default-network/')) return;
  const other = draft.find('network', 'default')[0];
  throw defaultExternalNetworkExists(other?.id ?? 'one that is being made');
}
