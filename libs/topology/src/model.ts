/**
 * Declarations, prepared for walks: names resolved, each walk as steps that know their kinds, and for each relation the walks that use it. Made once. Throws for a
 * name that is not declared, and for a walk that does not end at nodes, that no precondition could protect, or whose objects on the way are not known where it leads
 * (why that must be so: scope.ts).
 */
import type { Declarations, Declared, Derived, Relation, Steps, Thing, Written } from './kinds/declaration.js';

/** Kind of what hosts are known by: a node's id is its host's name. */
export const NODE = 'node';

/** A step between the objects at two places of a walk. `back`: the later one names the earlier one by the relation, by its id. */
export type ModelStep = Readonly<{
  before: string;
  after: string;
  name: string;
  relation: Relation<Thing, Thing>;
  back: boolean;
  /** Goes back, and the next step goes on along the relation that this one gathers by: the two are walked as one. */
  gathers: boolean;
}>;

/** A relation that gathers (`Relation.gather`), with the one that it gathers along. */
export type Gather = Readonly<{ name: string; relation: Relation<Thing, Thing>; along: Relation<Thing, Thing> }>;

/** A walk of one kind's scope. */
export type ModelWalk = Readonly<{
  kind: string;
  steps: readonly ModelStep[];
}>;

/** A use of a relation: step `at` of the walk follows it. */
export type Use = Readonly<{ walk: ModelWalk; at: number }>;

export type Model<O extends Thing> = Readonly<{
  declarations: Declarations<O>;
  kinds: readonly O['kind'][];
  /** By kind: how an object of it comes to hosts. */
  walks: ReadonlyMap<string, readonly ModelWalk[]>;
  /** By kind, then by name of one of its relations: the walks in which it is a step. */
  uses: ReadonlyMap<string, ReadonlyMap<string, readonly Use[]>>;
  /** By kind: what follows from an object of it. */
  derived: ReadonlyMap<string, readonly Derived<O, O>[]>;
  /** By derived kind: how its objects are made. */
  derivations: ReadonlyMap<string, Derived<O, O>>;
  /** By kind: its relations that gather. */
  gathers: ReadonlyMap<string, readonly Gather[]>;
}>;

/** An object's own declaration; its functions take that kind's objects. */
export const declarationOf = <O extends Thing>(
  { declarations }: Pick<Model<O>, 'declarations'>,
  kind: O['kind'],
): Declared<O> => declarations[kind] as unknown as Declared<O>;

export const isWritten = <O extends Thing>(declaration: Declared<O>): declaration is Written<O, O, O> =>
  'stream' in declaration;

/** Ids that the object names by the relation. */
export const idsOf = <O extends Thing, T extends Thing>(
  relation: Relation<O, T>,
  object: T | undefined,
): readonly string[] => {
  if (!object) return [];
  if ('ids' in relation) return relation.ids(object);
  return relation.when?.(object) === false ? [] : [object.id];
};

export function modelOf<O extends Thing>(declarations: Declarations<O>): Model<O> {
  const kinds = Object.keys(declarations) as O['kind'][];
  const walks = new Map<string, ModelWalk[]>();
  const uses = new Map<string, Map<string, Use[]>>();
  const derived = new Map<string, Derived<O, O>[]>();
  const derivations = new Map<string, Derived<O, O>>();
  const gathers = new Map<string, readonly Gather[]>();
  for (const kind of kinds) {
    const declaration = declarationOf({ declarations }, kind);
    checkAccess(kind, declaration);
    if (!isWritten(declaration)) {
      checkDerived(declarations, kind, declaration);
      pushTo(derived, declaration.derived.from, declaration);
      derivations.set(kind, declaration);
    }
    const gathering = gathersOf(declarations, kind, declaration);
    if (gathering.length > 0) gathers.set(kind, gathering);
    const mine = declaration.scope.map((walk) => walkOf(declarations, kind, walk));
    walks.set(kind, mine);
    for (const walk of mine)
      for (const [at, step] of walk.steps.entries()) {
        const namer = step.back ? step.after : step.before;
        const ofKind = uses.get(namer) ?? new Map<string, Use[]>();
        uses.set(namer, ofKind);
        pushTo(ofKind, step.name, { walk, at });
      }
  }
  for (const walk of [...walks.values()].flat()) checkWay(walk, walks);
  return { declarations, kinds, walks, uses, derived, derivations, gathers };
}

function pushTo<V>(map: Map<string, V[]>, name: string, value: V): void {
  const list = map.get(name);
  if (list) list.push(value);
  else map.set(name, [value]);
}

function walkOf<O extends Thing>(declarations: Declarations<O>, kind: O['kind'], given: Steps<O>): ModelWalk {
  const steps: ModelStep[] = [];
  let at: string = kind;
  for (const step of given) {
    const back = typeof step !== 'string';
    const namer: string = back ? step.from : at;
    const name = back ? step.by : step;
    const relation = relationOf(declarations, namer, name, `the scope of kind ${kind}`);
    if (back && relation.to !== at)
      throw new Error(
        `the scope of kind ${kind} comes to ${at}, but ${namer}.${name} names objects of kind ${relation.to}`,
      );
    if (back && 'sameId' in relation)
      throw new Error(
        `the scope of kind ${kind} walks ${namer}.${name} backwards: it names the same id, so let kind ${at} name ${namer}`,
      );
    if (back && !('sameId' in relation) && !relation.claimedUnder)
      throw new Error(
        `the scope of kind ${kind} walks ${namer}.${name} backwards, so that relation must say claimedUnder`,
      );
    if ((back || steps.length > 0) && !isWritten(declarationOf({ declarations }, namer as O['kind'])))
      throw new Error(
        `the scope of kind ${kind} walks ${namer}.${name}, but kind ${namer} is derived: no stream and no claim shows that it changes`,
      );
    const last = steps.at(-1);
    if (last?.back && !back && 'ids' in last.relation && last.relation.gather === name)
      steps[steps.length - 1] = { ...last, gathers: true };
    steps.push({ before: at, after: back ? namer : relation.to, name, relation, back, gathers: false });
    at = back ? namer : relation.to;
  }
  if (at !== NODE) throw new Error(`a walk of the scope of kind ${kind} ends at ${at}, not at a node`);
  return { kind, steps };
}

