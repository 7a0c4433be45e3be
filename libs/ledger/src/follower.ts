/**
 * The follower: the log's objects in this process' memory, and each host's feed, always at one position.
 *
 * Goals: events are folded in log order, whoever committed them; what this process committed is published by it, once it is folded; a process that lags
 * is never wrong, only late.
 * Design: at start the objects come from a checkpoint or the read model (load.ts), then the log is read on. An own commit that follows on what is folded is
 * folded at once, without a read; otherwise the log is read to its head first. Reads are by command: a feed row stands at the last event of its command, and
 * commands without a feed row concern no host, so it is harmless to fold them with the next one.
 * Road not taken: LISTEN/NOTIFY. It holds a connection, is lost with it, and needs the poll beside it all the same.
 */
import { FeedMessage, subjectOf, known, ObjectKey } from '@plumbline/contracts';
import { AppendOk, type CheckpointStore, EventStore, FeedPruned, RecordedEvent } from '@plumbline/event-store';
import { FeedLink, HostFeeds } from '@plumbline/host-feeds';
import type { Logger } from '@plumbline/telemetry';
import { advance, claimsOf, type Foreseen, type Parcel, Topology } from '@plumbline/topology';
import { loadLog } from './load.js';
import { toRecorded } from './to-append.js';

export type FollowerOptions = Readonly<{
  store: EventStore;
  /** From which the start may begin. */
  checkpoints?: CheckpointStore;
  logger: Logger;
  /** Gets the messages of this process' own commits, each once, in log order of their commands where they were folded in order. Never throws. */
  publish(messages: readonly FeedMessage[]): void;
  /** Time between looks at the log when nothing else makes us look. Default 250. */
  pollMs?: number;
}>;

const page = 1_000;

/** A commit of this process, with what was computed when it was prepared. */
type Own = Readonly<{ commit: AppendOk; foreseen: Foreseen }>;

export class Follower {
  readonly claims = new Set<string>();
  hash: string;
  private readonly own = new Map<number, Own>();
  private waiters: { position: number; resolve: () => void }[] = [];
  private reading: Promise<void> | null = null;
  private next: Promise<void> | null = null;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  /** Why the log can be read no further: a fault of this release or a damaged log. */
  broken: Error | null = null;
  /** Of the last look at the log; null when it could be read. */
  lastError: Error | null = null;

  private constructor(
    readonly topology: Topology,
    readonly feeds: HostFeeds,
    hash: string,
    private readonly options: FollowerOptions,
  ) {
    this.hash = hash;
    for (const key of topology.keys()) for (const claim of claimsOf(topology.byKey(key))) this.claims.add(claim);
  }

  /** Loads one moment of the log and follows from there. Rejects with StoreUnavailable, and with WrongGeneration. */
  static async open(options: FollowerOptions): Promise<Follower> {
    const { logId, head, feeds, topology } = await loadLog(options);
    const follower = new Follower(topology, new HostFeeds(logId, feeds), head.hash, options);
    follower.poll();
    return follower;
  }

  get log(): string {
    return this.feeds.log;
  }

  async close(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.reading?.catch(() => undefined);
  }

  /** A commit of this process, in the order of the answers. It is published when it is folded. */
  committed(commit: AppendOk, foreseen: Foreseen): void {
    if (commit.recorded.length === 0) return;
    this.own.set(commit.before, { commit, foreseen });
    this.foldOwn();
    if (this.own.size > 0)
      void this.catchUp().catch((err: unknown) =>
        this.options.logger.warn({ err, step: 'follow' }, 'the log cannot be read on'),
      );
  }

