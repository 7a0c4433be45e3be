/** Whether a network is external: for everybody, or for one project by an RBAC policy. */
import type { Network } from '@plumbline/contracts';
import { policiesFor } from '../access.js';
import type { Draft } from '../draft.js';

/** True when the actor may have gateways and floating IPs on the network; what allows it becomes a precondition. An administrator may where any project may. */
export function isExternalFor(draft: Draft, network: Network): boolean {
  if (network.external) return true;
  const { role, projectId } = draft.context.actor;
  const action = 'access_as_external';
  const [policy] =
    role === 'admin'
      ? draft.find('rbacpolicy', `object/${network.id}`).filter((each) => each.action === action)
      : policiesFor(draft, network.id, projectId, action);
  if (policy) draft.dependOn(`rbacpolicy/${policy.id}`);
  return policy !== undefined;
}
