/**
 * The objects of a log while it is folded, and which of them changed since they were last written. Holds what lives, not what ever lived. Checks the hash chain
 * on the way: what is made from a log that lost or changed an event would be wrong, and nobody would notice.
 */
import type pg from 'pg';
import { chainHash } from '../../chain.js';
import { recorded } from '../../command.js';
import type { Head } from '../../event-store.js';
import type { Derivation } from './derivation.js';

/** An object and the version of its stream after its last change. */
export type Held<O> = Readonly<{ object: O; streamVersion: number }>;
/** An object as it was written last and as it is. */
export type Difference<O> = Readonly<{ was: Held<O> | undefined; is: Held<O> | undefined }>;

type EventColumns = { position: string; envelope: string; hash: string };

const PAGE = 2_000;
const pageSql = `SELECT position, envelope, encode(hash, 'hex') AS hash FROM plumbline.events
  WHERE position > $1 AND position <= $2 ORDER BY position LIMIT ${PAGE}`;

export class Folded<O extends object> {
  private readonly objects = new Map<string, Held<O>>();
  /** Of each object that changed since `takeDifferences`: as it was then. */
  private readonly before = new Map<string, Held<O> | undefined>();

  /** `at`: the log's genesis. */
  constructor(
    private readonly derivation: Derivation<O>,
    private at: Head,
  ) {}

  /** Position up to which the log is folded, and its hash there. */
  get head(): Head {
    return this.at;
  }

  /** Folds up to a position that the log has. The next page is on its way while one is folded. Throws at the first position that is missing or whose hash differs. */
  async foldUpTo(client: pg.ClientBase, upTo: number, progress?: (position: number) => void): Promise<void> {
    const page = async (after: number) => (await client.query<EventColumns>(pageSql, [after, upTo])).rows;
    let coming = page(this.at.position);
    while (this.at.position < upTo) {
      const rows = await coming;
      const last = Number(rows.at(-1)?.position ?? this.at.position);
      if (rows.length === 0) throw new Error(`the log has no position ${this.at.position + 1}: run "plumb log verify"`);
      if (last < upTo) coming = page(last);
      // Awaited in the next round; a failure now must not count as unhandled.
      coming.catch(() => undefined);
      for (const row of rows) this.fold(row);
      progress?.(this.at.position);
    }
  }

  /** What changed since the last call, and is forgotten with this one. */
  takeDifferences(): Difference<O>[] {
    const differences = [...this.before].map(([key, was]) => ({ was, is: this.objects.get(key) }));
    this.before.clear();
    return differences.filter(({ was, is }) => was !== undefined || is !== undefined);
  }

  private fold({ position, envelope, hash }: EventColumns): void {
    const at = Number(position);
    if (at !== this.at.position + 1 || chainHash(this.at.hash, at, envelope) !== hash)
      throw new Error(
        `the log is damaged at position ${this.at.position + 1}: run "plumb log verify"; nothing was changed`,
      );
    const event = recorded(at, envelope, hash);
    const key = this.derivation.keyOf(event);
    const was = this.objects.get(key);
    if (!this.before.has(key)) this.before.set(key, was);
    const object = this.derivation.evolve(was?.object, event);
    if (object) this.objects.set(key, { object, streamVersion: event.streamVersion });
    else {
      this.objects.delete(key);
      // Made and gone since the last time: nothing to write, so nothing to remember.
      if (this.before.get(key) === undefined) this.before.delete(key);
    }
    this.at = { position: at, hash };
  }
}
