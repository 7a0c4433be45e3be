/**
 * jest's set-up before integration specs: what takes seconds to make and is harmed by none of them is made once, in one folder that int-end.mjs removes. jest
 * gives the variables on to its workers.
 *
 *     PLUMB_TEST_POSTGRES  a cluster, migrated and shut down, that `startPostgres` of event-store's testing copies; none in a tree that was not built: then each
 *                          spec makes its own
 *     PLUMB_TEST_GOCACHE   Go's own cache of what it compiled: its standard library takes longest
 */
import { existsSync } from 'node:fs';
import { appendFile, chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const eventStore = new URL('../../libs/event-store/dist/index.js', import.meta.url);

export default async function setUp() {
  const folder = await mkdtemp(path.join(tmpdir(), `plumb-int-${process.pid}-`));
  // Enterable for user postgres, which runs the server when root runs the test.
  await chmod(folder, 0o711);
  process.env.PLUMB_TEST_SHARED = folder;
  process.env.PLUMB_TEST_GOCACHE = path.join(folder, 'go');
  if (existsSync(eventStore)) process.env.PLUMB_TEST_POSTGRES = await makeCluster(folder);
}

async function makeCluster(folder) {
  const { embeddedServiceRole, migrate, startEmbeddedPostgres } = await import(eventStore.href);
  const dataDir = path.join(folder, 'postgres');
  const server = await startEmbeddedPostgres({ dataDir, socketDir: path.join(folder, 'run'), port: null, flushNew: false }); // prettier-ignore
  try {
    await migrate(server.migrationUrl, { serviceRole: embeddedServiceRole });
  } finally {
    await server.stop();
  }
  // Tests kill servers, not machines: what was written is with the kernel and outlives that. On a busy disk each flush costs more than the test.
  await appendFile(path.join(dataDir, 'postgresql.conf'), 'fsync = off\n');
  return dataDir;
}
