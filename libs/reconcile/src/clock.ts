/** Time as this library sees it: given by the caller, so that tests hold it in their hand. */
export interface Clock {
  /** Calls `ring` once after `delayMs`; the answer cancels it. */
  readonly after: (delayMs: number, ring: () => void) => () => void;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
}
