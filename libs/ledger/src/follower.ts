/**
 * The follower: the log's objects in this process' memory, and each host's feed, always at one position.
 *
 * Goals: events are folded in log order, whoever committed them; what this process committed is published by it, once it is folded; a process that lags
 * is never wrong, only late.
 * Design: at start the objects come from a checkpoint or the read model (load.ts), then the log is read on. An own commit that follows on what is folded is
 * folded at once, without a read; otherwise the log is read to its head first. Reads are by command: a feed row stands at the last event of its command, and
 * commands without a feed row concern no host, so it is harmless to fold them with the next one.
 * The memory is of one log: each read checks that the log still has the hash of the position up to which it was read, and that each event follows from the one before. A
 * database that lost the end of its log (a restored backup, a standby that was behind) refutes the memory: it is emptied at once, nothing is served or published, and the
 * log is loaded anew. Whatever was computed from the old memory is worth nothing then; `memory` tells.
 * Road not taken: LISTEN/NOTIFY. It holds a connection, is lost with it, and needs the poll beside it all the same.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { FeedMessage, subjectOf, known, ObjectKey, type Recorded } from '@plumbline/contracts';
import {
  AppendOk,
  type CheckpointStore,
  EventStore,
  FeedPruned,
  follows,
  Head,
  LogDiffers,
  RecordedEvent,
  WrongGeneration,
} from '@plumbline/event-store';
import { FeedLink, HostFeeds } from '@plumbline/host-feeds';
import type { Logger } from '@plumbline/telemetry';
import { advance, claimsOf, type Foreseen, type Parcel, Topology } from '@plumbline/topology';
import { loadLog, type Start } from './load.js';
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

/** Time between attempts to load the log anew. */
const RELOAD_EVERY_MS = 500;

export class Follower {
  readonly claims = new Set<string>();
  topology = new Topology();
  feeds: HostFeeds;
  /** Chain hash at the topology's position. */
  hash = '';
  /** Counts the memories of this process, one for each loading. */
  memory = 0;
  private readonly own = new Map<number, Own>();
  private waiters: { position: number; resolve: () => void; reject: (error: Error) => void }[] = [];
  private reading: Promise<void> | null = null;
  private next: Promise<void> | null = null;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private readonly onReload: (() => void)[] = [];
  private readonly onFold: ((before: Topology, events: readonly Recorded[]) => void)[] = [];
  /** Why the log can be read no further: a fault of this release or a damaged log, or tables of another release. */
  broken: Error | null = null;
  /** The database refuted the memory, and the log is not loaded anew yet. */
  private refutation: LogDiffers | null = null;
  /** Of the last look at the log; null when it could be read. */
  lastError: Error | null = null;

  private constructor(
    loaded: Start,
    private readonly options: FollowerOptions,
  ) {
    this.feeds = new HostFeeds(loaded.logId, []);
    this.remember(loaded);
  }

  /** Loads one moment of the log and follows from there. Rejects with StoreUnavailable, and with WrongGeneration. */
  static async open(options: FollowerOptions): Promise<Follower> {
    const follower = new Follower(await loadLog(options), options);
    follower.poll();
    return follower;
  }

  get log(): string {
    return this.feeds.log;
  }

  /** Up to where the memory is, and the hash there. */
  get head(): Head {
    return { position: this.topology.position, hash: this.hash };
  }

  /** Why nothing may be served or published by this memory; null when all is well. */
  get unusable(): Error | null {
    return this.broken ?? this.refutation;
  }

  /** `then` is called each time the log was loaded anew: what else was remembered of the old memory must go. */
  whenReloaded(then: () => void): void {
    this.onReload.push(then);
  }

  /**
   * `then` is called with the events of each command (or of some that follow on each other) and the objects as they are before them, just before they are folded. It
   * must return at once.
   */
  whenFolding(then: (before: Topology, events: readonly Recorded[]) => void): void {
    this.onFold.push(then);
  }

  /** Something was learned by a call to the database that was about this memory (`memory` when it began): errors that refute it are acted upon, others ignored. */
  heed(error: unknown, memory: number): void {
    if (memory !== this.memory || this.unusable) return;
    if (error instanceof LogDiffers) this.forget(error);
    else if (error instanceof WrongGeneration) {
      this.broken = error;
      this.options.logger.fatal(
        { err: error, step: 'follow' },
        'another release has migrated the database: this process serves nothing more; end it',
      );
      this.rejectWaiters(error);
    }
  }

  async close(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.reading?.catch(() => undefined);
  }

  private remember({ logId, head, feeds, topology }: Start): void {
    this.topology = topology;
    this.feeds = new HostFeeds(logId, feeds);
    this.hash = head.hash;
    for (const key of this.topology.keys())
      for (const claim of claimsOf(this.topology.byKey(key))) this.claims.add(claim);
  }

  private forget(error: LogDiffers): void {
    this.refutation = error;
    this.memory += 1;
    this.options.logger.error(
      { err: error, log: this.log, position: this.topology.position, hash: this.hash, step: 'follow' },
      'the database lost the end of the log that this process has read: nothing is served or published until the log is loaded anew',
    );
    this.topology = new Topology();
    this.feeds = new HostFeeds(this.log, []);
    this.hash = '';
    this.claims.clear();
    this.own.clear();
    this.rejectWaiters(error);
    void this.reload();
  }

  private async reload(): Promise<void> {
    while (!this.stopped) {
      try {
        const loaded = await loadLog(this.options);
        this.remember(loaded);
        this.refutation = null;
        this.lastError = null;
        for (const then of this.onReload) then();
        const { position } = loaded.head;
        this.options.logger.error({ log: this.log, position, step: 'load' }, 'the log was loaded anew; serving again');
        return;
      } catch (err) {
        if (err instanceof WrongGeneration) {
          this.broken = err;
          return;
        }
        this.options.logger.warn({ err, step: 'load' }, 'the log cannot be loaded anew; will be retried');
      }
      await delay(RELOAD_EVERY_MS);
    }
  }

  private rejectWaiters(error: Error): void {
    for (const { reject } of this.waiters.splice(0)) reject(error);
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

  /** Resolves when the event at this position is folded. Rejects when the memory is refuted before. */
  reached(position: number): Promise<void> {
    if (this.topology.position >= position) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiters.push({ position, resolve, reject }));
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
    const { memory } = this;
    try {
      if (this.unusable) throw this.unusable;
      const { head } = this;
      const events: RecordedEvent[] = [];
      for (let full = true; full;) {
        const more = await store.read(events.at(-1) ?? head, page);
        for (const event of more) events.push(event);
        full = more.length === page;
      }
      const last = events.at(-1);
      const links = last ? await this.linksOf(head.position, last.position) : null;
      if (memory !== this.memory) throw this.unusable ?? new LogDiffers(head.position);
      if (last) this.foldRead(events, links);
      this.lastError = null;
    } catch (error) {
      this.heed(error, memory);
      this.lastError = error as Error;
      throw error;
    }
  }

  /** By position. Null: they are gone, because this process stood still for long; the feeds begin anew where they are. */
  private async linksOf(after: number, upTo: number): Promise<ReadonlyMap<number, readonly FeedLink[]> | null> {
    const { store } = this.options;
    const { feeds } = this;
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
      feeds.beginAt(await store.feedHeads(upTo));
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
      const first = own?.commit.recorded[0];
      if (!own || !first) break;
      // Stored after events that this process had not read then; those that it has read since must be the same.
      if (!follows(this.head, first)) return this.heed(new LogDiffers(first.position), this.memory);
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
      for (const then of this.onFold) then(this.topology, recorded);
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
