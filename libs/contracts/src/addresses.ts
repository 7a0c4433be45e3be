/** Address arithmetic on canonical text, over ipaddr.js. IPv4 and IPv6 alike; ranges are inclusive pairs of integers. */
import ipaddr from 'ipaddr.js';

export type Range = Readonly<{ first: bigint; last: bigint; version: 4 | 6 }>;

const bytesToInt = (bytes: readonly number[]): bigint => bytes.reduce((n, byte) => (n << 8n) | BigInt(byte), 0n);

const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
/** IPv4 in its canonical text, which nearly all addresses are: no library is asked about them, for there are hundreds at each look at a large router. */
const IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`);

/** Shortest text of an address (RFC 5952 for IPv6). Throws if the text is not an address. */
export const canonicalAddress = (address: string): string =>
  IPV4.test(address) ? address : ipaddr.parse(address).toString();

/** Of an address or a prefix. Throws if the text is neither. */
export function versionOf(address: string): 4 | 6 {
  const slash = address.indexOf('/');
  if (IPV4.test(slash < 0 ? address : address.slice(0, slash))) return 4;
  return ipaddr.parse(address.split('/')[0] ?? '').kind() === 'ipv4' ? 4 : 6;
}

/** In network order: 4 or 16. */
export const addressBytes = (address: string): number[] =>
  IPV4.test(address) ? address.split('.').map(Number) : ipaddr.parse(address).toByteArray();
export const addressToInt = (address: string): bigint => bytesToInt(addressBytes(address));

export function intToAddress(value: bigint, version: 4 | 6): string {
  const length = version === 4 ? 4 : 16;
  const bytes = Array.from({ length }, (_, i) => Number((value >> BigInt(8 * (length - 1 - i))) & 0xffn));
  return ipaddr.fromByteArray(bytes).toString();
}

export const prefixLengthOf = (cidr: string): number => Number(cidr.split('/')[1]);

/** All addresses of a prefix, network and broadcast address included. */
export function rangeOf(cidr: string): Range {
  const version = versionOf(cidr);
  const hostBits = BigInt((version === 4 ? 32 : 128) - prefixLengthOf(cidr));
  const first = (addressToInt(cidr.split('/')[0] ?? '') >> hostBits) << hostBits;
  return { first, last: first + (1n << hostBits) - 1n, version };
}

/** The addresses that a host may have: for IPv4 up to /30 without network and broadcast address; for IPv6 without the subnet-router anycast (RFC 4291 2.6.1). */
export function hostRangeOf(cidr: string): Range {
  const { first, last, version } = rangeOf(cidr);
  const size = last - first + 1n;
  if (version === 4) return size <= 2n ? { first, last, version } : { first: first + 1n, last: last - 1n, version };
  return size <= 2n ? { first, last, version } : { first: first + 1n, last, version };
}

/** Whether this address in the prefix is no host's: the network or broadcast address of IPv4, the subnet-router anycast of IPv6. */
export function isNoHostIn(cidr: string, address: string): boolean {
  const { first, last } = hostRangeOf(cidr);
  const value = addressToInt(address);
  return cidrContains(cidr, address) && (value < first || value > last);
}

/** The prefix with its host bits zeroed: `10.0.0.5/24` is `10.0.0.0/24`. */
export const canonicalCidr = (cidr: string): string => {
  const [address = '', length = ''] = cidr.split('/');
  if (IPV4.test(address) && LENGTH.test(length)) return `${maskedIpv4(address, Number(length))}/${Number(length)}`;
  const { first, version } = rangeOf(cidr);
  return `${intToAddress(first, version)}/${prefixLengthOf(cidr)}`;
};

const LENGTH = /^(?:\d|[12]\d|3[0-2])$/;
function maskedIpv4(address: string, length: number): string {
  return address
    .split('.')
    .map((byte, at) => Number(byte) & (0xff00 >> Math.min(8, Math.max(0, length - 8 * at))) & 0xff)
    .join('.');
}

export function cidrContains(cidr: string, address: string): boolean {
  const range = rangeOf(cidr);
  if (versionOf(address) !== range.version) return false;
  const value = addressToInt(address);
  return value >= range.first && value <= range.last;
}

export function cidrsOverlap(a: string, b: string): boolean {
  const ra = rangeOf(a);
  const rb = rangeOf(b);
  return ra.version === rb.version && ra.first <= rb.last && rb.first <= ra.last;
}

/** The fixed bits of a prefix as text: `128.0.0.0/2` is `10`. One prefix contains another when its text is the start of the other's. */
export function prefixBits(cidr: string): string {
  const { first, version } = rangeOf(cidr);
  return first
    .toString(2)
    .padStart(version === 4 ? 32 : 128, '0')
    .slice(0, prefixLengthOf(cidr));
}
