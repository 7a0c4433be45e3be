/**
 * Security groups. Each project has one named `default`, created by the first decision that needs it; the claim `default-group/<project>` makes sure that it is
 * created once. When a group is deleted, its rules are deleted, and the rules of other groups that name it, as in the reference. A group that a port uses
 * cannot be deleted.
 *
 * Races: a command that puts a port into a group, or names the group in a rule, has the group as a precondition; a command that deletes the group requires that
 * no such use holds a claim.
 */
import type { SecurityGroup } from '@plumbline/contracts';
import { changedFields } from '../changes.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { removePacketLogsOf } from '../packet-logs/packet-logs.js';
import {
  cannotRemoveDefault,
  cannotUpdateDefault,
  defaultAlreadyExists,
  securityGroupInUse,
  securityGroupNotFound,
} from './errors.js';
import { ANYTHING, Match } from './rule.js';

export type NewSecurityGroup = Readonly<{ projectId: string; name: string; description: string; stateful: boolean }>;
export type SecurityGroupChanges = Partial<Omit<NewSecurityGroup, 'projectId'>>;

const DEFAULT = 'default';
const ETHERTYPES = ['IPv4', 'IPv6'] as const;

/** All or none. Each gets the rules that allow all outgoing traffic. Their projects also get their default groups. */
export const createSecurityGroups = (requests: readonly NewSecurityGroup[]): Decide<string[]> =>
  deciding((draft) =>
    requests.map((request) => {
      if (request.name.toLowerCase() === DEFAULT) throw defaultAlreadyExists();
      defaultGroupOf(draft, request.projectId);
      return recordGroup(draft, { ...request, isDefault: false });
    }),
  );

/** Creates the project's default group, if it has none. */
export const ensureDefaultGroup = (projectId: string): Decide<string> =>
  deciding((draft) => defaultGroupOf(draft, projectId));

/** Id of the project's default group, which is created here if there is none. */
export function defaultGroupOf(draft: Draft, projectId: string): string {
  const [found] = draft.find('securitygroup', `default/${projectId}`);
  if (found) return found.id;
  const named = { projectId, name: DEFAULT, description: 'Default security group' };
  return recordGroup(draft, { ...named, stateful: true, isDefault: true });
}

function recordGroup(draft: Draft, group: NewSecurityGroup & { isDefault: boolean }): string {
  const securityGroupId = draft.context.newId();
  const { projectId, name, description, stateful, isDefault } = group;
  const data = { securityGroupId, projectId, name, description, stateful, isDefault };
  draft.record({ type: 'SecurityGroupCreated', version: 1, data });
  for (const ethertype of ETHERTYPES) {
    if (isDefault)
      recordRule(draft, securityGroupId, {
        ...{ projectId, description: '', ...ANYTHING },
        ...{ direction: 'ingress', ethertype, remoteGroupId: securityGroupId },
      });
    recordRule(draft, securityGroupId, { projectId, description: '', ...ANYTHING, direction: 'egress', ethertype });
  }
  return securityGroupId;
}

/** Appends SecurityGroupRuleCreated. Returns the rule's id. */
export function recordRule(
  draft: Draft,
  securityGroupId: string,
  rule: Match & Readonly<{ projectId: string; description: string }>,
): string {
  const securityGroupRuleId = draft.context.newId();
  const { direction, ethertype, protocol, portRangeMin, portRangeMax } = rule;
  const { remoteGroupId, remoteAddressGroupId, remoteIpPrefix, projectId, description } = rule;
  const match = { direction, ethertype, protocol, portRangeMin, portRangeMax };
  const remote = { remoteGroupId, remoteAddressGroupId, remoteIpPrefix };
  const named = { projectId, name: '', description };
  draft.record({
    type: 'SecurityGroupRuleCreated',
    version: 1,
    data: { securityGroupRuleId, securityGroupId, ...named, ...match, ...remote },
  });
  return securityGroupRuleId;
}

/** The default group cannot be renamed; a group in use cannot change between stateful and stateless. */
export const updateSecurityGroup = (id: string, changes: SecurityGroupChanges): Decide<void> =>
  deciding((draft) => {
    const group = existing(draft, id);
    if (changes.name !== undefined) {
      if (group.isDefault) throw cannotUpdateDefault();
      if (changes.name.toLowerCase() === DEFAULT) throw defaultAlreadyExists();
    }
    const set = changedFields(group, changes);
    if (set.stateful !== undefined) unused(draft, id);
    if (Object.keys(set).length > 0)
      draft.record({ type: 'SecurityGroupAttributesSet', version: 1, data: { securityGroupId: id, set } });
  });

/** Only administrators may delete the default group; its project gets a new one when it next needs one. */
export const deleteSecurityGroup = (id: string): Decide<void> =>
  deciding((draft) => {
    const group = existing(draft, id);
    if (group.isDefault && draft.context.actor.role !== 'admin') throw cannotRemoveDefault();
    unused(draft, id);
    const rules = [
      ...draft.find('securitygrouprule', `securitygroup/${id}`),
      ...draft.find('securitygrouprule', `remote/${id}`).filter(({ securityGroupId }) => securityGroupId !== id),
    ];
    for (const { id: securityGroupRuleId, securityGroupId } of rules)
      draft.record({ type: 'SecurityGroupRuleDeleted', version: 1, data: { securityGroupRuleId, securityGroupId } });
    draft.expectNone(`remote/${id}/`);
    removePacketLogsOf(draft, 'securitygroup', id);
    draft.record({ type: 'SecurityGroupDeleted', version: 1, data: { securityGroupId: id } });
  });

function existing(draft: Draft, id: string): SecurityGroup {
  const group = draft.get('securitygroup', id);
  if (!group) throw securityGroupNotFound(id);
  return group;
}

function unused(draft: Draft, id: string): void {
  if (draft.find('port', `securitygroup/${id}`).length > 0) throw securityGroupInUse(id);
  draft.expectNone(`member/${id}/`);
}
