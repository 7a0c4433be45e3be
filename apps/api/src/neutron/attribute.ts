/**
 * How one attribute of a resource is declared: its name and type, who may set and see it, how it is filtered, sorted and shown. A resource is a table of these
 * (resource.ts); input.ts works the types of requests out of the table.
 */
import type { Caller } from '@plumbline/identity/login';
import type { z } from 'zod';
import type { Computed } from './computed/computed.js';
import type { Tables } from './tables.js';
import type { AttributeType } from './types/attribute-types.js';

/** One row as read: the object in `doc`, and whatever the resource's `columns` add. */
export type Row = Readonly<{ id: string; doc: Readonly<Record<string, unknown>> } & Record<string, unknown>>;

/** Adds a value to a statement and gives its placeholder. */
export type Param = (value: unknown, type: 'jsonb' | 'jsonb[]' | 'text' | 'text[]' | 'bigint') => string;

/** The statement that a condition is for. */
export type ConditionContext = Readonly<{
  param: Param;
  tables: Tables;
  /** The caller's; null of one who sees everything. */
  project: string | null;
}>;

/**
 * So many values are looked up in the index on `doc`, one by one. More are compared in one pass over the rows with a hash of the values, because each value that
 * no index look-up serves costs a comparison a row: 990 of them took 12 s on 20,000 rows.
 */
export const FEW_VALUES = 4;

/** Where in the object a value is. `each`: the value at `path` is a list, and any element of it, or what is at `each` in any element, may be the value. */
export type Place = Readonly<{ path: readonly string[]; each?: readonly string[] }>;

const nested = (path: readonly string[], value: unknown): unknown =>
  path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
const valueIn = (json: string, path: readonly string[]): string =>
  path.length === 0 ? json : `${json} #> '{${path.join(',')}}'`;

/** Condition: one of these values (as JSON) is at this place. Its cost does not grow with more than a few values. */
export const having =
  ({ path, each }: Place) =>
  (values: readonly unknown[], { param }: Pick<ConditionContext, 'param'>): string => {
    const part = (value: unknown) => nested(path, each ? [nested(each, value)] : value);
    if (values.length <= FEW_VALUES)
      return values.map((value) => `o.doc @> ${param(JSON.stringify(part(value)), 'jsonb')}`).join(' OR ');
    const wanted = param(
      values.map((value) => JSON.stringify(value)),
      'jsonb[]',
    );
    return each
      ? `EXISTS (SELECT FROM jsonb_array_elements(${valueIn('o.doc', path)}) e WHERE ${valueIn('e', each)} = ANY (${wanted}))`
      : `${valueIn('o.doc', path)} = ANY (${wanted})`;
  };

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
  sql?: string | Computed['sql'];
  /** Condition of a filter where equality is not enough, or an index can answer it better. Values are what `type.filter` made. */
  where?: (values: readonly unknown[], statement: ConditionContext) => string;
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

/** A table of attributes as it was written down, so that the types of its fields are kept. */
export const table = <const A extends readonly Attribute[]>(attributes: A): A => attributes;

/** What of a caller may change what is shown. */
export type Viewer = Pick<Caller, 'projectId' | 'role'> &
  Readonly<{
    /** The operator's, that relative DNS names are in; ends with a dot. Absent where no port is shown. */
    dnsDomain?: string;
  }>;

/** An attribute that is there under two names: `tenant_id` of old, `project_id` of today. */
export const isProject = (name: string): boolean => name === 'project_id' || name === 'tenant_id';
