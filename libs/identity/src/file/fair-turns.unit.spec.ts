import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FairTurns, TooManyWaiting } from './fair-turns.js';

/** Turns whose work ends when the spec says so. */
class Scene {
  readonly began: string[] = [];
  readonly refused: string[] = [];
  private readonly ends: (() => void)[] = [];
  private readonly turns: FairTurns;

  constructor(room: ConstructorParameters<typeof FairTurns>[0]) {
    this.turns = new FairTurns(room);
  }

  get waiting(): number {
    return this.turns.waiting;
  }

  ask(key: string): void {
    const work = () => {
      this.began.push(key);
      return new Promise<void>((resolve) => this.ends.push(resolve));
    };
    this.turns.take(key, work).catch((error: unknown) => {
      if (!(error instanceof TooManyWaiting)) throw error;
      this.refused.push(key);
    });
  }

  /** Ends the work that began first, and lets the next begin. */
  async end(): Promise<void> {
    this.ends.shift()?.();
    await settled();
  }
}
/** All that promises have to do now. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('turns', () => {
  it('go round: one of each key, whoever has many waiting', async () => {
    const scene = new Scene({ atOnce: 1, waiting: 100, waitingOfOne: 100 });
    for (const key of 'aaaaabcb') scene.ask(key);
    for (let turn = 0; turn < 8; turn += 1) await scene.end();
    expect(scene.began.join('')).toBe('aabcabaa');
    expect(scene.waiting).toBe(0);
  });

  it('go on after work that failed', async () => {
    const turns = new FairTurns({ atOnce: 1, waiting: 1, waitingOfOne: 1 });
    const failing = turns.take('a', () => Promise.reject(new Error('broken')));
    const next = turns.take('b', () => Promise.resolve('done'));
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe('done');
    expect(await turns.take('a', () => Promise.resolve('again'))).toBe('again');
  });

  it('are refused to who has too many waiting, and to the last of the longest line when the room is full', async () => {
    const scene = new Scene({ atOnce: 1, waiting: 4, waitingOfOne: 3 });
    for (const key of 'aaaaa') scene.ask(key);
    await settled();
    expect(scene.refused.join('')).toBe('a');
    scene.ask('b');
    expect(scene.waiting).toBe(4);
    scene.ask('c');
    scene.ask('c');
    scene.ask('d');
    await settled();
    // c and d took places of a and then found no line longer than theirs would be.
    expect(scene.refused.join('')).toBe('aaca');
    for (let turn = 0; turn < 5; turn += 1) await scene.end();
    expect(scene.began.join('')).toBe('aabcd');
  });

  it('are given or refused once to each, never to more at once than there is room for', async () => {
    const room = fc.record({
      atOnce: fc.integer({ min: 1, max: 3 }),
      waiting: fc.integer({ min: 0, max: 6 }),
      waitingOfOne: fc.integer({ min: 1, max: 4 }),
    });
    const asked = fc.array(fc.constantFrom('a', 'b', 'c', 'end'), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(room, asked, async (sizes, steps) => {
        const scene = new Scene(sizes);
        let ended = 0;
        for (const step of steps) {
          if (step !== 'end') scene.ask(step);
          else if (scene.began.length > ended) {
            ended += 1;
            await scene.end();
          }
          await settled();
          expect(scene.began.length - ended).toBeLessThanOrEqual(sizes.atOnce);
          expect(scene.waiting).toBeLessThanOrEqual(sizes.waiting);
          // Nobody waits while there is room to work.
          if (scene.waiting > 0) expect(scene.began.length - ended).toBe(sizes.atOnce);
        }
        while (scene.began.length > ended) {
          ended += 1;
          await scene.end();
        }
        const all = steps.filter((step) => step !== 'end').sort();
        expect([...scene.began, ...scene.refused].sort()).toEqual(all);
      }),
      { numRuns: 100 },
    );
  });
});
