/**
 * Sends the agent's reports: one after each change, and a heartbeat when nothing changes.
 *
 * Reports may be lost. So a changed status is repeated for 15 s, and a full report is sent when the API asks for one (it has none), after a silence, and every
 * minute. The first reports of a run say that the agent has not looked at its node yet, so that its statuses of before hold until it has. Reports may overtake each other, and the API does not store one that arrives after a later one. So each report contains the changes of the last second.
 * Older changes are repeated in at most one report a second: among many changes, each report would otherwise cost as much as all changes of the last 15 s.
 *
 * A report is cut into pages by bytes, because the broker refuses what is larger than its payload limit. All pages of a report bear its number, so that the API
 * knows when it has all of them, in whatever order they come and whatever other report comes between.
 */
import {
  AgentKind,
  AgentState,
  keyOf,
  Machine,
  MOST_FROZEN,
  MOST_REASON,
  MOST_TROUBLES,
  ObjectKey,
  ObjectStatus,
  Report,
} from '@plumbline/contracts';
import { bytesOf, pagesOf } from '@plumbline/messaging';
import { Clock } from './clock.js';
import { NodeFeed } from './node-feed.js';
import { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';

export type NodeFacts = NonNullable<Report['node']>;

export type ReporterOptions = Readonly<{
  agent: AgentKind;
  feed: NodeFeed;
  clock: Clock;
  /** What a report contains besides statuses, as of now. */
  facts(): Readonly<{
    log: string | null;
    state: AgentState;
    position: number;
    frozen: Report['frozen'];
    fault?: Report['fault'] | null;
    troubles: readonly string[];
    node: NodeFacts | null;
    availabilityZone: string | undefined;
    machine: Machine;
  }>;
}>;

const heartbeatMs = 5_000;
const repeatMs = 15_000;
const repeatEveryMs = 1_000;
const freshMs = 1_000;
const fullEveryMs = 60_000;

/** The last change of each object, in the order of the changes. */
type Changes = Map<ObjectKey, Readonly<{ atMs: number; status: ObjectStatus }>>;

function forgetBefore(changes: Changes, atMs: number): void {
  for (const [key, change] of changes) {
    if (change.atMs >= atMs) return;
    changes.delete(key);
  }
}

/** The reason as it is reported: at most MOST_REASON characters, and when it was longer it says so. */
export function shortened(reason: string): string {
  if (reason.length <= MOST_REASON) return reason;
  const note = ` ... (${reason.length} characters, shortened)`;
  return `${reason.slice(0, MOST_REASON - note.length).replace(/[\uD800-\uDBFF]$/, '')}${note}`;
}

export class Reporter {
  private readonly statuses = new Map<ObjectKey, ObjectStatus>();
  private readonly changed: Changes = new Map();
  private readonly fresh: Changes = new Map();
  /** When this run of the agent began: RFC 3339. */
  readonly startedAt: string;
  private sequence = 0;
  private reports = 0;
  private appliedPosition = 0;
  private driftRepaired = 0;
  private lastFullAt = -Infinity;
  private lastRepeatAt = -Infinity;
  private cancelBeat: (() => void) | null = null;
  private stopped = false;
  /** The whole node was looked at once. */
  private looked = false;
  /** Something changed, and will be reported with what is read back. */
  private unsent = false;

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

  /** Call after each converge: reports at once what changed, or with what is still to be read back. */
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
          reason,
        });
    }
    let changed = this.unsent || result.applied > 0;
    for (const [key, each] of found) {
      const status = each.reason === undefined ? each : { ...each, reason: shortened(each.reason) };
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
    const first = !this.looked && options.touched === 'all';
    if (first) this.looked = true;
    this.unsent = changed && result.unread !== undefined && !first;
    if ((changed && !this.unsent) || first) this.send(first);
  }

  private set(key: ObjectKey, status: ObjectStatus): void {
    if (status.status === 'ABSENT') this.statuses.delete(key);
    else this.statuses.set(key, status);
    for (const changes of [this.changed, this.fresh]) {
      changes.delete(key);
      changes.set(key, { atMs: this.options.clock.nowMs(), status });
    }
  }

  /** Sends a report now; the next heartbeat counts from here. */
  send(full: boolean): void {
    if (this.stopped) return;
    const nowMs = this.options.clock.nowMs();
    const whole = full || nowMs - this.lastFullAt >= fullEveryMs;
    if (whole) this.lastFullAt = nowMs;
    this.sendPaged(whole ? [...this.statuses.values()] : this.changes(nowMs), whole);
    this.cancelBeat?.();
    this.cancelBeat = this.options.clock.after(heartbeatMs, () => this.send(false));
  }

  /** The changes that a report must contain: those of the last second, and once a second all that are still repeated. */
  private changes(nowMs: number): ObjectStatus[] {
    forgetBefore(this.fresh, nowMs - freshMs);
    const repeat = nowMs - this.lastRepeatAt >= repeatEveryMs;
    if (repeat) {
      this.lastRepeatAt = nowMs;
      forgetBefore(this.changed, nowMs - repeatMs);
    }
    return Array.from((repeat ? this.changed : this.fresh).values(), ({ status }) => status);
  }

  private sendPaged(objects: readonly ObjectStatus[], full: boolean): void {
    const { log, state, frozen, fault, troubles, node, availabilityZone, machine } = this.options.facts();
    const { feed } = this.options;
    this.reports += 1;
    const facts = {
      log,
      state,
      position: this.appliedPosition,
      frozen: frozen.slice(0, MOST_FROZEN),
      ...(frozen.length > MOST_FROZEN && { frozenCount: frozen.length }),
      ...(fault && { fault: { ...fault, reason: shortened(fault.reason) } }),
      ...(troubles.length > 0 && { troubles: troubles.slice(0, MOST_TROUBLES).map(shortened) }),
      ...(troubles.length > MOST_TROUBLES && { troubleCount: troubles.length }),
      driftRepaired: this.driftRepaired,
      startedAt: this.startedAt,
      machine,
      ...(!this.looked && { unread: true as const }),
      ...(node && { node }),
      ...(availabilityZone !== undefined && { availabilityZone }),
    };
    const report = (page: readonly ObjectStatus[], index: number, of: number): Report => ({
      ...facts,
      sequence: this.sequence + index,
      full: full && index === 1,
      page: { report: this.reports, index, of, full },
      objects: [...page],
    });
    const frame = { ...report([], 9_999, 9_999), sequence: Number.MAX_SAFE_INTEGER };
    const pages = pagesOf(objects, feed.maxBodyBytes - bytesOf(frame));
    pages.forEach((page, at) => feed.report(report(page, at + 1, pages.length)));
    this.sequence += pages.length;
  }
}
