/** How long to wait between attempts: `firstMs * factor^attempt`, at most `maxMs`. */
export interface BackoffSchedule {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Default 2. */
  readonly factor?: number;
  /** The part of the delay that is random, 0 to 1: 0.5 means between half of it and all of it. Default 0.5. */
  readonly jitter?: number;
}

/** Quick at first, at most half a minute. */
export const defaultBackoff: BackoffSchedule = { firstMs: 100, maxMs: 30_000 };

/**
 * The delay before attempt number `attempt` (0 is the first repetition), in whole milliseconds.
 * `random` is in [0, 1) and comes from the caller, so that the schedule is a function.
 */
export function backoffDelayMs(attempt: number, schedule: BackoffSchedule, random: number): number {
  const { firstMs, maxMs, factor = 2, jitter = 0.5 } = schedule;
  const fullMs = Math.min(maxMs, firstMs * factor ** Math.max(0, attempt));
  return Math.round(fullMs * (1 - jitter * random));
}

/** Counts attempts for backoffDelayMs. */
export class Backoff {
  private attempts = 0;

  constructor(private readonly schedule: BackoffSchedule = defaultBackoff) {}

  /** How many delays have been given out since the last reset. */
  get attempt(): number {
    return this.attempts;
  }

  /** The next delay in milliseconds; each is at least as long as the one before, jitter aside. */
  next(random: number): number {
    const delayMs = backoffDelayMs(this.attempts, this.schedule, random);
    this.attempts += 1;
    return delayMs;
  }

  /** After a success: the next delay is the first again. */
  reset(): void {
    this.attempts = 0;
  }
}
