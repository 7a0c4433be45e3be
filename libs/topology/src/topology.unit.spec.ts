/** What must hold of every log (invariants 3, 5, 6), tried on logs of a random walk. */
import { describe, expect, it } from '@jest/globals';
import { FeedMessage, keyOf, ObjectKey, PlumbEvent, Recorded } from '@plumbline/contracts';
import fc from 'fast-check';
import {
  advance,
  canonical,
  claimsOf,
  emptyView,
  fold,
  HoleInFeed,
  hostObjects,
  HostView,
  Parcel,
  prepare,
  Topology,
  wholeView,
} from './index.js';
import { MODEL } from './kinds/model.js';
import { declarationOf, idsOf } from './model.js';
import { aChoice, aLog, fork, GeneratedLog, HOSTS, LOG } from './testing/index.js';

const HASH = 'a'.repeat(64);
const runs = { numRuns: 150 };

/** A host's feed as the API would publish it: each parcel after the one before. */
function feedOf(log: GeneratedLog, host: string): { messages: FeedMessage[]; wholes: FeedMessage[] } {
  const topology = new Topology();
  let prev: number | null = null;
  const messages: FeedMessage[] = [];
  const whole = (): FeedMessage => ({ ...wholeView(topology, host, LOG, HASH), position: prev ?? 0 });
  const wholes = [whole()];
  for (const command of log) {
    const parcel = advance(topology, command).find((each) => each.host === host);
    if (parcel) {
      messages.push(message(parcel, prev));
      prev = parcel.position;
    }
    wholes.push(whole());
  }
  return { messages, wholes };
}

const message = (parcel: Parcel, prev: number | null): FeedMessage => ({
  log: LOG,
  hash: HASH,
  catalogue: 1,
  part: { index: 1, of: 1 },
  ...parcel,
  prev,
  entered: [...parcel.entered],
  left: [...parcel.left],
  events: [...parcel.events],
});

/** An event about a router that nobody made. */
const strange = (position: number): FeedMessage['events'][number] => ({
  position,
  stream: 'router-strange',
  event: { type: 'RouterRoutesSet', version: 1, data: { routerId: 'strange', routes: [] } },
  meta: { requestId: '', userId: '', projectId: '', time: '2026-01-01T00:00:00Z' },
});

const foldAll = (messages: readonly FeedMessage[], host: string, view: HostView = emptyView(host)): HostView => {
  for (const each of messages) fold(view, each);
  return view;
};
const textOfView = (view: HostView): string =>
  canonical([...view.objects.keys()].sort().map((key) => view.objects.get(key)));
const textOfHost = (log: GeneratedLog, host: string): string => canonical(hostObjects(Topology.fold(log.flat()), host));

describe('the walk', () => {
  it('reaches every event type, and hosts that hear of them', () => {
    const types = new Set<string>();
    let heard = 0;
    for (const log of fc.sample(aLog(200), { numRuns: 60, seed: 7 })) {
      for (const { event } of log.flat()) types.add(event.type);
      heard += HOSTS.reduce((sum, host) => sum + feedOf(log, host).messages.length, 0);
    }
    expect(types.size).toBe(48);
    expect(heard).toBeGreaterThan(1000);
  });
});

