/** Networks: created on a segment, changed, deleted with their subnets when no port is left. */
import { DEVICE_OWNER, Network } from '@plumbline/contracts';
import { changedFields, definedOnly } from '../changes.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import {
  defaultExternalNetworkExists,
  externalNetworkInUse,
  invalidInput,
  networkInUse,
  networkNotFound,
} from '../errors.js';
import { disassociatePort } from '../floating-ips/association.js';
import { recordPortDeleted } from '../ports/ports.js';
import { checkIpv6Mtu, mtuOf } from './mtu.js';
import { chooseSegment, SegmentPolicy, RequestedSegment } from './segments.js';
import { share, unshare } from './sharing.js';

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
  const { networkType, physicalNetwork, segmentationId, mtuBytes, shared, ...facts } = request;
  const segment = chooseSegment(draft, { networkType, physicalNetwork, segmentationId }, policy);
  if (facts.isDefault) mayBeDefault(draft, networkId, facts.external);
  const mtu = mtuOf(segment.networkType, mtuBytes);
  draft.record({
    type: 'NetworkCreated',
    version: 1,
    data: { networkId, ...definedOnly(facts), shared: false, mtuBytes: mtu, ...segment },
  });
  if (shared) share(draft, draft.get('network', networkId) as Network);
  return networkId;
}

export const updateNetwork = (id: string, changes: NetworkChanges): Decide<void> =>
  deciding((draft) => {
    const network = draft.get('network', id);
    if (!network) throw networkNotFound(id);
    const { shared, ...wanted } = changes;
    if (wanted.mtuBytes !== undefined) wanted.mtuBytes = mtuOf(network.networkType, wanted.mtuBytes);
    // Only an external network can be the default.
    if (wanted.external === false && network.isDefault) wanted.isDefault ??= false;
    const set = changedFields(network, definedOnly(wanted));
    if (set.external === false) mayBecomeInternal(draft, network);
    if (set.mtuBytes !== undefined && draft.find('subnet', `network/${id}`).some(({ ipVersion }) => ipVersion === 6))
      checkIpv6Mtu(set.mtuBytes, 'mtu');
    if (wanted.isDefault) mayBeDefault(draft, id, wanted.external ?? network.external);
    if (Object.keys(set).length > 0)
      draft.record({ type: 'NetworkAttributesSet', version: 1, data: { networkId: id, set } });
    if (shared === true) share(draft, network);
    if (shared === false) unshare(draft, network);
  });

/** Deletes the network with its subnets and with ports of DHCP servers; any other port must be gone before. */
export const deleteNetwork = (id: string): Decide<void> => deciding((draft) => endNetwork(draft, id));

export function endNetwork(draft: Draft, id: string): void {
  if (!draft.get('network', id)) throw networkNotFound(id);
  const ports = draft.find('port', `network/${id}`);
  const used = ports.filter(({ deviceOwner }) => deviceOwner !== DEVICE_OWNER.dhcp);
  if (used.length > 0)
    throw networkInUse(
      id,
      used.map((port) => port.id),
    );
  for (const port of ports) {
    disassociatePort(draft, port.id);
    recordPortDeleted(draft, port);
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

function mayBecomeInternal(draft: Draft, network: Network): void {
  const ports = draft.find('port', `network/${network.id}`);
  const outside: readonly string[] = [DEVICE_OWNER.routerGateway, DEVICE_OWNER.floatingIp];
  if (ports.some((port) => outside.includes(port.deviceOwner))) throw externalNetworkInUse(network.id);
  draft.expectOnly(`port/${network.id}/`, ports);
}
