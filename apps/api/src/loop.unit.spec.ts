import { expect, it } from '@jest/globals';
import { portionTurn } from './loop.js';

it('gives one portion a turn of the event loop, in the order in which they were asked for', async () => {
  const seen: (string | number)[] = [];
  const long = async (name: string): Promise<void> => {
    for (let n = 0; n < 3; n += 1) {
      await portionTurn();
      seen.push(name);
    }
  };
  const all = Promise.all([long('a'), long('b')]);
  for (let turn = 1; turn <= 6; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(turn);
  }
  await all;
  expect(seen).toEqual(['a', 1, 'b', 2, 'a', 3, 'b', 4, 'a', 5, 'b', 6]);
});
