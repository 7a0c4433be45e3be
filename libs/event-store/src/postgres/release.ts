/**
 * Whether a database is one of this release: made anew by another one, the derived tables would not be those that the running API writes and reads, and it would
 * stop (WrongGeneration). So only `migrate` of a newer release changes what they are, and nothing of an older release changes them back.
 */
import type pg from 'pg';
import { MIGRATIONS } from './data-source.js';

const KNOWN: ReadonlySet<string> = new Set(MIGRATIONS.map((Migration) => new Migration().name));

/** Rejects, with what to do, when the schema has migrations that this release does not know. */
export async function refuseNewerSchema(client: pg.ClientBase): Promise<void> {
  const strange = (await applied(client)).filter((name) => !KNOWN.has(name));
  if (strange.length > 0)
    throw new Error(
      `The database was migrated by a newer release (${strange.join(', ')}). Start that release, or restore an older database.`,
    );
}

/** Rejects, with what to do, when the derived tables are of a newer generation than this release makes. */
export async function refuseNewerGeneration(client: pg.ClientBase, generation: number): Promise<void> {
  const served = await generationOf(client);
  if (served > generation)
    throw new Error(
      `The derived tables of this database are of generation ${served}, made by a newer release; this release makes generation ${generation}. Nothing was changed: use that release.`,
    );
}

/** Rejects, with what to do, when schema or derived tables are of another release, older or newer. */
export async function refuseOtherRelease(client: pg.ClientBase, generation: number): Promise<void> {
  await refuseNewerSchema(client);
  await refuseNewerGeneration(client, generation);
  const names = new Set(await applied(client));
  const served = await generationOf(client);
  if ([...KNOWN].some((name) => !names.has(name)) || served < generation)
    throw new Error(
      `The database is of an older release (generation ${served}; this release makes generation ${generation}). Nothing was changed: run "plumb db migrate" of this release, or rebuild with the release that the API runs.`,
    );
}

async function applied(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>('SELECT name FROM plumbline.migrations ORDER BY id');
  return rows.map(({ name }) => name);
}

async function generationOf(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ generation: number }>('SELECT generation FROM plumbline.derived');
  return Number(rows[0]?.generation);
}
