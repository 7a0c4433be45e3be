/** A streaming standby of a test's PostgreSQL, made with pg_basebackup: a real server that can take over. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import type { TestPostgres } from './start-postgres.js';

const WITHIN_MS = 30_000;

export type Standby = Readonly<{
  adminUrl: string;
  /** The service's login, as at the primary. */
  serviceUrl: string;
  /** It receives nothing more: from now on it is behind. */
  cutOff(): Promise<void>;
  /** It takes over. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}>;

/** Resolves when the standby streams. `name`: its application_name at the primary. */
export async function startStandby(primary: TestPostgres, name: string): Promise<Standby> {
  const root = '/usr/lib/postgresql';
  const bin = join(root, (await readdir(root)).sort((a, b) => Number(b) - Number(a))[0] as string, 'bin');
  const owner: Readonly<{ uid?: number; gid?: number }> = process.getuid?.() === 0 ? await userIds() : {};
  const dir = await mkdtemp(join(tmpdir(), `plumb-standby-${process.pid}-`));
  await chmod(dir, 0o711);
  const data = join(dir, 'data');
  const socket = join(dir, 'run');
  for (const each of [data, socket]) {
    await mkdir(each, { mode: each === data ? 0o700 : 0o755 });
    if (owner.uid !== undefined && owner.gid !== undefined) await chown(each, owner.uid, owner.gid);
  }
  const from = new URL(primary.adminUrl.replace('@/', '@localhost/'));
  const conninfo = `host=${from.searchParams.get('host')} port=5432 user=postgres password=${from.password} application_name=${name}`;
  const arguments_ = ['-d', conninfo, '-D', data, '-R', '-X', 'stream', '-c', 'fast', '--no-sync'];
  await promisify(execFile)(join(bin, 'pg_basebackup'), arguments_, { ...owner, cwd: '/' });
  const server = spawn(join(bin, 'postgres'), ['-D', data, '-k', socket, '-p', '5432', '-c', 'listen_addresses='], {
    ...owner,
    cwd: '/',
    stdio: 'ignore',
  });
  const at = (url: string): string => {
    const to = new URL(url.replace('@/', '@localhost/'));
    to.searchParams.set('host', socket);
    return to.href.replace('@localhost/', '@/');
  };
  const adminUrl = at(primary.adminUrl);
  const ask = async (url: string, sql: string): Promise<boolean> => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return ((await client.query<{ yes: boolean }>(sql)).rows[0]?.yes ?? true) === true;
    } finally {
      await client.end();
    }
  };
  const streams = `SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = '${name}' AND state = 'streaming') AS yes`;
  const standby: Standby = {
    adminUrl,
    serviceUrl: at(primary.serviceUrl),
    async cutOff() {
      await ask(adminUrl, `ALTER SYSTEM SET primary_conninfo = ''`);
      await ask(adminUrl, 'SELECT pg_reload_conf() AS yes');
      await until(async () => !(await ask(primary.adminUrl, streams)));
    },
    async promote() {
      await until(() => ask(adminUrl, 'SELECT pg_promote() AS yes'));
    },
    async stop() {
      await ended(server);
      await rm(dir, { recursive: true, force: true });
    },
  };
  try {
    await until(() => ask(adminUrl, 'SELECT pg_is_in_recovery() AS yes'));
    await until(() => ask(primary.adminUrl, streams));
    return standby;
  } catch (error) {
    await standby.stop();
    throw error;
  }
}

async function userIds(): Promise<{ uid: number; gid: number }> {
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((each) => each.startsWith('postgres:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'exit');
  server.kill('SIGINT');
  await gone;
}

async function until(true_: () => Promise<boolean>): Promise<void> {
  const dueAt = performance.now() + WITHIN_MS;
  while (!(await true_().catch(() => false))) {
    if (performance.now() > dueAt) throw new Error(`waited ${WITHIN_MS} ms for the standby in vain`);
    await delay(50);
  }
}
