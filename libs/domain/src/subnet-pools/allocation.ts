/**
 * Prefixes of subnets, taken from a pool. Two that overlap are never given out: the claim `pool/<pool>/<bits>/` of a prefix begins with the bits of every prefix
 * that contains it. So a command that takes a prefix requires that nothing is claimed under its bits, and that no shorter prefix of it is claimed.
 */
import { canonicalCidr, prefixBits, prefixLengthOf, Subnet, SubnetPool, versionOf } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { badRequest } from '../errors.js';
import {
  defaultPoolExists,
  prefixTooLong,
  prefixTooShort,
  subnetAllocationError,
  subnetPoolNotFound,
  subnetPoolQuotaExceeded,
} from './errors.js';
import { prefixesWithout, smallestFit } from './prefixes.js';

/** Quotas count addresses of IPv4 and /64 prefixes of IPv6. */
const QUOTA_UNIT_BITS = { 4: 32, 6: 64 } as const;

/** The pool for a subnet, if the actor sees it; null when no pool is requested. The pool becomes a precondition. */
export function requestedPool(
  draft: Draft,
  request: Readonly<{
    subnetPoolId?: string | null | undefined;
    useDefaultPool?: boolean | undefined;
    ipVersion: 4 | 6;
  }>,
): SubnetPool | null {
  const { subnetPoolId = null, useDefaultPool = false, ipVersion } = request;
  if (useDefaultPool && subnetPoolId !== null)
    throw badRequest('subnets', 'subnetpool_id and use_default_subnetpool cannot both be specified');
  if (subnetPoolId === null && !useDefaultPool) return null;
  const pool = subnetPoolId === null ? defaultPool(draft, ipVersion) : draft.visible('subnetpool', subnetPoolId);
  if (!pool && subnetPoolId !== null) throw subnetPoolNotFound(subnetPoolId);
  if (!pool) throw badRequest('subnets', `No default subnetpool found for IPv${ipVersion}`);
  if (pool.ipVersion !== ipVersion)
    throw badRequest('subnets', `Cannot allocate IPv${ipVersion} subnet from IPv${pool.ipVersion} subnet pool`);
  draft.dependOn(`subnetpool/${pool.id}`);
  return pool;
}

/** The default pool of an IP version, if there is one that the actor sees. */
export function defaultPool(draft: Draft, ipVersion: 4 | 6): SubnetPool | undefined {
  const [pool] = draft.find('subnetpool', `default/${ipVersion}`);
  return pool && draft.visible('subnetpool', pool.id);
}

/** Refuses a second default pool; the default pool holds a claim. */
export function mayBeDefaultPool(draft: Draft, ipVersion: 4 | 6): void {
  if (draft.held(`default-pool/${ipVersion}/`)) throw defaultPoolExists();
}

/** A prefix of the pool for a subnet of this project: `cidr`, or with null any of `length` bits (null: the pool's default length). */
export function takePrefix(
  draft: Draft,
  pool: SubnetPool,
  request: Readonly<{ projectId: string; cidr: string | null; length: number | null }>,
): string {
  const length = request.cidr === null ? (request.length ?? pool.defaultPrefixLength) : prefixLengthOf(request.cidr);
  if (length > pool.maxPrefixLength) throw prefixTooLong(length, pool.maxPrefixLength);
  if (length < pool.minPrefixLength) throw prefixTooShort(length, pool.minPrefixLength);
  const subnets = draft.find('subnet', `subnetpool/${pool.id}`);
  withinPoolQuota(draft, pool, subnets, { projectId: request.projectId, length });
  const taken = subnets.map(({ cidr }) => cidr);
  const free = prefixesWithout(pool.prefixes, taken, pool.ipVersion);
  const cidr = request.cidr === null ? smallestFit(free, length, pool.ipVersion) : canonicalCidr(request.cidr);
  if (cidr === null) throw subnetAllocationError(`Insufficient prefix space to allocate subnet size /${length}`);
  if (!free.some((block) => holds(block, cidr)))
    throw subnetAllocationError('Cannot allocate requested subnet from the available set of prefixes');
  expectUntaken(draft, pool, cidr);
  return cidr;
}

const holds = (outer: string, inner: string): boolean =>
  versionOf(outer) === versionOf(inner) && prefixBits(inner).startsWith(prefixBits(outer));

/** Precondition: no subnet of the pool overlaps the prefix. */
export function expectUntaken(draft: Draft, pool: Pick<SubnetPool, 'id' | 'prefixes'>, cidr: string): void {
  expectNoOverlap(draft, `pool/${pool.id}/`, cidr, Math.min(...pool.prefixes.map(prefixLengthOf)));
}

/** Precondition: no claim `<under><bits>/` is of a prefix that overlaps this one. No prefix is shorter than `shortest`. */
export function expectNoOverlap(draft: Draft, under: string, cidr: string, shortest: number): void {
  const bits = prefixBits(cidr);
  draft.expectNone(`${under}${bits}`);
  for (let length = shortest; length < bits.length; length += 1) draft.expectNone(`${under}${bits.slice(0, length)}/`);
}

function withinPoolQuota(
  draft: Draft,
  pool: SubnetPool,
  subnets: readonly Subnet[],
  { projectId, length }: Readonly<{ projectId: string; length: number }>,
): void {
  if (!pool.defaultQuota) return;
  const units = (prefixLength: number) => 2 ** (QUOTA_UNIT_BITS[pool.ipVersion] - prefixLength);
  const used = subnets
    .filter((subnet) => subnet.projectId === projectId)
    .reduce((sum, { cidr }) => sum + units(prefixLengthOf(cidr)), 0);
  if (used + units(length) > pool.defaultQuota) throw subnetPoolQuotaExceeded();
  // A subnet that the same project takes at the same time counts too.
  draft.expectOnly(`pool/${pool.id}/`, subnets);
}
