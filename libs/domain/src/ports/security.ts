/** What a port may send and receive: its security groups and allowed address pairs, both only with port security. */
import type { AddressPair, Port } from '@plumbline/contracts';
import { policiesFor } from '../access.js';
import type { Draft } from '../draft.js';
import { invalidInput } from '../errors.js';
import { securityGroupNotFound } from '../security-groups/errors.js';
import { defaultGroupOf } from '../security-groups/security-groups.js';
import { isTrusted } from './binding.js';
import {
  addressPairsNeedPortSecurity,
  duplicateAddressPair,
  portHasSecurityGroup,
  securityGroupsNeedPortSecurity,
  tooManyAddressPairs,
} from './errors.js';

/** An address or prefix; `macAddress` null: the port's own. */
export type RequestedPair = Readonly<{ ipAddress: string; macAddress: string | null }>;

const MOST_PAIRS = 10;

type Asked = Readonly<{
  projectId: string;
  deviceOwner: string;
  portSecurityEnabled: boolean;
  securityGroupIds: readonly string[] | null;
  allowedAddressPairs: readonly RequestedPair[];
}>;

/** Groups of a new port: the requested ones, its project's default group, or none where none apply. Each becomes a precondition. */
export function groupsOfNewPort(draft: Draft, asked: Asked): string[] {
  const { projectId, deviceOwner, portSecurityEnabled, securityGroupIds, allowedAddressPairs } = asked;
  if (!portSecurityEnabled) {
    if (securityGroupIds !== null && securityGroupIds.length > 0) throw securityGroupsNeedPortSecurity();
    if (allowedAddressPairs.length > 0) throw addressPairsNeedPortSecurity();
    return [];
  }
  if (isTrusted(deviceOwner)) {
    noneOnTrusted(deviceOwner, securityGroupIds ?? []);
    return [];
  }
  return groupsFor(draft, securityGroupIds ?? [defaultGroupOf(draft, projectId)], projectId);
}

/** Sorted, each once. `projectId`: they must be that project's or shared with it; null: whatever the actor may see. */
function groupsFor(draft: Draft, ids: readonly string[], projectId: string | null): string[] {
  const groups = [...new Set(ids)].sort();
  const missing = groups.filter((id) => !isUsable(draft, id, projectId));
  if (missing.length > 0) throw securityGroupNotFound(missing.join(', '));
  return groups;
}

function isUsable(draft: Draft, id: string, projectId: string | null): boolean {
  const group = draft.visible('securitygroup', id);
  if (!group) return false;
  draft.dependOn(`securitygroup/${id}`);
  if (projectId === null || projectId === '' || group.projectId === projectId) return true;
  const [policy] = policiesFor(draft, id, projectId);
  if (!policy) return false;
  draft.dependOn(`rbacpolicy/${policy.id}`);
  return true;
}

function noneOnTrusted(deviceOwner: string, groups: readonly string[]): void {
  if (groups.length > 0)
    throw invalidInput(`a port of device owner '${deviceOwner}' has no security groups`, 'security_groups');
}

export type SecurityChanges = Readonly<{
  deviceOwner?: string | undefined;
  portSecurityEnabled?: boolean | undefined;
  securityGroupIds?: readonly string[] | undefined;
  allowedAddressPairs?: readonly RequestedPair[] | undefined;
}>;

/** The requested groups of a port that is changed. Refuses groups that its port security, as it will be, does not allow. */
export function groupsOfChangedPort(draft: Draft, port: Port, changes: SecurityChanges): string[] | undefined {
  const { securityGroupIds, allowedAddressPairs } = changes;
  if (!(changes.portSecurityEnabled ?? port.portSecurityEnabled)) {
    if ((allowedAddressPairs ?? port.allowedAddressPairs).length > 0) throw addressPairsNeedPortSecurity();
    if (securityGroupIds && securityGroupIds.length > 0) throw securityGroupsNeedPortSecurity();
    if (!securityGroupIds && port.securityGroupIds.length > 0) throw portHasSecurityGroup();
  }
  if (securityGroupIds === undefined) return undefined;
  const deviceOwner = changes.deviceOwner ?? port.deviceOwner;
  if (isTrusted(deviceOwner)) noneOnTrusted(deviceOwner, securityGroupIds);
  const kept = new Set(port.securityGroupIds);
  const added = groupsFor(
    draft,
    securityGroupIds.filter((id) => !kept.has(id)),
    null,
  );
  return [...new Set([...securityGroupIds.filter((id) => kept.has(id)), ...added])].sort();
}

/** Pairs as they are stored: each with a MAC. */
export function pairsWith(macAddress: string, pairs: readonly RequestedPair[]): AddressPair[] {
  if (pairs.length > MOST_PAIRS) throw tooManyAddressPairs(MOST_PAIRS);
  const seen = new Set<string>();
  return pairs.map((pair) => {
    const kept = { ipAddress: pair.ipAddress, macAddress: pair.macAddress ?? macAddress };
    const text = JSON.stringify(kept);
    if (seen.has(text)) throw duplicateAddressPair(pair.macAddress, pair.ipAddress);
    seen.add(text);
    return kept;
  });
}
