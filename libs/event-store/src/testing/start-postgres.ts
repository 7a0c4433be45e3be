import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedPostgres, embeddedServiceRole, startEmbeddedPostgres } from '../postgres/embedded.js';
import { migrate } from '../postgres/migrate.js';

/** A PostgreSQL of the test's own. `restart` finds it dead or alive and gives the new one; `stop` removes its directory too. */
export type TestPostgres = EmbeddedPostgres & Readonly<{ dir: string; restart(): Promise<TestPostgres> }>;

/**
 * Names the folder of a cluster that is migrated and shut down (tools/jest/int-setup.mjs makes one for a run): copying it takes a tenth of the time of
 * making one. Not set: each test makes its own. The road not taken, one server with a database a spec, would let specs that kill it or change roles meet.
 */
const TEMPLATE = 'PLUMB_TEST_POSTGRES';

/** Starts a migrated PostgreSQL on a unix socket in `dir` (default: a new directory under the system's temporary one). */
export async function startPostgres(options: Readonly<{ dir?: string }> = {}): Promise<TestPostgres> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), `plumb-pg-${process.pid}-`)));
  // Enterable for user postgres, which runs the server when root runs the test.
  await chmod(dir, 0o711);
  const template = process.env[TEMPLATE];
  // cp(1), because Node's own copy does not keep the owner.
  if (template !== undefined) await promisify(execFile)('cp', ['-a', template, join(dir, 'data')]);
  return start(dir);
}

async function start(dir: string): Promise<TestPostgres> {
  const server = await startEmbeddedPostgres({
    dataDir: join(dir, 'data'),
    socketDir: join(dir, 'run'),
    port: null,
    flushNew: false,
  });
  await migrate(server.migrationUrl, { serviceRole: embeddedServiceRole });
  return {
    ...server,
    dir,
    restart: () => start(dir),
    async stop() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
