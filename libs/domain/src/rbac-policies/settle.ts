/** How policies end: by request, or with their object. */
import type { Kind, RbacPolicy } from '@plumbline/contracts';
import { SHARED_KIND } from '@plumbline/topology';
import type { Draft } from '../draft.js';

const SHARED_KINDS: ReadonlySet<Kind> = new Set(Object.values(SHARED_KIND));

/** The data of an event that changes or ends the policy. */
export const factsOf = ({ id, objectType, objectId, action, targetProject, withObject }: RbacPolicy) => ({
  ...{ rbacPolicyId: id, objectType, objectId, action, targetProject },
  ...(withObject && { withObject }),
});

export function recordDeleted(draft: Draft, policy: RbacPolicy): void {
  draft.record({ type: 'RbacPolicyDeleted', version: 1, data: factsOf(policy) });
}

/** Policies end with their object. Part of every decision. */
export function settlePolicies(draft: Draft): void {
  const gone = [...draft.changes()].flatMap(({ before, after }) =>
    before && !after && SHARED_KINDS.has(before.kind) ? [before.id] : [],
  );
  for (const id of gone) for (const policy of draft.find('rbacpolicy', `object/${id}`)) recordDeleted(draft, policy);
}
