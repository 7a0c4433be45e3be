/**
 * The addresses of the link between host and lab: the first /30 that overlaps no address and no route of the host.
 *
 * Candidates come from the benchmark range (198.18.0.0/15, RFC 2544), which no network in use should have, then from link-local addresses, away from the metadata
 * service's.
 */
import { run } from '@plumbline/exec';
import { z } from 'zod';

export interface HostLinkAddresses {
  readonly host: string;
  readonly lab: string;
}

const Routes = z.array(z.object({ dst: z.string() }));
const Addresses = z.array(
  z.object({ addr_info: z.array(z.object({ family: z.string(), local: z.string(), prefixlen: z.number() })) }),
);
type Range = readonly [first: number, last: number];

/** Answers a free /30: its first address for the host, its second for the lab. Throws when the host uses them all. */
export async function freeHostLink(): Promise<HostLinkAddresses> {
  const taken = await takenRanges();
  for (const base of candidates()) {
    if (taken.some(([first, last]) => base <= last && base + 3 >= first)) continue;
    return { host: toText(base + 1), lab: toText(base + 2) };
  }
  throw new Error(
    'no free /30 for the link to the lab: the host has addresses or routes in all of 198.18.255.0/24 and 169.254.240.0/24',
  );
}

async function takenRanges(): Promise<Range[]> {
  const routes = Routes.parse(
    JSON.parse((await run(['ip', '-4', '-json', 'route', 'show', 'table', 'all'])).stdout || '[]'),
  );
  const links = Addresses.parse(JSON.parse((await run(['ip', '-4', '-json', 'address', 'show'])).stdout || '[]'));
  const addresses = links.flatMap((link) => link.addr_info.map((info) => `${info.local}/${info.prefixlen}`));
  // A default route overlaps everything, so it does not count.
  return [...routes.map((route) => route.dst).filter((dst) => dst !== 'default'), ...addresses].map(toRange);
}

function* candidates(): Generator<number> {
  for (const network of ['198.18.255.0', '169.254.240.0']) {
    for (let offset = 0; offset < 256; offset += 4) yield toNumber(network) + offset;
  }
}

function toRange(cidr: string): Range {
  const [address = '', prefix = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(prefix));
  const first = Math.floor(toNumber(address) / size) * size;
  return [first, first + size - 1];
}

const toNumber = (address: string): number => address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
const toText = (value: number): string => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
