/**
 * RBAC policies: an owner (or with '*' an administrator) lets another project (or all) see and use an object. They end with their object. A policy cannot be
 * removed while it is the only one that allows somebody's use. Whatever uses an object holds a claim under the object's name, so when a use begins in another
 * process while a policy is being removed, one of the two commands is in conflict and decided again.
 */
import type { AnyObject, Network, RbacPolicy } from '@plumbline/contracts';
import { claimPart, SHARED_KIND } from '@plumbline/topology';
import { policiesFor } from '../access.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import {
  duplicateRbacPolicy,
  invalidActionForType,
  invalidInput,
  notAuthorized,
  rbacObjectNotFound,
  rbacPolicyInUse,
  rbacPolicyNotFound,
} from '../errors.js';
import { refuseScopeUnseen } from '../subnet-pools/address-scope.js';
import { EVERYBODY, policiesOf } from './opening.js';
import { factsOf, recordDeleted } from './settle.js';

export type NewRbacPolicy = Readonly<{
  projectId: string;
  objectType: RbacPolicy['objectType'];
  objectId: string;
  action: string;
  targetProject: string;
}>;

export const RBAC_OBJECT_TYPES = Object.keys(SHARED_KIND) as readonly RbacPolicy['objectType'][];

const actionsOf = (type: RbacPolicy['objectType']): readonly RbacPolicy['action'][] =>
  type === 'network' ? ['access_as_shared', 'access_as_external'] : ['access_as_shared'];

/** All or none, in one command. Returns the ids in the order asked. */
export const createRbacPolicies = (requests: readonly NewRbacPolicy[]): Decide<string[]> =>
  deciding((draft) => requests.map((request) => create(draft, request)));

function create(draft: Draft, request: NewRbacPolicy): string {
  const { objectType, objectId, targetProject, projectId } = request;
  const { actor } = draft.context;
  const object: AnyObject | undefined = draft.visible(SHARED_KIND[objectType], objectId);
  if (!object) throw rbacObjectNotFound(objectType, objectId);
  const action = actionsOf(objectType).find((each) => each === request.action);
  if (!action) throw invalidActionForType(request.action, objectType, actionsOf(objectType));
  if (actor.role !== 'admin' && object.projectId !== actor.projectId)
    throw invalidInput('Only admins can manipulate policies on objects they do not own');
  mayTarget(draft, targetProject, 'create');
  if (object.kind === 'subnetpool') refuseScopeUnseen(draft, object, targetProject);
  if (draft.held(`policy/${objectId}/${action}/${claimPart(targetProject)}/`)) throw duplicateRbacPolicy();
  const rbacPolicyId = draft.context.newId();
  draft.dependOn(`${object.kind}/${objectId}`);
  const named = { projectId, name: '', description: '' };
  draft.record({
    type: 'RbacPolicyCreated',
    version: 1,
    data: { rbacPolicyId, objectType, objectId, action, targetProject, ...named, withObject: true },
  });
  return rbacPolicyId;
}

function mayTarget(draft: Draft, targetProject: string, verb: 'create' | 'update'): void {
  if (targetProject === EVERYBODY && draft.context.actor.role !== 'admin')
    throw notAuthorized(`${verb}_rbac_policy:target_tenant`);
}

/** Changes the project to which the policy gives access. */
export const retargetRbacPolicy = (id: string, targetProject: string | undefined): Decide<void> =>
  deciding((draft) => {
    const policy = draft.get('rbacpolicy', id);
    if (!policy) throw rbacPolicyNotFound(id);
    if (targetProject === undefined || targetProject === policy.targetProject) return;
    mayTarget(draft, targetProject, 'update');
    const { objectType, objectId, action } = policy;
    if (draft.held(`policy/${objectId}/${action}/${claimPart(targetProject)}/`)) throw duplicateRbacPolicy();
    const pool = objectType === 'subnetpool' ? draft.get('subnetpool', objectId) : undefined;
    if (pool) refuseScopeUnseen(draft, pool, targetProject);
    if (targetProject !== EVERYBODY) unused(draft, policy, targetProject);
    draft.record({
      type: 'RbacPolicyTargetSet',
      version: 1,
      data: { ...factsOf(policy), targetProject },
    });
  });

