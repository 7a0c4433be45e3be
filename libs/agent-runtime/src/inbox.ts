/**
 * The inbox: puts what arrives in order and folds it, and knows what may be believed (docs/design/delivery.md).
 *
 * Goals: any loss, doubling, delay and reordering ends in the same view; nothing of another log, or of another past of this log, gets in.
 * Design: two questions, kept apart. Is our past the log's (`vouched`)? The log says so by naming the hash at our position; until then messages wait.
 * Is anything missing? A message whose `prev` is ahead of us waits 50 ms for the one before it, then we ask; the beacon shows the loss of the last one.
 * A view is in sync when it is vouched for, nothing waits, and a beacon said that our position is the head of our feed.
 * After silence (a restart of broker or API: the time in which a database may have been restored) the log has to vouch anew.
 * Road not taken: believing a whole view that was sent for the other agent of this host. It proves nothing about our own past, and we may have to remove by it.
 */
import { AgentState, Beacon, CATALOGUE_VERSION, FeedMessage, FeedRefusal, ReplayRequest } from '@plumbline/contracts';
import { Backoff } from '@plumbline/reconcile';
import { fold, HostView, Touched } from '@plumbline/topology';
import { Clock } from './clock.js';
import { Joiner } from '@plumbline/messaging';

/** `reason`: as a refusal says it (`FeedRefusal`). */
export type Foreign = Readonly<{ reason: string; log: string; head: number | null }>;

export type InboxOptions = Readonly<{
  view: HostView;
  /** The log this node is bound to, if the view does not say. */
  boundLog: string | null;
  clock: Clock;
  ask(request: ReplayRequest): void;
  /** After each message folded in. */
  onFold(touched: Touched): void;
  /** After anything that may have changed `state`. */
  onChange(): void;
}>;

/** How long a message that came early waits for the one before it. */
const earlyWaitMs = 50;
/** Beacons come every 500 ms: after this long without one, whoever speaks again must vouch for our past again. */
const silenceMs = 3_000;
/** A process of the API may lag behind another by a poll; a head that stays below ours for longer is another log's, or a restored one's. */
const lowHeadMs = 1_500;
const patience = { firstMs: 250, maxMs: 10_000 } as const;
const maxParked = 1_000;

export class Inbox {
  foreign: Foreign | null = null;
  /** The log vouched for our position since the last silence. */
  private vouched = false;
  private everVouched = false;
  private headSeen = false;
  private feedHead = 0;
  /** The highest catalogue generation that a process of the control plane spoke. */
  private offered = 0;
  private lowHeadSince: number | null = null;
  private lastBeaconAt: number | null = null;
  private readonly joiner = new Joiner();
  /** By `prev`. */
  private readonly parked = new Map<number, FeedMessage>();
  private parkedWhole: FeedMessage | null = null;
  private asked: ReplayRequest | null = null;
  private readonly backoff = new Backoff(patience);
  private cancelAsk: (() => void) | null = null;
  private askAt = Infinity;
  private stopped = false;

  constructor(private readonly options: InboxOptions) {}

  private get view(): HostView {
    return this.options.view;
  }

  get inSync(): boolean {
    return this.vouched && this.headSeen && !this.lacking && !this.foreign;
  }

  get state(): AgentState {
    if (this.foreign) return 'foreign-log';
    if (this.inSync) return 'in-sync';
    return this.view.log !== null && !this.everVouched ? 'restored' : 'catching-up';
  }

  /** Nobody of the control plane has confirmed this view since the process began. */
  get unverified(): boolean {
    return !this.everVouched;
  }

  /** The view was folded by an older catalogue than both sides know now: it holds less than the log could tell. */
  private get outgrown(): boolean {
    return this.view.log !== null && this.view.catalogue < Math.min(this.offered, CATALOGUE_VERSION);
  }

  private get lacking(): boolean {
    return this.feedHead > this.view.position || this.parked.size > 0 || this.outgrown;
  }

  start(): void {
    this.askIn(0);
  }

  stop(): void {
    this.stopped = true;
    this.cancelAsk?.();
  }