describe('for every log and every host', () => {
  it('folding the feed from any start equals the host view of the folded log', () => {
    fc.assert(
      fc.property(aLog(), fc.nat(), (log, seed) => {
        for (const host of HOSTS) {
          const { messages, wholes } = feedOf(log, host);
          const end = textOfHost(log, host);
          expect(textOfView(foldAll(messages, host))).toBe(end);
          const start = wholes[seed % wholes.length] as FeedMessage;
          const view = foldAll([start], host);
          expect(
            textOfView(
              foldAll(
                messages.filter((each) => each.position > start.position),
                host,
                view,
              ),
            ),
          ).toBe(end);
          // A message that is delivered again, and the start once more, change nothing.
          expect(textOfView(foldAll([...messages, start], host, view))).toBe(end);
        }
      }),
      runs,
    );
  });

  it('a lost message is a hole that changes nothing, not a wrong view', () => {
    fc.assert(
      fc.property(aLog(), fc.nat(), (log, seed) => {
        for (const host of HOSTS) {
          const { messages } = feedOf(log, host);
          if (messages.length < 3) continue;
          const lost = 1 + (seed % (messages.length - 2));
          const view = foldAll(messages.slice(0, lost), host);
          const before = textOfView(view);
          expect(() => fold(view, messages[lost + 1] as FeedMessage)).toThrow(HoleInFeed);
          expect(textOfView(view)).toBe(before);
          expect(textOfView(foldAll(messages.slice(lost), host, view))).toBe(textOfHost(log, host));
        }
      }),
      runs,
    );
  });

  it('a message that cannot be folded changes nothing, wherever in it the fault is', () => {
    fc.assert(
      fc.property(aLog(), fc.nat(), fc.nat(), (log, seed, place) => {
        for (const host of HOSTS) {
          const { messages } = feedOf(log, host);
          if (messages.length < 2) continue;
          const at = 1 + (seed % (messages.length - 1));
          const view = foldAll(messages.slice(0, at), host);
          const before = canonical(view);
          const good = messages[at] as FeedMessage;
          const events = [...good.events];
          events.splice(place % (events.length + 1), 0, strange(good.position));
          expect(() => fold(view, { ...good, events })).toThrow('does not exist');
          expect(canonical(view)).toBe(before);
          expect(textOfView(foldAll(messages.slice(at), host, view))).toBe(textOfHost(log, host));
        }
      }),
      runs,
    );
  });

  it('claims are unique, and a decision takes and gives back exactly what its objects hold', () => {
    fc.assert(
      fc.property(aLog(), (log) => {
        const topology = new Topology();
        const held = new Set<string>();
        for (const command of log) {
          const prepared = prepare(topology, decisionOf(command), command[0]!.meta);
          for (const claim of prepared.release) held.delete(claim);
          for (const claim of prepared.take) {
            expect(held).not.toContain(claim);
            held.add(claim);
          }
          advance(topology, command);
        }
        const claims = [...topology.keys()].flatMap((key: ObjectKey) => claimsOf(topology.byKey(key)));
        expect(new Set(claims).size).toBe(claims.length);
        expect([...held].sort()).toEqual(claims.sort());
      }),
      runs,
    );
  });

  it('who names an object by a relation that is walked backwards holds a claim that shows it', () => {
    let named = 0;
    fc.assert(
      fc.property(aLog(), (log) => {
        const topology = Topology.fold(log.flat());
        for (const object of [...topology.keys()].map((key) => topology.byKey(key)!))
          for (const relation of Object.values(declarationOf(MODEL, object.kind).relations)) {
            if (!('ids' in relation) || !relation.claimedUnder) continue;
            for (const id of idsOf(relation, object)) {
              named += 1;
              const prefix = relation.claimedUnder(id);
              const shows = claimsOf(object).filter((claim) => claim.startsWith(prefix));
              expect(shows).not.toEqual([]);
              if (relation.gather === undefined) continue;
              const along = idsOf(declarationOf(MODEL, object.kind).relations[relation.gather]!, object);
              expect(shows.map((claim) => partAfter(claim, prefix))).toEqual(along.length > 0 ? along : ['']);
            }
          }
      }),
      runs,
    );
    expect(named).toBeGreaterThan(100);
  });

  it('prepare names every host with a parcel and leaves the topology as it was', () => {
    fc.assert(
      fc.property(aLog(), (log) => {
        const topology = new Topology();
        for (const command of log) {
          const before = everything(topology, command);
          const prepared = prepare(topology, decisionOf(command), command[0]!.meta);
          expect(everything(topology, command)).toBe(before);
          const parcels = advance(topology, command);
          for (const { host } of parcels) expect(prepared.hosts).toContain(host);
          for (const row of prepared.rows)
            expect(topology.byKey(`${row.kind}/${row.id}`) === undefined).toBe(row.deleted === true);
        }
      }),
      runs,
    );
  });
});

describe('two processes that decide at the same moment', () => {
  it('never pass over a host: what the log accepts names every host that must hear of it', () => {
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(aChoice, { maxLength: 50, size: 'max' }), aChoice, aChoice, (past, one, other) => {
        const { log, left, right } = fork(past, one, other);
        if (left.length === 0 || right.length === 0) return;
        const topology = Topology.fold(log.flat());
        const second = prepare(topology, decisionOf(right), right[0]!.meta);
        advance(topology, left);
        const claims = new Set([...topology.keys()].flatMap((key) => claimsOf(topology.byKey(key))));
        for (const claim of second.release) claims.delete(claim);
        const lost =
          Object.entries(second.expect).some(([stream, version]) => topology.versionOf(stream) !== version) ||
          second.none.some((prefix) => [...claims].some((claim) => claim.startsWith(prefix))) ||
          Object.entries(second.within).some(([prefix, parts]) =>
            [...claims].some((claim) => claim.startsWith(prefix) && !parts.includes(partAfter(claim, prefix))),
          ) ||
          second.take.some((claim) => claims.has(claim));
        if (lost) return;
        accepted += 1;
        const base = topology.position + 1;
        const parcels = advance(
          topology,
          right.map((recorded, index) => ({ ...recorded, position: base + index })),
        );
        for (const { host } of parcels) expect(second.hosts).toContain(host);
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(400);
  });
});

const partAfter = (claim: string, prefix: string): string => claim.slice(prefix.length).split('/')[0] as string;

const decisionOf = (command: readonly Recorded[]) => ({
  events: command.map(({ event }) => event as unknown as PlumbEvent),
  reads: [],
  none: [],
});

/** Objects, indexes (by what is found through them), stream versions, position. */
function everything(topology: Topology, command: readonly Recorded[]): string {
  const objects = [...topology.keys()].sort().map((key) => topology.byKey(key));
  const streams = [
    ...new Set([...command.map(({ stream }) => stream), ...objects.map((object) => `${object?.kind}-${object?.id}`)]),
  ].sort();
  const found = HOSTS.map((host) => [
    hostObjects(topology, host).map(keyOf),
    topology.find('port', `host/${host}`).length,
  ]);
  return canonical([topology.position, objects, found, streams.map((stream) => [stream, topology.versionOf(stream)])]);
}
