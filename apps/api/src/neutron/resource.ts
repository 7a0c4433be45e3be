/**
 * How a resource of the Networking API is declared: a table of attributes, where its rows are read, and the decisions that change it. The generic
 * implementation (body.ts, query.ts, sql.ts, present.ts, reads.ts, writes.ts, openapi.ts) does the rest; nothing there knows a resource by name.
 *
 * The table of attributes also types what `create` and `update` are given (input.ts): a field that a decision needs and no attribute gives does not compile.
 */
import type { WrittenKind } from '@plumbline/contracts';
import type { Decide, DhcpFleet, DomainError, Fleet, Limits, SegmentPolicy } from '@plumbline/domain';
import type { Attribute } from './attribute.js';
import type { Computed } from './computed/computed.js';
import type { Join } from './computed/joins.js';
import type { CreateInput, Input, UpdateInput } from './input.js';
import type { Tables } from './tables.js';

/** What a decision needs from outside the log: settings of the operator, and what is read just before the decision. */
export type Surroundings = Readonly<{
  fleet(): Promise<Fleet>;
  /** Who may serve DHCP. */
  dhcpFleet(): Promise<DhcpFleet>;
  segments: SegmentPolicy;
  /** Default limits; a project's own are in the log. */
  quotas: Limits;
  /** Appended to a port's DNS name; ends with a dot. */
  dnsDomain: string;
}>;

/** The result of its decision is the answer; null: the answer is the object, read afterwards. */
export type Action = (
  id: string,
  body: unknown,
  around: Surroundings,
) => Promise<Decide<Record<string, unknown> | null>>;

/** A resource whose path is below another's: `floatingips/{id}/port_forwardings`. It is written by whoever may change the whole. */
export type Whole<P extends string = string> = Readonly<{
  /** Name of the resource it is part of. */
  name: string;
  /** Field of the part that holds the whole's id: given to `create`, and what lists are narrowed by. */
  path: P;
}>;

/** For whom a condition of visibility is. */
export type Seeing = Readonly<{
  /** Placeholder of the project that asks. */
  project: string;
  tables: Tables;
  /** One row by its id, or a list: for one row a condition looks up what it needs, for a list it reads it once. */
  rows: 'by id' | 'listed';
}>;

/**
 * Rows that are seen, beside those of the project's own, where another object is: ports on networks of the project. A list goes from those objects to their
 * rows, so that it costs what the project sees and not what there is.
 */
export type Through = Readonly<{
  kind: WrittenKind;
  /** Field of the row that holds the other object's id. */
  path: string;
  /** Condition on the other object, which is called `n`. */
  seen: (seeing: Seeing) => string;
}>;

/** Everything about a resource that does not depend on the types of its fields. */
type Described = Readonly<{
  name: string;
  /** Name of the list in bodies. */
  collection: string;
  /** In the path, when it is not `collection`: `security-groups`. */
  segment?: string;
  /** Kind of the object in the log; null for what is observed or derived. */
  kind: WrittenKind | null;
  partOf?: Whole;
  /**
   * Who sees a row. 'admin': administrators; 'own': also the project that owns it; a condition: also projects for which it holds.
   * libs/domain/src/access.ts has the same rules for decisions.
   */
  visible: 'own' | 'admin' | ((seeing: Seeing) => string) | Through;
  /** Who may create, update and delete; absent: members, what is their project's. */
  write?: 'admin';
  /** Has the sub-resource `tags`. Its kind must be a TaggedKind. */
  tagged?: true;
  /** Makes what every project has by default; run before a project reads the list for the first time. */
  before?: (projectId: string) => Decide<unknown>;
  /** The same after an object was created for a project, whose own resource need not be this one. */
  after?: (projectId: string) => Decide<unknown>;
  about: string;
  attributes: readonly Attribute[];
  /** The table expression of its own rows, which are called `o`; absent: the table of its kind. From this source only, never from a request. */
  from?: (tables: Tables) => string;
  /** What its rows are joined with, each by those before it. */
  joins?: readonly Join[];
  /** Columns of a row beside the object, by name; of what is not in the log, `doc` among them where it has one. */
  columns?: Readonly<Record<string, Computed>>;
  notFound(id: string): DomainError;
  delete?: (id: string) => Decide<unknown>;
  /** `PUT /<collection>/{id}/<action>`; by whoever may update. */
  actions?: Readonly<Record<string, Action>>;
}>;

/** Absent verbs are 405. */
export type Resource = Described &
  Readonly<{
    create?(inputs: readonly Input[], around: Surroundings): Promise<Decide<string[]>>;
    update?(id: string, input: Input, around: Surroundings): Promise<Decide<unknown>>;
  }>;

/** A resource as it is written down. `P`: the field that names the whole, of a part. */
export type Declaration<A extends readonly Attribute[], P extends string = never> = Described &
  Readonly<{
    attributes: A;
    partOf?: Whole<P>;
    create?(
      inputs: readonly (CreateInput<A> & Readonly<Record<P, string>>)[],
      around: Surroundings,
    ): Promise<Decide<string[]>>;
    update?(id: string, input: UpdateInput<A>, around: Surroundings): Promise<Decide<unknown>>;
  }>;

/**
 * Drops the types of the fields. That is right because body.ts parses with the same table of attributes that gave the types. The compiler allows it because
 * `create` and `update` are declared as methods, whose parameters it compares in both directions.
 */
export const declare = <A extends readonly Attribute[], P extends string = never>(
  declaration: Declaration<A, P>,
): Resource => declaration;

/** Its place below the API's prefix, or below its whole. */
export const segmentOf = ({ segment, collection }: Pick<Resource, 'segment' | 'collection'>): string =>
  segment ?? collection;
