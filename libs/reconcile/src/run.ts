/** The record of one converge: what failed, what is held back because of it, how much was done. It may span several calls of `settle`. */
import { Failure, Task } from './types.js';

export class Run {
  /** Owner -> why it is not as wanted. */
  readonly failures = new Map<string, Failure>();
  /** Owner -> its unit, and the failed owner that it needs, directly or through others. */
  readonly heldBack = new Map<string, Readonly<{ unit: string; cause: string }>>();
  /** Steps that `apply` accepted. */
  applied = 0;
  /** Of the tasks that were needed at first, those that repair what had been right and was to stay as it was. */
  drift = 0;

  /** The first reason stays. */
  fail(owner: string, failure: Failure): void {
    if (!this.failures.has(owner)) this.failures.set(owner, failure);
  }

  /** Why this owner is not as wanted: it failed, or one that it needs did. Undefined when neither. */
  why(owner: string): Failure | undefined {
    return this.failures.get(owner) ?? this.failures.get(this.heldBack.get(owner)?.cause ?? '');
  }

  /** Of these tasks those that can be tried, in order. Owners that need a failed one are noted as held back. */
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
