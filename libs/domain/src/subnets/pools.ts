/** Arithmetic of a subnet's allocation pools and gateway. */
import {
  addressToInt,
  AllocationPool,
  canonicalAddress,
  cidrContains,
  hostRangeOf,
  intToAddress,
  versionOf,
} from '@plumbline/contracts';
import { gatewayConflictsWithPools, invalidInput, invalidPool, outOfBoundsPool, overlappingPools } from '../errors.js';

const textOf = (pool: AllocationPool) => `${pool.start}-${pool.end}`;

/** The first address that a host may have; null when the prefix has none to spare. */
export function defaultGateway(cidr: string): string | null {
  const { first, last, version } = hostRangeOf(cidr);
  return first < last ? intToAddress(first, version) : null;
}

/** All host addresses but the gateway's. */
export function defaultPools(cidr: string, gatewayIp: string | null): AllocationPool[] {
  const { first, last, version } = hostRangeOf(cidr);
  const pool = (from: bigint, to: bigint): AllocationPool[] =>
    from <= to ? [{ start: intToAddress(from, version), end: intToAddress(to, version) }] : [];
  if (gatewayIp === null) return pool(first, last);
  const gateway = addressToInt(gatewayIp);
  if (gateway < first || gateway > last) return pool(first, last);
  return [...pool(first, gateway - 1n), ...pool(gateway + 1n, last)];
}

/** Pools in canonical text, in address order; throws where one is malformed, out of bounds or on another. */
export function checkedPools(cidr: string, pools: readonly AllocationPool[]): AllocationPool[] {
  const bounds = hostRangeOf(cidr);
  const ranges = pools.map((pool) => {
    const text = textOf(pool);
    if (versionOf(pool.start) !== bounds.version || versionOf(pool.end) !== bounds.version) throw invalidPool(text);
    const range = { first: addressToInt(pool.start), last: addressToInt(pool.end), text };
    if (range.last < range.first) throw invalidPool(text);
    if (range.first < bounds.first || range.last > bounds.last) throw outOfBoundsPool(text, cidr);
    return range;
  });
  ranges.sort((a, b) => (a.first < b.first ? -1 : 1));
  ranges.forEach((range, index) => {
    const next = ranges[index + 1];
    if (next && next.first <= range.last) throw overlappingPools(range.text, next.text, cidr);
  });
  return ranges.map((range) => ({
    start: intToAddress(range.first, bounds.version),
    end: intToAddress(range.last, bounds.version),
  }));
}

/** Addresses that no host has: unspecified, loopback, multicast, broadcast. */
const OF_NO_HOST = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32', '::/127', 'ff00::/8'];

/**
 * A gateway is any address of a host. Inside the prefix it is neither the network's nor the broadcast address; outside it is reached over the link itself
 * (`fe80::1`, or the provider's router on another prefix of the same wire).
 */
export function checkGateway(cidr: string, gatewayIp: string): string {
  const wrong = () => invalidInput(`Gateway is not valid on subnet`, 'gateway_ip');
  if (OF_NO_HOST.some((prefix) => cidrContains(prefix, gatewayIp))) throw wrong();
  const value = addressToInt(gatewayIp);
  const hosts = hostRangeOf(cidr);
  if (cidrContains(cidr, gatewayIp) && (value < hosts.first || value > hosts.last)) throw wrong();
  return canonicalAddress(gatewayIp);
}

export function checkGatewayOutsidePools(gatewayIp: string | null, pools: readonly AllocationPool[]): void {
  if (gatewayIp === null) return;
  const gateway = addressToInt(gatewayIp);
  for (const pool of pools)
    if (addressToInt(pool.start) <= gateway && gateway <= addressToInt(pool.end))
      throw gatewayConflictsWithPools(gatewayIp, textOf(pool));
}
