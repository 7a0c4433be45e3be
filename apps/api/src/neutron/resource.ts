/**
 * How a resource of the Networking API is declared: a table of attributes, where its rows are read, and the decisions that change it. The generic
 * implementation (body.ts, query.ts, sql.ts, present.ts, dispatcher.ts, openapi.ts) does the rest; nothing there knows a resource by name.
 */
import type { Decide, DomainError, Fleet, SegmentPolicy } from '@plumbline/domain';
import type { AttributeType } from './attribute-types.js';

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
  show?: (row: Row) => unknown;
  /** False: never shown (an input only). */
  visible?: false;
  /** Text expression over the resource's tables, where the value is not in the object: filters and sorting use it. */
  sql?: string;
  /** Condition of a filter where equality is not enough, or an index can answer it better. Values are what `type.filter` made. */
  where?: (values: readonly unknown[], param: Param) => string;
  filter?: true;
  sort?: true;
  /** Who may write it and see it. Absent: whoever sees the resource. */
  role?: 'admin';
  about: string;
}>;

/** What a decision needs from outside the log, read just before it is made. */
export type Surroundings = Readonly<{ fleet(): Promise<Fleet>; segments: SegmentPolicy }>;
/** Parsed input by `path`, and the project it is for. */
export type Wish = Readonly<Record<string, unknown>>;

export type Action = (id: string, body: unknown, around: Surroundings) => Promise<Decide<Record<string, unknown>>>;

export type Resource = Readonly<{
  name: string;
  collection: string;
  about: string;
  attributes: readonly Attribute[];
  /** FROM clause; the resource's own row is `o`. From this source only, never from a request. */
  from: string;
  /** Further columns of a row, each named. */
  columns: string;
  notFound(id: string): DomainError;
  /** Absent verbs are 405. */
  create?: (wishes: readonly Wish[], around: Surroundings) => Promise<Decide<string[]>>;
  update?: (id: string, wish: Wish, around: Surroundings) => Promise<Decide<unknown>>;
  delete?: (id: string) => Decide<unknown>;
  /** `PUT /<collection>/{id}/<action>`. */
  actions?: Readonly<Record<string, Action>>;
}>;

/** An attribute that is there under two names: `tenant_id` of old, `project_id` of today. */
export const isProject = (name: string): boolean => name === 'project_id' || name === 'tenant_id';
