/**
 * When this process last began to store a change, or told nodes of one. What can wait waits for it a moment: a question to a node takes as much of the machine as the
 * change that somebody waits for.
 */
import { setTimeout as delay } from 'node:timers/promises';

/** How long nothing must have been changed, and for how long that is waited for: also where changes never end, questions are asked. */
const [QUIET_MS, PATIENCE_MS] = [40, 150];

export class Changes {
  /** In milliseconds of performance.now(). */
  private lastAt = -Infinity;

  note(): void {
    this.lastAt = performance.now();
  }

  /** Resolves once there was no change for a moment, with how long that was waited for, in milliseconds. */
  async quiet(): Promise<number> {
    const began = performance.now();
    for (;;) {
      const now = performance.now();
      const restMs = Math.min(this.lastAt + QUIET_MS, began + PATIENCE_MS) - now;
      if (restMs <= 0) return now - began;
      await delay(restMs);
    }
  }
}
