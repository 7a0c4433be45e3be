import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DirtyLoop, type Clock } from './index.js';

/** A clock in the test's hand: time passes when told to. */
class HandClock implements Clock {
  nowMs = 0;
  timers: { atMs: number; ring: () => void }[] = [];
  readonly random = (): number => 0;
  readonly after = (delayMs: number, ring: () => void): (() => void) => {
    const timer = { atMs: this.nowMs + delayMs, ring };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((one) => one !== timer));
  };
  pass(ms: number): void {
    this.nowMs += ms;
    const due = this.timers.filter((timer) => timer.atMs <= this.nowMs);
    this.timers = this.timers.filter((timer) => timer.atMs > this.nowMs);
    for (const timer of due) timer.ring();
  }
}

/** A converge that the test lets go by hand. */
function gated(): {
  calls: string[][];
  converge: (keys: readonly string[]) => Promise<void>;
  release: () => Promise<void>;
} {
  const calls: string[][] = [];
  let open: (() => void) | undefined;
  return {
    calls,
    converge: (keys) => {
      calls.push([...keys]);
      return new Promise((resolve) => (open = resolve));
    },
    release: async () => {
      open?.();
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    },
  };
}

describe('DirtyLoop', () => {
  it('coalesces marks, also those made while it works', async () => {
    const { calls, converge, release } = gated();
    const loop = new DirtyLoop({ converge, clock: new HandClock() });
    loop.mark('a', 'b');
    loop.mark('a');
    await release();
    loop.mark('c');
    loop.mark('a');
    loop.mark('c');
    await release();
    await release();
    expect(calls).toEqual([
      ['a', 'b'],
      ['c', 'a'],
    ]);
    expect(await loop.settled()).toEqual([]);
  });

  it('lets a fresh mark pass a resync, and does not do a key twice for it', async () => {
    const { calls, converge, release } = gated();
    const loop = new DirtyLoop({ converge, clock: new HandClock(), sliceSize: 2 });
    let done = false;
    const resync = loop.resync(['r1', 'r2', 'r3', 'r4', 'r5']).then(() => (done = true));
    await release();
    loop.mark('new', 'r5');
    await release();
    expect(calls).toEqual([
      ['r1', 'r2'],
      ['new', 'r5'],
    ]);
    await release();
    expect(done).toBe(false);
    await release();
    await resync;
    expect(calls.slice(2)).toEqual([['r3', 'r4']]);
    await loop.settled();
  });

  it('repeats a failing key alone, ever later, until it succeeds', async () => {
    const clock = new HandClock();
    const calls: string[][] = [];
    let bad = true;
    const loop = new DirtyLoop<string>({
      clock,
      backoff: { firstMs: 100, maxMs: 300, jitter: 0 },
      converge: async (keys) => {
        calls.push([...keys]);
        return bad ? keys.filter((key) => key === 'bad') : [];
      },
    });
    loop.mark('good', 'bad');
    expect(await loop.settled()).toEqual(['bad']);
    for (const waitMs of [100, 200, 300, 300]) {
      const before = calls.length;
      clock.pass(waitMs - 1);
      await loop.settled();
      expect(calls.length).toBe(before);
      clock.pass(1);
      await loop.settled();
      expect(calls.at(-1)).toEqual(['bad']);
      expect(calls.length).toBe(before + 1);
    }
    bad = false;
    loop.mark('bad');
    expect(await loop.settled()).toEqual([]);
    expect(clock.timers).toEqual([]);
    expect(calls[0]).toEqual(['good', 'bad']);
  });

  it('takes a rejection as the failure of all its keys and tells of it', async () => {
    const clock = new HandClock();
    const told: string[] = [];
    const loop = new DirtyLoop<string>({
      clock,
      converge: () => Promise.reject(new Error('no socket')),
      onError: (error, keys) => told.push(`${error.message}: ${keys.join()}`),
    });
    loop.mark('a', 'b');
    expect(await loop.settled()).toEqual(['a', 'b']);
    expect(told).toEqual(['no socket: a,b']);
    await loop.stop();
    expect(clock.timers).toEqual([]);
  });

  it('stopped: finishes what runs and begins nothing', async () => {
    const { calls, converge, release } = gated();
    const loop = new DirtyLoop({ converge, clock: new HandClock() });
    loop.mark('a');
    await release();
    loop.mark('b');
    const resync = loop.resync(['c']);
    const stopped = loop.stop();
    await release();
    await Promise.all([stopped, resync]);
    loop.mark('d');
    await loop.settled();
    expect(calls).toEqual([['a']]);
  });

  it('whatever is marked when: one at a time, and every mark is followed by a converge that began after it', async () => {
    const action = fc.oneof(
      fc.record({ mark: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ resync: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e')) }),
      fc.record({ turns: fc.integer({ min: 1, max: 4 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action), async (actions) => {
        let tick = 0;
        let running = 0;
        const began = new Map<string, number>();
        const asked = new Map<string, number>();
        const loop = new DirtyLoop<string>({
          clock: new HandClock(),
          sliceSize: 2,
          converge: async (keys) => {
            running += 1;
            expect(running).toBe(1);
            tick += 1;
            for (const key of keys) began.set(key, tick);
            await Promise.resolve();
            await Promise.resolve();
            running -= 1;
          },
        });
        const resyncs: Promise<void>[] = [];
        for (const one of actions) {
          tick += 1;
          if ('mark' in one) {
            asked.set(one.mark, tick);
            loop.mark(one.mark);
          } else if ('resync' in one) {
            for (const key of one.resync) asked.set(key, tick);
            const at = tick;
            const keys = one.resync;
            resyncs.push(
              loop.resync(keys).then(() => keys.forEach((key) => expect(began.get(key)).toBeGreaterThan(at))),
            );
          } else for (let turn = 0; turn < one.turns; turn += 1) await Promise.resolve();
        }
        await loop.settled();
        await Promise.all(resyncs);
        for (const [key, at] of asked) expect(began.get(key)).toBeGreaterThan(at);
      }),
    );
  });
});
