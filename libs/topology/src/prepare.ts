/**
 * From a decision to what the log's one transaction needs: which stream versions it stands on, which claims it takes, which rows it writes and which hosts
 * must hear of it. All of it follows from the topology and the events; nobody writes it by hand.
 */
import { AnyObject, Kind, Meta, ObjectKey, PlumbEvent } from '@plumbline/contracts';
import { claimsOf } from './claims.js';
import { type Change, Future } from './future.js';
import { nameOf } from './host-view.js';
import { type Passed, scopeMoves, type ScopeMoves } from './scope.js';
import { streamOf, streamOfName } from './streams.js';
import { Topology } from './topology.js';

/** What `decide` answers. No events: it is already so. */
export type Decision = Readonly<{
  events: readonly PlumbEvent[];
  /** Objects the decision stands on without changing them: if one changes meanwhile, it is decided again. */
  reads: readonly ObjectKey[];
  /** Claim prefixes under which nothing may be held, beside what this decision itself releases. */
  none: readonly string[];
  /**
   * Claims that others hold and this decision knows of: given back and taken again in the same breath, so that under a prefix of `none` nothing is held but
   * them. What appeared or went meanwhile makes the decision lose.
   */
  renew?: readonly string[];
  /** Tally (`tallyOf`) -> how many there may be once the decision is stored. Whoever sets one says so itself when the topology shows too many. */
  limits?: Readonly<Record<string, number>>;
  /** What the events make of the objects, when whoever decided has computed it. */
  future?: Future;
}>;

export type Row =
  | Readonly<{ kind: AnyObject['kind']; id: string; deleted: true }>
  | Readonly<{ kind: AnyObject['kind']; id: string; deleted?: false; object: AnyObject }>;

export type Prepared = Readonly<{
  events: readonly Readonly<{ stream: string; event: PlumbEvent }>[];
  expect: Readonly<Record<string, number>>;
  take: readonly string[];
  release: readonly string[];
  none: readonly string[];
  rows: readonly Row[];
  hosts: readonly string[];
  /** By how much the decision changes each tally. */
  tally: Readonly<Record<string, number>>;
  limits: Readonly<Record<string, number>>;
  meta: Meta;
  foreseen: Foreseen;
}>;

/** What a command will do once it is stored, as it was computed at `position`. */
export type Foreseen = Readonly<{ future: Future; moves: ScopeMoves<AnyObject>; position: number }>;

/** The key under which an object is counted: `<kind>/<project>`. Null for what belongs to no project. */
export function tallyOf({ kind, projectId }: AnyObject): string | null {
  return projectId === '' ? null : `${kind}/${projectId}`;
}

/** What the read model keeps of an object: its own facts in `doc`, beside what rows are found and ordered by. `version`: of the object's stream after its last change. */
export function readRow(object: AnyObject, version: number) {
  const { setAt, ...doc } = object;
  return { kind: object.kind, id: object.id, version, projectId: doc.projectId, name: doc.name, doc, setAt };
}

/** The topology is left as it was. */
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
  const renewed = new Set([...fences.known, ...(decision.renew ?? [])]);
  for (const claim of [...released, ...taken]) renewed.delete(claim);
  return {
    events: events.map((event, index) => ({ stream: streams[index] as string, event })),
    expect,
    take: [...taken, ...renewed],
    release: [...released, ...renewed],
    none: [...decision.none, ...fences.prefixes],
    rows: changes.map(({ key, after }) =>
      after ? { ...nameOf(key), object: after } : { ...nameOf(key), deleted: true },
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
 * What decides who must hear of a command must stay as it is until the command is stored, or a host that enters the scope at the same moment in another process is
 * passed over. So the streams of the objects that the scope walks came through are expected unchanged. A walk to all that name an object holds only while nobody else comes
 * to name it, which writes no stream that could be expected: but each of them holds a claim under a prefix (`claimedUnder`), so the command demands that
 * there is none beside those it knows of, which it gives back and takes again in the same breath.
 */
class Fences implements Passed {
  readonly prefixes = new Set<string>();
  readonly known = new Set<string>();

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
}
