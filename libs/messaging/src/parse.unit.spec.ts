/** A message of another release must not make this one stop listening: messages with an unknown value in each place that has names. */
import { describe, expect, it } from '@jest/globals';
import { Beacon, FeedMessage, FeedRefusal, Report, senderOf } from '@plumbline/contracts';
import { emptyView, fold, lacksUnreadable, wholeView, Topology } from '@plumbline/topology';
import { id, LOG, networkCreated, networkPlaced, Story } from '@plumbline/topology/testing';
import { Joiner, parseBeacon, parseFeed } from './index.js';

const HASH = 'a'.repeat(64);
const [network, later] = [id(1), id(2)];

/** A host that knows one network. */
const story = new Story('cmp1').add(networkCreated({ networkId: network }), networkPlaced(network, 'cmp1', 7));
const whole = (): FeedMessage => wholeView(Topology.fold(story.log), 'cmp1', LOG, HASH);
const next = (more: object): unknown => ({
  ...whole(),
  prev: 2,
  position: 3,
  entered: [],
  left: [],
  events: [],
  ...more,
});
const networkObject = whole().entered.find((object) => object.kind === 'network')!;
/** A network of a type that a later release added. */
const newNetwork = { ...networkObject, id: later, networkType: 'geneve' };

function read(body: unknown): FeedMessage {
  const message = parseFeed(body);
  if (!message || !('part' in message)) throw new Error('this is not a feed message');
  return message;
}

describe('an agent that gets something it does not know', () => {
  it('takes a beacon that asks for agents of an unknown kind', () => {
    const beacon: Beacon = { log: LOG, host: 'cmp1', position: 2, head: 9, report: ['balancer', 'ovs'] };
    expect(parseBeacon(beacon)).toEqual(beacon);
  });

  it('leaves out objects and names of an unknown kind, and takes the rest', () => {
    const message = read(
      next({
        entered: [
          { kind: 'loadbalancer', id: id(9), pool: [] },
          { ...networkObject, id: later },
        ],
        left: [
          { kind: 'loadbalancer', id: id(8) },
          { kind: 'network', id: network },
        ],
      }),
    );
    const view = emptyView('cmp1');
    fold(view, read(whole()));
    fold(view, message);
    expect([...view.objects.keys()].sort()).toEqual([`network/${later}`, `placement/${network}`]);
    expect(view.frozen.size).toBe(0);
  });

  it('freezes an object whose form it cannot read, and goes on', () => {
    const view = emptyView('cmp1');
    fold(view, read(whole()));
    fold(view, read(next({ entered: [newNetwork] })));
    expect([...view.frozen.keys()]).toEqual([`network/${later}`]);
    expect(lacksUnreadable(view)).toBe(true);
    // Events about it change nothing, and harm nothing.
    const [created] = story.log;
    const set = { type: 'NetworkAttributesSet', version: 1, data: { networkId: later, set: { name: 'x' } } };
    fold(view, read(next({ prev: 3, position: 4, events: [{ ...created, position: 4, event: set }] })));
    expect(view.position).toBe(4);
    // A form that it can read ends that.
    fold(view, read(next({ prev: 4, position: 5, entered: [{ ...networkObject, id: later }] })));
    expect([...view.frozen.keys()]).toEqual([]);
    expect(lacksUnreadable(view)).toBe(false);
  });

  it('keeps an object as it last knew it when a whole view brings it in a form it cannot read', () => {
    const view = emptyView('cmp1');
    fold(view, read(whole()));
    const changed = whole().entered.map((object) => ({ ...object, networkType: 'geneve' }));
    fold(view, read({ ...whole(), position: 3, entered: changed }));
    expect(view.objects.get(`network/${network}`)).toEqual(networkObject);
    expect(view.frozen.has(`network/${network}`)).toBe(true);
    expect(lacksUnreadable(view)).toBe(false);
  });

  it('lists unreadable objects of every part of a message, and those of a saved message', () => {
    const parts = [1, 2].map((index) =>
      read(next({ part: { index, of: 2 }, entered: index === 1 ? [newNetwork] : [{ ...newNetwork, id: id(3) }] })),
    );
    const joiner = new Joiner();
    const joined = parts.map((part) => joiner.add(part)).at(-1)!;
    const names = [
      { kind: 'network', id: later },
      { kind: 'network', id: id(3) },
    ];
    expect(joined.unreadable).toEqual(names);
    expect(read(JSON.parse(JSON.stringify(joined))).unreadable).toEqual(names);
  });

  it('takes an event of an unknown type as a reason to freeze its object', () => {
    const view = emptyView('cmp1');
    fold(view, read(whole()));
    const event = { type: 'NetworkEncrypted', version: 3, data: { key: 'x' } };
    fold(view, read(next({ events: [{ ...story.log[0], position: 3, event }] })));
    expect(view.frozen.get(`network/${network}`)).toEqual({ position: 3, type: 'NetworkEncrypted', version: 3 });
  });

  it('is refused for a reason it does not know', () => {
    const refusal: FeedRefusal = {
      log: LOG,
      host: 'cmp1',
      refused: 'too-old',
      request: { log: LOG, position: 2, hash: HASH },
      head: 9,
    };
    expect(parseFeed(refusal)).toEqual(refusal);
  });

  it('ignores fields it does not know, and refuses what is not a message', () => {
    expect(parseFeed(next({ priority: 7 }))).toEqual(parseFeed(next({})));
    for (const wrong of [null, 7, {}, next({ position: 'x' }), next({ entered: [7] }), next({ left: [{ id: 'x' }] })])
      expect(parseFeed(wrong)).toBeNull();
  });
});

describe('the API that gets something it does not know', () => {
  const report = (more: object): unknown => ({
    log: LOG,
    state: 'in-sync',
    sequence: 1,
    position: 2,
    full: true,
    objects: [],
    frozen: [],
    driftRepaired: 0,
    startedAt: '2026-01-01T00:00:00Z',
    ...more,
  });

  it('takes a report of a state it does not know', () => {
    expect(Report.parse(report({ state: 'standing-by' })).state).toBe('standing-by');
    expect(Report.safeParse(report({ state: 'no state\n' })).success).toBe(false);
  });

  it('takes the statuses it knows, and leaves out those of another kind or value', () => {
    const status = { kind: 'port', id: id(4), position: 2, status: 'ACTIVE' };
    const objects = [{ ...status, kind: 'loadbalancer' }, status, { ...status, id: id(5), status: 'DEGRADED' }];
    expect(Report.parse(report({ objects })).objects).toEqual([status]);
  });

  it('knows an agent of an unknown kind by its subject, so that it gets its feed', () => {
    expect(senderOf('plumb.v1.replay.net1.balancer')).toEqual({ host: 'net1', agent: 'balancer' });
    for (const wrong of [
      'plumb.v1.replay.net1',
      'plumb.v1.replay.net1.DHCP',
      'plumb.v1.feed.net1.l3',
      'x.v1.report.a.l3',
    ])
      expect(senderOf(wrong)).toBeNull();
  });
});
