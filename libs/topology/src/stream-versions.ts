/**
 * Versions of streams: how many events each has so far. A command that changes or reads an object expects its stream to have the version that this memory knows.
 *
 * Goal: memory is as large as what lives, not as what ever lived. So a version is kept while the object that the stream is named for lives. Of streams whose
 * object is gone only the last few are kept: those that just ended, and those that somebody asked the log about.
 * What was forgotten is 0, like what never was. Both are the same to a decision, since the object is not there; the log alone knows better. If it holds
 * another version it refuses the command, and the writer asks it for that one (`Follower.recall`), which a quota that is set again or a node that comes
 * back pays once. A version that is too old is harmless: versions only grow, so the log refuses it.
 * Road not taken: a precondition on positions ("not changed since 1234") in place of versions. It would need no memory at all, but events carry their stream's version, so
 * whoever writes one must know it.
 */

/** Enough for what comes back soon; a few hundred kilobytes. */
const REMEMBERED = 1_000;

export class StreamVersions {
  private readonly living = new Map<string, number>();
  /** In the order in which they were put in. */
  private readonly ended = new Map<string, number>();

  /** 0 for a stream that does not exist or was forgotten. */
  of(stream: string): number {
    return this.living.get(stream) ?? this.ended.get(stream) ?? 0;
  }

  /** True while the version is kept because the stream's object lives: then it is that of the position that was folded. */
  isLiving(stream: string): boolean {
    return this.living.has(stream);
  }

  set(stream: string, version: number, lives: boolean): void {
    (lives ? this.ended : this.living).delete(stream);
    if (lives) {
      this.living.set(stream, version);
      return;
    }
    this.ended.delete(stream);
    this.ended.set(stream, version);
    if (this.ended.size <= REMEMBERED) return;
    for (const oldest of this.ended.keys()) {
      this.ended.delete(oldest);
      break;
    }
  }

  /** Those of living objects. */
  entries(): IterableIterator<[string, number]> {
    return this.living.entries();
  }

  /** How many are kept. */
  get size(): number {
    return this.living.size + this.ended.size;
  }
}
