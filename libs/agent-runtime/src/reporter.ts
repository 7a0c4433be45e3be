/**
 * What the node says of itself: a report after each change, a heartbeat when nothing changes.
 *
 * Reports may be lost. So a status is repeated in all reports of the next 15 s, and the whole is said when the API asks for it (it has none), after silence
 * and every minute.
 */
import { AgentKind, AgentState, keyOf, ObjectKey, ObjectStatus, Report } from '@plumbline/contracts';
import { Clock } from './clock.js';
import { NodeFeed } from './node-feed.js';
import { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';

export type NodeFacts = NonNullable<Report['node']>;

export type ReporterOptions = Readonly<{
  agent: AgentKind;
  feed: NodeFeed;
  clock: Clock;
  /** What the report says beside statuses, at this moment. */
  facts(): Readonly<{
    log: string | null;
    state: AgentState;
    position: number;
    frozen: Report['frozen'];
    node: NodeFacts | null;
    availabilityZone: string | undefined;
  }>;
}>;

const heartbeatMs = 5_000;
const repeatMs = 15_000;
const fullEveryMs = 60_000;
/** About 150 bytes each: well below a broker's payload limit. */
const statusesPerReport = 2_000;

export class Reporter {
  private readonly statuses = new Map<ObjectKey, ObjectStatus>();
  private readonly changedAt = new Map<ObjectKey, Readonly<{ atMs: number; status: ObjectStatus }>>();
  private readonly startedAt: string;
  private sequence = 0;
  private appliedPosition = 0;
  private driftRepaired = 0;
  private lastFullAt = -Infinity;
  private cancelBeat: (() => void) | null = null;
  private stopped = false;

  constructor(private readonly options: ReporterOptions) {
    this.startedAt = options.clock.nowIso();
  }

  start(): void {
    this.send(true);
  }

  stop(): void {
    this.stopped = true;
    this.cancelBeat?.();
  }

  /** After a converge: says what changed, at once. */
  converged(result: Convergence, view: HostView, options: ConvergeOptions): void {
    this.driftRepaired += result.drift;
    this.appliedPosition = view.position;
    const found = new Map(result.statuses.map((status) => [keyOf(status), status]));
    for (const { key, reason } of result.failed) {
      const object = view.objects.get(key as ObjectKey);
      if (object && !found.has(keyOf(object)))
        found.set(keyOf(object), {
          kind: object.kind,
          id: object.id,
          position: view.position,
          status: 'ERROR',
          reason: reason.slice(0, 500),
        });
    }
    let changed = result.applied > 0;
    for (const [key, status] of found) {
      const before = this.statuses.get(key);
      if (before?.status === status.status && before.reason === status.reason && before.position === status.position)
        continue;
      this.set(key, status);
      changed = true;
    }
    for (const key of options.touched === 'all' ? [...this.statuses.keys()] : options.touched) {
      const before = this.statuses.get(key);
      if (!before || found.has(key) || view.objects.has(key)) continue;
      this.set(key, { kind: before.kind, id: before.id, position: view.position, status: 'ABSENT' });
      changed = true;
    }
    if (changed) this.send(false);
  }

  private set(key: ObjectKey, status: ObjectStatus): void {
    if (status.status === 'ABSENT') this.statuses.delete(key);
    else this.statuses.set(key, status);
    this.changedAt.set(key, { atMs: this.options.clock.nowMs(), status });
  }

  /** Sends a report now; the next heartbeat counts from here. */
  send(full: boolean): void {
    if (this.stopped) return;
    const nowMs = this.options.clock.nowMs();
    const whole = full || nowMs - this.lastFullAt >= fullEveryMs;
    if (whole) this.lastFullAt = nowMs;
    for (const [key, { atMs }] of this.changedAt) if (nowMs - atMs > repeatMs) this.changedAt.delete(key);
    const objects = whole ? [...this.statuses.values()] : [...this.changedAt.values()].map(({ status }) => status);
    this.sendPaged(objects, whole);
    this.cancelBeat?.();
    this.cancelBeat = this.options.clock.after(heartbeatMs, () => this.send(false));
  }

  private sendPaged(objects: readonly ObjectStatus[], full: boolean): void {
    const { log, state, frozen, node, availabilityZone } = this.options.facts();
    for (let from = 0; from === 0 || from < objects.length; from += statusesPerReport) {
      this.sequence += 1;
      this.options.feed.report({
        log,
        state,
        sequence: this.sequence,
        position: this.appliedPosition,
        full: full && from === 0,
        objects: objects.slice(from, from + statusesPerReport),
        frozen,
        driftRepaired: this.driftRepaired,
        startedAt: this.startedAt,
        ...(node && { node }),
        ...(availabilityZone !== undefined && { availabilityZone }),
      });
    }
  }
}
