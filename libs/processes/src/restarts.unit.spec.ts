import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { holdText, Restarts } from './restarts.js';

const schedule = { firstMs: 1_000, maxMs: 60_000 };

describe('starts of a program that ends by itself', () => {
  it('are ever further apart while it ends soon, and never more than the longest pause', () => {
    const restarts = new Restarts(schedule);
    const starts: number[] = [];
    for (let nowMs = 0; nowMs <= 400_000; nowMs += 100) {
      restarts.onlyTheseRun(new Set(), nowMs);
      if (restarts.hold('a', 'x', nowMs)) continue;
      restarts.started('a', 'x', nowMs);
      starts.push(nowMs / 1000);
    }
    expect(starts).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]);
  });

  it('keep the first pause at least, whatever the lives of the runs, unless the last run was a good one', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(120_000), { minLength: 1 }), (lives) => {
        const restarts = new Restarts(schedule);
        let nowMs = 0;
        for (const life of lives) {
          const startedMs = nowMs;
          restarts.started('a', 'x', startedMs);
          nowMs += life;
          restarts.onlyTheseRun(new Set(), nowMs);
          const hold = restarts.hold('a', 'x', nowMs);
          if (life >= schedule.maxMs) expect(hold).toBe(null);
          if (hold) nowMs = startedMs + hold.pauseMs;
          expect(restarts.hold('a', 'x', nowMs)).toBe(null);
          expect(nowMs - startedMs).toBeGreaterThanOrEqual(schedule.firstMs);
        }
      }),
    );
  });

  it('after a good run, after an end on purpose and of a changed program are at once', () => {
    const restarts = new Restarts(schedule);
    restarts.started('a', 'x', 0);
    restarts.onlyTheseRun(new Set(), 10);
    expect(restarts.hold('a', 'x', 10)).toEqual({ ranMs: 10, pauseMs: 1000, short: 1 });
    expect([restarts.hold('a', 'y', 10), restarts.hold('b', 'x', 10)]).toEqual([null, null]);
    restarts.started('a', 'x', 1000);
    restarts.onlyTheseRun(new Set(['a']), 61_000);
    restarts.onlyTheseRun(new Set(), 61_000);
    expect(restarts.hold('a', 'x', 61_000)).toBe(null);
    restarts.started('a', 'x', 61_000);
    restarts.onlyTheseRun(new Set(), 61_001);
    expect(restarts.hold('a', 'x', 61_001)).toMatchObject({ short: 1 });
    restarts.forget('a');
    expect(restarts.hold('a', 'x', 61_001)).toBe(null);
  });

  it.each([
    [2, '2nd'],
    [3, '3rd'],
    [11, '11th'],
    [13, '13th'],
    [21, '21st'],
  ])('are counted in words: %i', (short, word) => {
    expect(holdText({ ranMs: 240, pauseMs: 60_000, short })).toBe(
      `it ended 0.24 s after it was started, the ${word} time in a row; ` +
        'it is started again no sooner than 60 s after that start',
    );
  });
});
