/** Whatever the log, the delivery and the crashes, the node ends the same (invariant 5). */
import { describe, expect, it } from '@jest/globals';
import { keyOf } from '@plumbline/contracts';
import { createLogger } from '@plumbline/telemetry';
import { aLog, HOSTS, LOG } from '@plumbline/topology/testing';
import { canonical, hostObjects } from '@plumbline/topology';
import fc from 'fast-check';
import { NodeSession } from './index.js';
import {
  aMachine,
  FakeBroker,
  FakeControlPlane,
  FakeNode,
  ManualClock,
  MemoryOwnerRecord,
  MemorySnapshots,
} from './testing/index.js';

const logger = createLogger({ name: 'test', level: 'silent' });

type Trouble = Readonly<{ fate: number; waitMs: number; event: 'none' | 'crash' | 'api-down' | 'api-up' | 'restart' }>;
const aTrouble: fc.Arbitrary<Trouble> = fc.record({
  fate: fc.nat({ max: 9 }),
  waitMs: fc.constantFrom(0, 0, 1, 20, 60, 400, 4_000),
  event: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'crash', 'api-down', 'api-up', 'restart'),
});
/** Half of all messages arrive as they should. */
const FATES = [[0], [0], [0], [0], [0], [], [], [0, 30], [70], [5, 200, 2_000]];

describe('whatever is lost, doubled, delayed, reordered or killed', () => {
  it('the node ends as the log says, and a node in sync is then left alone', async () => {
    await fc.assert(
      fc.asyncProperty(
        aLog(80),
        fc.array(aTrouble, { minLength: 1, maxLength: 60, size: 'max' }),
        fc.constantFrom(...HOSTS),
        fc.nat(),
        async (log, troubles, host, seed) => {
          let draw = seed;
          const clock = new ManualClock(() => (draw = (draw * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648);
          const broker = new FakeBroker(clock);
          const plane = new FakeControlPlane(LOG, broker, clock, HOSTS);
          const node = new FakeNode();
          const snapshots = new MemorySnapshots();
          const begin = async (): Promise<{ session: NodeSession; kill(): void }> => {
            let alive = true;
            const feed = broker.feed(host, 'l3');
            const session = new NodeSession({
              host,
              agent: 'l3',
              feed,
              reconciler: node,
              binding: node,
              snapshots: {
                load: snapshots.load,
                save: async (view) => (alive ? snapshots.save(view) : undefined),
                untouched: snapshots.untouched,
              },
              clock,
              machine: aMachine(),
              ownerRecord: new MemoryOwnerRecord(),
              logger,
            });
            await session.start();
            // A killed process writes nothing more, even what it was about to write.
            const kill = (): void => {
              alive = false;
              void session.stop();
            };
            return { session, kill };
          };
          let number = 0;
          const trouble = (): Trouble => troubles[(number += 1) % troubles.length] as Trouble;
          broker.fate = () => FATES[trouble().fate] as number[];

          plane.up();
          let agent = await begin();
          for (const command of log) {
            plane.commit(command);
            const { event, waitMs } = trouble();
            if (event === 'crash') {
              agent.kill();
              agent = await begin();
            } else if (event === 'restart') {
              await agent.session.stop();
              agent = await begin();
            } else if (event === 'api-down') plane.down();
            else if (event === 'api-up') plane.up();
            await clock.run(waitMs);
          }
          broker.fate = () => [0];
          plane.up();
          await clock.run(15_000);
          const { session } = agent;

          const wanted = canonical(
            new Map(hostObjects(plane.topology, host).map((object) => [keyOf(object), canonical(object)])),
          );
          expect(session.state).toBe('in-sync');
          expect(canonical(node.made)).toBe(wanted);
          expect(plane.reports.at(-1)).toMatchObject({ state: 'in-sync', log: LOG });

          node.failure = (key) => `a node in sync was touched at ${key}`;
          await clock.run(130_000);
          expect(session.health()).toMatchObject({ quarantined: [] });
          await session.stop();
        },
      ),
      { numRuns: 150 },
    );
  });
});
