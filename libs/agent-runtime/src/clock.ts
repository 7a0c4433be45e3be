import type { Clock as Timers } from '@plumbline/reconcile';

/** Time and randomness of a session, passed in so that tests can control them. `nowMs` never goes back. */
export interface Clock extends Timers {
  readonly nowMs: () => number;
  /** Wall time, RFC 3339 in UTC with milliseconds. */
  readonly nowIso: () => string;
}

/** The machine's clock. Its timers do not keep the process alive. */
export const machineClock: Clock = {
  nowMs: () => performance.now(),
  nowIso: () => new Date().toISOString(),
  random: Math.random,
  after: (delayMs, ring) => {
    const timer = setTimeout(ring, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
