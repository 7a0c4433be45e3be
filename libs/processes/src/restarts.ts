/**
 * When a program may be started again that ended by itself. One that runs for a long time is started at once; one that ends soon waits for its turn, each time
 * twice as long from one start to the next. Time is given by the caller.
 *
 * Nothing of this is on the node: an agent that was restarted starts a missing process at once, one start earlier than the old agent would have.
 * Road not taken: only the pauses between the converges that failed. A start succeeds, the end comes later; so each start would look like the first.
 */
import { backoffDelayMs, type BackoffSchedule } from '@plumbline/reconcile';

/** From one start to the next of a program that ends soon: the first time, it is no later than its end is noticed. `maxMs` is also how long a run must last to count as a good one. */
export const defaultRestarts: BackoffSchedule = { firstMs: 250, maxMs: 60_000 };

type Run = Readonly<{ digest: string; startedMs: number; endedMs: number | null; short: number }>;

/** Why a program is not started now. `pauseMs`: from its last start to the next. `short`: how many runs in a row were short. */
export type Hold = Readonly<{ ranMs: number; pauseMs: number; short: number }>;

export class Restarts {
  private readonly runs = new Map<string, Run>();

  constructor(private readonly schedule: BackoffSchedule = defaultRestarts) {}

  /** Null when it may be started. `digest`: of all that it is started with; with another one than before it is another program. */
  hold(name: string, digest: string, nowMs: number): Hold | null {
    const run = this.runs.get(name);
    if (run?.digest !== digest) return null;
    const ranMs = (run.endedMs ?? nowMs) - run.startedMs;
    const pauseMs = backoffDelayMs(run.short, this.schedule, 0);
    if (this.isGood(ranMs) || nowMs >= run.startedMs + pauseMs) return null;
    return { ranMs, pauseMs, short: run.short + 1 };
  }

  started(name: string, digest: string, nowMs: number): void {
    const before = this.runs.get(name);
    const same = before?.digest === digest && !this.isGood((before.endedMs ?? nowMs) - before.startedMs);
    this.runs.set(name, { digest, startedMs: nowMs, endedMs: null, short: same ? before.short + 1 : 0 });
  }

  /** These run; all others that were started have ended by now. */
  onlyTheseRun(names: ReadonlySet<string>, nowMs: number): void {
    for (const [name, run] of this.runs)
      if (run.endedMs === null && !names.has(name)) this.runs.set(name, { ...run, endedMs: nowMs });
  }

  /** It was ended on purpose. */
  forget(name: string): void {
    this.runs.delete(name);
  }

  private isGood(ranMs: number): boolean {
    return ranMs >= this.schedule.maxMs;
  }
}

/** In the words of whoever reads why a process does not run. */
export const holdText = ({ ranMs, pauseMs, short }: Hold): string =>
  `it ended ${seconds(ranMs)} after it was started` +
  (short > 1 ? `, the ${ordinal(short)} time in a row` : '') +
  `; it is started again no sooner than ${seconds(pauseMs)} after that start`;

const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(2))} s`;
const ordinal = (n: number): string => {
  const last = n % 100 > 10 && n % 100 < 14 ? 0 : n % 10;
  return `${n}${['th', 'st', 'nd', 'rd'][last] ?? 'th'}`;
};
