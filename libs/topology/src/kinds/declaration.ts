/**
 * What is declared of a kind of object, once, as data: in which stream its events are written, what it holds alone, by what it is found, what it relates to,
 * which hosts must know it, who sees it, where its rows are kept. Topology, scope (`../scope.ts`), prepare, access (`libs/domain`) and the read tables
 * (`libs/event-store`) read the declaration; nobody else says any of it again.
 *
 * A kind is of a union of objects `O`: the log's own is `AnyObject` (`index.ts`), a test may bring another one.
 *
 * Road not taken: a relation's path typed through all its kinds by TypeScript. The types were longer than the walk; a name that is not declared fails when the
 * declarations are compiled (`../model.ts`), which every test and every start does.
 */

/** The least that any object has. */
export type Thing = Readonly<{ kind: string; id: string; projectId: string }>;
export type OfKind<O extends Thing, K extends O['kind']> = Extract<O, { kind: K }>;
/** `<kind>/<id>`. */
export type KeyOf<O extends Thing> = `${O['kind']}/${string}`;

/**
 * Objects of another kind that an object names. `sameId`: the one of that kind that has its own id; `when` must not change while the object lives. Whoever names
 * an object has seen it: while the one lives, the other is there or was deleted, and its id is not given again.
 */
export type Relation<O extends Thing, T extends Thing> =
  | Readonly<{ to: O['kind']; sameId: true; when?(object: T): boolean }>
  | Readonly<{
      to: O['kind'];
      /** Each is also an index term `<relation>/<id>` of the object. */
      ids(object: T): readonly string[];
      /** True: never another one while the object lives, so no command has to expect that it stays. */
      fixed?: true;
      /**
       * Prefix of a claim that every object holds which names `id`. A scope that walks this relation backwards needs it: a command then demands that nobody
       * came to name `id` meanwhile.
       */
      claimedUnder?(id: string): string;
      /**
       * Another relation of the same kind. Many objects may name one thing by this relation, and all of them few things by the other: the thousands of ports of a
       * group are on some hosts. A walk backwards over this relation and on along the other costs the few. Needs `claimedUnder`; each object that names `id` holds
       * a claim `<claimedUnder(id)><what it names along the other, or nothing>/...`, so that a command can demand that nobody leads elsewhere meanwhile.
       */
      gather?: string;
    }>;

/** One step of a walk: along a relation of the object at hand, or, `from` another kind, to all objects of it that name the object at hand `by` a relation. */
export type Step<O extends Thing> = string | Readonly<{ from: O['kind']; by: string }>;
/**
 * Steps that lead from an object to the nodes whose hosts must know it; a node's id is its host's name, and it need not be registered. A walk has no condition of
 * its own: a relation that only some objects have yields no ids for the others. Each object on the way that names another one of the walk must itself be known
 * where the walk leads from there (`../scope.ts`, `../model.ts`).
 */
export type Steps<O extends Thing> = readonly Step<O>[];

/** Who sees and may change an object beside administrators and its own project. The strings name relations. */
export type Access<T extends Thing> = Readonly<{
  /** True: every project sees it. */
  everybody?(object: T): boolean;
  /** Every project may use it: it is shared with all, without a policy. */
  sharedWithAll?(object: T): boolean;
  /** RBAC policies may let a project see it. */
  byPolicy?: true;
  /** That object's project sees this one, and so does each project with which that object is shared; being let in for another purpose is not enough. */
  seenWith?: string;
  /** That object's project sees this one. */
  seenByOwnerOf?: string;
  /** That object's project may change and delete this one. */
  changedByOwnerOf?: string;
  /** That object's project may delete this one. */
  deletedByOwnerOf?: string;
}>;

/** Of every kind. */
type Common<O extends Thing, T extends Thing> = Readonly<{
  relations: Readonly<Record<string, Relation<O, T>>>;
  /** On which hosts an agent must know it. Empty: on none. */
  scope: readonly Steps<O>[];
  access: Access<T>;
}>;

/** A kind that events are written of. `Facts`: what its objects and the data of its events have in common. */
export type Written<O extends Thing, T extends Thing, Facts> = Common<O, T> &
  Readonly<{
    /**
     * 'own': `<kind>-<id>`. A sub-resource uses its parent's stream, so that two that would conflict are never created at the same time: the stream's version is
     * the precondition on which two concurrent writers conflict.
     */
    stream: 'own' | ((facts: Facts) => string);
    /** Some of its objects have a stream of their own, `<kind>-<id>`, all the same. */
    someOwn?: true;
    /** Index terms beside those of the relations and `project/<project>`. */
    terms(object: T): readonly string[];
    /** What it holds exclusively (`../claims.ts`). */
    claims(object: T): readonly string[];
    /** Read table in schema `plumbline`; a new one is a migration. */
    table: string;
    /** The most bytes that one object may have, where it is not MOST_OBJECT_BYTES (libs/ledger). */
    mostBytes?: number;
  }>;

/**
 * A kind without events: its objects follow from one object of another kind, the source, and their positions (`setAt`) are those of its events. They are sent to
 * hosts as objects that enter, and have no claims. They are stored nowhere, in no process's memory either: whoever looks one up has it made from its source.
 */
export type Derived<O extends Thing, T extends Thing> = Common<O, T> &
  Readonly<{
    derived: Readonly<{
      from: O['kind'];
      of(source: O): readonly T[];
      /** Id of the source of the object with this id. */
      source(id: string): string;
      /** Relation of this kind -> relation by which the source names at least what its objects name. Of each relation to other ids. */
      by: Readonly<Record<string, string>>;
    }>;
  }>;

export type Declaration<O extends Thing, K extends O['kind'] = O['kind'], Facts = never> =
  Written<O, OfKind<O, K>, OfKind<O, K> | Facts> | Derived<O, OfKind<O, K>>;

/** Any kind's declaration, as data: its functions must be given objects of that kind. */
export type Declared<O extends Thing> = Written<O, O, O> | Derived<O, O>;

/** A declaration for every kind of a union. */
export type Declarations<O extends Thing> = { readonly [K in O['kind']]: Declaration<O, K> };

export const NOWHERE: readonly never[] = [];
export const NO_TERMS = (): readonly string[] => [];
export const NO_CLAIMS = (): readonly string[] => [];
