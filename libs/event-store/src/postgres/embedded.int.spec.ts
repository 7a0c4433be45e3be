import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { EmbeddedPostgres, EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded.js';

describe('startEmbeddedPostgres', () => {
  let dir: string;
  let options: EmbeddedPostgresOptions;
  let running: EmbeddedPostgres | undefined;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), `plumb-emb-${process.pid}-`));
    await chmod(dir, 0o711);
    options = { dataDir: join(dir, 'data'), socketDir: join(dir, 'run'), port: null, flushNew: false };
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
    await rm(dir, { recursive: true, force: true });
  });

  const who = async (url: string): Promise<string> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ user: string }>('SELECT current_user::text AS user');
    await client.end();
    return rows[0]?.user ?? '';
  };
  const alive = async (pid: number): Promise<boolean> =>
    readFile(`/proc/${pid}/stat`, 'utf8').then(
      (text) => !/\) [ZX] /.test(text),
      () => false,
    );

  it('gives three logins, finds itself running, keeps its data over a stop, and stops for good', async () => {
    running = await startEmbeddedPostgres(options);
    expect(running.started).toBe(true);
    expect(await who(running.adminUrl)).toBe('postgres');
    expect(await who(running.migrationUrl)).toBe('plumbline_migration');
    expect(await who(running.serviceUrl)).toBe('plumbline_service');
    const again = await startEmbeddedPostgres(options);
    expect([again.pid, again.started, again.serviceUrl]).toEqual([running.pid, false, running.serviceUrl]);
    await again.stop();
    expect(await alive(running.pid)).toBe(false);
    await running.stop();
    running = await startEmbeddedPostgres(options);
    expect(running.serviceUrl).toBe(again.serviceUrl);
    expect(await who(running.serviceUrl)).toBe('plumbline_service');
  });

  it('lets nobody in without a password, and keeps the passwords to its owner', async () => {
    running = await startEmbeddedPostgres(options);
    const wrong = running.adminUrl.replace(/:[0-9a-f]{48}@/, ':wrong@');
    expect(wrong).not.toBe(running.adminUrl);
    await expect(who(wrong)).rejects.toThrow('password authentication failed');
    expect((await stat(join(options.dataDir, 'plumbline-logins.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(options.dataDir)).mode & 0o777).toBe(0o700);
  });

  it('starts after a kill, with a pid file that names another live process', async () => {
    running = await startEmbeddedPostgres(options);
    process.kill(running.pid, 'SIGKILL');
    const file = join(options.dataDir, 'postmaster.pid');
    const left = await readFile(file, 'utf8');
    await writeFile(file, left.replace(/^\d+/, String(process.pid)));
    running = await startEmbeddedPostgres(options);
    expect(running.started).toBe(true);
    expect(await who(running.serviceUrl)).toBe('plumbline_service');
  });

  it('takes up an initialization that was interrupted', async () => {
    await mkdir(`${options.dataDir}.new`);
    await writeFile(`${options.dataDir}.new/PG_VERSION`, '15');
    await mkdir(options.dataDir);
    running = await startEmbeddedPostgres(options);
    expect(await who(running.serviceUrl)).toBe('plumbline_service');
    expect((await readdir(dir)).sort()).toEqual(['data', 'run']);
  });

  it('refuses a directory that holds something else, and a socket path that is too long', async () => {
    await expect(startEmbeddedPostgres({ ...options, dataDir: dir })).rejects.toThrow('not our cluster');
    const long = join(dir, 'x'.repeat(100));
    await expect(startEmbeddedPostgres({ ...options, socketDir: long })).rejects.toThrow('too long for a unix socket');
  });
});
