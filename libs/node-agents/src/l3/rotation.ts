/**
 * What nobody reports (a rule, a route, an address, a kernel parameter that was changed by hand) is found by looking: a few routers after the other, so that a look is
 * small and holds up no change. With 10 routers each is looked at every 8 s, with 200 every 100 s; the cost grows more slowly than the number of routers.
 *
 * Road not taken: the full check more often. It reads the whole node at a time, and what was asked for meanwhile waits until it has.
 */
const FEW = { routers: 10, cycleMs: 8_000 } as const;
const MANY = { routers: 200, cycleMs: 100_000 } as const;

/** As often as that some routers are looked at, together: a look costs two forks whatever it looks at. */
const PORTION_MS = 2_000;

/** How long one round over so many routers takes. */
export function cycleMs(routers: number): number {
  const share = Math.max(0, routers - FEW.routers) / (MANY.routers - FEW.routers);
  return FEW.cycleMs + share * (MANY.cycleMs - FEW.cycleMs);
}

/** What the rotation looks at need not be looked at as often by full checks, which find what is left of routers that nobody wants. */
const FULL = { leastMs: 60_000, cycles: 1.5 } as const;

/** Mean time between full checks of a node with so many routers. */
export const fullCheckMs = (routers: number): number => Math.max(FULL.leastMs, FULL.cycles * cycleMs(routers));

/** Runs `work` after a time, once; the result cancels that. */
export type After = (ms: number, work: () => void) => () => void;

const inTime: After = (ms, work) => {
  const timer = setTimeout(work, ms);
  timer.unref();
  return () => clearTimeout(timer);
};

export class Rotation {
  private ids: readonly string[] = [];
  private next = 0;
  private cancel: (() => void) | null = null;

  /** `look`: has routers looked at, by their ids. */
  constructor(
    private readonly look: (ids: ReadonlySet<string>) => void,
    private readonly after: After = inTime,
  ) {}

  /** The routers to go round from now on; the first time it begins. */
  over(ids: readonly string[]): void {
    this.ids = ids;
    if (!this.cancel) this.wait();
  }

  /** How many routers it goes round. */
  get size(): number {
    return this.ids.length;
  }

  stop(): void {
    this.cancel?.();
    this.ids = [];
  }

  private wait(): void {
    if (this.ids.length === 0) return;
    const { length } = this.ids;
    const portion = Math.ceil((PORTION_MS * length) / cycleMs(length));
    this.cancel = this.after((portion * cycleMs(length)) / length, () => {
      this.cancel = null;
      const ids = new Set<string>();
      for (let n = 0; n < portion && this.ids.length > 0; n += 1) {
        ids.add(this.ids[this.next % this.ids.length] as string);
        this.next = (this.next + 1) % this.ids.length;
      }
      if (ids.size > 0) this.look(ids);
      this.wait();
    });
  }
}