  message(part: FeedMessage): void {
    if (this.stopped || part.host !== this.view.host) return;
    const message = this.joiner.add(part);
    if (!message) return;
    const ours = this.view.log ?? this.options.boundLog;
    if (ours !== null && message.log !== ours)
      return this.suspect({ reason: 'other-log', log: message.log, head: null });
    this.take(message);
    this.options.onChange();
  }

  private take(message: FeedMessage): void {
    const { view } = this;
    this.offered = Math.max(this.offered, message.catalogue);
    if (view.log === null) {
      if (message.prev !== null) return this.askIn(0);
      this.accept(message);
      this.vouch();
      return;
    }
    if (message.prev === message.position) {
      if (message.position !== view.position) return;
      if (message.hash === view.hash) this.vouch();
      else this.distrust({ reason: 'hash-differs', log: message.log, head: null });
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

  /** Folds in what is ready. What is left waits, and is asked for when it has waited long enough. */
  private drain(): void {
    const { view } = this;
    if (!this.vouched) return this.askIn(0);
    const whole = this.parkedWhole;
    this.parkedWhole = null;
    if (whole && (whole.position > view.position || (this.outgrown && whole.position === view.position)))
      this.accept(whole);
    for (let next = this.parked.get(view.position); next; next = this.parked.get(view.position)) this.accept(next);
    for (const [prev, message] of this.parked) if (message.position <= view.position) this.parked.delete(prev);
    if (this.lacking) this.askIn(earlyWaitMs);
    else this.settle();
  }

  private accept(message: FeedMessage): void {
    if (message.prev !== null) this.parked.delete(message.prev);
    const touched = fold(this.view, message);
    if (message.prev === null) this.view.catalogue = Math.min(message.catalogue, CATALOGUE_VERSION);
    this.backoff.reset();
    this.options.onFold(touched);
  }

  private vouch(): void {
    if (!this.vouched) {
      this.headSeen = false;
      this.feedHead = 0;
    }
    this.vouched = true;
    this.everVouched = true;
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
      if (this.lastBeaconAt !== null) this.vouched = false;
      this.backoff.reset();
    }
    this.lastBeaconAt = nowMs;
    if (beacon.head >= this.view.position) this.lowHeadSince = null;
    else if (nowMs - (this.lowHeadSince ??= nowMs) > lowHeadMs) this.vouched = false;
    if (!this.vouched) this.askIn(0);
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
    this.distrust({ reason: refusal.refused, log: refusal.log, head: refusal.head });
    this.options.onChange();
  }

  /** Somebody speaks of another log. That is enough to stop, and to ask: our own log may still answer. */
  private suspect(foreign: Foreign): void {
    if (this.foreign?.log !== foreign.log || this.foreign.reason !== foreign.reason) this.distrust(foreign);
    this.askIn(0);
    this.options.onChange();
  }

  private distrust(foreign: Foreign): void {
    this.foreign = foreign;
    this.vouched = false;
    this.parked.clear();
    this.parkedWhole = null;
    this.askIn(patience.maxMs);
  }

  /** Nothing to ask for: what was going to be asked is not. */
  private settle(): void {
    this.cancelAsk?.();
    this.cancelAsk = null;
    this.askAt = Infinity;
    this.backoff.reset();
  }

  /** Asks in `delayMs`, and then again and again, ever more rarely, until nothing is lacking. Never later than what is planned already. */
  private askIn(delayMs: number): void {
    if (this.stopped) return;
    const { clock } = this.options;
    const nowMs = clock.nowMs();
    // Once asked, the answer has its time: what urges us anew (each beacon, each early message) does not ask anew.
    if (this.cancelAsk && (this.askAt <= nowMs + delayMs || this.backoff.attempt > 0)) return;
    this.cancelAsk?.();
    this.askAt = nowMs + delayMs;
    this.cancelAsk = clock.after(delayMs, () => {
      this.cancelAsk = null;
      this.askAt = Infinity;
      if (this.vouched && !this.lacking) return;
      this.askNow();
      this.askIn(this.backoff.next(clock.random()));
    });
  }

  private askNow(): void {
    const { log, position, hash } = this.view;
    const known = log !== null && hash !== null;
    this.asked =
      known && !(this.vouched && this.outgrown)
        ? { log, position, hash }
        : { log: log ?? this.options.boundLog, position: 0, hash: null };
    this.options.ask(this.asked);
  }
}
