/**
 * Makes of a decision what the log's one transaction needs: its preconditions on stream versions, the claims it takes, the rows it writes and the hosts that
 * must learn of it. All of this follows from the topology and the events.
 */
import { AnyObject, Kind, Meta, ObjectKey, PlumbEvent, WrittenObject } from '@plumbline/contracts';
import { claimsOf } from './claims.js';
import type { Change } from './change.js';
import { type Foreseen, Future } from './future.js';
import { nameOf } from './host-view.js';
import { type Passed, scopeMoves, type ScopeMoves } from './scope.js';
import { streamOf, streamOfName } from './streams.js';
import { Topology } from './topology.js';

/** Result of `decide`. No events: nothing has to change. */
export type Decision = Readonly<{
  events: readonly PlumbEvent[];
  /** Preconditions: objects that the decision was based on without changing them. If one changes meanwhile, it is decided again. */
  reads: readonly ObjectKey[];
  /** Preconditions: claim prefixes under which nothing may be held, except what this decision itself releases. */
  none: readonly string[];
  /**
   * Claims of objects that the decision has read. They are released and taken again in the same transaction, so that nothing but them may be held under a
   * prefix of `none`. A claim that appeared or went meanwhile is a conflict.
   */
  retake?: readonly string[];
  /** Counter (`tallyOf`) -> its maximum once the decision is stored. A decision that sets one refuses by itself when the topology has too many. */
  limits?: Readonly<Record<string, number>>;
  /** Objects that the decision makes beside the one that was asked for: they are counted, but no limit refuses them. */
  exempt?: readonly ObjectKey[];
  /** What the events make of the objects, if the decision has computed it. */
  future?: Future;
}>;

export type Row =
  | Readonly<{ kind: AnyObject['kind']; id: string; deleted: true }>
  | Readonly<{ kind: AnyObject['kind']; id: string; deleted?: false; object: WrittenObject }>;

export type Prepared = Readonly<{
  events: readonly Readonly<{ stream: string; event: PlumbEvent }>[];
  expect: Readonly<Record<string, number>>;
  take: readonly string[];
  release: readonly string[];
  none: readonly string[];
  /** Prefix -> under it, claims must go on with one of these, and a slash. Sorted. */
  within: Readonly<Record<string, readonly string[]>>;
  rows: readonly Row[];
  hosts: readonly string[];
  /** Counter -> by how much the decision changes it. */
  tally: Readonly<Record<string, number>>;
  limits: Readonly<Record<string, number>>;
  meta: Meta;
  foreseen: Foreseen;
}>;

/** The counter of an object: `<kind>/<project>`. Null if it belongs to no project. */
export function tallyOf({ kind, projectId }: AnyObject): string | null {
  return projectId === '' ? null : `${kind}/${projectId}`;
}

/** An object's row in the read model: its own facts in `doc`, beside the columns that rows are found and ordered by. `version`: of the object's stream after its last change. */
export function readRow(object: WrittenObject, version: number) {
  const { setAt, ...doc } = object;
  return { kind: object.kind, id: object.id, version, projectId: doc.projectId, name: doc.name, doc, setAt };
}

