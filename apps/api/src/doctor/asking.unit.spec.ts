/** How nodes are asked: which agent answers, what a silent one costs, and that a busy one is asked again. */
import { describe, expect, it } from '@jest/globals';
import type { AgentFacts, Wanted } from '@plumbline/reasons';
import type { NodeQuestions } from '../questions/node-questions.js';
import { Asking } from './asking.js';

type Ask = NodeQuestions['ask'];
const agents = (...kinds: readonly ['ovs' | 'l3', boolean][]): readonly AgentFacts[] =>
  kinds.map(([kind, alive]) => ({
    ...{ host: 'net1', kind, alive, heardAt: '', state: 'in-sync', adminStateUp: true, troubles: [] },
  }));
const wanted: Wanted = { host: 'net1', agent: null, question: 'flows', params: { bridges: [] }, keys: ['a'] };
const now = (): number => performance.now();
const never = new Promise<never>(() => undefined);
const asking = (ask: (agent: string) => unknown, known: readonly AgentFacts[], patienceMs = 150): Asking =>
  new Asking({ ask: (async (_host: string, agent: string) => ask(agent)) as unknown as Ask }, known, patienceMs, now);

describe('a look', () => {
  it('is answered by the next agent when the first is silent', async () => {
    const ask = (agent: string) => (agent === 'l3' ? { answer: 'yes' } : never);
    const heard = await asking(ask, agents(['ovs', true], ['l3', true]), 5_000).ask(wanted, now() + 5_000);
    expect(heard).toEqual({ answer: 'yes' });
  });

  it('is not asked twice of a node that runs, and takes as long as the question asks it to', async () => {
    const asked: string[] = [];
    const ask = (agent: string) => {
      asked.push(agent);
      // Longer than a silent agent is waited for.
      return asked.length === 1
        ? { answer: 'yes' }
        : new Promise((resolve) => setTimeout(() => resolve({ answer: 'late' }), 400));
    };
    const one = asking(ask, agents(['ovs', true], ['l3', true]), 5_000);
    await one.ask(wanted, now() + 5_000);
    expect(await one.ask({ ...wanted, question: 'probe' }, now() + 5_000)).toEqual({ answer: 'late' });
    const patient = asking(ask, agents(['ovs', true], ['l3', true]), 5_000);
    expect(await patient.ask({ ...wanted, params: { forMs: 500 } }, now() + 5_000)).toEqual({ answer: 'late' });
    expect(asked).toEqual(['ovs', 'ovs', 'ovs']);
  });

  it('asks first those that report', async () => {
    const asked: string[] = [];
    const ask = (agent: string) => (asked.push(agent), { answer: 'yes' });
    await asking(ask, agents(['ovs', false], ['l3', true])).ask(wanted, now() + 5_000);
    expect(asked).toEqual(['l3']);
  });

  it('of a node on which nobody answers is given up soon, once and for all', async () => {
    const silent = asking(() => never, agents(['ovs', true]));
    const start = now();
    expect(await silent.ask(wanted, now() + 60_000)).toEqual({ silent: expect.stringContaining('ovs agent of net1') });
    const first = now() - start;
    await silent.ask({ ...wanted, question: 'wiring' }, now() + 60_000);
    expect(now() - start - first).toBeLessThan(first);
  });

  it('is asked again of an agent that had too many', async () => {
    let times = 0;
    const ask = () => ((times += 1) < 3 ? { unknown: 'ask again', busy: 'agent' } : { answer: 'yes' });
    expect(await asking(ask, agents(['ovs', true])).ask(wanted, now() + 60_000)).toEqual({ answer: 'yes' });
  });

  it('that this process had no room for says nothing of the agent', async () => {
    const full = asking(() => ({ unknown: 'ask again', busy: 'api' }), agents(['ovs', true]));
    expect(await full.ask(wanted, now() + 60_000)).toEqual({ silent: expect.stringContaining('ovs agent of net1') });
  });

  it('that is refused is not known', async () => {
    const heard = await asking(() => ({ unknown: 'no' }), agents(['ovs', true])).ask(wanted, now() + 60_000);
    expect(heard).toEqual({ silent: 'no' });
  });

  it('of a node without agents is not asked', async () => {
    expect(await asking(() => never, []).ask(wanted, now() + 60_000)).toEqual({
      silent: expect.stringContaining('no agent of net1'),
    });
  });

  it('is one of three at a time of an agent', async () => {
    let [under, most] = [0, 0];
    const ask = async () => {
      most = Math.max(most, (under += 1));
      await new Promise((resolve) => setImmediate(resolve));
      under -= 1;
      return { answer: 'yes' };
    };
    const one = asking(ask, agents(['ovs', true]));
    await Promise.all(Array.from({ length: 12 }, () => one.ask(wanted, now() + 60_000)));
    expect(most).toBe(3);
  });
});
