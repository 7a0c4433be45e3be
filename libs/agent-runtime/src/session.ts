/**
 * The main part of an agent: keeps a view of its host up to date from the feed, and keeps the node as the view says.
 *
 *   feed ──► Inbox ──► view ──► Converger ──► Reconciler (the node)
 *              │         │           │
 *              └─ state ─┴─ snapshot └─ statuses ──► Reporter ──► feed
 *
 * It starts from its snapshot and works without a control plane for as long as there is none. It removes a thing only if its own log, confirmed and read up to
 * the head, does not contain it (invariants 5, 6, 13). Without a snapshot and without a control plane it does nothing at all. Nor does it where the control plane
 * said that another machine owns this host's name (ownership.ts).
 */
import { statfs } from 'node:fs/promises';
import {
  AgentKind,
  AgentState,
  type AnswerOf,
  Beacon,
  MOST_FROZEN,
  MOST_TROUBLES,
  ObjectKey,
  runOf,
} from '@plumbline/contracts';
import { emptyView, HostView, lacksUnreadable } from '@plumbline/topology';
import type { CheckResult, Logger } from '@plumbline/telemetry';
import { Clock } from './clock.js';
import { Converger, Marks } from './converger.js';
import { Foreign, Inbox } from './inbox.js';
import { NodeFeed } from './node-feed.js';
import { LogBinding, Reconciler } from './reconciler.js';
import type { MachineIdentity } from './machine.js';
import type { OwnerRecord } from './owner-file.js';
import { Ownership } from './ownership.js';
import { NodeFacts, Reporter } from './reporter.js';
import { SnapshotRefused, SnapshotStore } from './snapshot.js';

export type SessionOptions = Readonly<{
  host: string;
  agent: AgentKind;
  feed: NodeFeed;
  reconciler: Reconciler;
  snapshots: SnapshotStore;
  clock: Clock;
  logger: Logger;
  /** Which machine this is, and where it keeps what the control plane says of it. */
  machine: MachineIdentity;
  ownerRecord: OwnerRecord;
  /** Keeps the log's id on the node itself; without this only the snapshot has it. */
  binding?: LogBinding;
  /** What this node is (tunnel address, bridges); only the agent that reports it has this. */
  nodeFacts?: () => NodeFacts | null;
  /** What the agent itself finds to be not well on its node, as of now: a sentence each, with who can mend it. */
  troubles?: (view: HostView) => readonly string[];
  /** Availability zone for the reports of an agent that carries something. */
  availabilityZone?: string;
  /** Mean time between full resyncs, as of now. Default: RESYNC_MS. */
  fullEveryMs?: () => number;
}>;

/** Between two full resyncs where nobody says otherwise, in the mean. */
export const RESYNC_MS = 60_000;
const saveEveryMs = 1_000;
/** So long the control plane has at the start to confirm the view: then one look at the node is enough; without it there is another one when it does. */
const confirmWithinMs = 300;
/** Objects whose status users see with its reason. */
const SHOWN_STATUS = /^(?:port|router|floatingip|portforwarding)\//;

export class NodeSession {
  private inbox: Inbox | null = null;
  private view: HostView;
  private readonly converger: Converger;
  private readonly reporter: Reporter;
  private ownership: Ownership | null = null;
  /** What was last logged and kept of the ownership. */
  private lastOwner: string | null = null;
  private wasRefused = false;
  private keeping: Promise<void> = Promise.resolve();
  private unsubscribe: (() => void) | null = null;
  private lastState: AgentState | null = null;
  private boundTo: string | null = null;
  private bindingConflict: Foreign | null = null;
  private cancelSave: (() => void) | null = null;
  private saving: Promise<void> = Promise.resolve();
  private savedPosition = -1;
  /** Why the view could not be saved; null: it could. */
  private notSaved: string | null = null;
  private ownerNotKept: string | null = null;
  /** Null before the first report. */
  private told: string | null = null;
  private stopped = false;
  /** Nothing is applied, unless the view is confirmed. Ended by the clock itself: a timer may ring a little before its time. */
  private awaitsConfirmation = false;

