/** Time and randomness, given by the caller: this library has none of its own, and tests decide both. */
export interface Clock {
  /** Calls `ring` once after `delayMs`; the answer cancels it. */
  readonly after: (delayMs: number, ring: () => void) => () => void;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
}
