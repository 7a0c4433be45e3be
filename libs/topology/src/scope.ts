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
 * scope to be those ports' hosts, and so do members that are derived from ports and walk over the rules which let their group in. A second binding of a
 * port is a second id of `port.host`, or a kind of its own that has `host` in its scope; then the port walks over it, and so does whatever walks over ports.
 *
 * Road not taken: to fence the way back as well, so that nobody begins to walk to what a command changes. It needs claims for relations that are walked forward,
 * and a command that binds a port would be in conflict with each new rule and name that somehow comes to its groups.
 * Road not taken: a count of shared networks for each pair of hosts. It answers as fast, but holds a million numbers for a thousand hosts and is a second truth
 * beside the placements.
 */
import type { KeyOf, Thing } from './kinds/declaration.js';
import { idsOf, type ModelStep, type ModelWalk } from './model.js';
import type { Change, ObjectIndex } from './object-index.js';

/** What a walk passed through: the caller makes preconditions of it. */
export interface Passed {
  /** The object with this name decides where the walk continues: it names the next object, or the previous one. */
  through(kind: string, id: string): void;
  /** All objects that name `id` by this relation were walked to. */
  allNaming(kind: string, relation: ModelStep['relation'], name: string, id: string): void;
}

/** Calls `found` with each node that the steps from `at` on lead to from the object with this id. An object is needed only where its own relation is followed. */
function forward<O extends Thing>(
  index: ObjectIndex<O>,
  steps: readonly ModelStep[],
  at: number,
  id: string,
  found: (host: string) => void,
  passed?: Passed,
): void {
  const step = steps[at];
  if (!step) return found(id);
  const { relation, name } = step;
  if ('sameId' in relation || !step.back) {
    if ('ids' in relation && !relation.fixed) passed?.through(step.before, id);
    for (const next of idsOf(relation, index.get(step.before, id))) forward(index, steps, at + 1, next, found, passed);
  } else {
    passed?.allNaming(step.after, relation, name, id);
    for (const next of index.find(step.after, `${name}/${id}`)) {
      if (!relation.fixed) passed?.through(step.after, next.id);
      forward(index, steps, at + 1, next.id, found, passed);
    }
  }
}

/** Calls `found` with each object of the walk's kind that comes to the object with this id, which is at place `at` of the walk. */
function backward<O extends Thing>(
  index: ObjectIndex<O>,
  walk: ModelWalk,
  at: number,
  id: string,
  found: (start: O) => void,
): void {
  const step = walk.steps[at - 1];
  if (!step) {
    const start: O | undefined = index.get(walk.kind, id);
    if (start) found(start);
    return;
  }
  const { relation } = step;
  if (step.back)
    for (const before of idsOf(relation, index.get(step.after, id))) backward(index, walk, at - 1, before, found);
  else if ('sameId' in relation)
    for (const before of idsOf(relation, index.get(step.before, id))) backward(index, walk, at - 1, before, found);
  else
    for (const before of index.find(step.before, `${step.name}/${id}`)) backward(index, walk, at - 1, before.id, found);
}

/** True when the steps lead to this host; does not look at the other nodes of a last step. */
function leadsTo<O extends Thing>(
  index: ObjectIndex<O>,
  steps: readonly ModelStep[],
  at: number,
  id: string,
  host: string,
): boolean {
  const step = steps[at];
  if (!step) return id === host;
  const { relation, name } = step;
  const on = (next: string) => leadsTo(index, steps, at + 1, next, host);
  if (step.back) return index.find(step.after, `${name}/${id}`).some((next) => on(next.id));
  if (at === steps.length - 1 && !('sameId' in relation)) return index.holds(step.before, `${name}/${host}`, id);
  return idsOf(relation, index.get(step.before, id)).some(on);
}

/** Hosts on whose nodes this object matters. */
export function hostsOf<O extends Thing>(index: ObjectIndex<O>, object: O | undefined, passed?: Passed): Set<string> {
  const hosts = new Set<string>();
  if (!object) return hosts;
  for (const walk of index.model.walks.get(object.kind) ?? [])
    forward(index, walk.steps, 0, object.id, (host) => hosts.add(host), passed && beyond(object, passed));
  return hosts;
}

/** The caller handles the object itself. */
const beyond = (object: Thing, passed: Passed): Passed => ({
  through: (kind, id) => {
    if (kind !== object.kind || id !== object.id) passed.through(kind, id);
  },
  allNaming: (...given) => passed.allNaming(...given),
});

