import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { holdText, Restarts } from './restarts.js';

const schedule = { firstMs: 1_000, maxMs: 60_000 };

describe('starts of a program that ends by itself', () => {
  /** A program whose runs last so long, one after another and the last one again and again, looked at every `lookMs`: when it was started, and how long it was away. */
  function life(lives: readonly number[], { untilMs, lookMs = 100 }: { untilMs: number; lookMs?: number }) {
    const restarts = new Restarts(schedule);
    const starts: number[] = [];
    const awayMs: number[] = [];
    let endsMs = 0;
    for (let nowMs = 0; nowMs <= untilMs; nowMs += lookMs) {
      const runs = nowMs < endsMs;
      restarts.onlyTheseRun(new Set(runs ? ['a'] : []), nowMs);
      if (runs || restarts.hold('a', 'x', nowMs)) continue;
      restarts.started('a', 'x', nowMs);
      if (starts.length > 0) awayMs.push(nowMs - endsMs);
      endsMs = nowMs + (lives[Math.min(starts.length, lives.length - 1)] ?? 0);
      starts.push(nowMs);
    }
    return { starts, awayMs };
  }

  it('are ever further apart while it ends soon, and never more than the longest pause', () => {
    const { starts } = life([0], { untilMs: 400_000 });
    expect(starts.map((ms) => ms / 1000)).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]);
  });

  it.each([1_100, 2_500, 30_000])('are at once, however often it is killed, while its runs last %i ms', (lifeMs) => {
    const { starts, awayMs } = life([lifeMs], { untilMs: 200 * lifeMs });
    expect(starts.length).toBeGreaterThan(150);
    expect(Math.max(...awayMs)).toBeLessThanOrEqual(100);
  });

  it('are at once again after some that were killed in a row, when one has lasted as long as the pause that these led to', () => {
    const { awayMs } = life([100, 100, 100, 100, 16_100, 1_500], { untilMs: 60_000 });
    expect(awayMs.slice(0, 4)).toEqual([900, 1_900, 3_900, 7_900]);
    expect(Math.max(...awayMs.slice(4))).toBeLessThanOrEqual(100);
  });

  it('are not taken for good runs because their end was noticed late', () => {
    const { starts } = life([10], { untilMs: 100_000, lookMs: 3_000 });
    expect(starts.map((ms) => ms / 1000)).toEqual([0, 3, 6, 12, 21, 39, 72]);
  });

  it('keep the first pause at least, whatever the lives of the runs, unless the last run was a good one', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(120_000), { minLength: 1 }), (lives) => {
        const { starts } = life(lives, { untilMs: 600_000 });
        starts.slice(1).forEach((ms, n) => expect(ms - (starts[n] ?? 0)).toBeGreaterThanOrEqual(schedule.firstMs));
      }),
    );
  });

  it('after an end on purpose and of a changed program are at once', () => {
    const restarts = new Restarts(schedule);
    restarts.started('a', 'x', 0);
    restarts.onlyTheseRun(new Set(), 10);
    expect(restarts.hold('a', 'x', 10)).toEqual({ ranMs: 10, pauseMs: 1000, short: 1 });
    expect([restarts.hold('a', 'y', 10), restarts.hold('b', 'x', 10)]).toEqual([null, null]);
    restarts.forget('a');
    expect(restarts.hold('a', 'x', 10)).toBe(null);
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
