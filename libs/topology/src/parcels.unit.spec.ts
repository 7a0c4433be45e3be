/** What each host is told of a command is exactly the difference that the command makes to its view, and computing it once is as good as twice. */
import { describe, expect, it } from '@jest/globals';
import { AnyObject, keyOf, known, PlumbEvent, Recorded, subjectOf } from '@plumbline/contracts';
import fc from 'fast-check';
import { DECLARATIONS } from './kinds/index.js';
import { advance, canonical, hostObjects, Parcel, prepare, streamOf, Topology } from './index.js';
import {
  aChoice,
  aLog,
  fork,
  HOSTS,
  id,
  metaOf,
  networkCreated,
  networkPlaced,
  nodeRegistered,
} from './testing/index.js';

type Told = Readonly<Record<string, Readonly<{ entered: unknown; left: unknown; events: unknown }>>>;

const viewOf = (topology: Topology, host: string) =>
  new Map(hostObjects(topology, host).map((object) => [keyOf(object) as string, object]));

/** By looking at every host's whole view before and after. */
function toldByHand(topology: Topology, command: readonly Recorded[], hosts: readonly string[]): Told {
  const before = new Map(hosts.map((host) => [host, viewOf(topology, host)]));
  for (const recorded of command) topology.apply(recorded);
  const told: Record<string, Told[string]> = {};
  for (const host of hosts) {
    const was = before.get(host) as Map<string, AnyObject>;
    const is = viewOf(topology, host);
    const entered = [...is.values()].filter((object) => {
      const had = was.get(keyOf(object));
      // No event is about a derived object, so one that changed comes again as a whole.
      return had ? 'derived' in DECLARATIONS[object.kind] && canonical(had) !== canonical(object) : true;
    });
    const left = [...was.keys()].filter((key) => !is.has(key));
    const events = command.filter(({ event }) => {
      const { key } = subjectOf(known(event) as PlumbEvent);
      return was.has(key) && is.has(key);
    });
    if (entered.length + left.length + events.length > 0)
      told[host] = { entered: sorted(entered.map((each) => canonical(each))), left: sorted(left), events };
  }
  return told;
}

const told = (parcels: readonly Parcel[]): Told =>
  Object.fromEntries(
    parcels.map(({ host, entered, left, events }) => [
      host,
      {
        entered: sorted(entered.map((each) => canonical(each))),
        left: sorted(left.map(({ kind, id: name }) => `${kind}/${name}`)),
        events,
      },
    ]),
  );
const sorted = (list: readonly string[]) => [...list].sort();

const decisionOf = (command: readonly Recorded[]) => ({
  events: command.map(({ event }) => event as unknown as PlumbEvent),
  reads: [],
  none: [],
});
const state = (topology: Topology) =>
  canonical([topology.position, [...topology.keys()].sort().map((key) => topology.byKey(key))]);

