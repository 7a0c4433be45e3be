import { describe, expect, it } from '@jest/globals';
import { limiter } from './bridge-copies.js';

describe('how many packets of bridges are told', () => {
  it('is so many at once, and so many a second', () => {
    let now = 0;
    const mayTell = limiter({ packetsPerSecond: 100, burstPackets: 25 }, () => now);
    const told = (tries: number) => Array.from({ length: tries }, mayTell).filter(Boolean).length;
    expect(told(2_000)).toBe(25);
    now += 100;
    expect(told(2_000)).toBe(10);
    now += 60_000;
    expect(told(2_000)).toBe(25);
  });
});
