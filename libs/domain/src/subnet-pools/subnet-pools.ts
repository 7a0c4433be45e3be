/** Subnet pools: prefixes from which subnets are taken. Prefixes may be added at any time, and removed if no subnet has them. */
import { SubnetPool, versionOf } from '@plumbline/contracts';
import { changedFields, definedOnly } from '../changes.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { networkNotFound, notAuthorized } from '../errors.js';
import { ownsNetwork } from '../ports/fixed-ips.js';
import { EVERYBODY, share } from '../rbac-policies/opening.js';
import { checkScope, expectUniqueInScope, mayChangeInScope, refuseScopeUnseen } from './address-scope.js';
import { expectUntaken, mayBeDefaultPool } from './allocation.js';
import {
  emptyPrefixList,
  illegalPrefixBounds,
  illegalPrefixUpdate,
  illegalSubnetPoolUpdate,
  prefixVersionMismatch,
  subnetPoolDeleteError,
  subnetPoolNotFound,
} from './errors.js';
import { anyOverlap, coverAll, mergedPrefixes, prefixesWithout } from './prefixes.js';

export type NewSubnetPool = Readonly<{
  projectId: string;
  name: string;
  description: string;
  /** Of one IP version; they may touch and overlap. */
  prefixes: readonly string[];
  /** Undefined: as the reference has it. */
  defaultPrefixLength?: number | undefined;
  minPrefixLength?: number | undefined;
  maxPrefixLength?: number | undefined;
  defaultQuota: number | null;
  addressScopeId: string | null;
  shared: boolean;
  isDefault: boolean;
}>;
export type SubnetPoolChanges = Partial<Omit<NewSubnetPool, 'projectId' | 'shared'>>;

const BOUNDS = { 4: { min: 8, max: 32 }, 6: { min: 64, max: 128 } } as const;

/** All or none, in one command. Returns the ids in the order asked. */
export const createSubnetPools = (requests: readonly NewSubnetPool[]): Decide<string[]> =>
  deciding((draft) => requests.map((request) => createSubnetPool(draft, request)));

function createSubnetPool(draft: Draft, request: NewSubnetPool): string {
  const subnetPoolId = draft.context.newId();
  const { projectId, name, description, defaultQuota, addressScopeId, shared, isDefault } = request;
  const ipVersion = versionOfAll(request.prefixes);
  const prefixes = mergedPrefixes(request.prefixes, ipVersion);
  const minPrefixLength = request.minPrefixLength ?? BOUNDS[ipVersion].min;
  const maxPrefixLength = request.maxPrefixLength ?? BOUNDS[ipVersion].max;
  const lengths = {
    minPrefixLength,
    maxPrefixLength,
    defaultPrefixLength: request.defaultPrefixLength ?? minPrefixLength,
  };
  checkLengths(lengths, ipVersion);
  if (isDefault) mayBeDefaultPool(draft, ipVersion);
  const named = { projectId, name, description };
  const pool = { id: subnetPoolId, ipVersion, prefixes, addressScopeId };
  checkScope(draft, pool);
  expectUniqueInScope(draft, pool, []);
  draft.record({
    type: 'SubnetPoolCreated',
    version: 1,
    data: {
      ...{ subnetPoolId, ...named, ipVersion, prefixes, ...lengths },
      ...{ defaultQuota, addressScopeId, shared: false, isDefault },
    },
  });
  if (shared) {
    const made = thePool(draft, subnetPoolId);
    refuseScopeUnseen(draft, made, EVERYBODY);
    share(draft, made);
  }
  return subnetPoolId;
}

export const updateSubnetPool = (id: string, changes: SubnetPoolChanges): Decide<void> =>
  deciding((draft) => {
    const { prefixes, ...facts } = changes;
    const pool = thePool(draft, id);
    if (prefixes !== undefined && !coverAll(checked(prefixes, pool), pool.prefixes))
      throw illegalPrefixUpdate('Existing prefixes must be a subset of the new prefixes');
    changePool(draft, pool, {
      ...definedOnly(facts),
      ...(prefixes && { prefixes: mergedPrefixes(prefixes, pool.ipVersion) }),
    });
  });

/** Adds prefixes; returns all. */
export const addPrefixes = (id: string, added: readonly string[]): Decide<readonly string[]> =>
  deciding((draft) => {
    const pool = thePool(draft, id);
    checked(added, pool);
    const prefixes = mergedPrefixes([...pool.prefixes, ...added], pool.ipVersion);
    changePool(draft, pool, { prefixes });
    return prefixes;
  });

