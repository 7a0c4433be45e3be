/**
 * Policy rules (ip-rule(8)): which routing table a packet is looked up in. A namespace is born with those of `OWN`, and in a router's namespace, which is ours,
 * there are to be no others: one of somebody else may send every packet elsewhere, or nowhere. One that only concerns a device of somebody else stays, as that
 * device does. Pure.
 */
import { L3Step } from './driver.js';
import { isOurDevice } from './marks.js';
import { FoundPolicyRule, FoundPolicyRules } from './state.js';

type PolicyRule = Readonly<{ version: 4 | 6; priority: number; table: string }>;

const OWN: readonly PolicyRule[] = [
  { version: 4, priority: 0, table: 'local' },
  { version: 4, priority: 32766, table: 'main' },
  { version: 4, priority: 32767, table: 'default' },
  { version: 6, priority: 0, table: 'local' },
  { version: 6, priority: 32766, table: 'main' },
];

export const bornPolicyRules = (): FoundPolicyRules =>
  new Map(
    ([4, 6] as const).map((version) => [
      version,
      ownOf(version).map(({ priority, table }) => ({ priority, table, devices: [] })),
    ]),
  );

const ownOf = (of: 4 | 6): PolicyRule[] => OWN.filter(({ version }) => version === of);

const isThere = (found: FoundPolicyRule, { priority, table }: PolicyRule): boolean =>
  found.priority === priority && found.table === table && found.devices.length === 0;

/** It is about a device of somebody else alone. */
export const isForeignPolicyRule = ({ devices }: FoundPolicyRule): boolean =>
  devices.some((device) => device !== 'lo' && !isOurDevice(device));

/** A rule is removed by its priority. Where it shares that with one of ours, ours goes, too, and is made again. */
export function planPolicyRules(netns: string, found: FoundPolicyRules, mayRemove: boolean): L3Step[] {
  const steps: L3Step[] = [];
  for (const [version, here] of found) {
    const own = ownOf(version);
    const isAlien = (each: FoundPolicyRule): boolean =>
      !own.some((rule) => isThere(each, rule)) && !isForeignPolicyRule(each);
    const removed = new Set(mayRemove ? here.filter(isAlien).map(({ priority }) => priority) : []);
    for (const { priority } of here)
      if (removed.has(priority)) steps.push({ op: 'remove-policy-rule', netns, version, priority });
    for (const rule of own)
      if (removed.has(rule.priority) || !here.some((each) => isThere(each, rule)))
        steps.push({ op: 'add-policy-rule', netns, ...rule });
  }
  return steps;
}
