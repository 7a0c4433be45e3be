import { describe, expect, it } from '@jest/globals';
import { takeBatch } from './batch.js';

const limits = { commands: 3, answerBytes: 100, textBytes: 1_000 };
const waiting = (name: string, changes: string[], answerBytes = 10, reads: string[] = []) => ({
  name,
  touches: { changes, reads },
  answerBytes,
  textBytes: 10,
});
const names = (list: readonly { name: string }[]): string => list.map((each) => each.name).join('');

describe('takeBatch', () => {
  it.each([
    [
      'takes the oldest up to the limit',
      [waiting('a', ['1']), waiting('b', ['2']), waiting('c', ['3']), waiting('d', ['4'])],
      'abc',
      'd',
    ],
    [
      'leaves the second of two on one stream for later',
      [waiting('a', ['1']), waiting('b', ['1']), waiting('c', ['2'])],
      'ac',
      'b',
    ],
    [
      'lets none overtake one it conflicts with that itself must wait',
      [waiting('a', ['1']), waiting('b', ['1', '2']), waiting('c', ['2']), waiting('d', ['3'])],
      'ad',
      'bc',
    ],
    [
      'ends a batch before its answer grows too large',
      [waiting('a', ['1'], 60), waiting('b', ['2'], 60), waiting('c', ['3'])],
      'a',
      'bc',
    ],
    [
      'separates a command that changes a stream from those that expect it, in order of arrival',
      [waiting('a', ['1'], 10, ['s']), waiting('b', ['s']), waiting('c', ['2'], 10, ['s']), waiting('d', ['3'])],
      'ad',
      'bc',
    ],
    [
      'lets commands that expect the same stream share a batch',
      [waiting('a', ['1'], 10, ['s']), waiting('b', ['2'], 10, ['s'])],
      'ab',
      '',
    ],
    ['sends alone what is too large for any batch', [waiting('a', ['1'], 500), waiting('b', ['2'])], 'a', 'b'],
    ['takes nothing from an empty queue', [], '', ''],
  ])('%s', (_, queue, batch, rest) => {
    const taken = takeBatch(queue, limits);
    expect([names(taken.batch), names(taken.rest)]).toEqual([batch, rest]);
  });

  it('leaves what a batch under way writes', () => {
    const taken = takeBatch([waiting('a', ['1']), waiting('b', ['2'])], limits, new Set(['1']));
    expect([names(taken.batch), names(taken.rest)]).toEqual(['b', 'a']);
  });
});
