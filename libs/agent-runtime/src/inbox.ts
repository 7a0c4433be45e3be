/**
 * The inbox puts arriving messages in order, checks that they belong to this node's log, and folds them into the view (docs/design/delivery.md).
 *
 * Goals: whatever is lost, doubled, delayed or reordered, the view ends the same; nothing of another log, or of another past of this log, gets in.
 * Design: two separate questions. Does the log have the same past as our view (`confirmed`)? The control plane confirms it with the hash at our position; until
 * then messages wait. Is a message missing? One whose `prev` is ahead of us waits 50 ms for the one before it, then we ask for it; the loss of the last message
 * shows in the beacon. A view is in sync when its past is confirmed, no message waits, and a beacon said that our position is the head of our feed.
 * A message that cannot be folded changes nothing (`fold`). It is a fault, of a release or of what is in the message: the fault is told, and a full view is asked for,
 * which depends on nothing that is here. Faults in a row are asked about ever less often, at least once a minute.
 * After a silence (broker or API restarted, and meanwhile the database may have been restored from a backup) the past has to be confirmed again.
 * Road not taken: accepting a full view that was sent to another agent of this host before our own past is confirmed. It proves nothing about our past, and we
 * might remove things because of it.
 */
import {
  AgentState,
  Beacon,
  CATALOGUE_VERSION,
  FeedMessage,
  FeedPart,
  FeedRefusal,
  ReplayRequest,
} from '@plumbline/contracts';
import { Backoff } from '@plumbline/reconcile';
import { fold, HostView, Touched } from '@plumbline/topology';
import { Clock } from './clock.js';
import { Joiner } from '@plumbline/messaging';

/** Why the node is left as it is. `reason`: as in a refusal (`FeedRefusal`). */
export type Foreign = Readonly<{ reason: string; log: string; head: number | null }>;

/** A message that could not be folded: the last one. `count`: of all since the start. `mended`: a full view was folded since. */
export type Fault = Readonly<{ position: number; reason: string; count: number; mended: boolean }>;

export type InboxOptions = Readonly<{
  view: HostView;
  /** The log that this node is bound to, for a view without a log. */
  boundLog: string | null;
  clock: Clock;
  ask(request: ReplayRequest): void;
  /** After each message folded in. */
  onFold(touched: Touched): void;
  /** After a message that could not be folded; `fault` says what is known of it. */
  onFault(error: Error): void;
  /** After anything that may have changed `state`. */
  onChange(): void;
}>;

/** How long a message that arrived early waits for the one before it. */
const earlyWaitMs = 50;
/** Beacons come every 500 ms. After this long without one, the control plane must confirm our past again. */
const silenceMs = 3_000;
/** A process of the API may lag behind another by a poll. A head that stays below our position for longer belongs to another log, or to a restored one. */
const lowHeadMs = 1_500;
const askBackoff = { firstMs: 250, maxMs: 10_000 } as const;
const maxParked = 1_000;
/** How long after a fault the full view is asked for, the first time and at most; after so long without a fault it is the first time again. */
const faultBackoff = { firstMs: 100, maxMs: 60_000 } as const;

export class Inbox {
  foreign: Foreign | null = null;
  fault: Fault | null = null;
  /** The control plane confirmed the hash at our position since the last silence. */
  private confirmed = false;
  private everConfirmed = false;
  private headSeen = false;
  private feedHead = 0;
  /** The highest catalogue version in any message so far. */
  private offered = 0;
  private lowHeadSince: number | null = null;
  private lastBeaconAt: number | null = null;
  private readonly joiner = new Joiner();
  /** By `prev`. */
  private readonly parked = new Map<number, FeedMessage>();
  private parkedWhole: FeedMessage | null = null;
  private asked: ReplayRequest | null = null;
  private readonly backoff = new Backoff(askBackoff);
  private cancelAsk: (() => void) | null = null;
  private askAt = Infinity;
  private readonly faults = new Backoff(faultBackoff);
  private lastFaultAt = -Infinity;
  /** Since the last fault: no request before this time. */
  private quietUntil = 0;
  private stopped = false;

  constructor(private readonly options: InboxOptions) {}

  private get view(): HostView {
    return this.options.view;
  }

