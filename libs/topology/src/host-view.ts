/**
 * What one host must know. A kind's declaration says on which hosts an object matters (`scope` in `kinds`); a host's view is every object that names it. From that
 * one rule come the feed messages: which objects an event makes enter or leave a host's view, and which events a host must get (invariant 3).
 */
import { AnyObject, CATALOGUE_VERSION, FeedMessage, known, ObjectKey, Recorded, subjectOf } from '@plumbline/contracts';
import type { Foreseen } from './future.js';
import { objectsFor, scopeMoves, type ScopeMoves } from './scope.js';
import type { Topology } from './topology.js';

type Left = FeedMessage['left'][number];

/** One host's message before it has a `prev`, `log` and `hash`: those belong to the log's owner. */
export type Parcel = Readonly<{
  host: string;
  position: number;
  entered: readonly AnyObject[];
  left: readonly Left[];
  events: readonly Recorded[];
}>;

/**
 * Folds one command's events and returns what each host must learn: at most one parcel for each host, at the command's last position. `foreseen`: what `prepare`
 * computed for this command. The changes of objects are taken from there; the hosts too, if no other command was stored in between.
 */
export function advance(topology: Topology, events: readonly Recorded[], foreseen?: Foreseen): Parcel[] {
  topology.mustFollow(events);
  const { position } = topology;
  const changes = foreseen ? foreseen.future.settledAfter(position) : topology.changesBy(events);
  let moves: ScopeMoves<AnyObject>;
  if (foreseen?.position === position) {
    moves = foreseen.moves;
    for (const { key, after } of changes) topology.put(key, after);
  } else moves = scopeMoves(topology.objects, changes, 'after');
  topology.passed(events);
  return parcels(topology, moves, events);
}

function parcels(topology: Topology, moves: ScopeMoves<AnyObject>, events: readonly Recorded[]): Parcel[] {
  const heard = new Map<ObjectKey, Recorded[]>();
  for (const recorded of events) {
    const event = known(recorded.event);
    if (!event) continue;
    const { key } = subjectOf(event);
    const list = heard.get(key);
    if (list) list.push(recorded);
    else heard.set(key, [recorded]);
  }
  const byHost = new Map<string, { entered: AnyObject[]; left: Left[]; events: Recorded[] }>();
  const of = (host: string) => {
    let parcel = byHost.get(host);
    if (!parcel) byHost.set(host, (parcel = { entered: [], left: [], events: [] }));
    return parcel;
  };
  for (const [key, { entered, left, stayed }] of moves) {
    const object = topology.byKey(key);
    const told = heard.get(key);
    const name = nameOf(key);
    for (const host of left) of(host).left.push(object && goesOn(object) ? { ...name, elsewhere: true } : name);
    for (const host of stayed)
      if (told) of(host).events.push(...told);
      // No event is about a derived object: hosts that know it get it again.
      else if (object) of(host).entered.push(object);
    if (object) for (const host of entered) of(host).entered.push(object);
  }
  const position = events.at(-1)?.position ?? topology.position;
  return [...byHost].map(([host, parcel]) => ({
    host,
    position,
    entered: parcel.entered,
    left: parcel.left,
    events: parcel.events.sort((a, b) => a.position - b.position),
  }));
}

/** True for what runs on one host, and does, or was taken off one by hand: that is how somebody moves it to another. */
const goesOn = (object: AnyObject): boolean => object.kind === 'router' && (object.host !== null || object.heldOff);

/** Splits `kind/id`; neither ids nor kinds contain a slash. */
export function nameOf(key: ObjectKey): { kind: AnyObject['kind']; id: string } {
  const slash = key.indexOf('/');
  return { kind: key.slice(0, slash) as AnyObject['kind'], id: key.slice(slash + 1) };
}

/** All objects a host must know, sorted by key. */
export const hostObjects = (topology: Topology, host: string): AnyObject[] => objectsFor(topology.objects, host);

/** The whole view of a host as a feed message "from nothing": for a new agent, after long absence, after compaction. */
export function wholeView(topology: Topology, host: string, log: string, hash: string): FeedMessage {
  return {
    log,
    host,
    prev: null,
    position: topology.position,
    hash,
    catalogue: CATALOGUE_VERSION,
    part: { index: 1, of: 1 },
    entered: hostObjects(topology, host),
    left: [],
    events: [],
  };
}
