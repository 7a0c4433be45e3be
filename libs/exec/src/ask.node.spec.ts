import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Spawner, run } from './index.js';
import { makeNetns, type ScratchNetns } from './testing/index.js';

let spawner: Spawner;
let asking: ScratchNetns;
let answering: ScratchNetns;
beforeAll(async () => {
  spawner = new Spawner({ maxConcurrent: 2 });
  [asking, answering] = [await makeNetns('plumbask'), await makeNetns('plumbask')];
  const lines = [
    `link add one address 02:00:00:00:00:01 type veth peer name two address 02:00:00:00:00:02 netns ${answering.name}`,
    'link set one up',
    'link add dull type veth peer name other',
  ];
  await run(['ip', '-n', asking.name, '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
  const there = 'address add 192.0.2.7/24 dev two\nlink set two up\n';
  await run(['ip', '-n', answering.name, '-batch', '-'], { stdin: there });
});
afterAll(async () => {
  await spawner.close();
  await asking.remove();
  await answering.remove();
});

/** Who has 192.0.2.<last>? */
const question = (last: number, device = 'one', netns = asking.name) => {
  const ip = `c00002${last.toString(16).padStart(2, '0')}`;
  const frame = Buffer.from(`ffffffffffff02000000000108060001080006040001020000000001${'00'.repeat(10)}${ip}`, 'hex');
  return { netns, device, frame, answers: [`${'.'.repeat(24)}0806${'.'.repeat(16)}${'.'.repeat(12)}${ip}`] };
};

describe('questions by frame', () => {
  it('are put side by side: the answer, silence, and why nothing could be asked, in order and in one time', async () => {
    const silent = Array.from({ length: 60 }, (_, n) => question(20 + n));
    const start = performance.now();
    const answers = await spawner.askFrames(
      [
        question(7),
        question(8),
        question(7, 'none'),
        question(7, 'dull'),
        question(7, 'one', 'plumbask-none'),
        ...silent,
      ],
      { forMs: 300, times: 3 },
    );
    const tookMs = performance.now() - start;
    expect(Buffer.from(answers[0]?.frame ?? []).toString('hex', 6, 12)).toBe('020000000002');
    expect(answers[1]).toEqual({ frame: null, error: null });
    expect(answers.slice(2, 5).map(({ error }) => error?.split(' ')[0]?.replace(':', ''))).toEqual([
      expect.stringContaining('ENODEV'),
      expect.stringContaining('ENETDOWN'),
      expect.stringContaining('ENOENT'),
    ]);
    expect(answers.slice(5).every(({ frame, error }) => frame === null && error === null)).toBe(true);
    expect(tookMs).toBeGreaterThan(290);
    expect(tookMs).toBeLessThan(2000);
  });

  it('end when all are answered', async () => {
    const start = performance.now();
    const [answer] = await spawner.askFrames([question(7)], { forMs: 20_000, times: 3 });
    expect(answer?.frame).not.toBeNull();
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('refuse a pattern that could be anything else', async () => {
    const asked = spawner.askFrames([{ ...question(7), answers: ['(?{1})'] }], { forMs: 10, times: 1 });
    await expect(asked).rejects.toThrow('cannot be the start of a frame');
  });
});