  get inSync(): boolean {
    return this.confirmed && this.headSeen && !this.incomplete && !this.foreign;
  }

  get state(): AgentState {
    if (this.foreign) return 'foreign-log';
    if (this.inSync) return 'in-sync';
    return this.view.log !== null && !this.everConfirmed ? 'restored' : 'catching-up';
  }

  /** The control plane has not confirmed this view since the process started. */
  get unverified(): boolean {
    return !this.everConfirmed;
  }

  /** The view was folded with an older catalogue than both sides know now, so it may lack what that catalogue did not know. */
  private get catalogueTooOld(): boolean {
    return this.view.log !== null && this.view.catalogue < Math.min(this.offered, CATALOGUE_VERSION);
  }

  private get incomplete(): boolean {
    return this.feedHead > this.view.position || this.parked.size > 0 || this.needsWhole;
  }

  /** Only a full view helps, also one of the position that we have. */
  private get needsWhole(): boolean {
    return this.catalogueTooOld || this.fault?.mended === false;
  }

  start(): void {
    this.askIn(0);
  }

  stop(): void {
    this.stopped = true;
    this.cancelAsk?.();
  }

  /** What was asked without a connection was lost: it is asked at once, not when the next beacon or the backoff says so. */
  connected(): void {
    if (this.stopped || (this.confirmed && !this.incomplete)) return;
    this.backoff.reset();
    this.askIn(0);
  }

  message(part: FeedPart): void {
    if (this.stopped || part.host !== this.view.host) return;
    const message = this.joined(part);
    if (!message) return;
    const ours = this.view.log ?? this.options.boundLog;
    if (ours !== null && message.log !== ours)
      return this.suspect({ reason: 'other-log', log: message.log, head: null });
    this.take(message);
    this.options.onChange();
  }

  private joined(part: FeedPart): FeedMessage | null {
    try {
      return this.joiner.add(part);
    } catch (error) {
      const ours = this.view.log ?? this.options.boundLog;
      if (ours === null || part.log === ours) this.failed(part.position, error);
      this.options.onChange();
      return null;
    }
  }

  private take(message: FeedMessage): void {
    const { view } = this;
    this.offered = Math.max(this.offered, message.catalogue);
    if (view.log === null) {
      if (message.prev !== null) return this.askIn(0);
      if (this.accept(message)) this.confirm();
      return;
    }
    if (message.prev === message.position) {
      if (message.position !== view.position) return;
      if (message.hash === view.hash) this.confirm();
      else this.reject({ reason: 'hash-differs', log: message.log, head: null });
      return;
    }
    if (message.prev === null) {
      if (message.position > (this.parkedWhole?.position ?? -1)) this.parkedWhole = message;
    } else if (message.position > view.position) {
      if (this.parked.size >= maxParked) this.parked.clear();
      this.parked.set(message.prev, message);
    }
    this.drain();
  }

  /** Folds the messages that are next. The others wait, and after a while we ask for what is missing. */
  private drain(): void {
    const { view } = this;
    if (!this.confirmed) return this.askIn(0);
    const whole = this.parkedWhole;
    this.parkedWhole = null;
    if (whole && (whole.position > view.position || (this.needsWhole && whole.position === view.position)))
      this.accept(whole);
    for (let next = this.parked.get(view.position); next; next = this.parked.get(view.position))
      // After a fault nothing but a full view: the message at which it was would be a fault again.
      if (this.fault?.mended === false || !this.accept(next)) break;
    for (const [prev, message] of this.parked) if (message.position <= view.position) this.parked.delete(prev);
    if (this.incomplete) this.askIn(earlyWaitMs);
    else this.settle();
  }

  /** False: it could not be folded, and nothing is changed. */
  private accept(message: FeedMessage): boolean {
    if (message.prev !== null) this.parked.delete(message.prev);
    let touched: Touched;
    try {
      touched = fold(this.view, message);
    } catch (error) {
      this.failed(message.position, error);
      return false;
    }
    if (message.prev === null) {
      this.view.catalogue = Math.min(message.catalogue, CATALOGUE_VERSION);
      if (this.fault) this.fault = { ...this.fault, mended: true };
    }
    this.backoff.reset();
    this.options.onFold(touched);
    return true;
  }

