/**
 * The level-triggered loop between view and node: objects that changed are marked, and one converge at a time reconciles the marked ones.
 *
 * Goals: many events cost one converge; an event costs what it changes, however much the node carries; what failed is retried, with a backoff; what was converged
 * while nothing could be removed is converged again once removing is allowed; a full resync on a timer finds drift that no event and no driver reported.
 * Design: the view must not change during a converge, but messages go on changing it. So a converge gets a copy of the view, which does not change while it runs.
 * Before the next converge the marked objects are copied over; that is enough, because whatever was folded in was marked.
 * A converge that has much to look at lets others in between its parts (`between`): a change never waits for a resync or a rebuild. The copy is brought up to date for the
 * one in between, so the part after it works by what is wanted then.
 * What a converge changed and left to be read back is looked at once nothing was asked for for 100 ms, or after half a second: a change does not wait for the one before.
 * Roads not taken: a full copy for each converge, with which one floating IP would cost as much as all of them; messages that wait until the converge has ended,
 * with which a working agent would look as if it lagged. A queue of keys: it cannot express a full resync, which must observe the whole node, because what has
 * to be removed is in no list of keys.
 */
import { KINDS, ObjectKey } from '@plumbline/contracts';
import { Backoff, backoffDelayMs } from '@plumbline/reconcile';
import { catchUp, Convergence, ConvergeOptions, emptyView, HostView } from '@plumbline/topology';
import { Clock } from './clock.js';
import { Reconciler } from './reconciler.js';

export type Marks = ReadonlySet<ObjectKey> | 'all';

/** The view to make true, and whether things may be removed. */
type Terms = Readonly<{ view: HostView; mayRemove: boolean; unverified: boolean }>;

export type ConvergerOptions = Readonly<{
  reconciler: Reconciler;
  clock: Clock;
  /** Called before each converge; null: do nothing for now. */
  terms(): Promise<Terms | null>;
  onConverged(result: Convergence, view: HostView, options: ConvergeOptions): void;
  onError(error: Error): void;
  /** Mean time between full resyncs, asked for before each; it is drawn from 0.8 to 1.2 of it. */
  fullEveryMs: () => number;
}>;

const keyBackoff = { firstMs: 500, maxMs: 60_000 } as const;
const convergeBackoff = { firstMs: 250, maxMs: 30_000 } as const;

/** How long nothing must have been asked for until what was changed is read back, and for how long that may be put off. */
const QUIET_MS = 100;
const LONGEST_UNREAD_MS = 500;

const isObjectKey = (key: string): key is ObjectKey => KINDS.some((kind) => key.startsWith(`${kind}/`));

/** Marks that are still being added to. */
type Collected = Set<ObjectKey> | 'all';

/** Adds marks in place; costs what is added. */
function collect(collected: Collected, marks: Marks): Collected {
  if (collected === 'all' || marks === 'all') return 'all';
  for (const key of marks) collected.add(key);
  return collected;
}

export class Converger {
  /** Failed keys, their reason and the number of failed attempts in a row. */
  readonly failing = new Map<string, Readonly<{ attempt: number; reason: string; cancel: () => void }>>();
  private marked: Collected = new Set();
  /** Converged while nothing could be removed: marked again when removing is allowed. */
  private withoutRemoval: Collected = new Set();
  /** The copy of the view that converges get: as the view was when the last one began. */
  private copy: HostView | null = null;
  /** Changed and not read back, the first of it at `since`. */
  private unread: Readonly<{ keys: Set<ObjectKey>; since: number; cancel: () => void }> | null = null;
  private running: Promise<void> | null = null;
  /** `wake` was called since the loop last checked. */
  private due = false;
  private stopped = false;
  private cancelPause: (() => void) | null = null;
  private cancelFull: (() => void) | null = null;
  private readonly backoff = new Backoff(convergeBackoff);
  /** The error of the last converge; null when it succeeded. */
  lastError: Error | null = null;

  constructor(private readonly options: ConvergerOptions) {}

  /** Has these objects reconciled. The caller must mark whatever changes in the view. */
  mark(keys: Marks): void {
    this.marked = collect(this.marked, keys);
    this.wake();
  }

  /** Call when what could not be done at all may be possible now: no pause is waited for. */
  retry(): void {
    this.backoff.reset();
    this.cancelPause?.();
    this.cancelPause = null;
    this.wake();
  }

  /** Call when the answer of `terms` may have changed: what had to wait for it is converged. */
  wake(): void {
    this.due = true;
    if (!this.running) this.running = this.loop();
  }

