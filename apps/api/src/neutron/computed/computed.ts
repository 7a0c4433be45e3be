/**
 * Values of a row that are not in the object itself (a status, the host of a port), each stated once and worked out in two places:
 *
 *   sql     by the database, for rows that are read, filtered and sorted
 *   known   by this process, for an object it made just now: answering a create without a read is what makes creates cheap
 *
 * What only the database knows (what agents report, above all) is UNREAD in memory. Of an object made just now nobody can have reported, so most values come
 * out all the same; when one does not, the row is read. test/api/made.int.spec.ts compares both for every resource.
 *
 * Conditions know only and, or and comparisons, so that SQL's NULL and "not true" are one thing and both places agree.
 *
 * Road not taken: a second statement of each value in TypeScript beside its SQL. That is shorter, and nothing keeps the two the same.
 */
import type { Kind } from '@plumbline/contracts';
import type { Topology } from '@plumbline/topology';
import type { Tables } from '../tables.js';

/** Only the database knows. */
export const UNREAD = Symbol('unread');
export type Unread = typeof UNREAD;

/** A joined row as memory has it; null: there is none. */
export type KnownRow = Readonly<{ id: string; doc: Readonly<Record<string, unknown>> }> | null | Unread;

/** An object made just now, and the objects around it. */
export type Memory = Readonly<{
  topology: Topology;
  /** The row under this alias; `o` is the object itself. */
  row(alias: string): KnownRow;
}>;

export type Computed = Readonly<{
  sql(tables: Tables): string;
  /** Text, boolean or JSON as the database would give it, null, or UNREAD. */
  known(memory: Memory): unknown;
}>;

const quoted = (word: string): string => `'${word.replaceAll("'", "''")}'`;

