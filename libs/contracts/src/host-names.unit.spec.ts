import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeHost, encodeHost, faultOfHost, HostName, MachineName } from './host-names.js';
import { senderOf, subjects } from './subjects.js';

const isName = (text: string): boolean => HostName.safeParse(text).success;
/** Names with many dots and colons, and with what their encodings are made of. */
const aName = fc
  .array(fc.constantFrom('.', ':', '::', '3a', 'a', 'Z', '7', '_', '-'), { minLength: 1, maxLength: 90 })
  .map((parts) => parts.join(''))
  .filter(isName);
const aText = fc.array(fc.constantFrom('.', ':', '::3a', '3', 'a', 'A', '*', '>', ' ', 'é'), { maxLength: 12 });

describe("a host's name", () => {
  it.each([
    'cmp1',
    'a',
    '7',
    'cmp3.example.org',
    '192.0.2.7',
    '2001:db8::7',
    '::1',
    'fe80::',
    'a_b-c',
    'CMP1',
    'x'.repeat(253),
  ])('may be %s', (name) => expect(faultOfHost(name)).toBeNull());

  it.each([
    '',
    '.a',
    '-a',
    '_a',
    'a..b',
    'a.',
    'a b',
    'a/b',
    'a*',
    '>',
    'a%b',
    "a'b",
    'a\n',
    'ü',
    'x'.repeat(254),
    ':'.repeat(64),
    '__proto__',
  ])('cannot be %j, and it is said why', (name) => expect(faultOfHost(name)).toMatch(/./));

  it('is not that of the control plane, although an old event may say so', () => {
    expect(faultOfHost('api')).toContain("control plane's own");
    expect([isName('api'), MachineName.safeParse('API').success]).toEqual([true, true]);
  });
});

describe('its encoding', () => {
  it.each([
    ['cmp3.example.org', 'cmp3:example:org'],
    ['2001:db8::7', '2001::3adb8::3a::3a7'],
    ['a.:b', 'a:::3ab'],
  ])('of %s is %s', (name, encoded) => {
    expect([encodeHost(name), decodeHost(encoded)]).toEqual([encoded, name]);
  });

  it('is the name itself where that was a name before', () => {
    fc.assert(fc.property(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/), (name) => encodeHost(name) === name));
  });

  it('fits into a subject, a file name and a unit name, and is read back', () => {
    fc.assert(
      fc.property(aName, (name) => {
        const encoded = encodeHost(name);
        expect(encoded).toMatch(/^[A-Za-z0-9:_-]{1,253}$/);
        expect(decodeHost(encoded)).toBe(name);
      }),
    );
  });

  it('is shared by no two names, also where they differ in case only', () => {
    fc.assert(
      fc.property(aName, aName, (one, other) => {
        expect(encodeHost(one) === encodeHost(other)).toBe(one === other);
        expect(encodeHost(one.toUpperCase()) === encodeHost(one)).toBe(one.toUpperCase() === one);
      }),
    );
  });

  it('of nothing else is read: a text is the encoding of its name or of none', () => {
    fc.assert(
      fc.property(aText, (parts) => {
        const text = parts.join('');
        const name = decodeHost(text);
        if (name !== null) expect(encodeHost(name)).toBe(text);
      }),
    );
    expect(['a::b', 'a.b', '::', 'a::3A', ':a', 'a:', '*'].map(decodeHost)).toEqual(Array(7).fill(null));
  });

  it('stands in subjects, and the sender is known by it', () => {
    fc.assert(
      fc.property(aName, (host) => {
        expect(senderOf(subjects.report(host, 'ovs'))).toEqual({ host, agent: 'ovs' });
        expect(subjects.feed(host).split('.')).toHaveLength(4);
      }),
    );
    expect(senderOf('plumb.v1.report.a::b.ovs')).toBeNull();
  });
});
