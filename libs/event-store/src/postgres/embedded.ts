/**
 * Embedded PostgreSQL: the system's own binaries on a private cluster, for a user who gave no database.
 *
 * Goals: a cluster that nobody else can log in to (passwords, private directories); durable like any other (fsync stays on: it has the only
 * truth); it may outlive the process that started it and be found again; after a crash it starts without manual help.
 * Road not taken: pg_ctl, which also polls, hides the postmaster's pid and its log, and cannot switch users.
 *
 * This file spawns processes by itself: a storage lib may not depend on the agents' process runner, and what is started here is a daemon with
 * another user's id and no pipes, for which that runner is not made.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  access,
  chmod,
  chown,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { openClient } from './connections.js';

export type EmbeddedPostgresOptions = Readonly<{
  /** The cluster's directory; made when absent. As root its parents must be open (x) to user postgres. */
  dataDir: string;
  /** Directory of the unix socket; made when absent, readable by all (logins have passwords). */
  socketDir: string;
  /** TCP port on 127.0.0.1, or null: unix socket only. */
  port: number | null;
  /** False: a new cluster is not flushed to disk when it is made (a second or two). For tests only. Default true. */
  flushNew?: boolean;
}>;

export type EmbeddedPostgres = Readonly<{
  /** Superuser. */
  adminUrl: string;
  /** Owner of database `plumbline`: for `migrate`. */
  migrationUrl: string;
  /** What the service logs in as; its role is `plumbline_service`. */
  serviceUrl: string;
  pid: number;
  /** False when the cluster was running already. */
  started: boolean;
  /** Shuts down exactly this server (open sessions end, data is flushed) and waits until it is gone. Twice is no error. */
  stop(): Promise<void>;
}>;

/** Role of `serviceUrl`, for `migrate`. */
export const embeddedServiceRole = 'plumbline_service';
const migrationRole = 'plumbline_migration';
const database = 'plumbline';
const loginsFile = 'plumbline-logins.json';
const socketPort = 5432;
const readyWithinMs = 60_000;
const goingWithinMs = 2_000;
const orphansWithinMs = 10_000;
const lookEveryMs = 20;

type Owner = Readonly<{ uid: number; gid: number }> | undefined;

/**
 * Starts the cluster in `dataDir` (made at first use), or finds it running. It is detached: it keeps running after this process ends.
 * When the binaries are missing or the directory cannot be reached, the error says what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const socketDir = resolve(options.socketDir);
  const port = options.port ?? socketPort;
  if (Buffer.byteLength(join(socketDir, `.s.PGSQL.${port}`)) > 107) {
    throw new Error(`The socket directory ${socketDir} is too long for a unix socket; give a shorter one.`);
  }
  const bin = await findBinaries();
  const owner = await clusterOwner();
  await directory(socketDir, owner, 0o755);
  if (!(await exists(join(options.dataDir, loginsFile)))) {
    await initialize(bin, resolve(options.dataDir), owner, options.flushNew ?? true);
  }
  // As the kernel names it: that is how a running server of this cluster is recognised.
  const dataDir = await realpath(options.dataDir);
  const passwords = JSON.parse(await readFile(join(dataDir, loginsFile), 'utf8')) as Passwords;
  const url = (role: string, password: string, name = database): string =>
    `postgresql://${role}:${password}@/${name}?host=${encodeURIComponent(socketDir)}&port=${port}`;
  const adminUrl = url('postgres', passwords.admin);
  const usable = async (pid: number): Promise<void> => {
    await ready(dataDir, pid);
    await ensureRolesAndDatabase(url('postgres', passwords.admin, 'postgres'), passwords);
  };
  let pid = await runningPid(dataDir);
  if (pid !== undefined) {
    const found = pid;
    pid = await usable(found).then(
      () => found,
      async (error: unknown) => {
        // It may have been killed a moment ago and not have ended yet.
        if (await goneWithin(found, goingWithinMs)) return undefined;
        throw error;
      },
    );
  }
  const started = pid === undefined;
  if (pid === undefined) {
    const launched = await launch(bin, { dataDir, socketDir, port: options.port }, owner);
    await usable(launched).catch(async (error: unknown) => {
      await stopServer(launched, dataDir);
      throw error;
    });
    pid = launched;
  }
  const serving = pid;
  return {
    adminUrl,
    migrationUrl: url(migrationRole, passwords.migration),
    serviceUrl: url(embeddedServiceRole, passwords.service),
    pid: serving,
    started,
    stop: () => stopServer(serving, dataDir),
  };
}

type Passwords = Readonly<{ admin: string; migration: string; service: string }>;

/** The newest installed server's directory of programs. */
async function findBinaries(): Promise<string> {
  const root = '/usr/lib/postgresql';
  const versions = (await readdir(root).catch(() => [])).filter((name) => /^\d+$/.test(name));
  const candidates = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(root, version, 'bin'));
  candidates.push(...(process.env['PATH'] ?? '').split(delimiter).filter((dir) => dir.startsWith('/')));
  for (const dir of candidates) {
    if ((await exists(join(dir, 'postgres'))) && (await exists(join(dir, 'initdb')))) return dir;
  }
  throw new Error(
    'No PostgreSQL server found in /usr/lib/postgresql/*/bin or PATH. Install it (apt install postgresql) or set DATABASE_URL.',
  );
}