/** Throws unless each kind that names another one on the walk has the rest of the walk in its own scope. */
function checkWay({ kind, steps }: ModelWalk, walks: ReadonlyMap<string, readonly ModelWalk[]>): void {
  for (const [at, step] of steps.entries()) {
    const [namer, from] = step.back ? [step.after, at + 1] : [step.before, at];
    const rest = steps.slice(from);
    if (from === 0 || (walks.get(namer) ?? []).some((own) => reachesAll(own.steps, rest))) continue;
    throw new Error(
      `the scope of kind ${kind} walks ${asWritten(steps)}, so kind ${namer} on its way must have ${asWritten(rest)} in its own scope`,
    );
  }
}

/**
 * Whether steps of a kind lead to every host that `rest`, of the same kind, leads to. They do when both follow the same relations. A step to the same id moves
 * nowhere, it only asks for an object with that id: `own` may not ask for one that `rest` does without.
 */
function reachesAll(own: readonly ModelStep[], rest: readonly ModelStep[]): boolean {
  const [mine, theirs] = [parted(own), parted(rest)];
  return (
    mine.moves.length === theirs.moves.length &&
    mine.moves.every((move, at) => move === theirs.moves[at]) &&
    mine.asks.every(
      (ask) =>
        (ask.at === 0 && ask.kind === own[0]?.before && !ask.when) ||
        theirs.asks.some(
          (other) => other.at === ask.at && other.kind === ask.kind && (!ask.when || ask.when === other.when),
        ),
    )
  );
}

type Ask = Readonly<{ at: number; kind: string; when: ((object: Thing) => boolean) | undefined }>;

/** The relations that steps follow to other ids, and of which kinds they need an object, each with the number of moves before it. */
function parted(steps: readonly ModelStep[]): Readonly<{ moves: readonly string[]; asks: readonly Ask[] }> {
  const moves: string[] = [];
  const asks: Ask[] = [];
  for (const { before, after, name, relation, back } of steps)
    if ('sameId' in relation) asks.push({ at: moves.length, kind: before, when: relation.when });
    else moves.push(back ? `from ${after} by ${name}` : `${before} ${name}`);
  return { moves, asks };
}

/** The steps as a declaration has them. */
const asWritten = (steps: readonly ModelStep[]): string =>
  `[${steps.map(({ after, name, back }) => (back ? `{ from: '${after}', by: '${name}' }` : `'${name}'`)).join(', ')}]`;

function relationOf<O extends Thing>(
  declarations: Declarations<O>,
  kind: string,
  name: string,
  where: string,
): Relation<Thing, Thing> {
  const declaration = (declarations as unknown as Readonly<Record<string, Declared<Thing> | undefined>>)[kind];
  const relation = declaration?.relations[name];
  if (!relation) throw new Error(`${where} names relation "${name}" of kind ${kind}, which is not declared`);
  return relation;
}

/** Objects of a derived kind are found by what their sources name, so each relation must say by which of the source's. */
function checkDerived<O extends Thing>(declarations: Declarations<O>, kind: O['kind'], declared: Derived<O, O>): void {
  const { from, by } = declared.derived;
  for (const [name, relation] of Object.entries(declared.relations)) {
    if ('sameId' in relation) continue;
    const source = relationOf(declarations, from, by[name] ?? '', `derived kind ${kind}, for its relation "${name}",`);
    if (source.to !== relation.to)
      throw new Error(`derived kind ${kind} names ${relation.to} by "${name}", its source ${source.to}`);
  }
}

function gathersOf<O extends Thing>(
  declarations: Declarations<O>,
  kind: O['kind'],
  { relations }: Declared<O>,
): readonly Gather[] {
  return Object.entries(relations as Readonly<Record<string, Relation<Thing, Thing>>>).flatMap(([name, relation]) => {
    if (!('ids' in relation) || relation.gather === undefined) return [];
    const along = relationOf(declarations, kind, relation.gather, `relation "${name}" of kind ${kind} gathers, and`);
    if (!relation.claimedUnder || !('ids' in along))
      throw new Error(
        `relation "${name}" of kind ${kind} gathers: it must say claimedUnder, along a relation to other ids`,
      );
    return [{ name, relation, along }];
  });
}

function checkAccess<O extends Thing>(kind: string, { access, relations }: Declared<O>): void {
  const { seenWith, seenByOwnerOf, changedByOwnerOf, deletedByOwnerOf } = access;
  for (const name of [seenWith, seenByOwnerOf, changedByOwnerOf, deletedByOwnerOf])
    if (name !== undefined && !relations[name])
      throw new Error(`the access of kind ${kind} names relation "${name}", which is not declared`);
}
