/**
 * From a decision to what the log's one transaction needs: which stream versions it stands on, which claims it takes, which rows it writes and which hosts
 * must hear of it. All of it follows from the topology and the events; nobody writes it by hand.
 */
import {
  AnyObject,
  forwardingStream,
  Meta,
  ObjectKey,
  PlumbEvent,
  Recorded,
  streamOf,
  subjectOf,
} from '@plumbline/contracts';
import { claimsOf } from './claims.js';
import { evolve } from './evolve.js';
import { advance, nameOf } from './host-view.js';
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
}>;

/** The key under which an object is counted: `<kind>/<project>`. Null for what belongs to no project. */
export function tallyOf({ kind, projectId }: AnyObject): string | null {
  return projectId === '' ? null : `${kind}/${projectId}`;
}

/** Stream in which an object's events are written (`streamOf`). */
export function streamOfObject(object: AnyObject): string {
  switch (object.kind) {
    case 'subnet':
      return `network-${object.networkId}`;
    case 'securitygrouprule':
      return `securitygroup-${object.securityGroupId}`;
    case 'portforwarding':
      return forwardingStream(object);
    default:
      return `${object.kind}-${object.id}`;
  }
}

/** What the read model keeps of an object: its own facts in `doc`, beside what rows are found and ordered by. `version`: of the object's stream after its last change. */
export function readRow(object: AnyObject, version: number) {
  const { setAt, ...doc } = object;
  return { kind: object.kind, id: object.id, version, projectId: doc.projectId, name: doc.name, doc, setAt };
}

/**
 * Positions are not known before the commit: the first event is at -1, the second at -2, ... and the store puts the real ones in place.
 * The topology is left as it was.
 */
export function prepare(topology: Topology, decision: Decision, meta: Meta): Prepared {
  const before = new Map<ObjectKey, AnyObject | undefined>();
  const after = new Map<ObjectKey, AnyObject | undefined>();
  const expect: Record<string, number> = {};
  const recorded: Recorded[] = decision.events.map((event, index) => {
    const stream = streamOf(event);
    const { key } = subjectOf(event);
    if (!before.has(key)) before.set(key, topology.byKey(key));
    const provisional = { position: -1 - index, stream, event: event as unknown as Recorded['event'], meta };
    after.set(key, evolve(after.has(key) ? after.get(key) : before.get(key), provisional));
    expect[stream] ??= topology.versionOf(stream);
    return provisional;
  });
  for (const key of decision.reads) {
    const object = topology.byKey(key);
    const stream = object ? streamOfObject(object) : `${nameOf(key).kind}-${nameOf(key).id}`;
    expect[stream] ??= topology.versionOf(stream);
  }
  const held = new Set([...before.values()].flatMap(claimsOf));
  const holds = new Set([...after.values()].flatMap(claimsOf));
  const concerned = concernedHosts(topology, recorded);
  for (const stream of concerned.scopes) expect[stream] ??= topology.versionOf(stream);
  const fences = [...before.keys()].flatMap((key) => nodeFence(topology, key));
  const released = [...held].filter((claim) => !holds.has(claim));
  const renewed = new Set([...fences.flatMap((fence) => fence.known), ...(decision.renew ?? [])]);
  const taken = [...holds].filter((claim) => !held.has(claim));
  for (const claim of [...released, ...taken]) renewed.delete(claim);
  return {
    events: recorded.map(({ stream }, index) => ({ stream, event: decision.events[index] as PlumbEvent })),
    expect,
    take: [...taken, ...renewed],
    release: [...released, ...renewed],
    none: [...decision.none, ...fences.map((fence) => fence.prefix)],
    rows: [...after].map(([key, object]) => (object ? { ...nameOf(key), object } : { ...nameOf(key), deleted: true })),
    hosts: concerned.hosts,
    tally: tallied(before, after),
    limits: decision.limits ?? {},
    meta,
  };
}

function tallied(
  before: ReadonlyMap<ObjectKey, AnyObject | undefined>,
  after: ReadonlyMap<ObjectKey, AnyObject | undefined>,
): Record<string, number> {
  const tally: Record<string, number> = {};
  for (const [key, was] of before) {
    const is = after.get(key);
    if (!was === !is) continue;
    const counted = tallyOf((is ?? was) as AnyObject);
    if (counted !== null) tally[counted] = (tally[counted] ?? 0) + (is ? 1 : -1);
  }
  for (const counted of Object.keys(tally)) if (tally[counted] === 0) delete tally[counted];
  return tally;
}

/**
 * A node's facts go to every host that shares a network with it, so they must not pass a network that is placed on it at the same moment: such a
 * placement writes no stream that the node's event could expect. But each holds a local VLAN of the host. So the event demands that there is none beside
 * those it knows of, which it gives back and takes again in the same breath.
 */
function nodeFence(topology: Topology, key: ObjectKey): { prefix: string; known: string[] }[] {
  const { kind, id } = nameOf(key);
  if (kind !== 'node') return [];
  const prefix = `local-vlan/${id}/`;
  const placements = topology.find('placement', `host/${id}`);
  return [{ prefix, known: placements.flatMap((each) => claimsOf(each).filter((claim) => claim.startsWith(prefix))) }];
}

/**
 * Hosts that must hear of the events, and the streams that decide it (placements, routers): those are expected unchanged, so that a host that enters the
 * scope at the same moment in another process is not passed over.
 */
function concernedHosts(topology: Topology, events: readonly Recorded[]): { hosts: string[]; scopes: Set<string> } {
  const scopes = new Set<string>();
  const touched = new Map<ObjectKey, AnyObject | undefined>();
  for (const { event } of events) {
    const { key } = subjectOf(event as unknown as PlumbEvent);
    if (!touched.has(key)) touched.set(key, topology.byKey(key));
  }
  const base = topology.position;
  const renumbered = events.map((recorded, index) => ({ ...recorded, position: base + 1 + index }));
  const parcels = advanceAndUndo(topology, renumbered, touched, (after) => {
    for (const object of [...touched.values(), ...after]) {
      if (!object) continue;
      if (object.kind === 'network' || object.kind === 'placement') scopes.add(`placement-${object.id}`);
      else if (object.kind === 'subnet') scopes.add(`placement-${object.networkId}`);
      else if (object.kind === 'port' && topology.get('router', object.deviceId))
        scopes.add(`router-${object.deviceId}`);
      else if (object.kind === 'floatingip' && object.association) scopes.add(`router-${object.association.routerId}`);
      else if (object.kind === 'portforwarding') scopes.add(`router-${object.routerId}`);
      else if (object.kind === 'node')
        for (const placement of topology.find('placement', `host/${object.id}`))
          scopes.add(`placement-${placement.id}`);
    }
  });
  return { hosts: parcels.map((parcel) => parcel.host).sort(), scopes };
}

/** Folds the events in to learn what they would do, and takes them out again: cheaper than a copy of the topology. */
function advanceAndUndo(
  topology: Topology,
  events: readonly Recorded[],
  touched: ReadonlyMap<ObjectKey, AnyObject | undefined>,
  look: (after: readonly (AnyObject | undefined)[]) => void,
) {
  const position = topology.position;
  try {
    const parcels = advance(topology, events);
    look([...touched.keys()].map((key) => topology.byKey(key)));
    return parcels;
  } finally {
    for (const [key, object] of touched) topology.put(key, object);
    const folded = events.slice(0, topology.position - position);
    topology.rewind(
      position,
      folded.map(({ stream }) => stream),
    );
  }
}
