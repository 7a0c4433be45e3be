import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { atMostBytes } from './object-size.js';

const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

describe('an object that is measured without writing it', () => {
  it('is never larger than that', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\u0000', '\ud800', '"\\', '\u2028', '😀'));
    const { any } = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.double(),
        fc.constantFrom(-1.234567890123456e-300, Number.MIN_SAFE_INTEGER, null, true, false),
        fc.array(tie('any')),
        fc.dictionary(text, tie('any')),
      ),
    }));
    fc.assert(
      fc.property(any, (value) => atMostBytes(value) >= bytes(value)),
      { numRuns: 300 },
    );
  });

  it('is not taken for much more than it is: an ordinary object is not written', () => {
    const port = {
      id: 'a'.repeat(36),
      name: 'p',
      macAddress: 'fa:16:3e:00:00:01',
      fixedIps: [{ subnetId: 'b'.repeat(36) }],
    };
    expect(atMostBytes(port)).toBeLessThan(7 * bytes(port));
  });
});
