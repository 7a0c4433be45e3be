/** The segment of a network: the provider attributes that a client gave, completed and checked, or a free segment. */
import { NetworkType, VlanId, Vni } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { flatNetworkInUse, invalidInput, noNetworkAvailable, tunnelIdInUse, vlanIdInUse } from '../errors.js';

/** VLANs from which one may be chosen on a physical network, both ends included. */
export type VlanRange = Readonly<{ physicalNetwork: string; first: number; last: number }>;
export type SegmentPolicy = Readonly<{
  vlanRanges: readonly VlanRange[];
  vniRange: Readonly<{ first: number; last: number }>;
}>;

/** Null: not given. `networkType` is the client's text and may name an unknown type. */
export type RequestedSegment = Readonly<{
  networkType: string | null;
  physicalNetwork: string | null;
  segmentationId: number | null;
}>;
export type Segment = Readonly<{
  networkType: NetworkType;
  physicalNetwork: string | null;
  segmentationId: number | null;
}>;

const VNI_CHANCES = 32;

export function chooseSegment(draft: Draft, request: RequestedSegment, policy: SegmentPolicy): Segment {
  switch (request.networkType) {
    case null:
      if (request.physicalNetwork !== null || request.segmentationId !== null)
        throw invalidInput('network_type required', 'provider:network_type');
      return vxlan(draft, null, policy);
    case 'flat':
      return flat(draft, request);
    case 'vlan':
      return vlan(draft, request, policy);
    case 'vxlan':
      if (request.physicalNetwork !== null)
        throw invalidInput('provider:physical_network specified for vxlan network', 'provider:physical_network');
      return vxlan(draft, request.segmentationId, policy);
    case 'local':
      return local(request);
    default:
      throw invalidInput(
        `network_type value '${request.networkType}' not supported: this server has flat, local, vlan and vxlan`,
        'provider:network_type',
      );
  }
}

/** On no wire: it has nothing that another network could want. */
function local({ physicalNetwork, segmentationId }: RequestedSegment): Segment {
  if (physicalNetwork !== null)
    throw invalidInput('physical_network prohibited for local provider network', 'provider:physical_network');
  if (segmentationId !== null && segmentationId !== 0)
    throw invalidInput('segmentation_id prohibited for local provider network', 'provider:segmentation_id');
  return { networkType: 'local', physicalNetwork: null, segmentationId: null };
}

function flat(draft: Draft, { physicalNetwork, segmentationId }: RequestedSegment): Segment {
  if (physicalNetwork === null)
    throw invalidInput('physical_network required for flat provider network', 'provider:physical_network');
  // gophercloud, and so Terraform, sends 0 for "none".
  if (segmentationId !== null && segmentationId !== 0)
    throw invalidInput('segmentation_id prohibited for flat provider network', 'provider:segmentation_id');
  if (draft.held(`segment/flat/${physicalNetwork}`)) throw flatNetworkInUse(physicalNetwork);
  return { networkType: 'flat', physicalNetwork, segmentationId: null };
}

function vlan(draft: Draft, { physicalNetwork, segmentationId }: RequestedSegment, policy: SegmentPolicy): Segment {
  const isFree = (physical: string, id: number) => !draft.held(`segment/vlan/${physical}/${id}`);
  if (segmentationId !== null) {
    if (physicalNetwork === null)
      throw invalidInput(
        'segmentation_id requires physical_network for VLAN provider network',
        'provider:physical_network',
      );
    if (!VlanId.safeParse(segmentationId).success)
      throw invalidInput('segmentation_id out of range (1 through 4094)', 'provider:segmentation_id');
    if (!isFree(physicalNetwork, segmentationId)) throw vlanIdInUse(segmentationId, physicalNetwork);
    return { networkType: 'vlan', physicalNetwork, segmentationId };
  }
  const ranges = policy.vlanRanges.filter((r) => physicalNetwork === null || r.physicalNetwork === physicalNetwork);
  if (physicalNetwork !== null && ranges.length === 0)
    throw invalidInput(
      `physical_network '${physicalNetwork}' unknown for VLAN provider network`,
      'provider:physical_network',
    );
  for (const range of ranges)
    for (let id = range.first; id <= range.last; id += 1)
      if (isFree(range.physicalNetwork, id))
        return { networkType: 'vlan', physicalNetwork: range.physicalNetwork, segmentationId: id };
  throw noNetworkAvailable();
}

function vxlan(draft: Draft, requested: number | null, { vniRange }: SegmentPolicy): Segment {
  const isFree = (vni: number) => !draft.held(`segment/vxlan/${vni}`);
  const segment = (segmentationId: number): Segment => ({
    networkType: 'vxlan',
    physicalNetwork: null,
    segmentationId,
  });
  if (requested !== null) {
    if (!Vni.safeParse(requested).success)
      throw invalidInput('segmentation_id out of range (1 through 16777215)', 'provider:segmentation_id');
    if (!isFree(requested)) throw tunnelIdInUse(requested);
    return segment(requested);
  }
  const count = vniRange.last - vniRange.first + 1;
  for (let chance = 0; chance < VNI_CHANCES; chance += 1) {
    const vni = vniRange.first + draft.context.randomInt(count);
    if (isFree(vni)) return segment(vni);
  }
  const start = draft.context.randomInt(count);
  for (let step = 0; step < count; step += 1) {
    const vni = vniRange.first + ((start + step) % count);
    if (isFree(vni)) return segment(vni);
  }
  throw noNetworkAvailable();
}
