import { describe, expect, it } from '@jest/globals';
import { cycleMs, fullCheckMs, Rotation } from './rotation.js';

/** Time that passes as fast as it is asked for. */
class Time {
  nowMs = 0;
  private due: { atMs: number; work: () => void } | null = null;
  readonly after = (ms: number, work: () => void): (() => void) => {
    this.due = { atMs: this.nowMs + ms, work };
    return () => (this.due = null);
  };
  run(untilMs: number): void {
    while (this.due && this.due.atMs <= untilMs) {
      const { atMs, work } = this.due;
      this.due = null;
      this.nowMs = atMs;
      work();
    }
    this.nowMs = untilMs;
  }
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, n) => `r${n}`);

describe('the rotation', () => {
  it.each([
    [1, 10_000],
    [10, 10_000],
    [200, 120_000],
  ])('looks at each of %i routers within %i ms, and at a few at a time', (count, withinMs) => {
    const time = new Time();
    const looks: (readonly string[])[] = [];
    const rotation = new Rotation((some) => looks.push([...some]), time.after);
    rotation.over(ids(count));
    time.run(withinMs);
    expect([...new Set(looks.flat())].sort()).toEqual(ids(count).sort());
    for (const some of looks) expect(some.length).toBeLessThanOrEqual(4);
    // No more often than every two seconds.
    expect(looks.length).toBeLessThanOrEqual(withinMs / 2_000);
    expect(cycleMs(count)).toBeLessThan(withinMs);
  });

  it('follows routers that come and go, and ends', () => {
    const time = new Time();
    const looks: string[] = [];
    const rotation = new Rotation((some) => looks.push(...some), time.after);
    rotation.over([]);
    time.run(60_000);
    expect(looks).toEqual([]);
    rotation.over(['a', 'b']);
    rotation.over(['b']);
    time.run(120_000);
    expect(new Set(looks)).toEqual(new Set(['b']));
    rotation.over([]);
    time.run(180_000);
    rotation.over(['c']);
    const before = looks.length;
    rotation.stop();
    time.run(240_000);
    expect(looks).toHaveLength(before);
  });

  it('full checks are made every minute, and of many routers less often than it goes round them', () => {
    expect([0, 1, 75].map(fullCheckMs)).toEqual([60_000, 60_000, 60_000]);
    expect(fullCheckMs(200)).toBe(150_000);
    for (const count of [100, 200, 1_000]) expect(fullCheckMs(count)).toBeGreaterThan(cycleMs(count));
  });
});
