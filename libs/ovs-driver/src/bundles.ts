/**
 * One step of flows as the bundles that carry it out.
 *
 * One bundle is one change for every packet, and that is what a step gets, whatever it has. Only a bridge that has none of our flows (its switch has begun anew) is
 * filled by several: first all tables but 0, side by side; no packet comes there, for every packet begins in table 0. Then table 0 in one bundle,
 * which makes all of it true at once.
 *
 * Why: the switch takes 50 messages of each connection, then looks at all its ports. With 19,000 flows and 1,000 ports most of its work was to look.
 */
import type { FlowStep } from '@plumbline/ovs-core';

/** Each is a process of its own for a moment, and asks the switch for the names of its ports. */
const MOST_BESIDE = 8;
const LEAST_FLOWS = 500;
/** As `keyOfFlow` writes it. */
const inTableZero = (key: string): boolean => !key.startsWith('table=');

/** One after another; those of one row at the same time. `isEmpty`: the bridge has no flow of ours. */
export function bundlesOf(step: FlowStep, isEmpty: boolean): readonly (readonly FlowStep[])[] {
  const behind = isEmpty ? step.add.filter(({ key }) => !inTableZero(key)) : [];
  const beside = Math.min(MOST_BESIDE, Math.floor(behind.length / LEAST_FLOWS));
  if (beside < 2) return [[step]];
  const each = Math.ceil(behind.length / beside);
  const { op, bridge } = step;
  const part = (n: number): FlowStep => ({
    ...{ op, bridge, remove: [], forget: [], forgetPorts: [] },
    add: behind.slice(n * each, (n + 1) * each),
  });
  return [
    Array.from({ length: beside }, (_, n) => part(n)),
    [{ ...step, add: step.add.filter(({ key }) => inTableZero(key)) }],
  ];
}
