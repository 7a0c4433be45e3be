/** Whether a network is external: for everybody, or for one project by an RBAC policy. */
import type { Network } from '@plumbline/contracts';
import { isOf, policiesFor } from '../access.js';
import type { Draft } from '../draft.js';
import { policiesOf } from '../rbac-policies/opening.js';

/** True when the actor may have gateways and floating IPs on the network; what allows it becomes a precondition. An administrator may where any project may. */
export function isExternalFor(draft: Draft, network: Network): boolean {
  if (network.external) return true;
  const { role, projectId } = draft.context.actor;
  const action = 'access_as_external';
  // As in the reference, the owner of the network may use it as external once it is that for somebody.
  const isTheirs = role === 'admin' || isOf(draft.context.actor, network);
  const [policy] = isTheirs ? policiesOf(draft, network.id, action) : policiesFor(draft, network.id, projectId, action);
  if (policy) draft.dependOn(`rbacpolicy/${policy.id}`);
  return policy !== undefined;
}
