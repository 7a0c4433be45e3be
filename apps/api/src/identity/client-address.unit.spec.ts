import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { clientAddress, countedAddress, parseProxies } from './client-address.js';

const PROXIES = parseProxies('10.0.0.0/8, 192.0.2.7, 2001:db8:aaaa::/48').prefixes;
type Headers = Readonly<Record<string, string | readonly string[]>>;
const sent = (remoteAddress: string | undefined, headers: Headers = {}) => ({ socket: { remoteAddress }, headers });
const seen = (peer: string | undefined, headers: Headers = {}, proxies = PROXIES) =>
  clientAddress(sent(peer, headers), proxies);
const xff = (text: string) => ({ 'x-forwarded-for': text });
const fwd = (text: string) => ({ forwarded: text });

describe('PLUMB_TRUSTED_PROXIES', () => {
  it.each([
    ['', []],
    [' , ', []],
    ['10.0.0.5', ['10.0.0.5/32']],
    ['10.0.0.5/24,2001:DB8::5', ['10.0.0.0/24', '2001:db8::5/128']],
    ['::ffff:10.0.0.1', ['10.0.0.1/32']],
    ['127.0.0.1, ::1', ['127.0.0.1/32', '::1/128']],
  ])('%p names %p', (text, prefixes) => {
    expect(parseProxies(text)).toEqual({ prefixes, problems: [] });
  });

  it.each([
    'proxy.example',
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::/129',
    '0x0a.1',
    '10.1',
    '-1',
    '*',
  ])('%p is no prefix', (text) => {
    expect(parseProxies(`10.0.0.1,${text}`)).toEqual({
      prefixes: ['10.0.0.1/32'],
      problems: [expect.stringContaining(`'${text}' is not an address or prefix`)],
    });
  });

  it.each(['0.0.0.0/0', '::/0'])('%p would trust everybody', (text) => {
    expect(parseProxies(text)).toEqual({ prefixes: [], problems: [`'${text}' is everybody: name your proxies`] });
  });
});

