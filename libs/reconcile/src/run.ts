/** One converge as the engine keeps count of it: what failed, what is held back by it, how much was done. It may span several settles. */
import { Failure, Task } from './types.js';

export class Run {
  /** Owner -> why it is not as wanted. */
  readonly failures = new Map<string, Failure>();
  /** Owner -> its unit, and the failed owner that it waits for, directly or by others. */
  readonly heldBack = new Map<string, Readonly<{ unit: string; cause: string }>>();
  /** Steps that `apply` accepted. */
  applied = 0;
  /** Of what was needed at first: repairs of what had been right and was to stay as it was. */
  drift = 0;

  /** The first reason stays. */
  fail(owner: string, failure: Failure): void {
    if (!this.failures.has(owner)) this.failures.set(owner, failure);
  }

  /** Why this owner is not as wanted, by itself or for want of another; undefined when it is. */
  why(owner: string): Failure | undefined {
    return this.failures.get(owner) ?? this.failures.get(this.heldBack.get(owner)?.cause ?? '');
  }

  /** Of these tasks those that can be tried, in order. What waits for a failed owner is noted as held back. */
  open<Step>(tasks: readonly Task<Step>[]): Task<Step>[] {
    return tasks.filter(({ unit, owner, needs }) => {
      if (this.failures.has(owner) || this.heldBack.has(owner)) return false;
      for (const need of needs ?? []) {
        const cause = this.failures.has(need) ? need : this.heldBack.get(need)?.cause;
        if (cause === undefined) continue;
        this.heldBack.set(owner, { unit, cause });
        return false;
      }
      return true;
    });
  }
}
