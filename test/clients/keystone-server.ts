/**
 * A real Keystone (Debian's `keystone` package) of a spec's own: SQLite and Fernet keys in a temporary folder, on a loopback port that was free, served by the
 * package's own WSGI script. Nothing of the machine's /etc/keystone is read. Ends with `stop`.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const READY_WITHIN_MS = 60_000;
const ADMIN_PASSWORD = 'the administrator of a test';

export type KeystoneServer = Readonly<{
  /** `http://127.0.0.1:<port>/v3`. User, project and role of the bootstrap are all called `admin`, in the domain Default. */
  url: string;
  adminPassword: string;
  /** The connection is refused from then on. Repeatable. */
  stop(): Promise<void>;
}>;

/** Takes some ten seconds. Throws with Keystone's own words when it does not start. */
export async function startKeystone(): Promise<KeystoneServer> {
  const folder = mkdtempSync(join(tmpdir(), `plumb-keystone-${process.pid}-`));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/v3`;
  const config = join(folder, 'keystone.conf');
  writeFileSync(
    config,
    `[DEFAULT]
log_file = ${join(folder, 'keystone.log')}
[database]
connection = sqlite:///${join(folder, 'keystone.db')}
[fernet_tokens]
key_repository = ${join(folder, 'fernet-keys')}
[fernet_receipts]
key_repository = ${join(folder, 'fernet-keys')}
[credential]
key_repository = ${join(folder, 'credential-keys')}
[cache]
enabled = false
`,
  );
  const discard = () => rmSync(folder, { recursive: true, force: true });
  try {
    const { uid, gid } = { uid: String(process.getuid?.() ?? 0), gid: String(process.getgid?.() ?? 0) };
    const manage = (...words: string[]) => promisify(execFile)('keystone-manage', ['--config-file', config, ...words]);
    await manage('db_sync');
    // Keystone keeps a reading connection open beside the writing one: without a write-ahead log SQLite calls that "database is locked".
    const walMode = `import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA journal_mode=WAL')`;
    await promisify(execFile)('python3', ['-c', walMode, join(folder, 'keystone.db')]);
    await manage('fernet_setup', '--keystone-user', uid, '--keystone-group', gid);
    await manage('credential_setup', '--keystone-user', uid, '--keystone-group', gid);
    const urls = ['admin', 'internal', 'public'].flatMap((each) => [`--bootstrap-${each}-url`, url]);
    await manage('bootstrap', '--bootstrap-password', ADMIN_PASSWORD, '--bootstrap-region-id', 'RegionOne', ...urls);
  } catch (error) {
    discard();
    throw error;
  }
  const server = spawn(
    'keystone-wsgi-public',
    ['--host', '127.0.0.1', '--port', String(port), '--', '--config-file', config],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  server.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
  const stop = async (): Promise<void> => {
    if (server.exitCode === null && server.signalCode === null) {
      const gone = once(server, 'exit');
      server.kill('SIGKILL');
      await gone;
    }
    discard();
  };
  for (const until = performance.now() + READY_WITHIN_MS; ; await delay(50)) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
    if (answer?.ok) break;
    if (server.exitCode === null && performance.now() < until) continue;
    const log = readLog(join(folder, 'keystone.log'));
    await stop();
    throw new Error(`Keystone does not answer on ${url}: ${said}${log}`);
  }
  return { url, adminPassword: ADMIN_PASSWORD, stop };
}

function readLog(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-4000);
  } catch {
    return '';
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