  constructor(private readonly options: SessionOptions) {
    const { reconciler, clock, agent, feed } = options;
    this.view = emptyView(options.host);
    this.converger = new Converger({
      reconciler,
      clock,
      fullEveryMs: options.fullEveryMs ?? (() => RESYNC_MS),
      terms: () => this.terms(),
      onConverged: (result, view, how) => {
        for (const { key, reason } of result.failed)
          this.log.warn(
            { key, reason, position: view.position, step: 'converge' },
            'object not applied, will be retried',
          );
        const line = {
          position: view.position,
          step: 'converge',
          applied: result.applied,
          drift: result.drift,
          failed: result.failed.length,
          touched: how.touched === 'all' ? 'all' : how.touched.size,
          mayRemove: how.mayRemove,
        };
        if (result.applied > 0) this.log.info(line, 'converged');
        else this.log.debug(line, 'converged');
        this.reporter.converged(result, view, how);
        this.tellNews();
        this.saveSoon();
        if (how.touched === 'all') void this.checkSnapshot();
      },
      onError: (err) => {
        this.log.error({ err, position: this.view.position, step: 'converge' }, 'converge failed, will be retried');
        this.tellNews();
      },
    });
    this.reporter = new Reporter({
      agent,
      feed,
      clock,
      facts: () => ({
        log: this.view.log,
        state: this.state,
        position: this.view.position,
        frozen: [...this.view.frozen].map(([key, { position, type }]) => ({ key, position, type })),
        fault: this.inbox?.fault ?? null,
        troubles: this.troubles,
        node: options.nodeFacts?.() ?? null,
        availabilityZone: options.availabilityZone,
        machine: {
          id: options.machine.id,
          boot: options.machine.boot,
          heard: this.ownership?.heard ?? 0,
          ...(options.machine.fault !== null && { fault: options.machine.fault.slice(0, 500) }),
        },
      }),
    });
  }

  private get log(): Logger {
    return this.options.logger;
  }

  get state(): AgentState {
    if (this.bindingConflict) return 'foreign-log';
    const state = this.inbox?.state ?? 'catching-up';
    if (state === 'foreign-log' || !this.ownership) return state;
    return this.ownership.refusal === null ? state : 'not-owner';
  }

  get position(): number {
    return this.view.position;
  }

  /** The view as it is now, and how the agent stands to it. */
  get now(): Readonly<{ view: HostView; state: AgentState }> {
    return { view: this.view, state: this.state };
  }

  /** Answers the question `state`. `folder`: where the snapshot is. */
  async tellState(folder: string): Promise<AnswerOf<'state'>> {
    const room = await statfs(folder).catch(() => null);
    return {
      state: this.state,
      position: this.view.position,
      snapshot: this.savedPosition < 0 ? null : this.savedPosition,
      freeBytes: room && room.bavail * room.bsize,
      troubles: this.troubles.slice(0, MOST_TROUBLES),
      failing: [...this.converger.failing].slice(0, MOST_FROZEN).map(([key, { reason }]) => ({ key, reason })),
    };
  }

  /** What is not well on this node and is no status of an object that users see, a sentence each. */
  private get troubles(): readonly string[] {
    const { lastError } = this.converger;
    const failing = [...this.converger.failing].filter(([key]) => !SHOWN_STATUS.test(key));
    return [
      ...(lastError ? [`nothing can be applied: ${lastError.message}`] : []),
      ...[this.notSaved, this.ownerNotKept].filter((each) => each !== null),
      ...failing.map(([key, { reason }]) => `${key}: ${reason}`),
      ...(this.options.troubles?.(this.view) ?? []),
    ];
  }

  /** Reports at once when the troubles, or what this node is, are others than the last time. Call when they may be. */
  tellNews(): void {
    if (this.told === null) return; // the first report is still to come
    const now = this.toTell();
    if (now === this.told) return;
    this.told = now;
    this.reporter.send(false);
  }

  private toTell(): string {
    return JSON.stringify([this.troubles, this.options.nodeFacts?.() ?? null]);
  }

  /** Why the control plane's log is not this node's log; null while it is. */
  get foreign(): Foreign | null {
    return this.bindingConflict ?? this.inbox?.foreign ?? null;
  }

  /** For the health endpoint: not ok while the agent does not keep the node as the view says. */
  health(): CheckResult {
    const { state, position, foreign } = this;
    const refusal = this.ownership?.refusal ?? null;
    const quarantined = [...this.converger.failing].map(([key, { reason }]) => ({ key, reason }));
    const { lastError } = this.converger;
    const fault = this.inbox?.fault ?? null;
    const stuck = fault?.mended === false;
    const detail = foreign
      ? `the control plane speaks of another log (${foreign.reason}, ${foreign.log}); the node is left as it is; see "plumb node rebind"`
      : refusal !== null
        ? `the node is left as it is: ${refusal}`
        : lastError
          ? `nothing can be applied: ${lastError.message}`
          : stuck
            ? `a message at position ${fault.position} could not be folded (${fault.reason}); waiting for a full view`
            : state === 'restored'
              ? `restored to ${position}, unverified`
              : `${state} at ${position}`;
    const ok = !foreign && refusal === null && !lastError && !stuck;
    const { troubles } = this;
    const about = { state, position, log: this.view.log, quarantined, ...(fault && { fault }) };
    if (troubles.length === 0) return { ok, detail, ...about };
    return { ok, degraded: true, detail: ok ? `${detail}; ${troubles[0]}` : detail, ...about, troubles };
  }