/** Does not change the topology. */
export function prepare(topology: Topology, decision: Decision, meta: Meta): Prepared {
  const { events } = decision;
  const made = decision.future;
  const future = made?.events === events && made.now === meta.time ? made : Future.of(topology, events, meta.time);
  const changes = future.changes();
  const streams = events.map(streamOf);
  const expect: Record<string, number> = {};
  const expectOf = (stream: string | null) => {
    if (stream !== null) expect[stream] ??= topology.versionOf(stream);
  };
  for (const stream of streams) expectOf(stream);
  for (const key of decision.reads) {
    const { kind, id } = nameOf(key);
    expectOf(streamOfName(kind, id, topology.byKey(key)) ?? `${kind}-${id}`);
  }
  const fences = new Fences(topology, expectOf);
  const moves = scopeMoves(topology.objects, changes, 'before', fences);
  const held = new Set(changes.flatMap(({ before }) => claimsOf(before)));
  const holds = new Set(changes.flatMap(({ after }) => claimsOf(after)));
  const released = [...held].filter((claim) => !holds.has(claim));
  const taken = [...holds].filter((claim) => !held.has(claim));
  const retaken = new Set([...fences.known, ...(decision.retake ?? [])]);
  for (const claim of [...released, ...taken]) retaken.delete(claim);
  return {
    events: events.map((event, index) => ({ stream: streams[index] as string, event })),
    expect,
    take: [...taken, ...retaken],
    release: [...released, ...retaken],
    none: [...decision.none, ...fences.prefixes],
    within: fences.within(),
    rows: changes.map(({ key, after }) =>
      after ? { ...nameOf(key), object: after as WrittenObject } : { ...nameOf(key), deleted: true },
    ),
    hosts: hostsIn(moves),
    tally: tallied(changes),
    limits: decision.limits ?? {},
    meta,
    foreseen: { future, moves, position: topology.position },
  };
}

function hostsIn(moves: ScopeMoves<AnyObject>): string[] {
  const hosts = new Set<string>();
  for (const { entered, left, stayed } of moves.values())
    for (const list of [entered, left, stayed]) for (const host of list) hosts.add(host);
  return [...hosts].sort();
}

function tallied(changes: readonly Change[]): Record<string, number> {
  const tally: Record<string, number> = {};
  for (const { before, after } of changes) {
    if (!before === !after) continue;
    const counted = tallyOf((after ?? before) as AnyObject);
    if (counted !== null) tally[counted] = (tally[counted] ?? 0) + (after ? 1 : -1);
  }
  for (const counted of Object.keys(tally)) if (tally[counted] === 0) delete tally[counted];
  return tally;
}

/**
 * Preconditions that keep the list of hosts right until the command is stored: otherwise a host that enters the scope at the same time in another process would be
 * missed. The streams of the objects that the scope walks passed through must not change. A walk to all objects that name an object is right only while no
 * other object starts to name it. That writes no stream that could be a precondition, but each such object holds a claim under a prefix (`claimedUnder`). So
 * the command requires that only the claims it has read are held there, and releases and retakes these. Where those objects are many and lead to few (`Relation.gather`), it requires only that their
 * claims lead to no others.
 */
class Fences implements Passed {
  readonly prefixes = new Set<string>();
  readonly known = new Set<string>();
  private readonly leads = new Map<string, Set<string>>();

  constructor(
    private readonly topology: Topology,
    private readonly expect: (stream: string | null) => void,
  ) {}

  through(kind: string, id: string): void {
    const key = `${kind}/${id}` as ObjectKey;
    this.expect(streamOfName(kind as Kind, id, this.topology.byKey(key)));
  }

  allNaming(kind: string, relation: Parameters<Passed['allNaming']>[1], name: string, id: string): void {
    const prefix = 'ids' in relation ? relation.claimedUnder?.(id) : undefined;
    if (prefix === undefined || this.prefixes.has(prefix)) return;
    this.prefixes.add(prefix);
    for (const object of this.topology.find(kind as Kind, `${name}/${id}`))
      for (const claim of claimsOf(object)) if (claim.startsWith(prefix)) this.known.add(claim);
  }

  gathering(relation: Parameters<Passed['gathering']>[0], id: string, leadTo: readonly string[]): void {
    const prefix = 'ids' in relation ? relation.claimedUnder?.(id) : undefined;
    if (prefix === undefined) return;
    let leads = this.leads.get(prefix);
    // Nothing: of an object that leads nowhere.
    if (!leads) this.leads.set(prefix, (leads = new Set([''])));
    for (const each of leadTo) leads.add(each);
  }

  within(): Record<string, readonly string[]> {
    return Object.fromEntries([...this.leads].map(([prefix, leads]) => [prefix, [...leads].sort()]));
  }
}
