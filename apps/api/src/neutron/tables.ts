/**
 * Where rows are read: the one place of the API that gives tables their names. Declarations say which kind they mean; a statement is told which tables
 * stand for it. So the same declarations can be read from other tables, e.g. those of another position of the log. Lint refuses a table's name anywhere
 * else in this folder.
 */
import type { Kind } from '@plumbline/contracts';
import { readTables } from '@plumbline/event-store';

export type Tables = Readonly<{
  /** Which set of tables this is: part of the names of prepared statements. */
  name: string;
  /** Objects of a kind, as the log has them. */
  of(kind: Kind): string;
  /** Agents, as they report themselves. */
  agents: string;
  /** What agents report of objects. */
  objectStatus: string;
  /** Streams and their versions. */
  streams: string;
  /** Machines whose reports are refused, because another one owns the name of their host. */
  nodeRefused: string;
  /** What is taken: `allocation/<subnet>/<address>` and its like. */
  claims: string;
}>;

/** The tables of a schema that has all of them. Names come from our own source, never from a request. */
export function tablesIn(schema: string): Tables {
  const named = (table: string): string => `${schema}.${table}`;
  return {
    name: schema,
    of: (kind) => {
      const table = readTables[kind];
      if (table === undefined) throw new Error(`objects of kind ${kind} have no table`);
      return named(table);
    },
    agents: named('agents'),
    objectStatus: named('object_status'),
    streams: named('streams'),
    nodeRefused: named('node_refused'),
    claims: named('claims'),
  };
}

/** What is true now. */
export const PRESENT = tablesIn('plumbline');