  /** Loads the snapshot, begins to listen and to work. Resolves before anything was applied. */
  async start(): Promise<void> {
    const { options } = this;
    this.view = (await this.restore()) ?? this.view;
    this.ownership = await this.ownershipAtStart();
    const bound = await this.boundLog().catch((err: unknown) =>
      this.warn(err, 'cannot read yet which log this node is bound to'),
    );
    if (bound !== null && this.view.log !== null && bound !== this.view.log) this.conflict(bound, this.view.log);
    this.boundTo = bound;
    if (this.stopped) return;
    this.inbox = new Inbox({
      view: this.view,
      boundLog: bound,
      clock: options.clock,
      ask: (request) => {
        this.log.debug({ position: request.position, log: request.log, step: 'ask' }, 'requesting missing messages');
        options.feed.requestReplay(request);
      },
      onFold: ({ all, keys }) => {
        this.log.debug({ position: this.view.position, step: 'fold', all, keys: keys.size }, 'folded');
        this.converger.mark(all ? 'all' : keys);
      },
      onFault: (err) => {
        this.log.error(
          { err, position: this.inbox?.fault?.position, log: this.view.log, step: 'fold' },
          'a message could not be folded: the view stays as it was, and a full view is asked for',
        );
        this.reporter.send(false);
      },
      onChange: () => this.changed(),
    });
    this.unsubscribe = options.feed.subscribe({
      message: (message) => this.inbox?.message(message),
      refusal: (refusal) => this.inbox?.refusal(refusal),
      beacon: (beacon) => this.beacon(beacon),
      connected: () => this.inbox?.connected(),
    });
    this.changed();
    this.told = this.toTell();
    this.reporter.start();
    if (!this.bindingConflict) this.inbox.start();
    this.awaitsConfirmation = true;
    options.clock.after(confirmWithinMs, () => {
      this.awaitsConfirmation = false;
      this.converger.wake();
    });
    this.converger.mark('all');
  }

  /** Waits for the running converge, writes the snapshot, and sends nothing more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.unsubscribe?.();
    this.inbox?.stop();
    await this.converger.stop();
    this.reporter.stop();
    this.cancelSave?.();
    await this.save().catch((err: unknown) => this.warn(err, 'snapshot not written'));
    await this.keeping;
  }

  /** Call when something on the node changed that this agent did not change (a port appeared): has these objects reconciled, or all. `back`: the node can be changed again. */
  touch(keys: ReadonlySet<ObjectKey> | 'all', back = false): void {
    this.converger.mark(keys satisfies Marks);
    if (back) this.converger.retry();
  }

  private beacon(beacon: Beacon): void {
    const before = this.state;
    const introduce = this.ownership?.beacon(beacon) ?? false;
    this.inbox?.beacon(beacon);
    this.ownerChanged();
    const asked = beacon.report.includes(this.options.agent);
    if ((asked || introduce) && before === this.state) this.reporter.send(asked);
  }

  private async ownershipAtStart(): Promise<Ownership> {
    const { agent, machine, clock, ownerRecord } = this.options;
    if (machine.fault !== null)
      this.log.error(
        { step: 'owner', fault: machine.fault },
        'this machine has no identity: no control plane will let it own its name',
      );
    const kept = await ownerRecord.load();
    const refused = kept !== null && kept.machine === machine.id && kept.owner !== kept.machine ? kept.refused : null;
    const run = runOf(machine.boot, this.reporter.startedAt);
    return new Ownership({ agent, machine, run, nowMs: clock.nowMs, refusedBefore: refused });
  }

  /** Logs and keeps what the control plane now says of who owns this host's name. */
  private ownerChanged(): void {
    const { ownership, options } = this;
    if (!ownership) return;
    const { owner, refusal } = ownership;
    const now = JSON.stringify([owner, refusal]);
    if (now === this.lastOwner) return;
    const wasRefused = this.wasRefused;
    this.lastOwner = now;
    this.wasRefused = refusal !== null;
    const line = { step: 'owner', machine: options.machine.id, owner, reason: refusal };
    if (refusal !== null) this.log.error(line, 'this machine does not own its host name: the node is left as it is');
    else if (owner !== null) {
      this.log.info(line, 'this machine owns its host name');
      // What was not done while it did not own is done now, and removed what another machine's time left behind.
      if (wasRefused) this.converger.mark('all');
    }
    const status = {
      host: options.host,
      machine: options.machine.id,
      owner,
      refused: refusal,
      at: options.clock.nowIso(),
    };
    this.keeping = this.keeping
      .then(() => options.ownerRecord.save(status))
      .then(() => {
        this.ownerNotKept = null;
      })
      .catch((err: unknown) => {
        this.warn(err, 'who owns this host name cannot be kept on disk');
        this.ownerNotKept = `which machine owns this host name cannot be kept in its state folder (${(err as Error).message}): an operator must make room there or mend the folder`;
      })
      .then(() => this.tellNews());
    this.changed();
  }