  /** Resolves when the event at this position is folded. */
  reached(position: number): Promise<void> {
    if (this.topology.position >= position) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push({ position, resolve }));
  }

  /** Reads to a head that is not older than this call. Rejects with StoreUnavailable. */
  catchUp(): Promise<void> {
    if (!this.reading) return (this.reading = this.read().finally(() => (this.reading = null)));
    // A read that began before this call may have missed what the caller knows of.
    this.next ??= this.reading
      .catch(() => undefined)
      .then(() => {
        this.next = null;
        return this.catchUp();
      });
    return this.next;
  }

  /**
   * Asks the log for the version of a stream that memory has forgotten, since its object is gone. When this resolves, all events of the stream up to that version are
   * folded. Rejects with StoreUnavailable.
   */
  async recall(stream: string): Promise<void> {
    const { position, version } = await this.options.store.streamVersion(stream);
    if (this.topology.position < position) await this.catchUp();
    if (!this.topology.knowsVersionOf(stream)) this.topology.setVersion(stream, version);
  }

  private async read(): Promise<void> {
    const { store } = this.options;
    try {
      if (this.broken) throw this.broken;
      const after = this.topology.position;
      const events: RecordedEvent[] = [];
      for (let full = true; full;) {
        const more = await store.read(events.at(-1)?.position ?? after, page);
        events.push(...more);
        full = more.length === page;
      }
      const last = events.at(-1);
      if (last) {
        const links = await this.linksOf(after, last.position);
        this.foldRead(events, links);
      }
      this.lastError = null;
    } catch (error) {
      this.lastError = error as Error;
      throw error;
    }
  }

  /** By position. Null: they are gone, because this process stood still for long; the feeds begin anew where they are. */
  private async linksOf(after: number, upTo: number): Promise<ReadonlyMap<number, readonly FeedLink[]> | null> {
    const { store } = this.options;
    try {
      const links = new Map<number, FeedLink[]>();
      for (const { position, host, prev } of await store.feedRows(after, upTo))
        links.set(position, [...(links.get(position) ?? []), { host, prev }]);
      return links;
    } catch (error) {
      if (!(error instanceof FeedPruned)) throw error;
      this.options.logger.warn(
        { position: after, step: 'follow' },
        'this process stood still for long; feeds begin anew',
      );
      this.feeds.beginAt(await store.feedHeads(upTo));
      return null;
    }
  }

  /** Own commits may have been folded while the log was read: what is folded is passed over. */
  private foldRead(events: readonly RecordedEvent[], links: ReadonlyMap<number, readonly FeedLink[]> | null): void {
    let command: RecordedEvent[] = [];
    for (const [index, event] of events.entries()) {
      if (event.position > this.topology.position) command.push(event);
      const ends = links?.has(event.position) || index === events.length - 1;
      if (!ends || command.length === 0) continue;
      this.fold(command, links && (links.get(event.position) ?? []));
      command = [];
    }
    this.foldOwn();
  }

  private foldOwn(): void {
    for (;;) {
      const own = this.own.get(this.topology.position);
      if (!own) break;
      this.fold(own.commit.recorded, own.commit.feeds, own.foreseen);
    }
    for (const [before, { commit }] of this.own) {
      const at = before + commit.recorded.length;
      if (at > this.topology.position) continue;
      this.own.delete(before);
      const messages = commit.feeds
        .map(({ host }) => this.feeds.messageAt(host, at))
        .filter((message) => message !== null);
      if (messages.length > 0) this.options.publish(messages);
    }
  }

  /** Folds one command and makes its messages, in one go: nobody sees the one without the other. */
  private fold(events: readonly RecordedEvent[], links: readonly FeedLink[] | null, foreseen?: Foreseen): void {
    const last = events.at(-1);
    if (!last) return;
    try {
      const recorded = events.map(toRecorded);
      const keys = new Set<ObjectKey>();
      for (const { event } of recorded) {
        const each = known(event);
        if (each) keys.add(subjectOf(each).key);
      }
      for (const key of keys) for (const claim of claimsOf(this.topology.byKey(key))) this.claims.delete(claim);
      const parcels = advance(this.topology, recorded, foreseen);
      // The stream may have been forgotten: its object is there again, or goes again.
      for (const { stream, streamVersion } of events) this.topology.setVersion(stream, streamVersion);
      for (const key of keys) for (const claim of claimsOf(this.topology.byKey(key))) this.claims.add(claim);
      if (links) this.tell(last, parcels, links);
      this.hash = last.hash;
    } catch (error) {
      this.broken = error as Error;
      this.options.logger.fatal(
        { err: error, position: last.position, stream: last.stream, step: 'fold' },
        'the log cannot be folded',
      );
      throw error;
    }
    const { position } = this.topology;
    const ready = this.waiters.filter((waiter) => waiter.position <= position);
    this.waiters = this.waiters.filter((waiter) => waiter.position > position);
    for (const { resolve } of ready) resolve();
  }

  private tell(last: RecordedEvent, parcels: readonly Parcel[], links: readonly FeedLink[]): void {
    const told = new Set(links.map(({ host }) => host));
    for (const { host } of parcels)
      if (!told.has(host))
        this.options.logger.error(
          { position: last.position, host, step: 'fold' },
          'a host concerned by a command has no feed row',
        );
    this.feeds.next(this.topology, { position: last.position, hash: last.hash }, parcels, links);
  }

  private poll(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      const before = this.lastError;
      this.catchUp()
        .then(
          () =>
            before &&
            this.options.logger.info({ position: this.topology.position, step: 'follow' }, 'the log can be read again'),
          (err: unknown) =>
            before ?? this.options.logger.warn({ err, step: 'follow' }, 'the log cannot be read; will be retried'),
        )
        .finally(() => this.poll());
    }, this.options.pollMs ?? 250);
    this.timer.unref();
  }
}