  private failed(position: number, thrown: unknown): void {
    const { clock } = this.options;
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    const nowMs = clock.nowMs();
    if (nowMs - this.lastFaultAt > faultBackoff.maxMs) this.faults.reset();
    this.lastFaultAt = nowMs;
    this.fault = { position, reason: error.message, count: (this.fault?.count ?? 0) + 1, mended: false };
    this.parked.clear();
    this.parkedWhole = null;
    this.settle();
    const delayMs = this.faults.next(clock.random());
    this.quietUntil = nowMs + delayMs;
    this.askIn(delayMs);
    this.options.onFault(error);
  }

  private confirm(): void {
    if (!this.confirmed) {
      this.headSeen = false;
      this.feedHead = 0;
    }
    this.confirmed = true;
    this.everConfirmed = true;
    this.foreign = null;
    this.lowHeadSince = null;
    this.backoff.reset();
    this.drain();
  }

  beacon(beacon: Beacon): void {
    if (this.stopped || beacon.host !== this.view.host) return;
    const ours = this.view.log ?? this.options.boundLog;
    if (ours !== null && beacon.log !== ours)
      return this.suspect({ reason: 'other-log', log: beacon.log, head: beacon.head });
    const nowMs = this.options.clock.nowMs();
    if (this.lastBeaconAt === null || nowMs - this.lastBeaconAt > silenceMs) {
      if (this.lastBeaconAt !== null) this.confirmed = false;
      this.backoff.reset();
    }
    this.lastBeaconAt = nowMs;
    if (beacon.head >= this.view.position) this.lowHeadSince = null;
    else if (nowMs - (this.lowHeadSince ??= nowMs) > lowHeadMs) this.confirmed = false;
    if (!this.confirmed) this.askIn(0);
    else {
      this.feedHead = Math.max(this.feedHead, beacon.position);
      if (beacon.position === this.view.position) this.headSeen = true;
      this.drain();
    }
    this.options.onChange();
  }

  refusal(refusal: FeedRefusal): void {
    const { request } = refusal;
    if (this.stopped || refusal.host !== this.view.host || !this.asked) return;
    const mine =
      request.log === this.asked.log && request.position === this.asked.position && request.hash === this.asked.hash;
    if (!mine || request.position !== this.view.position) return;
    this.reject({ reason: refusal.refused, log: refusal.log, head: refusal.head });
    this.options.onChange();
  }

  /** A message or beacon of another log arrived. That is enough to stop, and to ask: our own log may still answer. */
  private suspect(foreign: Foreign): void {
    if (this.foreign?.log !== foreign.log || this.foreign.reason !== foreign.reason) this.reject(foreign);
    this.askIn(0);
    this.options.onChange();
  }

  private reject(foreign: Foreign): void {
    this.foreign = foreign;
    this.confirmed = false;
    this.parked.clear();
    this.parkedWhole = null;
    this.askIn(askBackoff.maxMs);
  }

  /** Nothing is missing: cancels the next request. */
  private settle(): void {
    this.cancelAsk?.();
    this.cancelAsk = null;
    this.askAt = Infinity;
    this.backoff.reset();
  }

  /** Asks in `delayMs`, and then with a backoff until nothing is missing. Does not postpone a request that is already scheduled. */
  private askIn(afterMs: number): void {
    if (this.stopped) return;
    const { clock } = this.options;
    const nowMs = clock.nowMs();
    const delayMs = Math.max(afterMs, this.quietUntil - nowMs);
    // After a request the answer gets its time: further beacons and early messages do not cause another request.
    if (this.cancelAsk && (this.askAt <= nowMs + delayMs || this.backoff.attempt > 0)) return;
    this.cancelAsk?.();
    this.askAt = nowMs + delayMs;
    this.cancelAsk = clock.after(delayMs, () => {
      this.cancelAsk = null;
      this.askAt = Infinity;
      if (this.confirmed && !this.incomplete) return;
      this.askNow();
      this.askIn(this.backoff.next(clock.random()));
    });
  }

  private askNow(): void {
    const { log, position, hash } = this.view;
    const known = log !== null && hash !== null;
    this.asked =
      known && !(this.confirmed && this.needsWhole)
        ? { log, position, hash }
        : { log: log ?? this.options.boundLog, position: 0, hash: null };
    this.options.ask(this.asked);
  }
}
