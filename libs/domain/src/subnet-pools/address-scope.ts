/**
 * A pool in an address scope: addresses in a scope are unique, so prefixes of its pools do not overlap (the claims `scope/<scope>/<version>/<bits>/`), and the
 * subnets of one network and IP version are all in one scope or in none.
 */
import type { SubnetPool } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { EVERYBODY, policiesOf } from '../rbac-policies/opening.js';
import { networkAddressScopeAffinity } from '../subnets/errors.js';
import { expectNoOverlap } from './allocation.js';
import {
  addressScopeNotFound,
  addressScopePrefixConflict,
  illegalScopeVersion,
  illegalSubnetPoolUpdate,
  scopeNotSeen,
} from './errors.js';
import { anyOverlap } from './prefixes.js';

type Scoped = Pick<SubnetPool, 'id' | 'ipVersion' | 'prefixes' | 'addressScopeId'>;

/** Refuses a scope that the actor does not see, one of another IP version, prefixes that another of its pools has, and a network in two scopes. */
export function checkScope(draft: Draft, pool: Scoped, before?: SubnetPool): void {
  if (before && before.addressScopeId !== pool.addressScopeId) checkAffinity(draft, before);
  if (pool.addressScopeId === null) return;
  const scope = draft.visible('addressscope', pool.addressScopeId);
  if (!scope) throw addressScopeNotFound(pool.addressScopeId);
  if (scope.ipVersion !== pool.ipVersion) throw illegalScopeVersion(pool.id, scope.id, scope.ipVersion);
  draft.dependOn(`addressscope/${scope.id}`);
  if (before)
    for (const { targetProject } of policiesOf(draft, pool.id, 'access_as_shared'))
      refuseScopeUnseen(draft, pool, targetProject);
  const others = draft.find('subnetpool', `scope/${scope.id}`).filter(({ id }) => id !== pool.id);
  if (
    anyOverlap(
      pool.prefixes,
      others.flatMap(({ prefixes }) => prefixes),
    )
  )
    throw addressScopePrefixConflict();
}

/** Whoever a pool is shared with must see the scope of its addresses, too. `project`: '*' for every project. What lets it see becomes a precondition. */
export function refuseScopeUnseen(
  draft: Draft,
  { id, addressScopeId }: Pick<Scoped, 'id' | 'addressScopeId'>,
  project: string,
): void {
  const scope = addressScopeId === null ? undefined : draft.get('addressscope', addressScopeId);
  if (!scope || scope.shared || scope.projectId === project) return;
  const policy = policiesOf(draft, scope.id, 'access_as_shared').find(
    ({ targetProject }) => targetProject === EVERYBODY || targetProject === project,
  );
  if (!policy) throw scopeNotSeen(id);
  draft.dependOn(`rbacpolicy/${policy.id}`);
}

/** Precondition: nobody else has one of the pool's prefixes in its scope. `own`: those that the pool holds there already. */
export function expectUniqueInScope(draft: Draft, pool: Scoped, own: readonly string[]): void {
  if (pool.addressScopeId === null) return;
  for (const cidr of pool.prefixes) {
    if (own.includes(cidr)) continue;
    expectNoOverlap(draft, `scope/${pool.addressScopeId}/${pool.ipVersion}/`, cidr, 0);
  }
}

/** Only the owner of a scope, not everybody who may see it, may change which pools it has. */
export function mayChangeInScope(draft: Draft, pool: SubnetPool): void {
  if (pool.addressScopeId === null) return;
  const { actor } = draft.context;
  const scope = draft.get('addressscope', pool.addressScopeId);
  if (actor.role === 'admin' || scope?.projectId === actor.projectId) return;
  throw illegalSubnetPoolUpdate(
    `subnetpool ${pool.id} cannot be updated when associated with shared address scope ${pool.addressScopeId}`,
  );
}

function checkAffinity(draft: Draft, pool: SubnetPool): void {
  const subnets = draft.find('subnet', `subnetpool/${pool.id}`);
  for (const networkId of new Set(subnets.map((subnet) => subnet.networkId))) {
    draft.dependOn(`network/${networkId}`);
    const strangers = draft
      .find('subnet', `network/${networkId}`)
      .filter(({ ipVersion, subnetPoolId }) => ipVersion === pool.ipVersion && subnetPoolId !== pool.id);
    if (strangers.length > 0) throw networkAddressScopeAffinity();
  }
  draft.expectOnly(`pool/${pool.id}/`, subnets);
}