function inDoc(row: KnownRow, path: readonly string[]): unknown {
  if (row === UNREAD || row === null) return row;
  let value: unknown = row.doc;
  for (const name of path) value = (value as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  return value ?? null;
}

/** A member of a row's object, as text. */
export const textOf = (alias: string, ...path: readonly string[]): Computed => ({
  sql: () => (path.length === 1 ? `${alias}.doc ->> '${path[0]}'` : `${alias}.doc #>> '{${path.join(',')}}'`),
  known: (memory) => {
    const value = inDoc(memory.row(alias), path);
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  },
});

/** A member of a row's object, or the whole of it, as JSON. */
export const jsonOf = (alias: string, ...path: readonly string[]): Computed => ({
  sql: () => [`${alias}.doc`, ...path.map((name) => `'${name}'`)].join(' -> '),
  known: (memory) => inDoc(memory.row(alias), path),
});

/** The id of a row. */
export const idOf = (alias: string): Computed => ({
  sql: () => `${alias}.id`,
  known: (memory) => {
    const row = memory.row(alias);
    return row === UNREAD ? row : (row?.id ?? null);
  },
});

/** A column of a joined row that is no object: what agents report, what others say of this object. */
export const columnOf = (alias: string, column: string): Computed => ({
  sql: () => `${alias}.${column}`,
  known: (memory) => (memory.row(alias) === null ? null : UNREAD),
});

export const word = (text: string): Computed => ({ sql: () => quoted(text), known: () => text });

/** How often the object and its parts have changed (`revisionOf` of the topology), of a kind that is written in a stream of its own. */
export const revisionOf = (kind: Kind): Computed => ({
  sql: (tables) => `(SELECT v.version - 1 FROM ${tables.streams} v WHERE v.stream = '${kind}-' || o.id)::int`,
  known: ({ topology, row }) => {
    const own = row('o');
    return own === UNREAD || own === null ? own : topology.versionOf(`${kind}-${own.id}`) - 1;
  },
});

/** What only the database works out. */
export const read = (sql: Computed['sql']): Computed => ({ sql, known: () => UNREAD });

/** Columns that only the database works out, each from the row alone. */
export const reading = (columns: Readonly<Record<string, string>>): Readonly<Record<string, Computed>> =>
  Object.fromEntries(Object.entries(columns).map(([name, sql]) => [name, read(() => sql)]));

/** The first that is not null. */
export const firstOf = (...values: readonly Computed[]): Computed => ({
  sql: (tables) => `coalesce(${values.map((each) => each.sql(tables)).join(', ')})`,
  known: (memory) => {
    for (const each of values) {
      const value = each.known(memory);
      if (value !== null) return value;
    }
    return null;
  },
});

/** Null when it is ''. */
export const orNone = (value: Computed): Computed => ({
  sql: (tables) => `nullif(${value.sql(tables)}, '')`,
  known: (memory) => {
    const text = value.known(memory);
    return text === '' ? null : text;
  },
});

const compared = (value: Computed, sql: (text: string) => string, holds: (known: unknown) => boolean): Computed => ({
  sql: (tables) => sql(value.sql(tables)),
  known: (memory) => {
    const known = value.known(memory);
    return known === UNREAD ? UNREAD : holds(known);
  },
});

export const isOneOf = (value: Computed, ...words: readonly string[]): Computed =>
  compared(
    value,
    (text) =>
      words.length === 1 ? `${text} = ${quoted(words[0] as string)}` : `${text} IN (${words.map(quoted).join(', ')})`,
    (known) => words.includes(known as string),
  );
/** Neither '' nor null. */
export const isSaid = (value: Computed): Computed =>
  compared(
    value,
    (text) => `${text} <> ''`,
    (known) => known !== null && known !== '',
  );
/** The member is there and is JSON's null. */
export const isNull = (value: Computed): Computed =>
  compared(
    value,
    (json) => `${json} = 'null'`,
    (known) => known === null,
  );
export const isThere = (value: Computed): Computed =>
  compared(
    value,
    (text) => `${text} IS NOT NULL`,
    (known) => known !== null,
  );

/**
 * Conditions that all hold; the later ones are not looked at where an earlier one does not. A NULL would have the database look at them, for what is not known and false is
 * false: so each but the last is made true or false.
 */
export const both = (...conditions: readonly Computed[]): Computed => ({
  sql: (tables) =>
    conditions
      .map((each) => `(${each.sql(tables)})`)
      .map((text, at) => (at < conditions.length - 1 ? `${text} IS TRUE` : text))
      .join(' AND '),
  known: (memory) => {
    const known = conditions.map((each) => each.known(memory));
    if (known.some((each) => each !== UNREAD && each !== true)) return false;
    return known.includes(UNREAD) ? UNREAD : true;
  },
});
export const either = (...conditions: readonly Computed[]): Computed => ({
  sql: (tables) => conditions.map((each) => `(${each.sql(tables)})`).join(' OR '),
  known: (memory) => {
    const known = conditions.map((each) => each.known(memory));
    if (known.includes(true)) return true;
    return known.includes(UNREAD) ? UNREAD : false;
  },
});

/** The value beside the first condition that holds; `otherwise` null: none. */
export const cases = (
  arms: readonly (readonly [condition: Computed, value: Computed])[],
  otherwise: Computed | null,
): Computed => ({
  sql: (tables) =>
    [
      'CASE',
      ...arms.map(([condition, value]) => `WHEN ${condition.sql(tables)} THEN ${value.sql(tables)}`),
      ...(otherwise ? [`ELSE ${otherwise.sql(tables)}`] : []),
      'END',
    ].join(' '),
  known: (memory) => {
    for (const [condition, value] of arms) {
      const holds = condition.known(memory);
      if (holds === UNREAD) return UNREAD;
      if (holds === true) return value.known(memory);
    }
    return otherwise ? otherwise.known(memory) : null;
  },
});

/** JSON that others say of this object by its id; `none` when nobody does, as of an object made just now. */
export const saidByOthers = (sql: Computed['sql'], none: unknown): Computed => ({
  sql: (tables) => `coalesce(${sql(tables)}, ${quoted(JSON.stringify(none))}::jsonb)`,
  known: () => none,
});
