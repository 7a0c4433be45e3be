/**
 * Copies of the derived tables in a schema of their own, and the swap that puts them in the place of the ones that serve.
 *
 * Goals: the tables that serve are not touched until the copies are complete, and are replaced in one short transaction; whatever a migration made of a table
 * (columns, indexes and their names, storage settings, owner, rights) its copy has too, so that no migration ever has to think of a rebuild.
 * Design: the copies are described by PostgreSQL's own catalogue, not by us. A table moves by `SET SCHEMA`, which touches its catalogue rows only. Names are
 * resolved again by every statement and prepared plan that meets the new tables, because the old ones are gone.
 * Road not taken: renaming within one schema. Names of indexes are unique in a schema, so each rebuild would leave others, and a later migration would not find them.
 * Road not taken: writing the difference into the tables that serve. It is short when a rebuild finds nothing, and long when a release derives every row anew.
 */
import type pg from 'pg';
import { quotedName } from '../connections.js';

/** Schema of the copies. Whatever is in it is left over from a rebuild that did not end. */
export const BESIDE = 'plumbline_beside';
const SERVING = 'plumbline';
/** What is derived from the log alone. `objects` is partitioned; its partitions are found in the catalogue. */
const DERIVED = ['objects', 'streams', 'claims', 'tallies'] as const;

type Table = Readonly<{
  name: string;
  kind: 'r' | 'p';
  parent: string | null;
  bound: string | null;
  options: string[] | null;
}>;
type Index = Readonly<{ name: string; definition: string; constraint: string | null }>;

/** Makes empty copies without indexes; removes first what an earlier rebuild left. */
export async function makeCopies(client: pg.ClientBase): Promise<void> {
  await dropCopies(client);
  await client.query(`CREATE SCHEMA ${BESIDE}`);
  for (const table of await tables(client)) {
    if (table.kind === 'p') continue;
    const name = quotedName(table.name);
    const options = table.options ? ` WITH (${table.options.join(', ')})` : '';
    await client.query(
      `CREATE TABLE ${BESIDE}.${name} (LIKE ${SERVING}.${name} INCLUDING ALL EXCLUDING INDEXES)${options}`,
    );
  }
}

export async function dropCopies(client: pg.ClientBase): Promise<void> {
  await client.query(`DROP SCHEMA IF EXISTS ${BESIDE} CASCADE`);
}

/** Gives one copy the indexes and keys of the table that it will replace, under their own names. */
export async function indexCopy(client: pg.ClientBase, table: string): Promise<void> {
  for (const index of await indexes(client, table)) await client.query(definitionBeside(table, index));
  await client.query(`ANALYZE ${BESIDE}.${quotedName(table)}`);
}

/** Makes the copy of `objects` itself, once its partitions are filled and indexed: they are attached with all they have. */
export async function joinPartitions(client: pg.ClientBase): Promise<void> {
  const all = await tables(client);
  for (const parent of DERIVED) {
    const partitions = all.filter((table) => table.parent === parent);
    if (partitions.length === 0) continue;
    await client.query(
      `CREATE TABLE ${BESIDE}.${parent} (LIKE ${SERVING}.${parent} INCLUDING ALL EXCLUDING INDEXES)
       PARTITION BY ${await partitionKey(client, parent)}`,
    );
    for (const index of await indexes(client, parent)) await client.query(definitionBeside(parent, index));
    // Finds for each index of the parent the partition's own, and builds none.
    for (const { name, bound } of partitions)
      await client.query(
        `ALTER TABLE ${BESIDE}.${parent} ATTACH PARTITION ${BESIDE}.${quotedName(name)} ${bound ?? ''}`,
      );
  }
}

/**
 * Puts the copies in the place of the tables that serve, with their owners and rights. Must run in a transaction that holds the head row. Waits at most `waitMs` for
 * whoever reads the tables; then rejects with code 55P03, and the transaction is as if this had not been called (a savepoint). The wait must be shorter
 * than the server's deadlock_timeout, or a reader who has one of the tables and waits for another might be ended for it.
 */
