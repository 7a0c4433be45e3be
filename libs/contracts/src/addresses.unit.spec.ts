import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalCidr, intToAddress, rangeOf } from './addresses.js';

it('a prefix without its host bits begins with its first address, of IPv4 as of IPv6', () => {
  const prefix = fc.oneof(
    fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })),
    fc.tuple(
      fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((value) => intToAddress(value, 6)),
      fc.nat({ max: 128 }),
    ),
  );
  fc.assert(
    fc.property(prefix, ([address, length]) => {
      const { first, version } = rangeOf(`${address}/${length}`);
      expect(canonicalCidr(`${address}/${length}`)).toBe(`${intToAddress(first, version)}/${length}`);
    }),
    { numRuns: 500 },
  );
});
