/**
 * Schema and rights. The migration login owns the tables; the service login may only read and insert events, so no fault of the
 * service and no intruder in it can rewrite the log. There are two logins because the owner of a table can grant itself what was revoked.
 */
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import type pg from 'pg';
import { admitOnce, type Admitted } from './admit-once.js';
import { MIGRATION_DEADLINE_MS, openClient } from './connections.js';
import { createDataSource } from './data-source.js';
import type { Derivation, Rebuilt } from './rebuild/derivation.js';
import { rebuildReadModels, type RebuildOptions } from './rebuild/rebuild.js';
import { refuseNewerGeneration, refuseNewerSchema } from './release.js';

const CHECK_DEADLINE_MS = 10_000;

/** Rights of the service, table by table: what `append_batch` and the service's own queries need. */
const rights = (role: string): string => `
GRANT USAGE ON SCHEMA plumbline TO ${role};
REVOKE ALL ON ALL TABLES IN SCHEMA plumbline FROM ${role};
GRANT SELECT ON ALL TABLES IN SCHEMA plumbline TO ${role};
GRANT INSERT ON plumbline.events TO ${role};
GRANT UPDATE (position, hash) ON plumbline.log_head TO ${role};
GRANT INSERT, UPDATE ON plumbline.streams, plumbline.tallies, plumbline.feed_head TO ${role};
GRANT DELETE ON plumbline.feed_head TO ${role};
GRANT UPDATE (position) ON plumbline.feed_pruned TO ${role};
GRANT INSERT, DELETE ON plumbline.report_pages TO ${role};
GRANT INSERT, DELETE ON plumbline.claims, plumbline.feed, plumbline.revoked_tokens, plumbline.application_credentials TO ${role};
GRANT INSERT, DELETE ON plumbline.checkpoints, plumbline.checkpoint_chunks TO ${role};
GRANT INSERT, UPDATE, DELETE ON plumbline.idempotency_keys, plumbline.objects, plumbline.agents, plumbline.object_status TO ${role};
GRANT EXECUTE ON FUNCTION plumbline.append_batch(integer, integer, jsonb, jsonb), plumbline.append_batch(jsonb) TO ${role};
GRANT INSERT, UPDATE, DELETE ON plumbline.instance_data TO ${role};
GRANT INSERT, UPDATE, DELETE ON plumbline.server_events, plumbline.server_ports TO ${role};
GRANT UPDATE ON plumbline.server_event_sender TO ${role};
GRANT INSERT, UPDATE, DELETE ON plumbline.node_owners, plumbline.node_runs, plumbline.node_refused TO ${role};
`;

/**
 * Brings the schema to this release, rebuilds the derived tables when another catalogue version made them, and sets the service role's rights again. Repeating
 * it changes nothing; two at the same time wait for each other. `migrationUrl` is the login that owns (or shall own) the tables. Without `serviceRole` no rights
 * are granted: one login for all. Without `derivation` the derived tables of a log with events stay as they are; the API may then refuse to start on it.
 * `remade`: what was rebuilt, null when nothing was. `admitted`: nodes of a log older than admissions, which are admitted once. Fails when the role does not
 * exist, and when the schema or the derived tables are of a newer release.
 */
export async function migrate<O extends object>(
  migrationUrl: string,
  options: Readonly<{ serviceRole?: string; derivation?: Derivation<O>; progress?: RebuildOptions['progress'] }> = {},
): Promise<Readonly<{ applied: readonly string[]; remade: Rebuilt | null; admitted: readonly Admitted[] }>> {
  const guard = await openClient({ url: migrationUrl, name: 'plumbline migrate', deadlineMs: MIGRATION_DEADLINE_MS });
  try {
    await guard.query(`SELECT pg_advisory_lock(hashtext('plumbline migrations'))`);
    await guard.query('CREATE SCHEMA IF NOT EXISTS plumbline');
    const source = createDataSource(migrationUrl, { poolSize: 1, deadlineMs: MIGRATION_DEADLINE_MS });
    await source.initialize();
    try {
      const done = await source.runMigrations();
      await refuseNewerSchema(guard);
      const remade = await remake(guard, migrationUrl, options);
      const admitted = await admitOnce(guard);
      if (options.serviceRole) await grant(guard, options.serviceRole);
      return { applied: done.map((each) => each.name), remade, admitted };
    } finally {
      await source.destroy();
    }
  } finally {
    await guard.end();
  }
}

