/**
 * Sharing a network with everybody. As in the reference, this is an RBAC policy `access_as_shared` with target '*', whether it is made here or as a policy;
 * the network shows it as `shared`. The flag on the network object itself is only for logs that are older than policies.
 */
import type { Network, RbacPolicy } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { invalidSharedSetting } from './errors.js';

const EVERYBODY = '*';

const sharingPolicies = (draft: Draft, networkId: string): RbacPolicy[] =>
  draft.find('rbacpolicy', `object/${networkId}`).filter(({ action }) => action === 'access_as_shared');

/** Appends the policy, unless the network is shared with everybody already. */
export function share(draft: Draft, network: Network): void {
  if (network.shared || sharingPolicies(draft, network.id).some((policy) => policy.targetProject === EVERYBODY)) return;
  draft.dependOn(`network/${network.id}`);
  draft.record({
    type: 'RbacPolicyCreated',
    version: 1,
    data: {
      rbacPolicyId: draft.context.newId(),
      // Of no project: what an administrator does must not count against the quota of the network's project.
      projectId: '',
      name: '',
      description: '',
      objectType: 'network',
      objectId: network.id,
      action: 'access_as_shared',
      targetProject: EVERYBODY,
    },
  });
}

/** Ends the sharing. Throws InvalidSharedSetting while a project uses the network to which no other policy gives access. */
export function unshare(draft: Draft, network: Network): void {
  const policies = sharingPolicies(draft, network.id);
  const [everybodys] = policies.filter((policy) => policy.targetProject === EVERYBODY);
  if (!everybodys && !network.shared) return;
  const welcome = new Set(['', network.projectId, ...policies.map((policy) => policy.targetProject)]);
  const ports = draft.find('port', `network/${network.id}`);
  const users = [...ports, ...draft.find('subnet', `network/${network.id}`)];
  if (users.some(({ projectId }) => !welcome.has(projectId))) throw invalidSharedSetting(network.id);
  // A port that another project creates at the same time has the network and the policy as preconditions, and writes neither.
  draft.expectOnly(`port/${network.id}/`, ports);
  for (const { id, targetProject } of policies) if (targetProject !== EVERYBODY) draft.dependOn(`rbacpolicy/${id}`);
  if (network.shared)
    draft.record({
      type: 'NetworkAttributesSet',
      version: 1,
      data: { networkId: network.id, set: { shared: false } },
    });
  if (!everybodys) return;
  const { id: rbacPolicyId, objectType, objectId, action, targetProject } = everybodys;
  draft.record({
    type: 'RbacPolicyDeleted',
    version: 1,
    data: { rbacPolicyId, objectType, objectId, action, targetProject },
  });
}
