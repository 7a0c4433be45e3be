/**
 * A random walk of networks of every type, ports, second bindings, routers, mappings and moves over three real switches with their agents, with faults on the way:
 * agents killed, switches restarted, messages late, lost and doubled, and somebody who deletes, alters and adds ports and flows by hand. After each step all three nodes
 * must become what a model says that knows nothing of the renderer (testing/network-model.ts): every port, tag, tunnel and flow, and none more. Then a sample of ports is tried by
 * packets, within their network and across networks, and what crosses the tunnels is captured: nobody asks another node for an address that the log knows.
 *
 * The third node has a firewall: its br-int is compared but for the flows of the firewall, which must speak of nothing that is not there (firewall-walk tries what they do).
 *
 * The walk follows from its seed, which the name of the test says: PLUMB_TEST_SEED gives the same walk again. `--long`: ten times the steps.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { seed as chosen, times } from '../../tools/jest/effort.mjs';
import { checksOf } from './testing/network-walk/checks.js';
import { HOSTS, newCloud } from './testing/network-walk/cloud.js';
import { faultsOf } from './testing/network-walk/faults.js';
import { movesOf } from './testing/network-walk/moves.js';

const seed = chosen ?? Math.floor(Math.random() * 1e9);
const STEPS = times(8);

describe('networks and ports on three nodes', () => {
  const cloud = newCloud(seed);
  const { chance, draw, pick, done } = cloud;
  const moves = movesOf(cloud);
  const faults = faultsOf(cloud);
  const { agree, passes, asksNobody } = checksOf(cloud);

  beforeAll(async () => {
    await cloud.start();
    for (let n = 0; n < 5; n += 1) await moves.port();
    await moves.interface();
  }, 120_000);
  afterAll(() => cloud.stop(), 60_000);

  it(
    `each node is what the log says, and nothing more, after each of ${STEPS} steps (seed ${seed})`,
    async () => {
      await agree();
      await passes();
      await asksNobody();
      for (let step = 1; step <= STEPS; step += 1) {
        const fault = chance(0.7) ? pick(faults) : null;
        const victim = pick(HOSTS);
        if (fault) done.push(`step ${step}: ${fault[0]} on ${victim}`);
        const mend = await fault?.[1](victim);
        const some = Array.from({ length: 1 + Math.floor(draw() * 4) }, moves.any);
        for (const [name, , does] of some) {
          done.push(`step ${step}: ${name}`);
          await does();
        }
        await mend?.();
        await agree();
        await passes();
        await asksNobody();
      }
      expect(done.length).toBeGreaterThanOrEqual(STEPS);
    },
    120_000 + STEPS * 60_000,
  );
});