export const deleteRbacPolicy = (id: string): Decide<void> =>
  deciding((draft) => {
    const policy = draft.get('rbacpolicy', id);
    if (!policy) throw rbacPolicyNotFound(id);
    unused(draft, policy);
    recordDeleted(draft, policy);
  });

/** Refuses to remove the policy while somebody uses the object and only this policy allows it. `next`: the project that it will be for, when it is retargeted. */
function unused(draft: Draft, policy: RbacPolicy, next?: string): void {
  const object: AnyObject | undefined = draft.get(SHARED_KIND[policy.objectType], policy.objectId);
  if (!object) return;
  if (object.kind === 'network' && policy.action === 'access_as_external') staysExternal(draft, object, policy, next);
  const standing = usersOf(draft, object, policy).filter(
    ({ projectId }) => projectId !== next && standsOnItAlone(draft, object, policy, projectId),
  );
  if (standing.length > 0)
    throw rbacPolicyInUse(
      policy.objectId,
      `used by ${standing
        .slice(0, 10)
        .map(({ kind, id }) => `${kind} ${id}`)
        .join(', ')}`,
    );
  for (const prefix of claimsOfUse(object)) draft.expectOnly(prefix, holdersOf(draft, object));
}

/** The default network is external for everybody; and one with gateways or floating IPs stays external for somebody, or its own project's would hang in the air. */
function staysExternal(draft: Draft, network: Network, policy: RbacPolicy, next: string | undefined): void {
  if (network.external) return;
  if (network.isDefault && policy.targetProject === EVERYBODY)
    throw rbacPolicyInUse(network.id, 'Default external networks must be shared to everyone.');
  const others = policiesOf(draft, network.id, policy.action).filter(({ id }) => id !== policy.id);
  if (others.length > 0 || next !== undefined) return;
  if (usersOf(draft, network, policy).length > 0)
    throw rbacPolicyInUse(
      network.id,
      'There are routers attached to this network that depend on this policy for access.',
    );
}

/** The prefixes under which users of the object hold claims. A use that begins at the same time takes a claim that this decision has not read. */
function claimsOfUse({ kind, id }: AnyObject): readonly string[] {
  switch (kind) {
    case 'network':
      return [`port/${id}/`];
    case 'securitygroup':
      return [`member/${id}/`, `remote/${id}/`];
    case 'addressgroup':
      return [`remote/${id}/`];
    case 'addressscope':
      return [`scope-pool/${id}/`];
    case 'subnetpool':
      return [`pool/${id}/`];
    default:
      return [];
  }
}

const holdersOf = (draft: Draft, object: AnyObject): readonly AnyObject[] =>
  object.kind === 'network'
    ? draft.find('port', `network/${object.id}`)
    : usersOf(draft, object, { action: 'access_as_shared' });

function standsOnItAlone(draft: Draft, object: AnyObject, policy: RbacPolicy, projectId: string): boolean {
  if (projectId === '' || projectId === object.projectId) return false;
  if (policy.targetProject !== '*' && policy.targetProject !== projectId) return false;
  if (policy.action === 'access_as_shared' && 'shared' in object && object.shared) return false;
  if (policy.action === 'access_as_external' && object.kind === 'network' && object.external) return false;
  return !policiesFor(draft, object.id, projectId, policy.action).some(({ id }) => id !== policy.id);
}

function usersOf(draft: Draft, object: AnyObject, { action }: Pick<RbacPolicy, 'action'>): readonly AnyObject[] {
  switch (object.kind) {
    case 'network':
      if (action === 'access_as_shared')
        return [...draft.find('port', `network/${object.id}`), ...draft.find('subnet', `network/${object.id}`)];
      return [
        ...draft.all('floatingip').filter(({ floatingNetworkId }) => floatingNetworkId === object.id),
        ...draft.all('router').filter(({ gateway }) => gateway?.networkId === object.id),
      ];
    case 'securitygroup':
      return [
        ...draft.find('port', `securitygroup/${object.id}`),
        ...draft.find('securitygrouprule', `remote/${object.id}`),
      ];
    case 'addressgroup':
      return draft.find('securitygrouprule', `addressgroup/${object.id}`);
    case 'addressscope':
      return draft.find('subnetpool', `scope/${object.id}`);
    case 'subnetpool':
      return draft.find('subnet', `subnetpool/${object.id}`);
    default:
      return [];
  }
}
