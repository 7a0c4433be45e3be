import { describe, expect, it } from '@jest/globals';
import { FeedMessage, FeedPart } from '@plumbline/contracts';
import { aLog, LOG } from '@plumbline/topology/testing';
import { Topology, wholeView } from '@plumbline/topology';
import fc from 'fast-check';
import { BadSlices, Joiner, parseFeed, split } from './index.js';

const messages = aLog(80).map((log): FeedMessage => ({
  ...wholeView(Topology.fold(log.flat()), 'net1', LOG, 'a'.repeat(64)),
  events: log.flat().slice(0, 20) as FeedMessage['events'],
  left: [{ kind: 'port', id: 'gone' }],
}));

describe('parts of a message', () => {
  it('fit the limit and join to the message, in any order and however often they come', () => {
    fc.assert(
      fc.property(
        messages,
        fc.integer({ min: 2_000, max: 6_000 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (message, limit, order) => {
          const parts = split(message, limit);
          for (const part of parts) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThanOrEqual(limit);
          const joiner = new Joiner();
          const mixed = order.map((at) => parts[at % parts.length] as FeedPart);
          const joined = [...mixed, ...parts].map((part) => joiner.add(part)).filter((whole) => whole !== null);
          expect(joined.at(-1)).toEqual(message);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('a message that fits is one part', () => {
    const message = { ...wholeView(new Topology(), 'net1', LOG, 'a'.repeat(64)) };
    expect(split(message, 1_000)).toEqual([message]);
  });

  it('unfinished messages do not pile up', () => {
    const joiner = new Joiner();
    const message = wholeView(new Topology(), 'net1', LOG, 'a'.repeat(64));
    const part = (position: number, index: number): FeedMessage => ({ ...message, position, part: { index, of: 2 } });
    for (let position = 0; position < 100; position += 1) expect(joiner.add(part(position, 1))).toBeNull();
    expect(joiner.add(part(0, 2))).toBeNull();
    expect(joiner.add(part(99, 2))).toMatchObject({ position: 99 });
  });

  it('fit any limit, however large one object or event is, also cut within a character', () => {
    fc.assert(
      fc.property(
        messages,
        fc.integer({ min: 600, max: 50_000 }),
        fc.string({ unit: 'grapheme', maxLength: 20_000 }),
        (message, limit, description) => {
          const [first, ...rest] = message.entered.filter((object) => 'description' in object);
          if (!first) return;
          const large = { ...message, entered: [{ ...first, description: `${description}é💥` }, ...rest] };
          const parts = split(large, limit);
          for (const part of parts) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThanOrEqual(limit);
          const joiner = new Joiner();
          const joined = [...parts].reverse().map((part) => joiner.add(parsed(part)));
          expect(joined.filter((whole) => whole !== null)).toEqual([JSON.parse(JSON.stringify(large))]);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('of one message that two processes cut in as many parts, and not in the same ones, are not mixed', () => {
    const view = (ids: readonly string[]) => ({
      ...wholeView(new Topology(), 'net1', LOG, 'a'.repeat(64)),
      left: ids.map((id) => ({ kind: 'port' as const, id })),
    });
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(60)) as [string, string, string];
    const [one, other] = [view([a, b, c]), view([b, c, a])].map((message) => split(message, 420));
    expect([one?.length, other?.length]).toEqual([3, 3]);
    const joiner = new Joiner();
    expect([one![0]!, other![1]!, other![2]!, one![1]!].map((part) => joiner.add(part))).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(joiner.add(one![2]!)?.left.map(({ id }) => id)).toEqual([a, b, c]);
  });

  it('that are slices are no message for the release before this one, and none when they do not join to one', () => {
    const message = { ...wholeView(new Topology(), 'net1', LOG, 'a'.repeat(64)), left: [longName(2_000)] };
    const parts = split(message, 1_000);
    expect(parts.length).toBeGreaterThan(2);
    for (const part of parts) expect(FeedMessage.safeParse(part).success).toBe(false);
    const spoilt = parts.map((part) => ({ ...part, position: 7 }) as FeedPart);
    const joiner = new Joiner();
    for (const part of spoilt.slice(1)) expect(joiner.add(part)).toBeNull();
    expect(() => joiner.add(spoilt[0]!)).toThrow(BadSlices);
  });
});

const longName = (length: number) => ({ kind: 'port' as const, id: 'x'.repeat(length) });

function parsed(part: FeedPart): FeedPart {
  const read = parseFeed(JSON.parse(JSON.stringify(part)));
  if (!read || 'refused' in read) throw new Error('this is no part');
  return read;
}
