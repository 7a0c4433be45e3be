/** When a question is sent, and its answer told: not while a change is being made, and not never. */
import { expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import type { Question } from '@plumbline/contracts';
import { createLogger } from '@plumbline/telemetry';
import { Changes } from '../feed/changes.js';
import { NodeQuestions } from './node-questions.js';

const logger = createLogger({ name: 'test', level: 'silent' });

/** Questions to a node whose agent answers at once. `sentAt`: when each was sent. */
function asking(changes: Pick<Changes, 'quiet'>, answered: () => void = () => undefined) {
  const sentAt: number[] = [];
  const asked: Question[] = [];
  const questions: NodeQuestions = new NodeQuestions(
    {
      connected: true,
      maxBodyBytes: 1_000_000,
      send: (_subject, body) => {
        const question = body as Question;
        sentAt.push(performance.now());
        asked.push(question);
        answered();
        const told = { id: question.id, log: null, position: 0, state: 'in-sync', answer: { things: [], all: 0 } };
        setImmediate(() => questions.hear('net1', 'l3', told));
      },
    },
    logger,
    changes,
  );
  const ask = (withinMs?: number) =>
    questions.ask('net1', 'l3', 'things', { text: 'a', positions: [], most: 1, anew: false }, withinMs);
  return { ask, sentAt, asked };
}

it('is sent at once where nothing is changed, with whole milliseconds of time', async () => {
  const { ask, asked } = asking(new Changes());
  const told = ask(1_234.9);
  await new Promise(setImmediate);
  expect(asked.map(({ withinMs }) => withinMs)).toEqual([1_235]);
  expect(await told).toHaveProperty('answer');
});

it('waits for a change that has just begun, and for those behind it, for a moment', async () => {
  const changes = new Changes();
  const { ask, sentAt } = asking(changes);
  const began = performance.now();
  changes.note();
  const told = ask();
  await delay(20);
  changes.note();
  await told;
  expect((sentAt[0] ?? 0) - began).toBeGreaterThanOrEqual(58);
});

it('is sent where changes never end, too', async () => {
  const changes = new Changes();
  changes.note();
  const busy = setInterval(() => changes.note(), 5);
  const { ask, sentAt } = asking(changes);
  const began = performance.now();
  expect(await ask()).toHaveProperty('answer');
  clearInterval(busy);
  expect((sentAt[0] ?? 0) - began).toBeGreaterThanOrEqual(145);
  // Then its answer waits once more, as long.
  expect(performance.now() - began).toBeLessThan(2_000);
});

it('is told behind a change that came meanwhile: what is worked out of it can wait as well', async () => {
  const changes = new Changes();
  let changedAt = Infinity;
  const { ask } = asking(changes, () => {
    changes.note();
    changedAt = performance.now();
  });
  await ask();
  expect(performance.now() - changedAt).toBeGreaterThanOrEqual(38);
});

it('no number of them waits for changes: who asks too much is told so at once', async () => {
  let quiet = (): void => undefined;
  const change = new Promise<number>((resolve) => (quiet = () => resolve(0)));
  const { ask, asked } = asking({ quiet: () => change });
  const told = Promise.all(Array.from({ length: 70 }, () => ask()));
  await new Promise(setImmediate);
  expect(asked).toHaveLength(0);
  quiet();
  expect((await told).filter((each) => 'busy' in each)).toHaveLength(6);
  expect(asked).toHaveLength(64);
  expect(await ask()).toHaveProperty('answer');
});
