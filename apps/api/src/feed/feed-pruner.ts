/**
 * Removes what no reader of the feeds needs any more.
 *
 * Feed rows are read by the API's processes only, each as it follows the log; agents are answered from memory, with kept messages or a full view. So a row is needed
 * until every process has read it. Every ten minutes each process removes what it had read itself ten minutes before: another one is that far behind only when
 * it stood still, and then begins its feeds anew (libs/ledger, `linksOf`).
 *
 * A host is gone when its node was removed from the log and no agent there has a row: an operator deleted its agents while they were silent. Its feed head goes as
 * well, and it gets no beacon. When it comes back its agent's report registers the node, and its first message is a full view. A host that is only silent, for
 * however long, keeps its feed.
 */
import type { EventStore } from '@plumbline/event-store';
import type { Follower } from '@plumbline/ledger';
import type { Logger } from '@plumbline/telemetry';
import { goneHosts, type Known } from './known-hosts.js';

const EVERY_MS = 600_000;

export class FeedPruner {
  private timer: NodeJS.Timeout | undefined;
  /** What this process had read at the last turn. */
  private read: number;

  constructor(
    private readonly store: Pick<EventStore, 'pruneFeed'>,
    private readonly follower: Follower,
    private readonly known: Known,
    private readonly logger: Logger,
    private readonly everyMs = EVERY_MS,
  ) {
    this.read = follower.topology.position;
  }

  start(): void {
    this.timer = setInterval(() => void this.prune(), this.everyMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async prune(): Promise<void> {
    const upTo = this.read;
    this.read = this.follower.topology.position;
    const gone = goneHosts(this.follower, this.known);
    for (const host of gone) this.follower.feeds.forget(host);
    try {
      await this.store.pruneFeed(upTo, gone);
      this.logger.debug({ position: upTo, hosts: gone.length, step: 'prune' }, 'feed rows pruned');
    } catch (err) {
      this.logger.warn({ err, step: 'prune' }, 'feed rows are not pruned now; retrying in ten minutes');
    }
  }
}
