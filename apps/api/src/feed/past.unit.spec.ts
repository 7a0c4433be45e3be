import { expect, it } from '@jest/globals';
import type { CheckpointHead } from '@plumbline/event-store';
import { happened, InMemoryEventStore } from '@plumbline/event-store/testing';
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

it('keeps a checkpoint of each stretch that it folds, and answers all the same when that fails', async () => {
  const store = new InMemoryEventStore();
  for (let version = 0; version < 5; version += 1) await store.append(happened('thing', version));
  const kept: { position: number; hash: string }[] = [];
  const checkpoints = {
    list: async () => [],
    // eslint-disable-next-line require-yield
    read: async function* () {
      throw new Error('there is none');
    },
    write: async ({ position, hash }: { position: number; hash: string }) => {
      kept.push({ position, hash });
      if (position === 4) throw new Error('the disk is full');
      return 'made' as const;
    },
    remove: async () => undefined,
  };
  const past = new Past(store, checkpoints, createLogger({ name: 'test', level: 'silent' }), 2);
  expect(await past.at(5, ({ topology }) => topology.position)).toBe(5);
  expect(kept).toEqual(
    await Promise.all([2, 4].map(async (position) => ({ position, hash: await store.hashAt(position) }))),
  );
});