export async function swap(client: pg.ClientBase, waitMs: number): Promise<void> {
  const all = await tables(client);
  await client.query('SAVEPOINT swap');
  try {
    await client.query(`SET LOCAL lock_timeout = ${Math.max(1, Math.floor(waitMs))}`);
    await client.query(`LOCK TABLE ${DERIVED.map((name) => `${SERVING}.${name}`).join(', ')} IN ACCESS EXCLUSIVE MODE`);
  } catch (error) {
    await client.query('ROLLBACK TO SAVEPOINT swap');
    throw error;
  }
  for (const statement of await rights(client)) await client.query(statement);
  // With its partitions and indexes.
  await client.query(`DROP TABLE ${DERIVED.map((name) => `${SERVING}.${name}`).join(', ')}`);
  await client.query(
    all.map(({ name }) => `ALTER TABLE ${BESIDE}.${quotedName(name)} SET SCHEMA ${SERVING}`).join(';'),
  );
  await client.query(`DROP SCHEMA ${BESIDE}`);
}

/** The derived tables that serve, partitions after their parents. */
async function tables(client: pg.ClientBase): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `SELECT c.relname AS name, c.relkind AS kind, p.relname AS parent, pg_get_expr(c.relpartbound, c.oid) AS bound, c.reloptions AS options
     FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
     WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') AND (c.relname = ANY ($2) OR p.relname = ANY ($2))
     ORDER BY p.relname IS NOT NULL, c.relname`,
    [SERVING, DERIVED],
  );
  return rows;
}

async function partitionKey(client: pg.ClientBase, table: string): Promise<string> {
  const { rows } = await client.query<{ key: string }>('SELECT pg_get_partkeydef($1::regclass) AS key', [
    `${SERVING}.${table}`,
  ]);
  return rows[0]?.key ?? '';
}

/** Those that are unique first: a log that says two objects hold one claim is found before the work for the others is done. */
async function indexes(client: pg.ClientBase, table: string): Promise<Index[]> {
  const { rows } = await client.query<Index>(
    `SELECT c.relname AS name, pg_get_indexdef(c.oid) AS definition, pg_get_constraintdef(k.oid) AS constraint
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid LEFT JOIN pg_constraint k ON k.conindid = c.oid
     WHERE i.indrelid = $1::regclass ORDER BY i.indisunique DESC, c.relname`,
    [`${SERVING}.${quotedName(table)}`],
  );
  return rows;
}

/** PostgreSQL writes the schema into an index's definition; nothing else of ours looks like this. */
function definitionBeside(table: string, { name, definition, constraint }: Index): string {
  if (constraint !== null)
    return `ALTER TABLE ${BESIDE}.${quotedName(table)} ADD CONSTRAINT ${quotedName(name)} ${constraint}`;
  return definition.replace(/ ON (ONLY )?plumbline\./, (_, only: string | undefined) => ` ON ${only ?? ''}${BESIDE}.`);
}

/** Statements that give the copies the owners and rights which the tables have now. */
async function rights(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ statement: string }>(
    `WITH served AS (
       SELECT c.* FROM pg_class c JOIN pg_class copy ON copy.relname = c.relname AND copy.relnamespace = $2::regnamespace
       WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p') AND copy.relkind = c.relkind)
     SELECT 1 AS first, format('ALTER TABLE %I.%I OWNER TO %I', $2::text, relname, pg_get_userbyid(relowner)) AS statement
     FROM served
     UNION ALL
     SELECT 2, format('GRANT %s ON %I.%I TO %s%s', a.privilege_type, $2::text, relname,
       CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
       CASE WHEN a.is_grantable AND a.grantee <> relowner THEN ' WITH GRANT OPTION' ELSE '' END)
     FROM served, aclexplode(relacl) a ORDER BY first`,
    [SERVING, BESIDE],
  );
  return rows.map(({ statement }) => statement);
}
