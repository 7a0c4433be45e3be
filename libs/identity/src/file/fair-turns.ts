/**
 * Turns at work of which only a few may go on at once. Whoever waits is served in a round: one of each key, then the next of each. So one key with many waiting
 * does not hold up another with one, however many it sends.
 *
 * Places for waiting are limited too, in all and for one key. When all are taken, a newcomer takes the place of the last one of the longest line, if that line is
 * longer than its own would be; so a crowd of one key cannot fill the room either.
 */

/** No turn came: too many wait. The work was not begun. */
export class TooManyWaiting extends Error {
  override readonly name = 'TooManyWaiting';
}

type Waiting = Readonly<{ go: () => void; refuse: (error: TooManyWaiting) => void }>;
export type Room = Readonly<{ atOnce: number; waiting: number; waitingOfOne: number }>;

export class FairTurns {
  private running = 0;
  private total = 0;
  /** In the order in which the keys are served next; no line is empty. */
  private readonly lines = new Map<string, Waiting[]>();

  constructor(private readonly room: Room) {}

  /** How many wait now. */
  get waiting(): number {
    return this.total;
  }

  /** Does the work when a turn of this key comes. Rejects with TooManyWaiting when none can come. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (this.running < this.room.atOnce) this.running += 1;
    else await this.wait(key);
    try {
      return await work();
    } finally {
      if (!this.next()) this.running -= 1;
    }
  }

  private wait(key: string): Promise<void> {
    const own = this.lines.get(key)?.length ?? 0;
    if (own >= this.room.waitingOfOne || (this.total >= this.room.waiting && !this.makeRoom(own + 1)))
      return Promise.reject(new TooManyWaiting('too many wait'));
    return new Promise<void>((go, refuse) => {
      const line = this.lines.get(key);
      if (line) line.push({ go, refuse });
      else this.lines.set(key, [{ go, refuse }]);
      this.total += 1;
    });
  }

  /** Sends the last one of the longest line away, if that line is longer than `than`. */
  private makeRoom(than: number): boolean {
    let longest: readonly [string, Waiting[]] | undefined;
    for (const entry of this.lines) if (!longest || entry[1].length > longest[1].length) longest = entry;
    if (!longest || longest[1].length <= than) return false;
    longest[1].pop()?.refuse(new TooManyWaiting('somebody who waits less takes the place'));
    this.total -= 1;
    return true;
  }

  /** Gives the turn that just ended to the next key; false when nobody waits. */
  private next(): boolean {
    const [entry] = this.lines;
    if (!entry) return false;
    const [key, line] = entry;
    const first = line.shift();
    this.lines.delete(key);
    if (line.length > 0) this.lines.set(key, line);
    this.total -= 1;
    first?.go();
    return true;
  }
}
