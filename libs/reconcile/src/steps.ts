import { asError } from './types.js';

/** A step that failed, and what of its chain was not tried for that reason. */
export interface FailedStep<S> {
  readonly step: S;
  readonly error: Error;
  /** The index of its chain. */
  readonly chain: number;
  /** The steps after it in its chain: not tried. */
  readonly skipped: readonly S[];
}

/** What became of a plan. */
export interface Outcome<S> {
  readonly applied: number;
  readonly failed: readonly FailedStep<S>[];
}

/**
 * Applies chains of steps. Inside a chain steps run in order, and one that fails ends its chain; it harms no other
 * chain. Up to `concurrency` chains (default 1) run side by side. Never rejects. `failed` is in the order of chains.
 */
export async function runChains<S>(
  chains: readonly (readonly S[])[],
  apply: (step: S) => Promise<void>,
  options: { readonly concurrency?: number } = {},
): Promise<Outcome<S>> {
  let applied = 0;
  let next = 0;
  const failed: FailedStep<S>[] = [];
  const worker = async (): Promise<void> => {
    for (let chain = next++; chain < chains.length; chain = next++) {
      const steps = chains[chain] ?? [];
      for (const [index, step] of steps.entries()) {
        try {
          await apply(step);
          applied += 1;
        } catch (reason) {
          failed.push({ step, error: asError(reason), chain, skipped: steps.slice(index + 1) });
          break;
        }
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.concurrency ?? 1) }, worker));
  return { applied, failed: failed.sort((a, b) => a.chain - b.chain) };
}
