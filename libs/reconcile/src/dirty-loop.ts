// The level-triggered loop of an agent: what changed is marked, and one converge at a time looks at what is marked.
//
// Goals: many marks, one converge; a fresh mark never waits behind a full resync; a key that fails is repeated by
// itself, ever more rarely, and holds up no other; whoever waits can know when all is quiet.
// Design: three sets of keys. `marked` goes first, all of it in one converge. `resyncing` goes in slices of
// `sliceSize`, one slice a converge, marked keys between them and with them. `failing` keys wait for their backoff and
// come back as marks. Marks that arrive during a converge are for the next one.
// Road not taken: a queue of events. An event says what changed, not what is to be done: only the newest state counts.
import { backoffDelayMs, defaultBackoff, type BackoffSchedule } from './backoff.js';
import type { Clock } from './clock.js';
import { asError } from './steps.js';

/** How a DirtyLoop is set up. */
export interface DirtyLoopOptions<K> {
  /**
   * Makes these keys true. Never called while a call is running. Answers the keys that failed (none: nothing), to be
   * repeated later; a rejection means that all of them failed.
   */
  readonly converge: (keys: readonly K[]) => Promise<Iterable<K> | void>;
  readonly clock: Clock;
  /** Keys of a resync taken in one converge. Default 10. */
  readonly sliceSize?: number;
  /** The delays between repetitions of a key that fails. */
  readonly backoff?: BackoffSchedule;
  /** Told of each converge that rejected. */
  readonly onError?: (error: Error, keys: readonly K[]) => void;
}

interface Failing {
  readonly attempt: number;
  readonly cancel: () => void;
}

interface Resync<K> {
  readonly left: Set<K>;
  readonly done: () => void;
}

/** Coalesces marks and runs one converge at a time. Keys are compared as a Set does: use strings. */
export class DirtyLoop<K> {
  readonly #options: DirtyLoopOptions<K>;
  readonly #sliceSize: number;
  readonly #marked = new Set<K>();
  readonly #resyncing = new Set<K>();
  readonly #failing = new Map<K, Failing>();
  #resyncs: Resync<K>[] = [];
  #waiters: (() => void)[] = [];
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: DirtyLoopOptions<K>) {
    this.#options = options;
    this.#sliceSize = options.sliceSize ?? 10;
  }

  /** Says that a key may have changed. A key that waits for its backoff is tried at once. No effect once stopped. */
  mark(...keys: readonly K[]): void {
    if (this.#stopped) return;
    for (const key of keys) this.#marked.add(key);
    this.#wake();
  }

  /**
   * Looks at all these keys, in slices between which marks go first. Resolves when each has been in a converge that
   * began after this call, whether or not it succeeded, or when the loop is stopped. A resync during another joins it.
   */
  resync(keys: Iterable<K>): Promise<void> {
    const left = new Set(keys);
    if (this.#stopped || left.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#resyncs = [...this.#resyncs, { left, done: resolve }];
      for (const key of left) this.#resyncing.add(key);
      this.#wake();
    });
  }

  /** The keys whose last converge failed and that wait to be repeated. */
  get failing(): readonly K[] {
    return [...this.#failing.keys()];
  }

  /** Resolves when no converge runs and none is due now, with the keys that wait for their backoff. */
  async settled(): Promise<readonly K[]> {
    while (this.#busy()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    return this.failing;
  }

  /** Takes no more marks, drops those not begun, and resolves when the running converge has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#marked.clear();
    this.#resyncing.clear();
    for (const { cancel } of this.#failing.values()) cancel();
    this.#failing.clear();
    for (const resync of this.#resyncs) resync.done();
    this.#resyncs = [];
    await this.#running;
  }

  #busy(): boolean {
    return this.#running !== undefined || this.#marked.size > 0 || this.#resyncing.size > 0;
  }

  #wake(): void {
    // The first turn starts in a microtask: marks made in one go share a converge.
    this.#running ??= Promise.resolve().then(() => this.#turns());
  }

  async #turns(): Promise<void> {
    while (this.#marked.size > 0 || this.#resyncing.size > 0) {
      const resyncs = this.#resyncs; // not those asked for while this converge runs
      const keys = this.#take();
      const failed = await this.#converge(keys);
      if (this.#stopped) break;
      for (const key of keys) this.#judge(key, failed.has(key));
      for (const resync of resyncs) for (const key of keys) resync.left.delete(key);
      this.#resyncs = this.#resyncs.filter((resync) => resync.left.size > 0);
      for (const resync of resyncs) if (resync.left.size === 0) resync.done();
    }
    // Here and not in a later turn of the event loop: a mark made in between would start nothing.
    this.#running = undefined;
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  /** Marked keys alone when there are any: a fresh change is not made slower by company. */
  #take(): readonly K[] {
    const source = this.#marked.size > 0 ? [...this.#marked] : [...this.#resyncing].slice(0, this.#sliceSize);
    for (const key of source) {
      this.#marked.delete(key);
      this.#resyncing.delete(key);
      this.#failing.get(key)?.cancel();
    }
    return source;
  }

  async #converge(keys: readonly K[]): Promise<ReadonlySet<K>> {
    try {
      return new Set((await this.#options.converge(keys)) ?? []);
    } catch (reason) {
      this.#options.onError?.(asError(reason), keys);
      return new Set(keys);
    }
  }

  #judge(key: K, failed: boolean): void {
    const before = this.#failing.get(key);
    if (!failed) {
      this.#failing.delete(key);
      return;
    }
    const attempt = before ? before.attempt + 1 : 0;
    const { clock, backoff = defaultBackoff } = this.#options;
    const cancel = clock.after(backoffDelayMs(attempt, backoff, clock.random()), () => this.mark(key));
    this.#failing.set(key, { attempt, cancel });
  }
}
