/**
 * Scope: on which hosts an object must be known. A kind declares walks over relations that end at nodes; an object's hosts are the nodes it can walk to. Both
 * directions come from the same steps: `hostsOf` walks towards nodes, `objectsFor` from a node back, and `scopeMoves` finds what a command moves.
 *
 * Goal of `scopeMoves`: a command costs what it changes. An object's hosts move only when a walk appears or goes, and a walk is a row of steps from one object to
 * the next, so one of its steps must have appeared or gone: a relation that a changed object has now and had not, or had and has no more. So for each such step
 * only the objects that walk to it and the nodes behind it are looked at. A host that joins a network of n hosts makes two such steps in the walk of nodes: its
 * own first one (it, to n hosts) and everybody's last one (n, to it): 2n pairs. A pair counts as moved only when it cannot be reached another way, so a host that shares
 * another network with the new host gets nothing.
 *
 * Which hosts a command tells is decided before it is stored, on objects that other commands may change meanwhile (`prepare`). What each of them learns is computed
 * when it is folded, in log order. So the list must hold every host for which anything moves then, whatever was stored in between and is no conflict. It does:
 * 1. A pair of object and host moves by a step that the command makes or ends, so on its walk is an object that the command changes and that names the next one
 *    (or, where the walk goes backwards, the one before). The rest of the walk from there is in that object's own scope: `modelOf` refuses any other walk. So the
 *    host is one of its own hosts, before the command or after. All hosts of a command are hosts of objects that it changes, no matter who walks to these.
 * 2. The own hosts of a changed object are right. It does not change meanwhile, since the command expects its stream; nor does what is derived from it, which changes
 *    with it. From there the walk goes forward through what `passed` is told: objects that name the next one, whose streams are expected, and sets of all that
 *    name one, whose claims must be the ones that were read. Where a relation is fixed or to the same id, only the end of its object could change the walk.
 *    That makes the list too long, never too short, and a host that is told of nothing gets an empty message.
 * So a made object counts with its hosts after, a deleted one with those before, a changed one with both. Two commands of one process in flight are no other case
 * than those of two: each was decided on some past, and the log takes the second only if what it expects still holds. A derived kind may only begin a walk: in its
 * middle it would have neither stream nor claim. `writers.unit.spec.ts` tries all this with random commands that lag behind.
 * For what is to come: a group's rules on the hosts of its ports need ports to be known there, which they are. An address list that rules name needs the rules'
 * scope to be those ports' hosts, and so do members that are derived from ports and walk over the rules which let their group in. The inactive bindings of a
 * port are further ids of `port.host`: whatever walks over ports walks to their hosts, too.
 *
 * Road not taken: to fence the way back as well, so that nobody begins to walk to what a command changes. It needs claims for relations that are walked forward,
 * and a command that binds a port would be in conflict with each new rule and name that somehow comes to its groups.
 * Road not taken: a count of shared networks for each pair of hosts. It answers as fast, but holds a million numbers for a thousand hosts and is a second truth
 * beside the placements.
 */
import type { KeyOf, Thing } from './kinds/declaration.js';
import type { ModelWalk } from './model.js';
import type { Change, ObjectIndex } from './object-index.js';
import { Wave } from './scope-wave.js';
import { comingTo, forward, keyOfObject, type Passed, Reach } from './walks.js';

export type { Passed } from './walks.js';

/** Hosts on whose nodes this object matters. */
export function hostsOf<O extends Thing>(index: ObjectIndex<O>, object: O | undefined, passed?: Passed): Set<string> {
  const hosts = new Set<string>();
  if (!object) return hosts;
  for (const { steps } of index.model.walks.get(object.kind) ?? [])
    for (const host of forward(index, steps, 0, object.id, passed && beyond(object, passed))) hosts.add(host);
  return hosts;
}

/** The caller handles the object itself. */
const beyond = (object: Thing, passed: Passed): Passed => ({
  through: (kind, id) => {
    if (kind !== object.kind || id !== object.id) passed.through(kind, id);
  },
  allNaming: (...given) => passed.allNaming(...given),
  gathering: (...given) => passed.gathering(...given),
});

/** All objects a host must know, sorted by key. */
export function objectsFor<O extends Thing>(index: ObjectIndex<O>, host: string): O[] {
  const found = new Map<KeyOf<O>, O>();
  for (const walks of index.model.walks.values())
    for (const walk of walks)
      for (const object of startsFrom(index, walk, host)) found.set(keyOfObject(object), object);
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

/** The objects that the walk leads to this host. */
function* startsFrom<O extends Thing>(index: ObjectIndex<O>, { kind, steps }: ModelWalk, host: string): Iterable<O> {
  let front = new Set([host]);
  for (const step of steps.slice(1).reverse()) {
    const next = new Set<string>();
    for (const id of front) for (const each of comingTo(index, step, id)) next.add(each.id);
    front = next;
  }
  const [first] = steps;
  for (const id of front)
    for (const each of first ? comingTo(index, first, id) : [{ id }]) {
      const start: O | undefined = 'object' in each ? (each.object as O) : index.get(kind, each.id);
      if (start) yield start;
    }
}

/** Hosts that an object comes to, goes from, and, for one that was itself changed, is known on before and after. */
export type HostMoves = Readonly<Record<'entered' | 'left' | 'stayed', Iterable<string>>>;
export type ScopeMoves<O extends Thing> = ReadonlyMap<KeyOf<O>, HostMoves>;

/**
 * What the changes of one command, each object once, do to the scope of any object. The index must be as it was before; `leave` says whether it is as it was or
 * as it will be when this returns. `passed` gets what else must not change for the answer to be right.
 */
export function scopeMoves<O extends Thing>(
  index: ObjectIndex<O>,
  changed: readonly Change<O>[],
  leave: 'before' | 'after',
  passed?: Passed,
): ScopeMoves<O> {
  const changes = changed.flatMap(({ key, before, after }) => index.changes(key, before, after));
  const own = new Set(changes.map(({ key }) => key));
  let side: 'before' | 'after' = 'before';
  const put = (other: 'before' | 'after') => {
    if (other !== side) for (const change of changed) index.put(change.key, change[other]);
    side = other;
  };
  const hostsNow = () => changes.map(({ key }) => hostsOf(index, index.byKey(key), passed));

  const pre = hostsNow();
  const gone = new Wave(index, own, changes, 'before');
  put('after');
  const post = hostsNow();
  const came = new Wave(index, own, changes, 'after');
  gone.leaveOut(new Reach(index));
  while (gone.goesOn || came.goesOn) {
    put('before');
    gone.goBack();
    came.leaveOut(new Reach(index));
    if (!gone.goesOn && !came.goesOn) break;
    put('after');
    came.goBack();
    gone.leaveOut(new Reach(index));
  }
  put(leave);

  const moves = new Map<KeyOf<O>, HostMoves>();
  for (const [at, { key }] of changes.entries()) {
    const [was, is] = [pre[at] as Set<string>, post[at] as Set<string>];
    const [entered, left, stayed]: [string[], string[], string[]] = [[], [], []];
    for (const host of was) (is.has(host) ? stayed : left).push(host);
    for (const host of is) if (!was.has(host)) entered.push(host);
    moves.set(key, { entered, left, stayed });
  }
  const [left, entered] = [gone.moved, came.moved];
  for (const [key, hosts] of left) moves.set(key, { entered: entered.get(key) ?? [], left: hosts, stayed: [] });
  for (const [key, hosts] of entered) if (!left.has(key)) moves.set(key, { entered: hosts, left: [], stayed: [] });
  return moves;
}
