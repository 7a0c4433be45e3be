/**
 * What nobody reports (a rule, a route, an address, a kernel parameter that was changed by hand) is found by looking: one router after the other, so that a look is
 * small and holds up no change. With 10 routers each is looked at every 8 s, with 200 every 100 s; the cost grows more slowly than the number of routers.
 *
 * Road not taken: the full check more often. It reads the whole node at a time, and what was asked for meanwhile waits until it has.
 */
const FEW = { routers: 10, cycleMs: 8_000 } as const;
const MANY = { routers: 200, cycleMs: 100_000 } as const;

/** How long one round over so many routers takes. */
export function cycleMs(routers: number): number {
  const share = Math.max(0, routers - FEW.routers) / (MANY.routers - FEW.routers);
  return FEW.cycleMs + share * (MANY.cycleMs - FEW.cycleMs);
}

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

  /** `look`: has a router looked at, by its id. */
  constructor(
    private readonly look: (id: string) => void,
    private readonly after: After = inTime,
  ) {}

  /** The routers to go round from now on; the first time it begins. */
  over(ids: readonly string[]): void {
    this.ids = ids;
    if (!this.cancel) this.wait();
  }

  stop(): void {
    this.cancel?.();
    this.ids = [];
  }

  private wait(): void {
    if (this.ids.length === 0) return;
    this.cancel = this.after(cycleMs(this.ids.length) / this.ids.length, () => {
      this.cancel = null;
      const id = this.ids[this.next % this.ids.length];
      this.next = (this.next + 1) % Math.max(1, this.ids.length);
      if (id !== undefined) this.look(id);
      this.wait();
    });
  }
}