  private changed(): void {
    const { state } = this;
    if (state !== this.lastState) {
      const { foreign } = this;
      const line = {
        position: this.view.position,
        log: this.view.log,
        state,
        was: this.lastState,
        step: 'state',
        ...(foreign && { foreign }),
      };
      if (state === 'foreign-log')
        this.log.error(line, 'the control plane speaks of another log: the node is left as it is');
      else if (state === 'not-owner')
        this.log.error(line, 'another machine owns this host name: the node is left as it is');
      else this.log.info(line, 'state changed');
      const first = this.lastState === null;
      this.lastState = state;
      if (!first) this.reporter.send(true);
    }
    this.converger.wake();
  }

  /** What the converger may do now. Binds the node to its log before anything of that log is applied. */
  private async terms(): Promise<{ view: HostView; mayRemove: boolean; unverified: boolean } | null> {
    const { inbox, view } = this;
    if (!inbox || this.stopped || view.log === null || this.state === 'foreign-log') return null;
    if (!this.ownership?.mayChange) return null;
    if (!inbox.inSync && this.awaitsConfirmation) return null;
    if (this.boundTo !== view.log) {
      try {
        // Read again: at the start the switch may not have answered.
        const bound = await this.boundLog();
        if (bound !== null && bound !== view.log) {
          this.conflict(bound, view.log);
          this.changed();
          return null;
        }
        await this.options.binding?.bind(view.log);
        // What the node itself does not remember, the snapshot must.
        if (this.savedPosition < 0)
          await this.save().catch((err: unknown) => {
            if (!this.options.binding) throw err;
            this.warn(err, 'snapshot not written');
            this.saveSoon();
          });
        this.boundTo = view.log;
      } catch (err) {
        this.warn(err, 'cannot bind the node to its log: nothing is applied, will be retried');
        this.options.clock.after(saveEveryMs, () => this.converger.wake());
        return null;
      }
    }
    return { view, mayRemove: inbox.inSync && !lacksUnreadable(view), unverified: inbox.unverified };
  }

  private async boundLog(): Promise<string | null> {
    return (await this.options.binding?.boundLog()) ?? null;
  }

  private conflict(bound: string, log: string): void {
    this.bindingConflict = { reason: 'other-log', log, head: null };
    this.log.error({ bound, log, step: 'bind' }, 'this node is bound to another log: it is left as it is');
  }

  private async restore(): Promise<HostView | null> {
    try {
      const view = await this.options.snapshots.load(this.options.host);
      if (view) this.savedPosition = view.position;
      return view;
    } catch (err) {
      if (!(err instanceof SnapshotRefused)) throw err;
      this.log.error({ step: 'restore', err }, 'snapshot refused');
      return null;
    }
  }

  private saveSoon(): void {
    if (this.stopped || this.cancelSave || this.savedPosition === this.view.position) return;
    this.cancelSave = this.options.clock.after(saveEveryMs, () => {
      this.cancelSave = null;
      void this.save().catch((err: unknown) => {
        this.warn(err, 'snapshot not written');
        this.saveSoon();
      });
    });
  }

  /** One write at a time; each writes the view as it is when that write begins. */
  private save(): Promise<void> {
    this.saving = this.saving
      .catch(() => undefined)
      .then(async () => {
        if (this.view.log === null || this.savedPosition === this.view.position || this.bindingConflict) return;
        // A machine that may not make its node must not make it from a snapshot either.
        if (this.ownership && this.ownership.refusal !== null) return;
        const { position } = this.view;
        try {
          await this.options.snapshots.save(this.view);
          this.savedPosition = position;
          this.notSaved = null;
        } catch (error) {
          this.notSaved = (error as Error).message;
          throw error;
        } finally {
          this.tellNews();
        }
      });
    return this.saving;
  }

  /** A snapshot that somebody removed or changed is written anew. */
  private async checkSnapshot(): Promise<void> {
    await this.saving.catch(() => undefined);
    if (this.savedPosition < 0 || (await this.options.snapshots.untouched())) return;
    this.log.warn({ position: this.view.position, step: 'save' }, 'the snapshot was changed by others: written anew');
    this.savedPosition = -1;
    this.saveSoon();
  }

  private warn(err: unknown, message: string): null {
    this.log.warn({ err, position: this.view.position, step: 'session' }, message);
    return null;
  }
}
