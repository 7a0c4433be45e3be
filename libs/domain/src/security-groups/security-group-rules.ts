/** Rules of security groups. They are created and deleted, never changed. All rules of a group are in one stream, so no two that mean the same are created at once. */
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { canChange } from '../access.js';
import { addressGroupNotFound } from '../address-groups/errors.js';
import { notAuthorized } from '../errors.js';
import {
  duplicateRuleInPost,
  notOneGroup,
  notOneProject,
  ruleExists,
  securityGroupNotFound,
  securityGroupRuleNotFound,
} from './errors.js';
import { Match, meaningOf, normalised } from './rule.js';
import { recordRule } from './security-groups.js';

export type NewSecurityGroupRule = Match &
  Readonly<{ projectId: string; securityGroupId: string; description: string }>;

/** All or none; all must be of one group and one project. */
export const createSecurityGroupRules = (requests: readonly NewSecurityGroupRule[]): Decide<string[]> =>
  deciding((draft) => {
    if (new Set(requests.map(({ securityGroupId }) => securityGroupId)).size > 1) throw notOneGroup();
    if (new Set(requests.map(({ projectId }) => projectId)).size > 1) throw notOneProject();
    const rules = requests.map((request) => ({ ...request, ...normalised(request) }));
    for (const rule of rules) checkNamed(draft, rule);
    refuseDuplicates(draft, rules);
    return rules.map((rule) => recordRule(draft, rule.securityGroupId, rule));
  });

function checkNamed(
  draft: Draft,
  { securityGroupId, remoteGroupId, remoteAddressGroupId }: NewSecurityGroupRule,
): void {
  const group = draft.visible('securitygroup', securityGroupId);
  if (!group) throw securityGroupNotFound(securityGroupId);
  if (!canChange(draft, draft.context.actor, group, false)) throw notAuthorized('create_security_group_rule');
  if (remoteGroupId !== null) {
    if (!draft.visible('securitygroup', remoteGroupId)) throw securityGroupNotFound(remoteGroupId);
    draft.dependOn(`securitygroup/${remoteGroupId}`);
  }
  if (remoteAddressGroupId !== null) {
    if (!draft.visible('addressgroup', remoteAddressGroupId)) throw addressGroupNotFound(remoteAddressGroupId);
    draft.dependOn(`addressgroup/${remoteAddressGroupId}`);
  }
}

function refuseDuplicates(draft: Draft, rules: readonly NewSecurityGroupRule[]): void {
  const meanings = new Set(rules.map(meaningOf));
  if (meanings.size < rules.length) throw duplicateRuleInPost();
  for (const groupId of new Set(rules.map(({ securityGroupId }) => securityGroupId)))
    for (const rule of draft.find('securitygrouprule', `securitygroup/${groupId}`))
      if (meanings.has(meaningOf(rule))) throw ruleExists(rule.id);
}

export const deleteSecurityGroupRule = (id: string): Decide<void> =>
  deciding((draft) => {
    const rule = draft.get('securitygrouprule', id);
    if (!rule) throw securityGroupRuleNotFound(id);
    const { securityGroupId } = rule;
    draft.record({
      type: 'SecurityGroupRuleDeleted',
      version: 1,
      data: { securityGroupRuleId: id, securityGroupId },
    });
  });
