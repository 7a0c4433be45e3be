/**
 * Whether what an operator admitted a node to (admission.ts) lets something come to it: one use of a host by one network. Schedules ask to choose;
 * `settlePlacements` asks for every port and router that comes to a host, so no command passes by.
 */
import { mayMap, type Network, type Node, NODE_ROLES, type NodeRole, own } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { DomainError } from '../errors.js';

/**
 * Why nothing of the network may come to the host for this role; null when it may. `role` null: any role will do.
 *
 * A host that the log does not know at all refuses no port, as ever: nobody there has said anything that could be used, and clients are told that the binding
 * failed (`binding:vif_type`), as by the reference.
 */
export function refusalOf(
  draft: Draft,
  host: string,
  role: NodeRole | null,
  network: Network | undefined,
): string | null {
  const admission = draft.get('admission', host);
  const node = draft.get('node', host);
  if (!admission) return role !== 'network' && (!node || node.removed) ? null : 'it was not admitted';
  const has =
    role === null ? NODE_ROLES.some((each) => admission.roles.includes(each)) : admission.roles.includes(role);
  if (!has) return `it was not admitted as a ${role ?? NODE_ROLES.join(' or ')} node`;
  const physical = network?.physicalNetwork ?? null;
  if (physical === null || mayMap(admission, physical, bridgeOf(node, physical))) return null;
  return mayMap(admission, physical, null)
    ? `it maps physical network ${physical} to another bridge than it was admitted to`
    : `it was not admitted to physical network ${physical}`;
}

/** The bridge that the node says it maps the network to; null when it says nothing of it. */
const bridgeOf = (node: Node | undefined, physical: string): string | null =>
  node && !node.removed ? (own(node.bridgeMappings, physical) ?? null) : null;

/** The role that a port needs where it is bound; null: any, since the cloud's own services run on every kind of node. */
export const roleFor = (deviceOwner: string): NodeRole | null =>
  deviceOwner.startsWith('network:') ? null : 'compute';

export const hostNotAdmitted = (host: string, reason: string): DomainError =>
  new DomainError(
    'HostNotAdmitted',
    'conflict',
    `Nothing new may come to host ${host}: ${reason}. An operator admits it with "plumb node add ${host} --role ... --map ...".`,
  );
