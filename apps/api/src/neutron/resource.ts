/**
 * How a resource of the Networking API is declared: a table of attributes, where its rows are read, and the decisions that change it. The generic
 * implementation (body.ts, query.ts, sql.ts, present.ts, dispatcher.ts, openapi.ts) does the rest; nothing there knows a resource by name.
 */
import type { Kind } from '@plumbline/contracts';
import type { Decide, DomainError, Fleet, Limits, SegmentPolicy } from '@plumbline/domain';
import type { z } from 'zod';
import type { Caller } from '@plumbline/identity/login';
import type { Topology } from '@plumbline/topology';
import type { AttributeType } from './types/attribute-types.js';

/** One row as read: the object in `doc`, and whatever the resource's `columns` add. */
export type Row = Readonly<{ id: string; doc: Readonly<Record<string, unknown>> } & Record<string, unknown>>;

/** Adds a value to a statement and gives its placeholder. */
export type Param = (value: unknown, type: 'jsonb' | 'text' | 'text[]' | 'bigint') => string;

/** One row holds one of these: answered by the index on `doc`. */
export const containing =
  (partOf: (value: unknown) => object) =>
  (values: readonly unknown[], param: Param): string =>
    values.map((value) => `o.doc @> ${param(JSON.stringify(partOf(value)), 'jsonb')}`).join(' OR ');

export type Attribute = Readonly<{
  /** Name on the wire. */
  name: string;
  type: AttributeType;
  /** Field of the object, and of what `create` and `update` are given. Absent: not a field of its own. */
  path?: string;
  post?: 'required' | 'allowed';
  put?: true;
  /** Value of a create that does not name it. */
  default?: unknown;
  /** What is shown when it is not simply the field. */
  show?: (row: Row, caller: Viewer) => unknown;
  /** Schema of what is shown, where that is not what `type` takes: for the OpenAPI document. */
  shownAs?: z.ZodType;
  /** False: never shown (an input only). */
  visible?: false;
  /** Text expression over the resource's tables, where the value is not in the object: filters and sorting use it. */
  sql?: string;
  /**
   * Condition of a filter where equality is not enough, or an index can answer it better. Values are what `type.filter` made; `project` is the caller's, null of
   * one who sees everything.
   */
  where?: (values: readonly unknown[], param: Param, project: string | null) => string;
  filter?: true;
  sort?: true;
  /** Who sees it, and may filter and sort by it. Absent: whoever sees the resource. */
  read?: 'admin';
  /**
   * Who may set it to something else than its default. Absent: whoever may write the resource. 'network-owner': the owner of the network that the resource is on
   * (its `networkId`), and administrators.
   */
  write?: 'admin' | 'network-owner';
  about: string;
}>;

/** Of a caller, what a presenter may depend on. */
export type Viewer = Pick<Caller, 'projectId' | 'role'> &
  Readonly<{
    /** The operator's, that relative DNS names are in; ends with a dot. Absent where no port is shown. */
    dnsDomain?: string;
  }>;

/** What a decision needs from outside the log: of the operator's choice, or read just before it is made. */
export type Surroundings = Readonly<{
  fleet(): Promise<Fleet>;
  segments: SegmentPolicy;
  /** Default limits; a project's own are in the log. */
  quotas: Limits;
  /** Hosts whose Open vSwitch agent reports that it enforces security groups; null: the operator chose not to have them enforced, so every host will do. */
  enforcing(): Promise<ReadonlySet<string> | null>;
  /** Appended to a port's DNS name; ends with a dot. */
  dnsDomain: string;
}>;
/** Parsed input by `path`, and the project it is for. */
export type Wish = Readonly<Record<string, unknown>>;

/** Its result is the answer; null: the object itself, as it is then. */
export type Action = (
  id: string,
  body: unknown,
  around: Surroundings,
) => Promise<Decide<Record<string, unknown> | null>>;

/** A resource whose path is below another's: `/v2.0/floatingips/{id}/port_forwardings`. It is written by whoever may change the whole. */
export type Whole = Readonly<{
  /** Name of the resource it is part of. */
  name: string;
  /** Field of the part that holds the whole's id: given to `create`, and what lists are narrowed by. */
  path: string;
}>;

export type Resource = Readonly<{
  name: string;
  /** Name of the list in bodies. */
  collection: string;
  /** In the path, when it is not `collection`: `security-groups`. */
  segment?: string;
  /** Kind of the object in the log; null for what is observed or derived. */
  kind: Kind | null;
  partOf?: Whole;
  /**
   * Who sees a row, beside administrators and (but for 'admin') the project that owns it. 'own': nobody; 'admin': not even that one; else a condition over
   * `from`, in which `project` is the placeholder of the caller's project. libs/domain/src/access.ts says the same of objects.
   */
  visible: 'own' | 'admin' | ((project: string) => string);
  /** Who may create, update and delete; absent: members, what is their project's. */
  write?: 'admin';
  /** Has the sub-resource `tags`. Its kind must be a TaggedKind. */
  tagged?: true;
  /** A decision that must have been made before the caller's project reads a list: a default made on first use.*/
  before?: (projectId: string) => Decide<unknown>;
  about: string;
  attributes: readonly Attribute[];
  /** FROM clause; the resource's own row is `o`. From this source only, never from a request. */
  from: string;
  /** Columns of a row beside the object, each named; of what is not in the log, all of them. */
  columns?: string;
  /**
   * The columns of an object made just now, when they follow from the objects alone: no node can have reported of it, and nothing can point at its id. Null: they must be read.
   * Absent: always.
   */
  born?: (doc: Row['doc'], topology: Topology) => Readonly<Record<string, unknown>> | null;
  notFound(id: string): DomainError;
  /** Absent verbs are 405. */
  create?: (wishes: readonly Wish[], around: Surroundings) => Promise<Decide<string[]>>;
  update?: (id: string, wish: Wish, around: Surroundings) => Promise<Decide<unknown>>;
  delete?: (id: string) => Decide<unknown>;
  /** `PUT /<collection>/{id}/<action>`; by whoever may update. */
  actions?: Readonly<Record<string, Action>>;
}>;

/** An attribute that is there under two names: `tenant_id` of old, `project_id` of today. */
export const isProject = (name: string): boolean => name === 'project_id' || name === 'tenant_id';

/** Its place below `/v2.0`, or below its whole. */
export const segmentOf = ({ segment, collection }: Pick<Resource, 'segment' | 'collection'>): string =>
  segment ?? collection;
