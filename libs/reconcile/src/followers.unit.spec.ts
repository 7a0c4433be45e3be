import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { digest, Followers, Groups } from './index.js';

describe('Followers', () => {
  it('leads from each object to the units made of it, until they are made of others', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(4), fc.uniqueArray(fc.nat(6))), { maxLength: 30 });
    fc.assert(
      fc.property(steps, (all) => {
        const followers = new Followers<number, number>();
        const model = new Map<number, Set<number>>();
        for (const [adds, unit, keys] of all) {
          const mine = model.get(unit) ?? new Set();
          if (adds) followers.add(unit, keys);
          else followers.keepOnly(unit, new Set(keys));
          model.set(unit, adds ? new Set([...mine, ...keys]) : new Set([...mine].filter((key) => keys.includes(key))));
        }
        for (let key = 0; key <= 6; key += 1)
          expect([...followers.of(key)].sort()).toEqual(
            [...model]
              .filter(([, keys]) => keys.has(key))
              .map(([unit]) => unit)
              .sort(),
          );
      }),
    );
  });
});

describe('Groups', () => {
  it('has each member in the group it was put in last', () => {
    const puts = fc.array(fc.tuple(fc.nat(5), fc.option(fc.nat(3), { nil: undefined })), { maxLength: 30 });
    fc.assert(
      fc.property(puts, (all) => {
        const groups = new Groups<number, number>();
        for (const [member, group] of all) groups.put(member, group);
        const last = new Map(all);
        for (let group = 0; group <= 3; group += 1)
          expect([...groups.in(group)].sort()).toEqual(
            [...last]
              .filter(([, of]) => of === group)
              .map(([m]) => m)
              .sort(),
          );
      }),
    );
  });
});

describe('digest', () => {
  it('tells texts apart by any one character, place or length', () => {
    const seen = new Map<string, string>();
    const see = (text: string): void => {
      const key = digest(text);
      expect(seen.get(key) ?? text).toBe(text);
      seen.set(key, text);
    };
    for (let at = 0; at < 400; at += 1) {
      see('x'.repeat(at));
      for (const char of 'abc\0\u1234') see(`${'-'.repeat(at)}${char}${'-'.repeat(400 - at)}`);
    }
    expect(seen.size).toBe(400 * 6);
  });
});
