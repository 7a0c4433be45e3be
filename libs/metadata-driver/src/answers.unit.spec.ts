import { describe, expect, it } from '@jest/globals';
import { Limits } from './limits.js';
import { signatureOf } from './nova.js';

describe('the signature', () => {
  it('is the one that the reference sent to Nova for this instance and secret', () => {
    expect(signatureOf('00000000-0000-4000-8000-0000000000aa', 'not-a-secret')).toBe(
      'ec216a381a55b21935fcbd03c73a8e9c5358d926bcceca1fd6faaafabd7afb6d',
    );
  });
});

describe('limits', () => {
  it('let a source ask so often at once, and then so often a second, whatever others do', () => {
    let nowMs = 0;
    const limits = new Limits({ perSecond: 2, burst: 3 }, () => nowMs);
    const times = (source: string, n: number): number =>
      Array.from({ length: n }, () => limits.take(source)).filter(Boolean).length;
    expect(times('a', 10)).toBe(3);
    expect(times('b', 10)).toBe(3);
    nowMs = 1_000;
    expect(times('a', 10)).toBe(2);
    nowMs = 100_000;
    expect(times('a', 10)).toBe(3);
  });
});
