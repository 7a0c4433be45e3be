import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { superfluous } from './thinning.js';

const every = (distance: number, upTo: number): number[] =>
  Array.from({ length: Math.floor(upTo / distance) }, (_, n) => (n + 1) * distance);

describe('which checkpoints may go', () => {
  it.each([
    ['none of the last three', [1, 2, 3], []],
    [
      'all but the first of a span, before the last three',
      [20, 40, 60, 80, 120, 140, 160, 180, 200],
      [40, 60, 80, 140],
    ],
    ['none that stand a span apart', [100, 200, 300, 400, 500], []],
    ['none of none', [], []],
  ])('%s', (_, positions, gone) => expect(superfluous(positions, 100)).toEqual(gone));

  it('as a log grows, leaves at most 67, and no gap much larger than the log demands', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40_000 }), (length) => {
        let kept: number[] = [];
        for (const position of every(20, length)) {
          kept.push(position);
          const gone = new Set(superfluous(kept, 100));
          kept = kept.filter((each) => !gone.has(each));
        }
        const gaps = kept.map((position, at) => position - (kept[at - 1] ?? 0));
        expect(kept.length).toBeLessThanOrEqual(67);
        expect(kept.slice(-3)).toEqual(every(20, length).slice(-3));
        expect(Math.max(0, ...gaps)).toBeLessThanOrEqual(Math.max(200, length / 8));
      }),
      { numRuns: 30 },
    );
  });
});