describe('what each host is told', () => {
  it('is the difference of its views, for every command of every log', () => {
    fc.assert(
      fc.property(aLog(), (log) => {
        const topology = new Topology();
        const byHand = new Topology();
        for (const command of log) expect(told(advance(topology, command))).toEqual(toldByHand(byHand, command, HOSTS));
      }),
      { numRuns: 150 },
    );
  });

  it('is so when many hosts join and leave many networks, several in one command', () => {
    const hosts = Array.from({ length: 9 }, (_, n) => `host-${n}`);
    const networks = Array.from({ length: 5 }, (_, n) => id(n + 1));
    const toggle = fc.record({ network: fc.nat({ max: 4 }), host: fc.nat({ max: 8 }) });
    const command = fc.uniqueArray(toggle, {
      minLength: 1,
      maxLength: 6,
      selector: ({ network, host }) => `${network} ${host}`,
    });
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 30 }), (commands) => {
        const topology = new Topology();
        const byHand = new Topology();
        const run = (events: readonly PlumbEvent[]) => {
          const recorded = events.map((event, index) => ({
            position: topology.position + 1 + index,
            stream: streamOf(event),
            event: event as unknown as Recorded['event'],
            meta: metaOf(1),
          }));
          expect(told(advance(topology, recorded))).toEqual(toldByHand(byHand, recorded, hosts));
        };
        // All but one network are meshes, and all but one host are registered.
        run(networks.map((networkId, n) => networkCreated({ networkId, ...(n === 0 ? flat : { segmentationId: n }) })));
        run(hosts.slice(1).map((host, n) => nodeRegistered(host, `172.16.0.${n + 1}`)));
        for (const toggles of commands)
          run(
            toggles.map(({ network, host }) => {
              const [networkId, name] = [networks[network] as string, hosts[host] as string];
              return topology.get('placement', networkId)?.hosts[name]
                ? { type: 'NetworkWithdrawnFromHost', version: 1, data: { networkId, host: name } }
                : networkPlaced(networkId, name, network + 1);
            }),
          );
      }),
      { numRuns: 100 },
    );
  });

  it('a host that joins a network tells and learns 2n nodes; who shares another network with it hears of none', () => {
    const hosts = Array.from({ length: 20 }, (_, n) => `host-${n}`);
    const [shared, other] = [id(1), id(2)];
    const topology = new Topology();
    const run = (...events: readonly PlumbEvent[]) =>
      advance(
        topology,
        events.map((event, index) => ({
          position: topology.position + 1 + index,
          stream: streamOf(event),
          event: event as unknown as Recorded['event'],
          meta: metaOf(1),
        })),
      );
    const nodesIn = (parcels: readonly Parcel[], field: 'entered' | 'left') =>
      parcels.reduce((sum, parcel) => sum + parcel[field].filter(({ kind }) => kind === 'node').length, 0);
    run(...hosts.map((host, n) => nodeRegistered(host, `172.16.0.${n + 1}`)));
    run(
      networkCreated({ networkId: shared, segmentationId: 1 }),
      networkCreated({ networkId: other, segmentationId: 2 }),
    );
    run(...hosts.slice(1).map((host) => networkPlaced(shared, host, 1)));
    const joined = run(networkPlaced(shared, 'host-0', 1));
    expect([joined.length, nodesIn(joined, 'entered')]).toEqual([20, 2 * 19]);
    const away = { type: 'NetworkWithdrawnFromHost', version: 1, data: { networkId: shared, host: 'host-0' } } as const;
    expect(nodesIn(run(away), 'left')).toBe(2 * 19);
    run(...hosts.slice(0, 5).map((host) => networkPlaced(other, host, 2)));
    expect(nodesIn(run(networkPlaced(shared, 'host-0', 1)), 'entered')).toBe(2 * 15);
    expect(nodesIn(run(away), 'left')).toBe(2 * 15);
  });
});

describe('what prepare computed', () => {
  it('folds as the events themselves do, also when another command came in between', () => {
    let between = 0;
    fc.assert(
      fc.property(fc.array(aChoice, { maxLength: 40, size: 'max' }), aChoice, aChoice, (past, one, other) => {
        const { log, left, right } = fork(past, one, other);
        if (right.length === 0) return;
        const topologies = [new Topology(), new Topology()] as const;
        for (const topology of topologies) for (const command of log) advance(topology, command);
        const { expect: expected, foreseen } = prepare(topologies[0], decisionOf(right), right[0]!.meta);
        const moved = left.length > 0;
        if (moved) for (const topology of topologies) advance(topology, left);
        const lost = Object.entries(expected).some(([stream, version]) => topologies[0].versionOf(stream) !== version);
        if (lost) return;
        if (moved) between += 1;
        const base = topologies[0].position + 1;
        const stored = right.map((recorded, index) => ({ ...recorded, position: base + index }));
        const [once, twice] = [advance(topologies[0], stored, foreseen), advance(topologies[1], stored)];
        expect(told(once)).toEqual(told(twice));
        expect(state(topologies[0])).toBe(state(topologies[1]));
      }),
      { numRuns: 1400 },
    );
    expect(between).toBeGreaterThan(150);
  });
});

const flat = { networkType: 'flat', physicalNetwork: 'physnet1', segmentationId: null } as const;
