/**
 * The client's address, also behind proxies. Limits of logins are counted by it (libs/identity, login-limits.ts).
 *
 * Goals: a header counts only when a proxy that the operator named (PLUMB_TRUSTED_PROXIES) sent it, and only what such proxies wrote themselves. A proxy adds the
 * address it saw at the end of the header, so it is read from right to left: from the connection's own address through trusted proxies to the first address that
 * is none. What stands further left was written by the client, or by somebody that nobody here trusts.
 *
 *     X-Forwarded-For: <invented>, 198.51.100.7, 10.0.0.2        connection from 10.0.0.1; trusted: 10.0.0.0/8
 *                                  ▲ the client      ◄── read from here
 *
 * Two headers say the same: X-Forwarded-For, and Forwarded (RFC 7239). A proxy writes one and passes the other on as the client sent it. So where both are there
 * and differ, neither counts: the client is then the proxy. The same holds from an entry on that is no address (`unknown`, `_hidden`, nonsense).
 *
 * Road not taken: Fastify's `trustProxy`. It also takes host and protocol from headers, knows no Forwarded, and takes an entry that is no address for one.
 */
import { BlockList, isIP } from 'node:net';
import { addressToInt, canonicalAddress, canonicalCidr, cidrContains, intToAddress } from '@plumbline/contracts';

/** Of a request: what is needed here. */
export type Sent = Readonly<{
  socket: Readonly<{ remoteAddress?: string | undefined }>;
  headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}>;

/** IPv4 addresses as IPv6 sockets show them. */
const MAPPED = '::ffff:0:0/96';
const IPV6_HOST_PREFIX = 64;

/** The settings' prefixes in one form, and what is wrong with the others. */
export function parseProxies(text: string): { prefixes: string[]; problems: string[] } {
  const prefixes: string[] = [];
  const problems: string[] = [];
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const [address = '', length, ...more] = part.split('/');
    const own = canonical(address);
    const most = own === null ? 0 : isIP(own) === 4 ? 32 : 128;
    const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : -1;
    if (own === null || more.length > 0 || bits < 0 || bits > most)
      problems.push(`'${part}' is not an address or prefix, for example 10.0.0.5 or 2001:db8::/64`);
    else if (bits === 0) problems.push(`'${part}' is everybody: name your proxies`);
    else prefixes.push(canonicalCidr(`${own}/${bits}`));
  }
  return { prefixes, problems };
}

/** The client's address in canonical form. `proxies`: as `parseProxies` returns them. Empty when the connection has no address. */
export function clientAddress({ socket, headers }: Sent, proxies: readonly string[]): string {
  const peer = canonical(socket.remoteAddress ?? '') ?? '';
  if (proxies.length === 0 || peer === '') return peer;
  const trusted = trustedBy(proxies);
  const chains = [
    chainOf(headers['x-forwarded-for'], (text) => text.split(',').map(addressIn)),
    chainOf(headers['forwarded'], (text) => splitUnquoted(text, ',').map(addressFor)),
  ].filter((chain) => chain.length > 0);
  const [one = peer, other = one] = chains.map((chain) => follow(peer, chain, trusted));
  return one === other ? one : peer;
}

/** Whose failures are counted together: an IPv4 address, or an IPv6 /64, which is what one host may have. */
export function countedAddress(request: Sent, proxies: readonly string[]): string {
  const address = clientAddress(request, proxies);
  return isIP(address) === 6 ? canonicalCidr(`${address}/${IPV6_HOST_PREFIX}`) : address;
}

/** Null: an entry that is no address. */
type Chain = readonly (string | null)[];

function chainOf(header: string | readonly string[] | undefined, parse: (text: string) => Chain): Chain {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  return text.trim() === '' ? [] : parse(text);
}

/** From the right, while who speaks is trusted. */
function follow(peer: string, chain: Chain, isTrusted: (address: string) => boolean): string {
  let speaker = peer;
  for (const said of [...chain].reverse()) {
    if (!isTrusted(speaker) || said === null) break;
    speaker = said;
  }
  return speaker;
}

const lists = new WeakMap<readonly string[], BlockList>();

function trustedBy(proxies: readonly string[]): (address: string) => boolean {
  const list = lists.get(proxies) ?? listOf(proxies);
  lists.set(proxies, list);
  return (address) => list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
}

function listOf(proxies: readonly string[]): BlockList {
  const list = new BlockList();
  for (const prefix of proxies) {
    const [address = '', length] = prefix.split('/');
    list.addSubnet(address, Number(length), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

/** Shortest form, without zone; IPv4 in IPv6 as IPv4. Null for anything else. */
function canonical(text: string): string | null {
  const [address = ''] = text.split('%');
  const version = isIP(address);
  if (version === 0) return null;
  // Node takes an IPv4 address in its canonical form only.
  if (version === 4) return address;
  return cidrContains(MAPPED, address)
    ? intToAddress(addressToInt(address) & 0xffff_ffffn, 4)
    : canonicalAddress(address);
}

/** An entry: `address`, `address:port`, `[address]`, `[address]:port`. */
function addressIn(text: string): string | null {
  const entry = text.trim();
  const bracketed = /^\[([^[\]]+)\](?::\d{1,5})?$/.exec(entry)?.[1];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? canonical(bracketed) : null;
  return canonical(/^([^:]+):\d{1,5}$/.exec(entry)?.[1] ?? entry);
}

/**
 * The address of `for=` in one element of Forwarded. Null: none, or more than one, or anything in the element that is not `name=value`. That matters: with a quote
 * that it leaves open, a client could make the proxy's own words a part of another value.
 */
function addressFor(element: string): string | null {
  const pairs = splitUnquoted(element, ';').map((pair) => /^\s*([\w!#$%&'*+.^`|~-]+)=(.*?)\s*$/s.exec(pair));
  const values = pairs.map((pair) => (pair ? unquoted(pair[2] ?? '') : null));
  if (values.includes(null)) return null;
  const [value, ...more] = values.filter((_, at) => pairs[at]?.[1]?.toLowerCase() === 'for');
  return value && more.length === 0 ? addressIn(value) : null;
}

/** A token as it is (an address with a port too, though RFC 7239 wants quotes there); a quoted string without its quotes; null: neither. */
function unquoted(text: string): string | null {
  if (/^[^\s"\\]*$/.test(text)) return text;
  const [, inner] = /^"((?:[^"\\]|\\.)*)"$/s.exec(text) ?? [];
  return inner === undefined ? null : inner.replace(/\\(.)/gs, '$1');
}

/** Splits at a character that is not within quotes. A quote that does not end goes on to the end of the text. */
function splitUnquoted(text: string, at: ',' | ';'): string[] {
  const parts: string[] = [''];
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const each = text[i] as string;
    if (each === '"') quoted = !quoted;
    if (each === at && !quoted) parts.push('');
    else parts[parts.length - 1] += each + (quoted && each === '\\' ? (text[(i += 1)] ?? '') : '');
  }
  return parts;
}
