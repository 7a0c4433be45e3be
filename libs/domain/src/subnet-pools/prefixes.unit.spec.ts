import { describe, expect, it } from '@jest/globals';
import { cidrsOverlap, intToAddress, prefixLengthOf, rangeOf } from '@plumbline/contracts';
import fc from 'fast-check';
import { anyOverlap, coverAll, mergedPrefixes, prefixesWithout, smallestFit } from './prefixes.js';

/** Prefixes of 10.0.0.0/24, small enough to look at address by address. */
const prefix = fc
  .tuple(fc.integer({ min: 24, max: 32 }), fc.nat(255))
  .map(([length, n]) => `10.0.0.${(n >> (32 - length)) << (32 - length)}/${length}`);
const prefixes = fc.array(prefix, { maxLength: 12 });

function addressesOf(cidrs: readonly string[]): Set<string> {
  const addresses = new Set<string>();
  for (const cidr of cidrs) {
    const { first, last } = rangeOf(cidr);
    for (let n = first; n <= last; n += 1n) addresses.add(intToAddress(n, 4));
  }
  return addresses;
}
const sorted = (addresses: Iterable<string>) => [...addresses].sort();

describe('sets of prefixes', () => {
  it('merge to the same addresses, in order, without two that could be one', () => {
    fc.assert(
      fc.property(prefixes, (some) => {
        const merged = mergedPrefixes(some, 4);
        expect(sorted(addressesOf(merged))).toEqual(sorted(addressesOf(some)));
        merged.forEach((cidr, n) => {
          for (const other of merged.slice(n + 1)) expect(cidrsOverlap(cidr, other)).toBe(false);
        });
        for (const a of merged)
          for (const b of merged)
            if (a !== b && prefixLengthOf(a) === prefixLengthOf(b)) {
              const parent = `${a.split('/')[0]}/${prefixLengthOf(a) - 1}`;
              const both = rangeOf(parent).first === rangeOf(a).first && rangeOf(parent).last === rangeOf(b).last;
              expect(both).toBe(false);
            }
        expect(mergedPrefixes(merged, 4)).toEqual(merged);
      }),
    );
  });

  it('are taken from one another address by address', () => {
    fc.assert(
      fc.property(prefixes, prefixes, (some, taken) => {
        const gone = addressesOf(taken);
        const left = sorted([...addressesOf(some)].filter((address) => !gone.has(address)));
        expect(sorted(addressesOf(prefixesWithout(some, taken, 4)))).toEqual(left);
        expect(coverAll(taken, some)).toBe(left.length === 0);
        expect(anyOverlap(some, taken)).toBe(left.length < addressesOf(some).size);
      }),
    );
  });

  it('give away what is asked for: never the same twice, and all of it', () => {
    fc.assert(
      fc.property(
        prefixes,
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 26, max: 32 })), { maxLength: 60 }),
        (pool, moves) => {
          const given: string[] = [];
          for (const [frees, length] of moves) {
            if (frees && given.length > 0) given.splice(length % given.length, 1);
            const free = prefixesWithout(pool, given, 4);
            const cidr = smallestFit(free, length, 4);
            if (cidr === null) {
              expect(free.every((block) => prefixLengthOf(block) > length)).toBe(true);
              continue;
            }
            expect(prefixLengthOf(cidr)).toBe(length);
            expect(coverAll(pool, [cidr])).toBe(true);
            expect(anyOverlap([cidr], given)).toBe(false);
            given.push(cidr);
          }
          for (let free = prefixesWithout(pool, given, 4); free.length > 0; free = prefixesWithout(pool, given, 4))
            given.push(smallestFit(free, prefixLengthOf(free[0] as string), 4) as string);
          expect(sorted(addressesOf(given))).toEqual(sorted(addressesOf(pool)));
        },
      ),
    );
  });

  it('are the same for IPv6', () => {
    expect(mergedPrefixes(['2001:db8:1::/48', '2001:db8::/48', '2001:db8:0:5::/64'], 6)).toEqual(['2001:db8::/47']);
    expect(prefixesWithout(['2001:db8::/62'], ['2001:db8:0:1::/64'], 6)).toEqual([
      '2001:db8::/64',
      '2001:db8:0:2::/63',
    ]);
    expect(smallestFit(['2001:db8::/48', 'fd00::/60'], 64, 6)).toBe('fd00::/64');
  });
});
