import { describe, expect, it } from '@jest/globals';
import { askerOf, InstanceAnswer, InstanceData, MOST_USER_DATA_BYTES, subjects } from '@plumbline/contracts';
import { answersOf, InstanceJoiner, parseInstances, questionsOf } from './instances.js';
import { bytesOf } from './parts.js';

const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const data = (n: number, bytes: number): InstanceData => ({
  ...{ projectId: 'garden', deviceId: `vm${n}`, revision: id(n), hostname: 'web' },
  publicKeys: { mine: 'ssh-ed25519 AAAA me@here' },
  userData: Buffer.alloc(bytes, n).toString('base64'),
});
const name = (n: number) => ({ projectId: 'garden', deviceId: `vm${n}` });
const answer = (more: Partial<InstanceAnswer>): InstanceAnswer => ({
  ...{ log: id(1), host: 'net1', ask: id(2), set: [], same: [], gone: [], later: [], last: true },
  ...more,
});

/** What a node has of the messages, which it hears in another order and each twice. */
function heard(messages: readonly unknown[]): InstanceAnswer[] {
  const joiner = new InstanceJoiner();
  return [...messages].reverse().flatMap((body) => {
    const message = parseInstances(JSON.parse(JSON.stringify(body)));
    if (!message || 'changed' in message) throw new Error('not an answer');
    if (!('slice' in message)) return [message];
    return joiner.add(message) ?? joiner.add(message) ?? [];
  });
}

describe('answers about instances', () => {
  it.each([2_000, 9_000, 60_000, 1_000_000])('fit in messages of %i bytes, whole', (maxBytes) => {
    const whole = answer({
      set: [data(1, MOST_USER_DATA_BYTES), data(2, 10), data(3, 5_000), data(4, 0)],
      same: Array.from({ length: 200 }, (_, n) => name(100 + n)),
      gone: [name(5)],
      later: [name(6)],
    });
    const messages = answersOf(whole, maxBytes);
    for (const message of messages) expect(bytesOf(message)).toBeLessThanOrEqual(maxBytes);
    const answers = heard(messages).reverse();
    expect(answers.flatMap(({ set }) => set).sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1))).toEqual(whole.set);
    expect(answers.flatMap(({ same }) => same)).toEqual(whole.same);
    expect(answers.flatMap(({ gone }) => gone)).toEqual(whole.gone);
    expect(answers.flatMap(({ later }) => later)).toEqual(whole.later);
    expect(answers.filter(({ last }) => last)).toHaveLength(1);
  });

  it('are one message when nothing is there, so that the node knows its question answered', () => {
    expect(answersOf(answer({}), 100_000)).toEqual([answer({})]);
  });

  it('are the last ones only where they say so', () => {
    expect(answersOf(answer({ set: [data(1, 50)], last: false }), 100_000)).toEqual([
      answer({ set: [data(1, 50)], last: false }),
    ]);
  });

  it('join from slices only to an answer of their log and host', () => {
    const slices = answersOf(answer({ set: [data(1, MOST_USER_DATA_BYTES)] }), 40_000).filter(
      (each) => 'slice' in each,
    );
    expect(slices.length).toBeGreaterThan(1);
    const joiner = new InstanceJoiner();
    expect(slices.map((slice) => joiner.add({ ...slice, host: 'net2' })).filter((each) => each !== null)).toEqual([]);
  });
});

describe('questions for instances', () => {
  it('are cut by number and by bytes', () => {
    const asked = Array.from({ length: 2_500 }, (_, n) => ({ ...name(n), revision: null }));
    expect(questionsOf(asked, 1_000_000).map((page) => page.length)).toEqual([1_000, 1_000, 500]);
    const small = questionsOf(asked, 8_000);
    for (const instances of small)
      expect(bytesOf({ log: id(1), ask: id(2), position: 1, instances })).toBeLessThanOrEqual(8_000);
    expect(small.flat()).toEqual(asked);
    expect(questionsOf([], 8_000)).toEqual([]);
  });

  it('come from the host of their subject', () => {
    expect(askerOf(subjects.instanceAsk('cmp3.example.org'))).toBe('cmp3.example.org');
    for (const wrong of ['plumb.v1.instance-ask.net1.l3', 'plumb.v1.instances.net1', 'plumb.v1.instance-ask.a..b'])
      expect(askerOf(wrong)).toBeNull();
  });
});

describe('data of an instance', () => {
  it('is refused where a line of a file would become several', () => {
    const keys = (publicKeys: Record<string, string>) => InstanceData.safeParse({ ...data(1, 1), publicKeys }).success;
    expect(keys({ 'my key@home': 'ssh-rsa AAAA' })).toBe(true);
    for (const wrong of [{ 'a\nb': 'ssh-rsa AAAA' }, { '': 'x' }, { a: 'ssh-rsa AAAA\nssh-rsa BBBB' }, { a: '' }])
      expect(keys(wrong as Record<string, string>)).toBe(false);
    expect(InstanceData.safeParse({ ...data(1, 1), hostname: 'web one' }).success).toBe(false);
    expect(InstanceData.safeParse({ ...data(1, 1), hostname: 'web-1.example.org' }).success).toBe(true);
  });
});
