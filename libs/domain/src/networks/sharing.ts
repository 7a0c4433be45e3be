/** The end of what opened a network to everybody: sharing, and being external. How it begins is in `../rbac-policies/opening.ts`. */
import { DEVICE_OWNER, type Network } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { externalNetworkInUse } from '../errors.js';
import { EVERYBODY, isExternal, policiesOf } from '../rbac-policies/opening.js';
import { recordDeleted } from '../rbac-policies/settle.js';
import { invalidSharedSetting } from './errors.js';

const OUTSIDE: readonly string[] = [DEVICE_OWNER.routerGateway, DEVICE_OWNER.floatingIp];

/** Makes the network internal for all projects. Throws ExternalNetworkInUse while it has gateways or floating IPs. */
export function makeInternal(draft: Draft, network: Network): void {
  if (!isExternal(draft, network)) return;
  refuseOutsideUse(draft, network);
  for (const policy of policiesOf(draft, network.id, 'access_as_external')) recordDeleted(draft, policy);
}

/** Throws ExternalNetworkInUse while the network has gateways or floating IPs. That it gets none meanwhile is a precondition. */
export function refuseOutsideUse(draft: Draft, { id }: Network): void {
  const ports = draft.find('port', `network/${id}`);
  if (ports.some((port) => OUTSIDE.includes(port.deviceOwner))) throw externalNetworkInUse(id);
  draft.expectOnly(`port/${id}/`, ports);
}

/** Ends the sharing. Throws InvalidSharedSetting while a project uses the network to which no other policy gives access. */
export function unshare(draft: Draft, network: Network): void {
  const policies = policiesOf(draft, network.id, 'access_as_shared');
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
  if (everybodys) recordDeleted(draft, everybodys);
}
