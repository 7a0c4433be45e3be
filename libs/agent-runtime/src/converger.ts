/**
 * The level-triggered loop between view and node: what changed is marked, one converge at a time looks at what is marked.
 *
 * Goals: many events, one converge; an event costs what it changes, however much the node carries; what failed is tried again by itself, ever more rarely; what could not be removed for want of proof is looked at again
 * once there is proof; a full observe on a timer finds drift that nobody told us about.
 * Design: a converge must not see the view change under it, and the view goes on meanwhile. So it gets a copy that stands still while it runs, and that is brought
 * up to date before the next by the very marks that the next is about: what was folded in was marked.
 * Roads not taken: a copy of the whole for each converge, which makes one floating IP cost what all of them cost; messages that wait until the converge
 * has ended, which makes an agent look as if it lagged whenever it works. A queue of keys. It has no whole: here the first look and each look on the timer are one observe of the node, for what must go is on no list.
 */
import { KINDS, ObjectKey } from '@plumbline/contracts';
import { Backoff, backoffDelayMs } from '@plumbline/reconcile';
import { catchUp, Convergence, ConvergeOptions, emptyView, HostView } from '@plumbline/topology';
import { Clock } from './clock.js';
import { Reconciler } from './reconciler.js';

export type Marks = ReadonlySet<ObjectKey> | 'all';

export type ConvergerOptions = Readonly<{
  reconciler: Reconciler;
  clock: Clock;
  /** The view to make true, and on what terms; null: hold still. Asked before each converge. */
  terms(): Promise<Readonly<{ view: HostView; mayRemove: boolean; unverified: boolean }> | null>;
  onConverged(result: Convergence, view: HostView, options: ConvergeOptions): void;
  onError(error: Error): void;
  /** Mean time between full observes; each is drawn from 0.8 to 1.2 of it. */
  fullEveryMs: number;
}>;

const keyBackoff = { firstMs: 500, maxMs: 60_000 } as const;
const wholeBackoff = { firstMs: 250, maxMs: 30_000 } as const;

const isObjectKey = (key: string): key is ObjectKey => KINDS.some((kind) => key.startsWith(`${kind}/`));

/** Marks that are still being added to. */
type Gathered = Set<ObjectKey> | 'all';

/** Adds to what is gathered; costs what is added. */
function gather(gathered: Gathered, marks: Marks): Gathered {
  if (gathered === 'all' || marks === 'all') return 'all';
  for (const key of marks) gathered.add(key);
  return gathered;
}

export class Converger {
  /** Failed keys, their reason and the number of attempts since they last were well. */
  readonly failing = new Map<string, Readonly<{ attempt: number; reason: string; cancel: () => void }>>();
  private marked: Gathered = new Set();
  /** Looked at without the right to remove. */
  private owed: Gathered = new Set();
  /** What the converges see: the view as it was when the last one began. */
  private shown: HostView | null = null;
  private running: Promise<void> | null = null;
  /** Somebody called since the last look. */
  private due = false;
  private stopped = false;
  private resting: (() => void) | null = null;
  private cancelFull: (() => void) | null = null;
  private readonly backoff = new Backoff(wholeBackoff);
  /** Of the last converge that rejected; null after one that did not. */
  lastError: Error | null = null;

  constructor(private readonly options: ConvergerOptions) {}

  /** These have to be looked at. Whatever changed in the view since the last converge must have been marked. */
  mark(keys: Marks): void {
    this.marked = gather(this.marked, keys);
    this.wake();
  }

  /** The terms may have changed: what was held still, or may be removed now, is looked at. */
  wake(): void {
    this.due = true;
    if (!this.running) this.running = this.loop();
  }

  private async loop(): Promise<void> {
    // A turn later: what is marked in one go is one converge.
    await Promise.resolve();
    while (this.due && !this.stopped && !this.resting) {
      this.due = false;
      await this.turns();
    }
    this.running = null;
  }

  /** Resolves when the running converge has ended; none begins any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelFull?.();
    this.resting?.();
    for (const { cancel } of this.failing.values()) cancel();
    await this.running;
  }

  private async turns(): Promise<void> {
    while (!this.stopped) {
      const terms = await this.options.terms();
      if (!terms || this.stopped) return;
      if (terms.mayRemove && (this.owed === 'all' || this.owed.size > 0)) {
        this.marked = gather(this.marked, this.owed);
        this.owed = new Set();
      }
      const touched = this.marked;
      if (touched !== 'all' && touched.size === 0) return;
      this.marked = new Set();
      const view = (this.shown ??= emptyView(terms.view.host));
      catchUp(view, terms.view, touched);
      const options: ConvergeOptions = { touched, mayRemove: terms.mayRemove, unverified: terms.unverified };
      if (touched === 'all') this.planFull();
      try {
        const result = await this.options.reconciler.converge(view, options);
        this.lastError = null;
        this.backoff.reset();
        if (!options.mayRemove) this.owed = gather(this.owed, touched);
        this.judge(touched, result);
        this.options.onConverged(result, view, options);
      } catch (reason) {
        this.lastError = reason instanceof Error ? reason : new Error(String(reason));
        this.options.onError(this.lastError);
        this.marked = gather(touched, this.marked);
        this.rest();
        return;
      }
    }
  }

  /** Nothing at all could be done: not even what is marked meanwhile is tried before the pause is over. */
  private rest(): void {
    if (this.stopped) return;
    const { clock } = this.options;
    const cancel = clock.after(this.backoff.next(clock.random()), () => {
      this.resting = null;
      this.wake();
    });
    this.resting = cancel;
  }

  private planFull(): void {
    const { clock, fullEveryMs } = this.options;
    this.cancelFull?.();
    this.cancelFull = clock.after(fullEveryMs * (0.8 + 0.4 * clock.random()), () => this.mark('all'));
  }

  private judge(touched: Marks, { failed }: Convergence): void {
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
