/** What a session's loop makes of a supervised program that ends at once: it is started ever more rarely, and needs no other news to be started again. */
import { expect, it } from '@jest/globals';
import { processOwner, type WantedProcess } from '@plumbline/processes';
import { FakeProcesses, ProcessAgent } from '@plumbline/processes/testing';
import { emptyView } from '@plumbline/topology';
import { Converger } from './converger.js';
import { ManualClock } from './testing/index.js';

const program = (name: string): WantedProcess => ({ name, netns: null, argv: [name], files: [], reload: 'none' });

it('a program that ends at once is started with pauses that grow to a minute, and is well once it stays', async () => {
  const clock = new ManualClock();
  const node = new FakeProcesses(clock.nowMs);
  const agent = new ProcessAgent(node);
  agent.wanted = [program('bad'), program('good')];
  node.shortLived.add('bad');
  const startedMs: number[] = [];
  let converges = 0;
  const converger = new Converger({
    clock,
    fullEveryMs: () => 1e9,
    terms: async () => ({ view: emptyView('net1'), mayRemove: true, unverified: false }),
    onConverged: () => undefined,
    onError: (error) => {
      throw error;
    },
    reconciler: {
      converge: async () => {
        converges += 1;
        const before = node.starts.filter((name) => name === 'bad').length;
        const { applied, drift, failures } = await agent.converge();
        if (node.starts.filter((name) => name === 'bad').length > before) startedMs.push(clock.nowMs());
        const failed = [...failures].map(([key, { reason }]) => ({ key, reason }));
        return { applied, drift, statuses: [], failed };
      },
    },
  });
  converger.mark('all');
  await clock.run(3_600_000);
  expect(startedMs.length).toBeGreaterThan(30);
  expect(startedMs.length).toBeLessThanOrEqual(68);
  expect(converges).toBeLessThan(120);
  for (const [at, ms] of startedMs.entries())
    if (at > 0) expect(ms - (startedMs[at - 1] ?? 0)).toBeGreaterThanOrEqual(Math.min(60_000, 250 * 2 ** (at - 1)));
  expect([...converger.failing.keys()]).toEqual([processOwner('bad')]);
  expect(node.starts.filter((name) => name === 'good')).toEqual(['good']);
  node.shortLived.clear();
  await clock.run(120_000);
  expect([...converger.failing.keys()]).toEqual([]);
  expect(node.running.map(({ name }) => name).sort()).toEqual(['bad', 'good']);
  await converger.stop();
});
