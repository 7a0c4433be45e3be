/** Options of a test run: which tests, their order, how many runs of each property. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { times } from '../../tools/jest/effort.mjs';
import { readOptions } from '../../tools/setup/options.mjs';
import { shuffled } from '../../tools/setup/order.mjs';

describe('another order', () => {
  it('contains each once, and is the same for the same seed', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), fc.nat(), (names, seed) => {
        const order = shuffled(names, seed);
        expect([...order].sort()).toEqual([...names].sort());
        expect(shuffled(names, seed)).toEqual(order);
      }),
    );
  });

  it('differs from seed to seed', () => {
    const names = Array.from({ length: 30 }, (_, n) => n);
    const orders = new Set(names.map((seed) => shuffled(names, seed).join()));
    expect(orders.size).toBe(names.length);
  });
});

describe('options', () => {
  it('are removed from the arguments for jest', () => {
    const own = ['--level=node,e2e', '--shuffle=7', '--long=3', '--workers=1', '--unprivileged'];
    const options = readOptions(['forwarding', ...own, '-t', 'a name']);
    expect(options).toMatchObject({ unprivileged: true, seed: 7, effort: 3, workers: 1, jestArgs: ['forwarding', '-t', 'a name'] }); // prettier-ignore
    expect(options.levels.map(({ name }) => name)).toEqual(['node', 'e2e']);
  });

  it('have values of their own: all levels, ten times the effort, some seed', () => {
    const options = readOptions(['--long', '--shuffle']);
    expect(options.levels).toHaveLength(5);
    expect(options.effort).toBe(10);
    expect(options.seed).toBeGreaterThanOrEqual(0);
  });

  it.each(['--level=int,nothing', '--shuffle=x', '--long=0', '--workers=', '--results='])('%s is a mistake', (arg) => {
    expect(() => readOptions([arg])).toThrow('--');
  });
});

it('a property runs its numRuns, times the factor of --long', () => {
  let tried = 0;
  fc.assert(
    fc.property(fc.nat(), () => {
      tried += 1;
    }),
    { numRuns: 7 },
  );
  expect(tried).toBe(times(7));
});

describe('a signal to a process that was not found', () => {
  it.each([0, -1, 1, NaN, Number('')])('%p is refused, and so is the end of the whole run', (pid) => {
    expect(() => process.kill(pid, 0)).toThrow('not found');
  });

  it('one to a process is sent', () => {
    expect(process.kill(process.pid, 0)).toBe(true);
  });
});
