import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres, embeddedServiceRole, startEmbeddedPostgres } from '../postgres/embedded.js';
import { migrate } from '../postgres/migrate.js';

/** A PostgreSQL of the test's own. `restart` finds it dead or alive and gives the new one; `stop` removes its directory too. */
export type TestPostgres = EmbeddedPostgres & Readonly<{ dir: string; restart(): Promise<TestPostgres> }>;

/** Starts a migrated PostgreSQL on a unix socket in `dir` (default: a new directory under the system's temporary one). */
export async function startPostgres(options: Readonly<{ dir?: string }> = {}): Promise<TestPostgres> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), `plumb-pg-${process.pid}-`)));
  // Enterable for user postgres, which runs the server when root runs the test.
  await chmod(dir, 0o711);
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
