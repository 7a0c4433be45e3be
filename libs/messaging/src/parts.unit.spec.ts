import { describe, expect, it } from '@jest/globals';
import { FeedMessage } from '@plumbline/contracts';
import { aLog, LOG } from '@plumbline/topology/testing';
import { Topology, wholeView } from '@plumbline/topology';
import fc from 'fast-check';
import { Joiner, split } from './index.js';

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
          const mixed = order.map((at) => parts[at % parts.length] as FeedMessage);
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
});
