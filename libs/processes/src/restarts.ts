/**
 * When a program may be started again that ended by itself. One that had run well is started at once; one that ends soon waits for its turn, each time twice as long
 * from one start to the next. Time is given by the caller.
 *
 * A run is a good one when it was seen to last for a second, and for as long as the pause that the runs before it had led to. Who kills a program that works, however
 * often, has it back at once; a program that cannot run says so within that second, or, on a machine with too much to do, once the pauses have given it room.
 *
 * Nothing of this is on the node: an agent that was restarted starts a missing process at once, one start earlier than the old agent would have.
 * Roads not taken: only the pauses between the converges that failed. A start succeeds, the end comes later; so each start would look like the first. A minute for a good
 * run: a DHCP server that was killed ten times in a minute was then away for as long.
 */
import { backoffDelayMs, type BackoffSchedule } from '@plumbline/reconcile';

/** From one start to the next of a program that ends soon: the first time, it is no later than its end is noticed. */
export const defaultRestarts: BackoffSchedule = { firstMs: 250, maxMs: 60_000 };

/** How long a good run was seen to last, at least. */
const GOOD_MS = 1_000;

/** `seenMs`: when it was last seen running. Its end is noticed up to one look later. */
type Run = Readonly<{ digest: string; startedMs: number; seenMs: number; endedMs: number | null; short: number }>;

/** Why a program is not started now. `pauseMs`: from its last start to the next. `short`: how many runs in a row were short. */
export type Hold = Readonly<{ ranMs: number; pauseMs: number; short: number }>;

export class Restarts {
  private readonly runs = new Map<string, Run>();

  constructor(private readonly schedule: BackoffSchedule = defaultRestarts) {}

  /** Null when it may be started. `digest`: of all that it is started with; with another one than before it is another program. */
  hold(name: string, digest: string, nowMs: number): Hold | null {
    const run = this.runs.get(name);
    if (run?.digest !== digest) return null;
    const pauseMs = this.pauseMs(run);
    if (this.isGood(run) || nowMs >= run.startedMs + pauseMs) return null;
    return { ranMs: (run.endedMs ?? nowMs) - run.startedMs, pauseMs, short: run.short + 1 };
  }

  started(name: string, digest: string, nowMs: number): void {
    const before = this.runs.get(name);
    const short = before?.digest === digest && !this.isGood(before) ? before.short + 1 : 0;
    this.runs.set(name, { digest, startedMs: nowMs, seenMs: nowMs, endedMs: null, short });
  }

  /** These run; all others that were started have ended by now. */
  onlyTheseRun(names: ReadonlySet<string>, nowMs: number): void {
    for (const [name, run] of this.runs)
      if (run.endedMs === null)
        this.runs.set(name, names.has(name) ? { ...run, seenMs: nowMs } : { ...run, endedMs: nowMs });
  }

  /** It was ended on purpose. */
  forget(name: string): void {
    this.runs.delete(name);
  }

  private pauseMs({ short }: Run): number {
    return backoffDelayMs(short, this.schedule, 0);
  }

  private isGood(run: Run): boolean {
    return run.seenMs - run.startedMs >= Math.max(GOOD_MS, this.pauseMs(run));
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