/** PostgreSQL refuses to run as root: as root, its package's user owns the cluster. */
async function clusterOwner(): Promise<Owner> {
  if (process.getuid?.() !== 0) return undefined;
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((each) => each.startsWith('postgres:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (!uid || !gid)
    throw new Error('PostgreSQL does not run as root, and there is no user "postgres" to run it as. Add one.');
  return { uid: Number(uid), gid: Number(gid) };
}

async function directory(path: string, owner: Owner, mode: number): Promise<void> {
  await mkdir(path, { recursive: true });
  if (owner) await chown(path, owner.uid, owner.gid);
  await chmod(path, mode);
}

/** Makes the cluster beside its final place and moves it there when complete: a cluster in its place is always complete. */
async function initialize(bin: string, dataDir: string, owner: Owner, flush: boolean): Promise<void> {
  if ((await readdir(dataDir).catch(() => [])).length > 0) {
    throw new Error(`${dataDir} contains something that is not our cluster. Move it away or choose another directory.`);
  }
  const building = `${dataDir}.new`;
  await rm(building, { recursive: true, force: true });
  await directory(building, owner, 0o700);
  const secret = (): string => randomBytes(24).toString('hex');
  const passwords: Passwords = { admin: secret(), migration: secret(), service: secret() };
  const args = ['--pgdata', building, '--username=postgres', '--encoding=UTF8', '--locale=C', '--no-instructions'];
  if (!flush) args.push('--no-sync');
  // A file, since initdb opens it by name and the stdin that Node gives is a socket.
  const passwordFile = `${building}.password`;
  args.push('--auth=scram-sha-256', '--data-checksums', `--pwfile=${passwordFile}`);
  try {
    await writeFile(passwordFile, passwords.admin, { mode: 0o600 });
    if (owner) await chown(passwordFile, owner.uid, owner.gid);
    await run(join(bin, 'initdb'), args, owner);
  } finally {
    await rm(passwordFile, { force: true });
  }
  const file = join(building, loginsFile);
  await writeFile(file, JSON.stringify(passwords), { mode: 0o600 });
  if (owner) await chown(file, owner.uid, owner.gid);
  await rename(building, dataDir);
}

function run(program: string, args: readonly string[], owner: Owner): Promise<void> {
  return new Promise((done, failed) => {
    const child = spawn(program, args, {
      ...owner,
      cwd: '/',
      stdio: ['pipe', 'pipe', 'pipe'],
      env: plainEnvironment(),
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.on('error', failed);
    child.on('close', (code) => {
      if (code === 0) return done();
      failed(
        new Error(
          `${program} failed (${code}): ${said.trim().split('\n').slice(-3).join(' ')}${reachHint(said, owner)}`,
        ),
      );
    });
  });
}

const reachHint = (said: string, owner: Owner): string =>
  owner && /permission denied/i.test(said)
    ? ' As root the cluster belongs to user postgres, who must be able to enter every directory above it: choose a state folder outside /root.'
    : '';

const plainEnvironment = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], LC_ALL: 'C' });

async function launch(
  bin: string,
  { dataDir, socketDir, port }: EmbeddedPostgresOptions,
  owner: Owner,
): Promise<number> {
  await orphansGone(dataDir);
  // A crash leaves these files. Their pid may belong to another process by now, and PostgreSQL would then refuse to start.
  await rm(join(dataDir, 'postmaster.pid'), { force: true });
  for (const name of await readdir(socketDir)) {
    if (name.startsWith(`.s.PGSQL.${port ?? socketPort}`)) await rm(join(socketDir, name), { force: true });
  }
  const settings = {
    unix_socket_directories: socketDir,
    listen_addresses: port === null ? '' : '127.0.0.1',
    port: String(port ?? socketPort),
    max_connections: '100',
    shared_buffers: '32MB',
    logging_collector: 'off',
    log_min_messages: 'warning',
  };
  const args = ['-D', dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const logFile = join(dataDir, 'plumbline-postgres.log');
  const log = await open(logFile, 'a', 0o600);
  try {
    if (owner) await log.chown(owner.uid, owner.gid);
    const child = spawn(join(bin, 'postgres'), args, {
      ...owner,
      cwd: '/',
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: plainEnvironment(),
    });
    await new Promise<void>((done, failed) => child.once('spawn', done).once('error', failed));
    child.unref();
    if (child.pid === undefined) throw new Error('postgres did not start');
    return child.pid;
  } finally {
    await log.close();
  }
}

/** Pid of the live server of this cluster: its pid file names a process whose working directory is the cluster. */
async function runningPid(dataDir: string): Promise<number | undefined> {
  const [line] = (await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const pid = Number(line);
  return Number.isSafeInteger(pid) && pid > 1 && (await serves(pid, dataDir)) ? pid : undefined;
}

async function serves(pid: number, dataDir: string): Promise<boolean> {
  return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === dataDir;
}

/** When a server was killed its sessions end by themselves, but a new server must not start before they have released the shared memory. */
async function orphansGone(dataDir: string): Promise<void> {
  const dueAt = performance.now() + orphansWithinMs;
  for (;;) {
    const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 1);
    const serving = await Promise.all(pids.map((pid) => serves(pid, dataDir)));
    const orphans = pids.filter((_, index) => serving[index]);
    if (orphans.length === 0) return;
    if (performance.now() > dueAt) {
      throw new Error(
        `Processes of a killed PostgreSQL still use ${dataDir}: ${orphans.join(', ')}. End them, then start again.`,
      );
    }
    await new Promise((done) => setTimeout(done, lookEveryMs));
  }
}

/** A zombie is gone too: it has no working directory. */
async function gone(pid: number): Promise<boolean> {
  return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === '';
}

async function goneWithin(pid: number, withinMs: number): Promise<boolean> {
  const dueAt = performance.now() + withinMs;
  while (!(await gone(pid))) {
    if (performance.now() > dueAt) return false;
    await new Promise((done) => setTimeout(done, lookEveryMs));
  }
  return true;
}

async function ready(dataDir: string, pid: number): Promise<void> {
  const dueAt = performance.now() + readyWithinMs;
  for (;;) {
    const lines = (await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    if (lines[0] === String(pid) && lines[7]?.trim() === 'ready') return;
    if ((await gone(pid)) || performance.now() > dueAt) {
      const log = await readFile(join(dataDir, 'plumbline-postgres.log'), 'utf8').catch(() => '');
      const last = log.trim().split('\n').slice(-5).join('\n');
      throw new Error(`PostgreSQL did not become ready in ${dataDir}. Its log ends:\n${last}`);
    }
    await new Promise((done) => setTimeout(done, lookEveryMs));
  }
}

/** Passwords are hexadecimal and names are constants of this file, so they are safe in the statement's text. */
async function ensureRolesAndDatabase(adminUrl: string, passwords: Passwords): Promise<void> {
  const client = await openClient({ url: adminUrl, name: 'plumbline embedded', deadlineMs: readyWithinMs });
  try {
    const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (rows.length > 0) return;
    for (const [role, password] of [
      [migrationRole, passwords.migration],
      [embeddedServiceRole, passwords.service],
    ] as const) {
      const found = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
      if (found.rows.length === 0) await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
    }
    // Last, so that an interrupted start is continued.
    await client.query(`CREATE DATABASE ${database} OWNER ${migrationRole}`);
    await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
    await client.query(`GRANT CONNECT ON DATABASE ${database} TO ${embeddedServiceRole}`);
  } finally {
    await client.end();
  }
}

/** SIGINT is PostgreSQL's fast shutdown. If that takes too long, SIGQUIT ends it at once, and the next start does crash recovery. */
async function stopServer(pid: number, dataDir: string): Promise<void> {
  for (const [signal, withinMs] of [
    ['SIGINT', 30_000],
    ['SIGQUIT', 10_000],
  ] as const) {
    if (!(await serves(pid, dataDir))) return;
    process.kill(pid, signal);
    if (await goneWithin(pid, withinMs)) return;
  }
  throw new Error(`PostgreSQL (pid ${pid}, ${dataDir}) did not stop.`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
