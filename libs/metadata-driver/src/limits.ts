/** How often each source may ask: so many at once, and then so many a second. What one asks takes nothing from another. */

export type Rate = Readonly<{ perSecond: number; burst: number }>;

/** Sources beyond this many are forgotten, the one that asked longest ago first: it may then ask as if for the first time. */
const MOST_SOURCES = 20_000;

export class Limits {
  /** In the order of their last question. */
  private readonly sources = new Map<string, { left: number; atMs: number }>();

  constructor(
    private readonly rate: Rate,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** False: too often. */
  take(source: string): boolean {
    const atMs = this.now();
    const before = this.sources.get(source) ?? { left: this.rate.burst, atMs };
    this.sources.delete(source);
    const refilled = before.left + ((atMs - before.atMs) / 1_000) * this.rate.perSecond;
    const left = Math.min(this.rate.burst, refilled);
    this.sources.set(source, { left: left >= 1 ? left - 1 : left, atMs });
    if (this.sources.size > MOST_SOURCES) this.sources.delete(this.sources.keys().next().value as string);
    return left >= 1;
  }
}
