/**
 * Choosing addresses. Addresses of a pool are tried at random, so that concurrent requests seldom choose the same one and a create costs the same with ten
 * ports and with ten thousand. Only when that fails (the pool is almost full) are they tried one by one. The claim `address/<network>/<ip>` decides in the end.
 */
import {
  addressToInt,
  cidrContains,
  DEVICE_OWNER,
  FixedIp,
  hostRangeOf,
  intToAddress,
  Network,
  Port,
  Subnet,
} from '@plumbline/contracts';
import type { Draft } from './draft.js';
import {
  addressAllocated,
  addressesExhausted,
  addressesExhaustedInSubnet,
  addressNotOnNetwork,
  addressNotOnSubnet,
  invalidInput,
  macInUse,
  macsExhausted,
} from './errors.js';
import { allocationOnAutoAddressSubnet, noServiceSubnet } from './subnets/errors.js';
import { eui64Address, isAutoAddress } from './subnets/ipv6.js';

/** What a client may ask for: an address, a subnet, or both. Address text is canonical. */
export type RequestedIp = Readonly<{ subnetId?: string | undefined; ipAddress?: string | undefined }>;

/** Whether the request, in whatever form, is for exactly these addresses: by address, by subnet, or by both, each once. */
export function asksForTheSame(have: readonly FixedIp[], requested: readonly RequestedIp[]): boolean {
  if (have.length !== requested.length) return false;
  const left = [...have];
  // Those by address first: a subnet alone is satisfied by any address that is left.
  const named = [...requested].sort((a, b) => Number(a.ipAddress === undefined) - Number(b.ipAddress === undefined));
  return named.every(({ subnetId, ipAddress }) => {
    const at = left.findIndex(
      (ip) =>
        (ipAddress === undefined || ip.ipAddress === ipAddress) && (subnetId === undefined || ip.subnetId === subnetId),
    );
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

const CHANCES = 32;
const MAC_CHANCES = 64;
/** A pool with more addresses is never searched one by one: random choice does not fail there. */
const WALK_AT_MOST = 2 ** 24;
const MAX_FIXED_IPS = 5;
const RANDOM_LIMIT = 2 ** 47;

type Pool = Readonly<{ first: bigint; size: number }>;

const poolsOf = (subnet: Subnet): Pool[] =>
  subnet.allocationPools.map(({ start, end }) => {
    const first = addressToInt(start);
    const size = addressToInt(end) - first + 1n;
    return { first, size: size > BigInt(RANDOM_LIMIT) ? RANDOM_LIMIT : Number(size) };
  });

/** A free address of the subnet's pools that is none of `taken`, or null when there is none. */
export function freeAddress(draft: Draft, subnet: Subnet, taken: ReadonlySet<string> = new Set()): string | null {
  const pools = poolsOf(subnet);
  const total = Math.min(
    pools.reduce((sum, pool) => sum + pool.size, 0),
    RANDOM_LIMIT,
  );
  if (total === 0) return null;
  const nth = (n: number): string => {
    let rest = n;
    for (const { first, size } of pools) {
      if (rest < size) return intToAddress(first + BigInt(rest), subnet.ipVersion);
      rest -= size;
    }
    throw new Error(`address ${n} of ${total} is in no pool of subnet ${subnet.id}`);
  };
  const isFree = (address: string) => !taken.has(address) && !draft.held(`address/${subnet.networkId}/${address}`);
  for (let chance = 0; chance < CHANCES; chance += 1) {
    const address = nth(draft.context.randomInt(total));
    if (isFree(address)) return address;
  }
  if (total > WALK_AT_MOST) return null;
  const start = draft.context.randomInt(total);
  for (let step = 0; step < total; step += 1) {
    const address = nth((start + step) % total);
    if (isFree(address)) return address;
  }
  return null;
}

/** The port that gets addresses: an existing or a new one. `fixedIps`: what it has now and may keep. */
export type Holder = Pick<Port, 'macAddress' | 'deviceOwner' | 'fixedIps'>;

/**
 * The addresses that a port gets. `requested` null: one of each IP version that the network has. In addition it always gets those that follow from its MAC on
 * every subnet with automatic addresses; a router interface gets only what is requested. A subnet with service types is only for ports of those types, and
 * preferred for them.
 */
export function chooseAddresses(
  draft: Draft,
  network: Network,
  requested: readonly RequestedIp[] | null,
  holder: Holder,
): FixedIp[] {
  const all = draft.find('subnet', `network/${network.id}`);
  const subnets = serving(all, holder.deviceOwner);
  if (all.length > 0 && subnets.length === 0 && requested?.length !== 0)
    throw noServiceSubnet(network.id, holder.deviceOwner);
  const chosen = requested
    ? asRequested(draft, network, subnets, requested, holder)
    : oneOfEachVersion(
        draft,
        network,
        subnets.filter((subnet) => isInterface(holder) || !isAutoAddress(subnet)),
      );
  return isInterface(holder) ? chosen : [...chosen, ...automatic(draft, subnets, holder)];
}

const isInterface = ({ deviceOwner }: Pick<Holder, 'deviceOwner'>) => deviceOwner === DEVICE_OWNER.routerInterface;

/** Subnets on which a port of this owner may have addresses; those for its service type come first. */
export function serving<S extends Pick<Subnet, 'serviceTypes'>>(subnets: readonly S[], deviceOwner: string): S[] {
  const meant = subnets.filter(({ serviceTypes }) => serviceTypes.includes(deviceOwner));
  return [...meant, ...subnets.filter(({ serviceTypes }) => serviceTypes.length === 0)];
}

/** The addresses that the port makes of its MAC. */
function automatic(draft: Draft, subnets: readonly Subnet[], { macAddress, fixedIps }: Holder): FixedIp[] {
  return subnets.filter(isAutoAddress).map((subnet) => {
    const ipAddress = eui64Address(subnet.cidr, macAddress);
    const own = fixedIps.some((ip) => ip.ipAddress === ipAddress);
    if (!own && draft.held(`address/${subnet.networkId}/${ipAddress}`)) throw addressAllocated(ipAddress, subnet.id);
    return { subnetId: subnet.id, ipAddress };
  });
}

function asRequested(
  draft: Draft,
  network: Network,
  subnets: readonly Subnet[],
  requested: readonly RequestedIp[],
  holder: Holder,
): FixedIp[] {
  if (requested.length > MAX_FIXED_IPS)
    throw invalidInput('Exceeded maximum amount of fixed ips per port', 'fixed_ips');
  const kept = holder.fixedIps;
  const makesItself = (subnet: Subnet) => isAutoAddress(subnet) && !isInterface(holder);
  const chosen: FixedIp[] = [];
  const taken = new Set<string>();
  const take = (ip: FixedIp) => {
    taken.add(ip.ipAddress);
    chosen.push(ip);
  };
  for (const { subnetId, ipAddress } of requested) {
    if (ipAddress === undefined) continue;
    const subnet = subnetFor(network, subnets, subnetId, ipAddress);
    const own = kept.some((ip) => ip.ipAddress === ipAddress);
    if (makesItself(subnet)) {
      if (own) continue;
      throw allocationOnAutoAddressSubnet(ipAddress, subnet.id);
    }
    if (taken.has(ipAddress) || (!own && draft.held(`address/${network.id}/${ipAddress}`)))
      throw addressAllocated(ipAddress, subnet.id);
    take({ subnetId: subnet.id, ipAddress });
  }
  for (const { subnetId, ipAddress } of requested) {
    if (ipAddress !== undefined) continue;
    const subnet = subnets.find(({ id }) => id === subnetId);
    if (!subnet) throw notInNetwork(network, subnetId);
    if (makesItself(subnet)) continue;
    const own = kept.find((ip) => ip.subnetId === subnet.id && !taken.has(ip.ipAddress));
    const address = own?.ipAddress ?? freeAddress(draft, subnet, taken);
    if (address === null) throw addressesExhaustedInSubnet(subnet.id);
    take({ subnetId: subnet.id, ipAddress: address });
  }
  return chosen;
}

function oneOfEachVersion(draft: Draft, network: Network, subnets: readonly Subnet[]): FixedIp[] {
  return ([4, 6] as const).flatMap((version) => {
    const candidates = subnets.filter((subnet) => subnet.ipVersion === version);
    if (candidates.length === 0) return [];
    for (const subnet of candidates) {
      const ipAddress = freeAddress(draft, subnet);
      if (ipAddress !== null) return [{ subnetId: subnet.id, ipAddress }];
    }
    throw addressesExhausted(network.id);
  });
}

function subnetFor(
  network: Network,
  subnets: readonly Subnet[],
  subnetId: string | undefined,
  address: string,
): Subnet {
  if (subnetId === undefined) {
    const subnet = subnets.find(({ cidr }) => cidrContains(cidr, address));
    if (!subnet || !isHostAddress(subnet.cidr, address)) throw addressNotOnNetwork(address);
    return subnet;
  }
  const subnet = subnets.find(({ id }) => id === subnetId);
  if (!subnet) throw notInNetwork(network, subnetId);
  if (!isHostAddress(subnet.cidr, address)) throw addressNotOnSubnet(address);
  return subnet;
}

const notInNetwork = (network: Network, subnetId: string | undefined) =>
  invalidInput(
    `Failed to create port on network ${network.id}, because fixed_ips included invalid subnet ${subnetId}`,
    'fixed_ips',
  );

/** True for an address that a host may have in this prefix: not the network's, not the broadcast address. */
export function isHostAddress(cidr: string, address: string): boolean {
  if (!cidrContains(cidr, address)) return false;
  const { first, last } = hostRangeOf(cidr);
  const value = addressToInt(address);
  return value >= first && value <= last;
}

/** The requested MAC when it is free in the network, or a free one of the OpenStack prefix fa:16:3e. */
export function chooseMac(draft: Draft, networkId: string, requested: string | null): string {
  const isFree = (mac: string) => !draft.held(`mac/${networkId}/${mac}`);
  if (requested !== null) {
    if (!isFree(requested)) throw macInUse(networkId, requested);
    return requested;
  }
  for (let chance = 0; chance < MAC_CHANCES; chance += 1) {
    const tail = draft.context
      .randomInt(2 ** 24)
      .toString(16)
      .padStart(6, '0');
    const mac = `fa:16:3e:${tail.slice(0, 2)}:${tail.slice(2, 4)}:${tail.slice(4)}`;
    if (isFree(mac)) return mac;
  }
  throw macsExhausted(networkId);
}
