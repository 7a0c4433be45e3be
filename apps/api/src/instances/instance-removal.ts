/**
 * What is kept for an instance goes when its last port goes, and with it what nodes have of it.
 *
 * Each process of the API hears from the log that an instance's last port went, at which position, and removes what was set before that position; the others find
 * nothing left. What was set later is of an instance that had a port again. A process that ends in between leaves the rest to the others, and to a sweep of all that is
 * kept: at the start before anything is served, once the log was loaded anew, and every minute.
 * Road not taken: a trigger in the append's transaction. It would run under the lock of the log's head for every port, and a rebuild replaces the table it hangs on.
 */
import type { Recorded } from '@plumbline/contracts';
import { orNotMigrated } from '@plumbline/event-store';
import type { Follower } from '@plumbline/ledger';
import type { Logger } from '@plumbline/telemetry';
import { instancePorts, lastPortsGone, type Parted, type Topology } from '@plumbline/topology';
import type { InstanceNews } from './instance-news.js';
import type { InstanceStore } from './instance-store.js';

const SWEEP_EVERY_MS = 60_000;
const RETRY_MS = 1_000;
/** Instances of one statement. */
const AT_ONCE = 1_000;

export class InstanceRemoval {
  private readonly parted: Parted[] = [];
  private running: Promise<void> | null = null;
  private timer: NodeJS.Timeout | undefined;
  private retry: NodeJS.Timeout | undefined;

  constructor(
    private readonly follower: Follower,
    private readonly store: InstanceStore,
    private readonly news: InstanceNews,
    private readonly logger: Logger,
    private readonly sweepEveryMs = SWEEP_EVERY_MS,
  ) {
    follower.whenFolding((before, events) => this.heard(before, events));
    follower.whenReloaded(() => {
      // Of a log that the database no longer has.
      this.parted.length = 0;
      void this.sweepSoon();
    });
  }

  /** Sweeps, and goes on doing so. Rejects when the database cannot be read. */
  async start(): Promise<void> {
    await this.sweep().catch((error: unknown) => {
      throw orNotMigrated(error);
    });
    this.timer = setInterval(() => void this.sweepSoon(), this.sweepEveryMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
    clearTimeout(this.retry);
  }

  /** Reads the log to a head that is not older than this call; when it resolves, nothing is kept for an instance that had no port at any position up to it and was set before. */
  async upToDate(): Promise<void> {
    await this.follower.catchUp();
    while (this.parted.length > 0) await this.remove();
  }

  /** Removes what is kept for instances that have no port. */
  async sweep(): Promise<void> {
    await this.store.boundPositions();
    const names = await this.store.names();
    await this.follower.catchUp();
    const { topology } = this.follower;
    const position = topology.position + 1;
    const gone = names.filter((instance) => instancePorts(topology, instance).length === 0);
    for (let at = 0; at < gone.length; at += AT_ONCE)
      await this.removeNow(gone.slice(at, at + AT_ONCE).map((instance) => ({ instance, position })));
  }

  private async sweepSoon(): Promise<void> {
    await this.sweep().catch((err: unknown) =>
      this.logger.warn({ err, step: 'instances' }, 'data of instances was not swept; it is tried again in a minute'),
    );
  }

  private heard(before: Topology, events: readonly Recorded[]): void {
    const gone = lastPortsGone(before, events);
    if (gone.length === 0) return;
    this.parted.push(...gone);
    void this.removeSoon();
  }

  private async removeSoon(): Promise<void> {
    await this.remove().catch((err: unknown) => {
      this.logger.warn({ err, step: 'instances' }, 'data of instances without ports is not removed yet; retrying');
      clearTimeout(this.retry);
      this.retry = setTimeout(() => void this.removeSoon(), RETRY_MS);
      this.retry.unref();
    });
  }

  private remove(): Promise<void> {
    return (this.running ??= this.removeParted().finally(() => (this.running = null)));
  }

  private async removeParted(): Promise<void> {
    while (this.parted.length > 0) {
      const { memory } = this.follower;
      const some = this.parted.slice(0, AT_ONCE);
      await this.removeNow(some);
      if (memory === this.follower.memory) this.parted.splice(0, some.length);
    }
  }

  private async removeNow(parted: readonly Parted[]): Promise<void> {
    const removed = await this.store.removeSetBefore(parted);
    if (removed.length === 0) return;
    this.logger.info({ instances: removed.length, step: 'instances' }, 'data of instances without ports removed');
    this.news.tell(removed);
  }
}
