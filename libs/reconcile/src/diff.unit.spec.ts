import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { diffByKey, isEmptyDiff } from './index.js';

const collections = fc
  .array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.nat(3)))
  .map((all) => new Map(all));
const same = (a: number, b: number): boolean => a === b;

describe('diffByKey', () => {
  it('keeps the order of its inputs', () => {
    const desired = new Map([
      ['c', 1],
      ['a', 1],
      ['b', 2],
    ]);
    const observed = new Map([
      ['z', 1],
      ['b', 1],
      ['y', 1],
      ['a', 1],
    ]);
    expect(diffByKey(desired, observed, same)).toEqual({
      add: [{ key: 'c', desired: 1 }],
      change: [{ key: 'b', desired: 2, observed: 1 }],
      remove: [
        { key: 'z', observed: 1 },
        { key: 'y', observed: 1 },
      ],
    });
  });

  it('applied to what was observed gives what is desired', () => {
    fc.assert(
      fc.property(collections, collections, (desired, observed) => {
        const { add, change, remove } = diffByKey(desired, observed, same);
        const result = new Map(observed);
        for (const { key } of remove) expect(result.delete(key)).toBe(true);
        for (const entry of add) {
          expect(result.has(entry.key)).toBe(false);
          result.set(entry.key, entry.desired);
        }
        for (const entry of change) {
          expect(result.get(entry.key)).toBe(entry.observed);
          result.set(entry.key, entry.desired);
        }
        expect(new Map([...result].sort())).toEqual(new Map([...desired].sort()));
      }),
    );
  });

  it('of a thing with itself is empty', () => {
    fc.assert(fc.property(collections, (one) => isEmptyDiff(diffByKey(one, new Map(one), same))));
  });
});