describe("the client's address", () => {
  it.each([
    ['without a header', '10.0.0.1', {}, '10.0.0.1'],
    ['of a connection that no proxy made', '198.51.100.9', xff('203.0.113.1'), '198.51.100.9'],
    ['the same in Forwarded', '198.51.100.9', fwd('for=203.0.113.1'), '198.51.100.9'],
    ['behind a proxy', '10.0.0.1', xff('203.0.113.1'), '203.0.113.1'],
    ['behind two', '10.0.0.1', xff('203.0.113.1, 10.9.9.9'), '203.0.113.1'],
    ['behind one that nobody trusts', '10.0.0.1', xff('203.0.113.1, 198.51.100.9'), '198.51.100.9'],
    ['not what the client wrote', '10.0.0.1', xff('10.1.1.1, 6.6.6.6, 203.0.113.1, 192.0.2.7'), '203.0.113.1'],
    ['of a trusted machine itself', '10.0.0.1', xff('10.2.2.2'), '10.2.2.2'],
    ['with a port', '10.0.0.1', xff('203.0.113.1:4711'), '203.0.113.1'],
    ['IPv6', '2001:db8:aaaa::1', xff('2001:DB8:0:0::5'), '2001:db8::5'],
    ['IPv6 with a port', '10.0.0.1', xff('[2001:db8::5]:443'), '2001:db8::5'],
    ['IPv6 in brackets', '10.0.0.1', xff('[2001:db8::5]'), '2001:db8::5'],
    ['IPv4 in IPv6', '::ffff:10.0.0.1', xff('::ffff:203.0.113.1'), '203.0.113.1'],
    ['in several headers', '10.0.0.1', { 'x-forwarded-for': ['6.6.6.6', '203.0.113.1'] }, '203.0.113.1'],
    ['an empty header', '10.0.0.1', xff(''), '10.0.0.1'],
    ['nonsense at the right', '10.0.0.1', xff('203.0.113.1, unknown'), '10.0.0.1'],
    ['nonsense behind a proxy', '10.0.0.1', xff('203.0.113.1, unknown, 10.0.0.2'), '10.0.0.2'],
    ['an empty entry', '10.0.0.1', xff('203.0.113.1, ,'), '10.0.0.1'],
    ['other spellings of numbers', '10.0.0.1', xff('0313.0.113.1'), '10.0.0.1'],
    ['Forwarded', '10.0.0.1', fwd('for=203.0.113.1;proto=http;by=10.0.0.1'), '203.0.113.1'],
    ['Forwarded, its names in any case', '10.0.0.1', fwd('Proto=https; FOR="203.0.113.1:80"'), '203.0.113.1'],
    ['Forwarded, IPv6', '10.0.0.1', fwd('for="[2001:db8::5]:4711"'), '2001:db8::5'],
    ['Forwarded, two proxies', '10.0.0.1', fwd('for=6.6.6.6, for=203.0.113.1, for=10.7.7.7'), '203.0.113.1'],
    ['Forwarded, hidden', '10.0.0.1', fwd('for=203.0.113.1, for=_hidden'), '10.0.0.1'],
    ['Forwarded without for', '10.0.0.1', fwd('for=203.0.113.1, proto=http'), '10.0.0.1'],
    ['Forwarded with two', '10.0.0.1', fwd('for=6.6.6.6;for=203.0.113.1'), '10.0.0.1'],
    ['a comma in quotes', '10.0.0.1', fwd('by="a,for=6.6.6.6";for=203.0.113.1'), '203.0.113.1'],
    ['a quote that the client left open', '10.0.0.1', fwd('for=6.6.6.6;by=", for=203.0.113.1'), '10.0.0.1'],
    ['and again', '10.0.0.1', fwd('for=6.6.6.6, for=", for="[2001:db8::5]"'), '10.0.0.1'],
    ['both, the same', '10.0.0.1', { ...xff('203.0.113.1'), ...fwd('for=203.0.113.1') }, '203.0.113.1'],
    ['both, one passed on from the client', '10.0.0.1', { ...xff('203.0.113.1'), ...fwd('for=6.6.6.6') }, '10.0.0.1'],
  ] as const)('%s', (_what, peer, headers, expected) => {
    expect(seen(peer, headers)).toBe(expected);
  });

  it('is the connection’s where no proxy is named, and empty where there is none', () => {
    expect(seen('10.0.0.1', xff('203.0.113.1'), [])).toBe('10.0.0.1');
    expect(seen('fe80::1%eth0', {}, [])).toBe('fe80::1');
    expect(seen(undefined, xff('203.0.113.1'))).toBe('');
  });

  const canonical = (address: string) => clientAddress(sent(address), []);
  const outside = fc.oneof(
    fc.ipV4().filter((each) => !each.startsWith('10.') && each !== '192.0.2.7'),
    fc.ipV6().filter((each) => canonical(each).includes(':') && !/^2001:0?db8:aaaa:/i.test(each)),
  );
  const junk = fc.oneof(
    fc.string(),
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('for="', '"', 'for=', ', ', ';', '\\', 'for=10.0.0.9', '10.0.0.9', '[', ']:1'),
  );
  const invented = fc.array(junk, { maxLength: 8 });
  it('is never what a client writes: an X-Forwarded-For that a proxy added to gives what the proxy saw', () => {
    fc.assert(
      fc.property(outside, invented, fc.boolean(), (client, before, twoProxies) => {
        const added = [...before, client, ...(twoProxies ? ['10.3.3.3'] : [])].join(', ');
        expect(seen('10.0.0.1', xff(added))).toBe(canonical(client));
      }),
      { numRuns: 500 },
    );
  });

  it('is what the proxy saw, or the proxy, where it adds to a Forwarded of the client', () => {
    fc.assert(
      fc.property(outside, invented, (client, before) => {
        const own = client.includes(':') ? `for="[${client}]"` : `for=${client}`;
        expect([canonical(client), '10.0.0.1']).toContain(seen('10.0.0.1', fwd([...before, own].join(', '))));
      }),
      { numRuns: 500 },
    );
  });

  it('is the connection’s whatever is sent, when no trusted proxy made the connection', () => {
    fc.assert(
      fc.property(outside, junk, junk, (peer, one, other) => {
        expect(seen(peer, { ...xff(one), ...fwd(other) })).toBe(canonical(peer));
      }),
      { numRuns: 200 },
    );
  });
});

describe('the address that failures are counted for', () => {
  const counted = (peer: string) => countedAddress(sent(peer), []);
  it('is one IPv4 address, or an IPv6 /64', () => {
    expect(counted('203.0.113.1')).toBe('203.0.113.1');
    expect(counted('::ffff:203.0.113.1')).toBe('203.0.113.1');
    expect(counted('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(counted('2001:db8:1:2::1')).toBe(counted('2001:db8:1:2:ffff::'));
    expect(counted('2001:db8:1:3::1')).not.toBe(counted('2001:db8:1:2::1'));
  });
});
