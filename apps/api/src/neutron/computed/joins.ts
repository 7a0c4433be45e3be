/** What a resource's row is joined with, stated once for the database and for memory (computed.ts). */
import type { AgentKind, Kind } from '@plumbline/contracts';
import type { Topology } from '@plumbline/topology';
import type { Tables } from '../tables.js';
import { type Computed, idOf, type KnownRow, type Memory, UNREAD } from './computed.js';

export type Join = Readonly<{
  alias: string;
  /** A LEFT JOIN: of no row all columns are null. */
  sql(tables: Tables): string;
  known(memory: Memory): KnownRow;
}>;

/** The object's own id. */
export const OWN_ID = idOf('o');

/**
 * How a row is found: 'by index', row after row, whatever the planner knows of the table (without LIMIT, and before the table was first analyzed, it would read
 * all of a table to find one row's neighbour); or as 'planned', for lists that are long and joined with as many rows.
 */
export type Found = 'by index' | 'planned';

/** Joins the one row that matches, or nulls. `conditions`: what stands before the joined table's own columns is given. */
function leftJoin(table: string, alias: string, found: Found, conditions: (own: string) => readonly string[]): string {
  return found === 'planned'
    ? `LEFT JOIN ${table} ${alias} ON ${conditions(`${alias}.`).join(' AND ')}`
    : `LEFT JOIN LATERAL (SELECT * FROM ${table} WHERE ${conditions('').join(' AND ')} LIMIT 1) ${alias} ON true`;
}

/** Another object, by an id that one of the rows before it holds; only where `when` holds. */
export const object = (
  alias: string,
  kind: Kind,
  id: Computed,
  { when, found = 'by index' }: Readonly<{ when?: Computed; found?: Found }> = {},
): Join => ({
  alias,
  sql: (tables) =>
    leftJoin(tables.of(kind), alias, found, (own) => [
      `${own}id = ${id.sql(tables)}`,
      ...(when ? [when.sql(tables)] : []),
    ]),
  known: (memory) => {
    const holds = when ? when.known(memory) : true;
    const key = id.known(memory);
    if (holds === UNREAD || key === UNREAD) return UNREAD;
    if (holds !== true || typeof key !== 'string') return null;
    const doc = memory.topology.get(kind, key);
    return doc ? { id: key, doc } : null;
  },
});

/** The position at which a part of an object was last set: alias and field of a set_at. */
export type SetAt = readonly [alias: string, field: string];
/** SQL for the later of these positions; of an object that is not there nothing was set. */
export const latestOf = (setAt: readonly SetAt[]): string =>
  `greatest(${setAt.map(([alias, field]) => `(${alias}.set_at ->> '${field}')::bigint`).join(', ')})`;

/**
 * What an agent on `host` reports of an object: of its state when all of `since` were set, or later. Of an object made just now, and on no host, nobody has
 * reported.
 */
export const report = (
  alias: string,
  of: Readonly<{
    kind: Kind;
    id: Computed;
    agent: AgentKind;
    host: Computed;
    since: readonly SetAt[];
  }>,
  found: Found = 'by index',
): Join => ({
  alias,
  sql: (tables) =>
    leftJoin(tables.objectStatus, alias, found, (own) => [
      `${own}object_kind = '${of.kind}'`,
      `${own}object_id = ${of.id.sql(tables)}`,
      `${own}agent_kind = '${of.agent}'`,
      `${own}host = ${of.host.sql(tables)}`,
      `${own}position >= ${latestOf(of.since)}`,
    ]),
  known: (memory) => (of.id === OWN_ID || of.id.known(memory) === null ? null : onHost(of.host, memory)),
});

/** The agent of this kind on `host`. */
export const agent = (alias: string, kind: AgentKind, host: Computed): Join => ({
  alias,
  sql: (tables) =>
    leftJoin(tables.agents, alias, 'by index', (own) => [`${own}kind = '${kind}'`, `${own}host = ${host.sql(tables)}`]),
  known: (memory) => onHost(host, memory),
});

/** One row that sums up what others say of this object by its id; all its columns are null when nobody does, as of an object made just now. */
export const summary = (alias: string, select: (tables: Tables) => string): Join => ({
  alias,
  sql: (tables) => `LEFT JOIN LATERAL (${select(tables)}) ${alias} ON true`,
  known: () => null,
});

function onHost(host: Computed, memory: Memory): KnownRow {
  const name = host.known(memory);
  return name === null || name === '' ? null : UNREAD;
}

/** Columns of an object made just now by what this process knows; null: one of them must be read. */
export function knownColumns(
  { joins = [], columns = {} }: Readonly<{ joins?: readonly Join[]; columns?: Readonly<Record<string, Computed>> }>,
  own: Readonly<{ id: string; doc: Readonly<Record<string, unknown>> }>,
  topology: Topology,
): Record<string, unknown> | null {
  const rows = new Map<string, KnownRow>([['o', own]]);
  const memory: Memory = {
    topology,
    row: (alias) => {
      let found = rows.get(alias);
      if (found === undefined) {
        const join = joins.find((each) => each.alias === alias);
        if (!join) throw new Error(`nothing is joined as ${alias}`);
        rows.set(alias, (found = join.known(memory)));
      }
      return found;
    },
  };
  const known: Record<string, unknown> = {};
  for (const [name, column] of Object.entries(columns)) {
    const value = column.known(memory);
    if (value === UNREAD) return null;
    known[name] = value;
  }
  return known;
}
