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

  describe('from a device that is in a bridge, as that of an instance', () => {
    let beside: ScratchNetns;
    beforeAll(async () => {
      beside = await makeNetns('plumbask');
      const lines = [
        'link add bridge type bridge stp_state 0 forward_delay 0 mcast_snooping 0',
        `link add three type veth peer name four netns ${answering.name}`,
        `link add five type veth peer name six netns ${beside.name}`,
        ...['three', 'five'].map((device) => `link set ${device} master bridge up`),
        'link set bridge up',
      ];
      await run(['ip', '-n', asking.name, '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
      for (const [{ name }, device, last] of [
        [answering, 'four', 9],
        [beside, 'six', 11],
      ] as const)
        await run(['ip', '-n', name, '-batch', '-'], {
          stdin: `address add 192.0.2.${last}/32 dev ${device}\nlink set ${device} up\nroute add 192.0.2.0/28 dev ${device}\n`,
        });
    });
    afterAll(() => beside.remove());

    it('who is at its other end is heard, before the bridge gets the answer', async () => {
      const [has, not] = await spawner.askFrames([question(9, 'three'), question(10, 'three')], {
        forMs: 500,
        times: 3,
      });
      expect(has?.frame).not.toBeNull();
      expect(not).toEqual({ frame: null, error: null });
    });

    it('what others send to its other end is no answer of it', async () => {
      const asked = spawner.askFrames([question(11, 'three')], { forMs: 500, times: 3 });
      // 192.0.2.11, beside it in the bridge, asks for others: its questions leave by this device.
      const frame = Buffer.from(question(12).frame);
      frame.write('020000000011', 6, 'hex');
      frame.write('020000000011c000020b', 22, 'hex');
      const asks = { ...question(12, 'six', beside.name), frame };
      expect(await spawner.askFrames([asks], { forMs: 450, times: 9 })).toEqual([{ frame: null, error: null }]);
      expect(await asked).toEqual([{ frame: null, error: null }]);
    });
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
