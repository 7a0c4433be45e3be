/** How policies end: by request, or with their object. */
import type { Kind, RbacPolicy } from '@plumbline/contracts';
import type { Draft } from '../draft.js';

export const KIND_OF: Readonly<Record<RbacPolicy['objectType'], Kind>> = {
  network: 'network',
  security_group: 'securitygroup',
  address_scope: 'addressscope',
  subnetpool: 'subnetpool',
  address_group: 'addressgroup',
};
const SHARED_KINDS: ReadonlySet<Kind> = new Set(Object.values(KIND_OF));

export function recordDeleted(draft: Draft, { id, objectType, objectId, action, targetProject }: RbacPolicy): void {
  draft.record({
    type: 'RbacPolicyDeleted',
    version: 1,
    data: { rbacPolicyId: id, objectType, objectId, action, targetProject },
  });
}

/** Policies end with their object. Part of every decision. */
export function settlePolicies(draft: Draft): void {
  const gone = [...draft.changes()].flatMap(({ before, after }) =>
    before && !after && SHARED_KINDS.has(before.kind) ? [before.id] : [],
  );
  for (const id of gone) for (const policy of draft.find('rbacpolicy', `object/${id}`)) recordDeleted(draft, policy);
}
