/** Each process's steps in order, and processes beside each other: one that takes long to end, or cannot be started, holds up no other. */
import { asError, StepsRefused } from '@plumbline/reconcile';
import type { ProcessStep } from './types.js';

/** Rejects with StepsRefused once all has ended: the first step of each process that failed. Later steps of that process are not done. */
export async function byName(steps: readonly ProcessStep[], work: (step: ProcessStep) => Promise<void>): Promise<void> {
  const names = new Map<string, number[]>();
  for (const [at, { name }] of steps.entries()) names.set(name, [...(names.get(name) ?? []), at]);
  const refused: { at: number; reason: string }[] = [];
  const one = async (indexes: readonly number[]): Promise<void> => {
    for (const at of indexes)
      try {
        await work(steps[at] as ProcessStep);
      } catch (reason) {
        refused.push({ at, reason: asError(reason).message });
        return;
      }
  };
  await Promise.all([...names.values()].map(one));
  if (refused.length > 0) throw new StepsRefused(refused.sort((a, b) => a.at - b.at));
}
