import { describe, expect, it } from '@jest/globals';
import { type Heartbeat, Heartbeats } from './heartbeats.js';

const beat = (host: string, sequence = 1, startedAt = 'now'): Heartbeat => ({
  ...{ host, kind: 'ovs', startedAt, sequence, row: {} },
});
const names = (beats: readonly Heartbeat[]) => beats.map(({ host, sequence }) => `${host} ${sequence}`);

describe('heartbeats', () => {
  it('of many hosts are one statement, in one order; what comes while it is under way is the next', async () => {
    const statements: string[][] = [];
    let end: () => void = () => undefined;
    const heartbeats: Heartbeats = new Heartbeats(async (beats) => {
      statements.push(names(beats));
      await new Promise<void>((resolve) => (end = resolve));
      return new Set(beats.map(({ host, kind }) => `${host}/${kind}`));
    }, 0);
    const first = [heartbeats.add(beat('b')), heartbeats.add(beat('a'))];
    while (statements.length < 1) await new Promise((resolve) => setImmediate(resolve));
    const next = [heartbeats.add(beat('a', 2)), heartbeats.add(beat('c')), heartbeats.add(beat('a', 3))];
    end();
    expect(await Promise.all(first)).toEqual([true, true]);
    while (statements.length < 2) await new Promise((resolve) => setImmediate(resolve));
    end();
    expect(await Promise.all(next)).toEqual([true, true, true]);
    expect(statements).toEqual([
      ['a 1', 'b 1'],
      ['a 3', 'c 1'],
    ]);
  });

  it('of another run than the one that waits are left to the caller', async () => {
    const heartbeats = new Heartbeats(async () => new Set(['a/ovs']), 0);
    const one = heartbeats.add(beat('a', 7, 'before'));
    expect(await heartbeats.add(beat('a', 1, 'after'))).toBe(false);
    expect(await one).toBe(true);
  });

  it('that are not stored are told so, each; the next statement is another chance', async () => {
    let broken = true;
    const heartbeats = new Heartbeats(async () => {
      if (broken) throw new Error('away');
      return new Set(['a/ovs']);
    }, 0);
    const outcomes = await Promise.allSettled([heartbeats.add(beat('a')), heartbeats.add(beat('b'))]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    broken = false;
    expect(await Promise.all([heartbeats.add(beat('a', 2)), heartbeats.add(beat('b', 2))])).toEqual([true, false]);
  });
});