/** Nothing is derived from an empty log, so it fits any catalogue version. */
async function remake<O extends object>(
  client: pg.Client,
  migrationUrl: string,
  { derivation, progress }: Readonly<{ derivation?: Derivation<O>; progress?: RebuildOptions['progress'] }>,
): Promise<Rebuilt | null> {
  await client.query(
    'UPDATE plumbline.derived SET generation = $1 FROM plumbline.log_head WHERE position = 0 AND generation <> $1',
    [CATALOGUE_VERSION],
  );
  if (!derivation) return null;
  await refuseNewerGeneration(client, derivation.generation);
  const { rows } = await client.query('SELECT 1 FROM plumbline.derived WHERE generation <> $1', [
    derivation.generation,
  ]);
  if (rows.length === 0) return null;
  return rebuildReadModels(migrationUrl, derivation, { withinMigration: true, ...(progress && { progress }) });
}

async function grant(client: pg.Client, serviceRole: string): Promise<void> {
  const { rows } = await client.query<{ same: boolean }>(
    'SELECT rolname = current_user AS same FROM pg_roles WHERE rolname = $1',
    [serviceRole],
  );
  if (!rows[0]) {
    throw new Error(
      `The service role "${serviceRole}" does not exist. Create it: CREATE ROLE ... LOGIN PASSWORD '...'`,
    );
  }
  if (rows[0].same) return;
  await client.query(`BEGIN; ${rights(client.escapeIdentifier(serviceRole))} COMMIT`);
}

/** Whether the service login is prevented from rewriting the log, and if not, why not, in words for an operator. */
export type GuardStatus = Readonly<{ on: boolean; reasons: readonly string[] }>;

/** Asks the database what this login may do to the log. Changes nothing. */
export async function guardStatus(serviceUrl: string): Promise<GuardStatus> {
  const client = await openClient({ url: serviceUrl, name: 'plumbline guard', deadlineMs: CHECK_DEADLINE_MS });
  try {
    const { rows } = await client.query<{ reason: string }>(`
      SELECT reason FROM (
        SELECT 'the login is a superuser' AS reason FROM pg_roles WHERE rolname = current_user AND rolsuper
        UNION ALL SELECT 'the login may create roles, and so join the owner''s' FROM pg_roles
          WHERE rolname = current_user AND rolcreaterole
        UNION ALL SELECT 'the login owns ' || c.oid::regclass FROM pg_class c
          WHERE c.oid = 'plumbline.events'::regclass AND pg_has_role(current_user, c.relowner, 'MEMBER')
        UNION ALL SELECT 'the login owns the schema' FROM pg_namespace n
          WHERE n.nspname = 'plumbline' AND pg_has_role(current_user, n.nspowner, 'MEMBER')
        UNION ALL SELECT 'the login has ' || p || ' on events' FROM unnest(ARRAY['UPDATE','DELETE','TRUNCATE','REFERENCES','TRIGGER']) p
          WHERE has_table_privilege('plumbline.events', p)
        UNION ALL SELECT 'the login is a member of ' || r FROM unnest(ARRAY['pg_execute_server_program','pg_write_server_files']) r
          WHERE pg_has_role(current_user, r, 'MEMBER')) found`);
    return { on: rows.length === 0, reasons: rows.map((row) => row.reason) };
  } finally {
    await client.end();
  }
}
