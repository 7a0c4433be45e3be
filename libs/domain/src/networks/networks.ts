/** Networks: created on a segment, changed, deleted with their subnets when no port is left. */
import { DEVICE_OWNER, Network } from '@plumbline/contracts';
import { changedFields } from '../changes.js';
import { Decide, deciding, Draft } from '../draft.js';
import {
  defaultExternalNetworkExists,
  externalNetworkInUse,
  invalidInput,
  networkInUse,
  networkNotFound,
} from '../errors.js';
import { chooseSegment, SegmentPolicy, WishedSegment } from './segments.js';

/** RFC 7348 over IPv4 with a VLAN tag to spare: what VXLAN takes of the underlay's packet size. */
const VXLAN_OVERHEAD_BYTES = 50;
const UNDERLAY_MTU_BYTES = 1500;
const LEAST_MTU_BYTES = 68;

export type NewNetwork = WishedSegment &
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
  }>;
export type NetworkChanges = Partial<Omit<NewNetwork, keyof WishedSegment | 'projectId'>>;

/** All or none, in one command. Returns the ids in the order asked. */
export const createNetworks = (wishes: readonly NewNetwork[], policy: SegmentPolicy): Decide<string[]> =>
  deciding((draft) => wishes.map((wish) => createNetwork(draft, wish, policy)));

function createNetwork(draft: Draft, wish: NewNetwork, policy: SegmentPolicy): string {
  const networkId = draft.context.newId();
  const { networkType, physicalNetwork, segmentationId, mtuBytes, ...facts } = wish;
  const segment = chooseSegment(draft, { networkType, physicalNetwork, segmentationId }, policy);
  if (facts.isDefault) onlyDefault(draft, networkId);
  const mtu = mtuOf(segment.networkType, mtuBytes);
  draft.record({ type: 'NetworkCreated', version: 1, data: { networkId, ...facts, mtuBytes: mtu, ...segment } });
  return networkId;
}

export const updateNetwork = (id: string, changes: NetworkChanges): Decide<void> =>
  deciding((draft) => {
    const network = draft.get('network', id);
    if (!network) throw networkNotFound(id);
    const wanted = { ...changes };
    if (wanted.mtuBytes !== undefined) wanted.mtuBytes = mtuOf(network.networkType, wanted.mtuBytes);
    const set = changedFields(network, wanted);
    if (set.external === false) mayBecomeInternal(draft, network);
    if (set.isDefault) onlyDefault(draft, id);
    if (Object.keys(set).length > 0)
      draft.record({ type: 'NetworkAttributesSet', version: 1, data: { networkId: id, set } });
  });

export const deleteNetwork = (id: string): Decide<void> =>
  deciding((draft) => {
    if (!draft.get('network', id)) throw networkNotFound(id);
    const ports = draft.find('port', `network/${id}`);
    if (ports.length > 0)
      throw networkInUse(
        id,
        ports.map((port) => port.id),
      );
    draft.expectNone(`port/${id}/`);
    for (const subnet of draft.find('subnet', `network/${id}`))
      draft.record({ type: 'SubnetDeleted', version: 1, data: { subnetId: subnet.id, networkId: id } });
    draft.record({ type: 'NetworkDeleted', version: 1, data: { networkId: id } });
  });

function mtuOf(networkType: Network['networkType'], wished: number): number {
  const most = networkType === 'vxlan' ? UNDERLAY_MTU_BYTES - VXLAN_OVERHEAD_BYTES : UNDERLAY_MTU_BYTES;
  if (wished === 0) return most;
  if (wished > most) throw invalidInput(`Requested MTU is too big, maximum is ${most}`, 'mtu');
  if (wished < LEAST_MTU_BYTES) throw invalidInput(`Requested MTU is too small, minimum is ${LEAST_MTU_BYTES}`, 'mtu');
  return wished;
}

function onlyDefault(draft: Draft, id: string): void {
  const other = draft.all('network').find((network) => network.isDefault && network.id !== id);
  if (other) throw defaultExternalNetworkExists(other.id);
}

function mayBecomeInternal(draft: Draft, network: Network): void {
  const ports = draft.find('port', `network/${network.id}`);
  const outside: readonly string[] = [DEVICE_OWNER.routerGateway, DEVICE_OWNER.floatingIp];
  if (ports.some((port) => outside.includes(port.deviceOwner))) throw externalNetworkInUse(network.id);
  if (ports.length === 0) draft.expectNone(`port/${network.id}/`);
}
