import { describe, expect, it } from '@jest/globals';
import type { FlowStep } from '@plumbline/ovs-core';
import { bundlesOf } from './bundles.js';

const flow = (key: string) => ({ key, actions: 'drop', position: 1, owner: '' as const });
const step = (behind: number): FlowStep => ({
  ...{ op: 'flows', bridge: 'br-int', remove: [], forget: [{ localVlanId: 4 }], forgetPorts: [7] },
  add: [
    flow('priority=1'),
    ...Array.from({ length: behind }, (_, n) => flow(`table=71, priority=${n}`)),
    flow('priority=2'),
  ],
});

describe('the bundles of a step', () => {
  it('are one where the bridge has flows of ours, or where there is little to write', () => {
    for (const [each, isEmpty] of [
      [step(20_000), false],
      [step(900), true],
    ] as const)
      expect(bundlesOf(each, isEmpty)).toEqual([[each]]);
  });

  it('that fill an empty bridge have each flow once, and table 0 whole and last', () => {
    const whole = step(20_001);
    const [beside = [], last = [], ...more] = bundlesOf(whole, true);
    expect(more).toEqual([]);
    expect(beside.length).toBe(8);
    expect(beside.flatMap(({ add }) => add)).toEqual(whole.add.slice(1, -1));
    expect(last).toEqual([{ ...whole, add: [flow('priority=1'), flow('priority=2')] }]);
    for (const { remove, forget, forgetPorts } of beside) expect([remove, forget, forgetPorts].flat()).toEqual([]);
  });
});
