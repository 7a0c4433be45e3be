import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Backoff, backoffDelayMs } from './index.js';

const schedule = { firstMs: 100, maxMs: 5000 };

describe('backoff', () => {
  it('doubles up to its limit', () => {
    expect([0, 1, 2, 5, 6, 50, 5000].map((attempt) => backoffDelayMs(attempt, schedule, 0))).toEqual([
      100, 200, 400, 3200, 5000, 5000, 5000,
    ]);
  });

  it('stays between the part that is not random and the whole', () => {
    const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(100), randoms, (attempt, random) => {
        const wholeMs = backoffDelayMs(attempt, schedule, 0);
        const delayMs = backoffDelayMs(attempt, schedule, random);
        expect(delayMs).toBeLessThanOrEqual(wholeMs);
        expect(delayMs).toBeGreaterThanOrEqual(Math.floor(wholeMs / 2));
      }),
    );
  });

  it('counts attempts and starts again after a success', () => {
    const backoff = new Backoff({ ...schedule, jitter: 0 });
    expect([backoff.next(0.9), backoff.next(0.9), backoff.attempt]).toEqual([100, 200, 2]);
    backoff.reset();
    expect(backoff.next(0.9)).toBe(100);
  });
});
