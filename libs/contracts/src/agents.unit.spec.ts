/** What the type of a declaration cannot say of all of them together. */
import { describe, expect, it } from '@jest/globals';
import { AGENT_KINDS, agentOf, agentsWhere, carrierOf, decidingAgent } from './index.js';

const of = <T>(pick: (kind: ReturnType<typeof agentOf>) => T): T[] => AGENT_KINDS.map((kind) => pick(agentOf(kind)));

describe('the declarations of agents', () => {
  it.each(['type', 'binary', 'app', 'healthPort'] as const)('no two have the same %s', (field) => {
    expect(new Set(of((agent) => agent[field])).size).toBe(AGENT_KINDS.length);
  });

  it('one agent describes the node, and it runs on every node', () => {
    const describing = agentsWhere(({ describesNode }) => describesNode);
    expect(describing).toHaveLength(1);
    expect(describing.map((kind) => agentOf(kind).runsOn)).toEqual(['every-node']);
  });

  it('one agent decides the status of a kind of object, and one carries it', () => {
    const decided = of(({ reports }) =>
      Object.entries(reports).flatMap(([kind, rule]) => (rule === 'decides' ? [kind] : [])),
    ).flat();
    expect(decided.sort()).toEqual(Object.keys(decidingAgent).sort());
    const carried = of(({ carries }) => (carries === null ? [] : [carries])).flat();
    expect(carried.sort()).toEqual(Object.keys(carrierOf).sort());
  });

  it('what is counted is reported', () => {
    for (const { counts, reports } of of((agent) => agent))
      expect(Object.keys(reports)).toEqual(expect.arrayContaining(Object.values(counts)));
  });

  it('a kind fits into a NATS subject and a file name', () => {
    for (const kind of AGENT_KINDS) expect(kind).toMatch(/^[a-z][a-z0-9-]{0,15}$/);
  });
});