/** Removes prefixes that no subnet has; prefixes that the pool does not have are skipped. Returns what is left. */
export const removePrefixes = (id: string, removed: readonly string[]): Decide<readonly string[]> =>
  deciding((draft) => {
    const pool = thePool(draft, id);
    checked(removed, pool);
    if (!anyOverlap(pool.prefixes, removed)) return pool.prefixes;
    const taken = draft.find('subnet', `subnetpool/${id}`).map(({ cidr }) => cidr);
    if (anyOverlap(taken, removed))
      throw illegalPrefixUpdate('One or more the prefixes to be removed is in use by a subnet');
    const prefixes = prefixesWithout(pool.prefixes, removed, pool.ipVersion);
    if (prefixes.length === 0) throw emptyPrefixList();
    for (const cidr of removed) expectUntaken(draft, pool, cidr);
    changePool(draft, pool, { prefixes });
    return prefixes;
  });

/** The pool takes over a network's subnets of its IP version; returns them. The network must be the actor's. */
export const onboardSubnets = (id: string, networkId: string): Decide<readonly { id: string; cidr: string }[]> =>
  deciding((draft) => {
    const pool = thePool(draft, id);
    if (!draft.visible('network', networkId)) throw networkNotFound(networkId);
    if (!ownsNetwork(draft, networkId)) throw notAuthorized('onboard_network_subnets');
    draft.dependOn(`network/${networkId}`);
    const subnets = draft
      .find('subnet', `network/${networkId}`)
      .filter(({ ipVersion }) => ipVersion === pool.ipVersion);
    const taken = draft.find('subnet', `subnetpool/${id}`).map(({ cidr }) => cidr);
    for (const subnet of subnets)
      if (anyOverlap([subnet.cidr], taken))
        throw illegalSubnetPoolUpdate(
          `Onboarding subnet ${subnet.id}: ${subnet.cidr} conflicts with allocated prefixes in subnet pool ${id}`,
        );
    const prefixes = mergedPrefixes([...pool.prefixes, ...subnets.map(({ cidr }) => cidr)], pool.ipVersion);
    changePool(draft, pool, { prefixes });
    for (const subnet of subnets) {
      expectUntaken(draft, { id, prefixes }, subnet.cidr);
      const data = { subnetId: subnet.id, networkId, set: { subnetPoolId: id } };
      draft.record({ type: 'SubnetAttributesSet', version: 1, data });
    }
    return subnets.map(({ id: subnetId, cidr }) => ({ id: subnetId, cidr }));
  });

export const deleteSubnetPool = (id: string): Decide<void> =>
  deciding((draft) => {
    thePool(draft, id);
    if (draft.find('subnet', `subnetpool/${id}`).length > 0) throw subnetPoolDeleteError();
    draft.expectNone(`pool/${id}/`);
    draft.record({ type: 'SubnetPoolDeleted', version: 1, data: { subnetPoolId: id } });
  });

function thePool(draft: Draft, id: string): SubnetPool {
  const pool = draft.get('subnetpool', id);
  if (!pool) throw subnetPoolNotFound(id);
  return pool;
}

/** Appends what differs. `prefixes` are merged. */
function changePool(draft: Draft, pool: SubnetPool, wanted: Partial<SubnetPool>): void {
  const set = changedFields(pool, wanted);
  if (Object.keys(set).length === 0) return;
  mayChangeInScope(draft, pool);
  const after = { ...pool, ...(set as Partial<SubnetPool>) };
  checkLengths(after, pool.ipVersion);
  if (after.isDefault && !pool.isDefault) mayBeDefaultPool(draft, pool.ipVersion);
  if (set.addressScopeId !== undefined || set.prefixes !== undefined) {
    checkScope(draft, after, pool);
    expectUniqueInScope(draft, after, pool.addressScopeId === after.addressScopeId ? pool.prefixes : []);
  }
  draft.record({ type: 'SubnetPoolAttributesSet', version: 1, data: { subnetPoolId: pool.id, set } });
}

function versionOfAll(prefixes: readonly string[]): 4 | 6 {
  const [first, ...rest] = prefixes;
  if (first === undefined) throw emptyPrefixList();
  const version = versionOf(first);
  if (rest.some((cidr) => versionOf(cidr) !== version)) throw prefixVersionMismatch();
  return version;
}

function checked(prefixes: readonly string[], pool: SubnetPool): readonly string[] {
  if (versionOfAll(prefixes) !== pool.ipVersion) throw prefixVersionMismatch();
  return prefixes;
}

type Lengths = Pick<SubnetPool, 'minPrefixLength' | 'maxPrefixLength' | 'defaultPrefixLength'>;

function checkLengths({ minPrefixLength: min, maxPrefixLength: max, defaultPrefixLength }: Lengths, version: 4 | 6) {
  const most = BITS[version];
  if (min > max) throw illegalPrefixBounds('min_prefixlen', min, 'max_prefixlen', max);
  if (max > most) throw illegalPrefixBounds('max_prefixlen', max, 'ip_version_max', most);
  if (defaultPrefixLength < min)
    throw illegalPrefixBounds('default_prefixlen', defaultPrefixLength, 'min_prefixlen', min);
  if (defaultPrefixLength > max)
    throw illegalPrefixBounds('default_prefixlen', defaultPrefixLength, 'max_prefixlen', max);
}

const BITS = { 4: 32, 6: 128 } as const;