/** All objects a host must know, sorted by key. */
export function objectsFor<O extends Thing>(index: ObjectIndex<O>, host: string): O[] {
  const found = new Map<KeyOf<O>, O>();
  for (const walks of index.model.walks.values())
    for (const walk of walks)
      backward(index, walk, walk.steps.length, host, (object) => found.set(keyOfObject(object), object));
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

const keyOfObject = <O extends Thing>({ kind, id }: O): KeyOf<O> => `${kind as O['kind']}/${id}`;

/** Hosts that an object comes to, goes from, and, for one that was itself changed, is known on before and after. */
export type HostMoves = Readonly<Record<'entered' | 'left' | 'stayed', Iterable<string>>>;
export type ScopeMoves<O extends Thing> = ReadonlyMap<KeyOf<O>, HostMoves>;

type Pairs<O extends Thing> = Map<KeyOf<O>, Set<string>>;

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
  const put = (side: 'before' | 'after') => {
    for (const change of changed) index.put(change.key, change[side]);
  };
  const hostsNow = () => changes.map(({ key }) => hostsOf(index, index.byKey(key), passed));

  const pre = hostsNow();
  const gone = walked(index, changes, own, 'before');
  put('after');
  const post = hostsNow();
  const came = walked(index, changes, own, 'after');
  const left = unreachable(index, gone, came);
  let entered = came;
  if (leave === 'before' || came.size > 0) {
    put('before');
    entered = unreachable(index, came, gone);
    if (leave === 'after') put('after');
  }

  const moves = new Map<KeyOf<O>, HostMoves>();
  for (const [at, { key }] of changes.entries()) {
    const [was, is] = [pre[at] as Set<string>, post[at] as Set<string>];
    const [entered, left, stayed]: [string[], string[], string[]] = [[], [], []];
    for (const host of was) (is.has(host) ? stayed : left).push(host);
    for (const host of is) if (!was.has(host)) entered.push(host);
    moves.set(key, { entered, left, stayed });
  }
  for (const [key, hosts] of left) moves.set(key, { entered: entered.get(key) ?? [], left: hosts, stayed: [] });
  for (const [key, hosts] of entered) if (!left.has(key)) moves.set(key, { entered: hosts, left: [], stayed: [] });
  return moves;
}

/** Objects that are not changed, each with the nodes it walks to over a step that only this side of the changes has. The index must be as on that side. */
function walked<O extends Thing>(
  index: ObjectIndex<O>,
  changes: readonly Change<O>[],
  own: ReadonlySet<KeyOf<O>>,
  side: 'before' | 'after',
): Pairs<O> {
  const pairs: Pairs<O> = new Map();
  for (const change of changes) {
    const object = change[side];
    const other = change[side === 'before' ? 'after' : 'before'];
    if (!object) continue;
    for (const uses of index.model.uses.get(object.kind)?.values() ?? []) {
      for (const { walk, at } of uses) {
        const step = walk.steps[at] as ModelStep;
        const known = new Set(idsOf(step.relation, other));
        for (const id of idsOf(step.relation, object)) {
          if (known.has(id)) continue;
          const [from, to] = step.back ? [id, object.id] : [object.id, id];
          const starts: KeyOf<O>[] = [];
          backward(index, walk, at, from, (start) => {
            if (!own.has(keyOfObject(start))) starts.push(keyOfObject(start));
          });
          if (starts.length === 0) continue;
          const hosts: string[] = [];
          forward(index, walk.steps, at + 1, to, (host) => hosts.push(host));
          for (const start of starts) {
            let set = pairs.get(start);
            if (!set) pairs.set(start, (set = new Set()));
            for (const host of hosts) set.add(host);
          }
        }
      }
    }
  }
  return pairs;
}

/** Of the pairs, without those of `but`: the ones that cannot be walked in the index as it is. */
function unreachable<O extends Thing>(index: ObjectIndex<O>, pairs: Pairs<O>, but: Pairs<O>): Pairs<O> {
  const rest: Pairs<O> = new Map();
  for (const [key, hosts] of pairs) {
    const object = index.byKey(key);
    const doubted = [...hosts].filter((host) => !but.get(key)?.has(host));
    const all = doubted.length > 8 ? hostsOf(index, object) : null;
    const reaches = (host: string) => {
      if (!object) return false;
      if (all) return all.has(host);
      return (index.model.walks.get(object.kind) ?? []).some(({ steps }) => leadsTo(index, steps, 0, object.id, host));
    };
    const moved = doubted.filter((host) => !reaches(host));
    if (moved.length > 0) rest.set(key, new Set(moved));
  }
  return rest;
}
