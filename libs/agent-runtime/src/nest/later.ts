import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@plumbline/telemetry';

const pauseMs = 500;

/** A connection that an agent needs and must not wait for at its start (the switch's database): opened in the background, retried until it succeeds. */
export class Later<T> {
  /** Null until it is open. */
  current: T | null = null;
  private lastError: Error = new Error('still trying');
  private closed = false;
  /** Resolves when it is open. */
  readonly opened: Promise<T>;

  /** `what` names it in messages: "Open vSwitch's database at unix:...". */
  constructor(
    private readonly what: string,
    open: () => Promise<T>,
    private readonly logger: Logger,
  ) {
    this.opened = new Promise((resolve) => void this.tryForEver(open, resolve));
  }

  /** Resolves with it, or rejects with the reason why it is not open yet. Waits for the first attempt, at most 300 ms. */
  async now(): Promise<T> {
    const opened = this.current ?? (await Promise.race([this.opened, delay(300, null, { ref: false })]));
    if (opened !== null) return opened;
    throw new Error(`${this.what} cannot be reached: ${this.lastError.message}`);
  }

  check(): Readonly<{ ok: boolean; detail: string }> {
    return this.current === null
      ? { ok: false, detail: `${this.what} cannot be reached: ${this.lastError.message}` }
      : { ok: true, detail: `${this.what} is open` };
  }

  /** Ends the attempts. Does not close what is open: its owner does. */
  close(): void {
    this.closed = true;
  }

  private async tryForEver(open: () => Promise<T>, opened: (thing: T) => void): Promise<void> {
    for (let failed = false; !this.closed;) {
      try {
        this.current = await open();
        opened(this.current);
        return;
      } catch (err) {
        this.lastError = err as Error;
        if (!failed) this.logger.warn({ err, what: this.what, step: 'open' }, 'cannot connect, will be retried');
        failed = true;
        await delay(pauseMs, undefined, { ref: false });
      }
    }
  }
}
