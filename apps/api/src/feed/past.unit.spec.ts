import { expect, it } from '@jest/globals';
import type { CheckpointHead } from '@plumbline/event-store';
import { InMemoryEventStore } from '@plumbline/event-store/testing';
import { createLogger } from '@plumbline/telemetry';
import { EdgeError } from '../errors/edge-error.js';
import { Past } from './past.js';

it('folds one position at a time, refuses whoever comes when eight wait, and goes on after one that failed', async () => {
  const asked: ((heads: CheckpointHead[]) => void)[] = [];
  const checkpoints = {
    list: () => new Promise<CheckpointHead[]>((resolve) => asked.push(resolve)),
    // eslint-disable-next-line require-yield
    read: async function* () {
      throw new Error('there is none');
    },
    write: async () => 'busy' as const,
    remove: async () => undefined,
  };
  const past = new Past(new InMemoryEventStore(), checkpoints, createLogger({ name: 'test', level: 'silent' }));
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  // Position 1 is not in the log: that one fails.
  const answers = [0, 1, 0, 0, 0, 0, 0, 0].map((position) => past.at(position, ({ topology }) => topology.position));
  const ended = Promise.allSettled(answers);
  await expect(past.at(0, () => 'too many')).rejects.toThrow(EdgeError);
  for (let answered = 1; answered <= 8; answered += 1) {
    while (asked.length < answered) await turn();
    await turn();
    expect(asked).toHaveLength(answered);
    asked[answered - 1]!([]);
  }
  expect((await ended).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    ...Array<string>(6).fill('fulfilled'),
  ]);
  const again = past.at(0, ({ hash }) => hash.length);
  while (asked.length < 9) await turn();
  asked[8]!([]);
  expect(await again).toBe(64);
});