  private async loop(): Promise<void> {
    // Waits for the caller to return: what it marks in one go is one converge.
    await Promise.resolve();
    while (this.due && !this.stopped && !this.cancelPause) {
      this.due = false;
      await this.convergeMarked();
    }
    this.running = null;
  }

  /** Resolves when the running converge has ended; no other begins. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelFull?.();
    this.cancelPause?.();
    this.unread?.cancel();
    for (const { cancel } of this.failing.values()) cancel();
    await this.running;
  }

  private async convergeMarked(): Promise<void> {
    while (!this.stopped) {
      const terms = await this.options.terms();
      if (!terms || this.stopped) return;
      if (terms.mayRemove && (this.withoutRemoval === 'all' || this.withoutRemoval.size > 0)) {
        this.marked = collect(this.marked, this.withoutRemoval);
        this.withoutRemoval = new Set();
      }
      const touched = this.marked;
      if (touched !== 'all' && touched.size === 0) return;
      if (!(await this.attempt(terms, touched, () => this.convergeBetween()))) return this.pause();
    }
  }

  /** What was marked while a converge is under way. A full look waits for its end; what fails is marked again. */
  private async convergeBetween(): Promise<void> {
    const waiting = (): ReadonlySet<ObjectKey> | null =>
      this.stopped || this.marked === 'all' || this.marked.size === 0 ? null : this.marked;
    const terms = waiting() && (await this.options.terms());
    const touched = waiting();
    if (terms && touched) await this.attempt(terms, touched);
  }

  /** One converge of what is marked now. False: nothing could be done, and it is marked again. */
  private async attempt(terms: Terms, touched: Marks, between?: () => Promise<void>): Promise<boolean> {
    this.marked = new Set();
    const view = (this.copy ??= emptyView(terms.view.host));
    catchUp(view, terms.view, touched);
    const { mayRemove, unverified } = terms;
    const options: ConvergeOptions = { touched, mayRemove, unverified, readsLater: true };
    if (touched === 'all') this.scheduleFull();
    try {
      const { reconciler } = this.options;
      const result = await reconciler.converge(view, between ? { ...options, between } : options);
      this.lastError = null;
      this.backoff.reset();
      if (!options.mayRemove) this.withoutRemoval = collect(this.withoutRemoval, touched);
      if (result.again) this.marked = collect(this.marked, result.again);
      if (result.unread) this.readLater(result.unread);
      this.retryFailed(touched, result);
      this.options.onConverged(result, view, options);
      return true;
    } catch (reason) {
      this.lastError = reason instanceof Error ? reason : new Error(String(reason));
      this.options.onError(this.lastError);
      this.marked = touched === 'all' ? 'all' : collect(new Set(touched), this.marked);
      return false;
    }
  }

  /** After a converge that could do nothing at all: until the pause is over nothing is tried, not even what is marked meanwhile. */
  private pause(): void {
    if (this.stopped) return;
    const { clock } = this.options;
    const cancel = clock.after(this.backoff.next(clock.random()), () => {
      this.cancelPause = null;
      this.wake();
    });
    this.cancelPause = cancel;
  }

  /** Each change puts it off, but not for ever. */
  private readLater(more: ReadonlySet<ObjectKey>): void {
    const { clock } = this.options;
    const nowMs = clock.nowMs();
    const { keys, since } = this.unread ?? { keys: new Set(), since: nowMs };
    this.unread?.cancel();
    for (const key of more) keys.add(key);
    const cancel = clock.after(Math.max(0, Math.min(QUIET_MS, since + LONGEST_UNREAD_MS - nowMs)), () => {
      this.unread = null;
      this.mark(keys);
    });
    this.unread = { keys, since, cancel };
  }

  private scheduleFull(): void {
    const { clock, fullEveryMs } = this.options;
    this.cancelFull?.();
    this.cancelFull = clock.after(fullEveryMs() * (0.8 + 0.4 * clock.random()), () => this.mark('all'));
  }

  private retryFailed(touched: Marks, { failed }: Convergence): void {
    const { clock } = this.options;
    const bad = new Map(failed.map(({ key, reason }) => [key, reason]));
    for (const [key, { cancel }] of this.failing) {
      if (bad.has(key) || (touched !== 'all' && isObjectKey(key) && !touched.has(key))) continue;
      cancel();
      this.failing.delete(key);
    }
    for (const [key, reason] of bad) {
      const before = this.failing.get(key);
      before?.cancel();
      const attempt = before ? before.attempt + 1 : 0;
      const marks: Marks = isObjectKey(key) ? new Set([key]) : 'all';
      const cancel = clock.after(backoffDelayMs(attempt, keyBackoff, clock.random()), () => this.mark(marks));
      this.failing.set(key, { attempt, reason, cancel });
    }
  }
}
