import { Clock } from '../clock.js';

/** Time that moves only by `run`. Timers ring in order of their time; after each one, all pending promises are settled first. */
export class ManualClock implements Clock {
  private time = 0;
  private serial = 0;
  private timers: { at: number; serial: number; ring: () => void }[] = [];

  constructor(readonly random: () => number = () => 0.5) {}

  readonly nowMs = (): number => this.time;
  readonly nowIso = (): string => new Date(Date.UTC(2026, 0, 1) + this.time).toISOString();
  readonly after = (delayMs: number, ring: () => void): (() => void) => {
    const timer = { at: this.time + Math.max(0, delayMs), serial: (this.serial += 1), ring };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((each) => each !== timer);
    };
  };

  /** Moves time on by `ms`. */
  async run(ms: number): Promise<void> {
    const until = this.time + ms;
    await settled();
    for (;;) {
      this.timers.sort((a, b) => a.at - b.at || a.serial - b.serial);
      const next = this.timers[0];
      if (!next || next.at > until) break;
      this.timers.shift();
      this.time = next.at;
      next.ring();
      await settled();
    }
    this.time = until;
  }
}

/** Resolves when all promises that wait for no timer are settled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
