/**
 * The lab's PostgreSQL: the system's binaries, a cluster of our own in the state folder, run as the user `postgres`, listening on loopback only.
 *
 * Two logins, as the log requires: one owns the tables and migrates them; the API's login cannot rewrite the log and owns nothing. DATABASE_URL replaces all of
 * this (the API's login), DATABASE_MIGRATION_URL gives the owner's; with one login for both, nothing prevents the API from rewriting the log, and the lab says so.
 *
 * Road not taken: event-store's startEmbeddedPostgres. It is for one process that needs a database; here the supervisor restarts a killed server, and the cluster
 * may lie below a folder that is closed to `postgres`.
 */
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { derivation, guardStatus, migrate, openClient } from '@plumbline/event-store';
import { run } from '@plumbline/exec';
import { readText, writeWhole } from './files.js';
import { freePort } from './free-port.js';
import { placeFolder, type Place } from './place.js';
import type { Progress } from './progress.js';
import type { LabSpec } from './spec.js';
import { ensureUnit, labEnvironment } from './supervision.js';
import { userIds } from './users.js';

export interface DatabaseUrls {
  /** Owner of the tables. */
  readonly migrationUrl: string;
  /** The API's login. */
  readonly serviceUrl: string;
}

/** A new database is copied and flushed, on a disk that others may keep busy. */
const DATABASE_DEADLINE_MS = 60_000;
const owner = 'plumbline_owner';
const service = 'plumbline_service';
const database = 'plumbline';
const binariesFolder = '/usr/lib/postgresql';
const asPostgres = [
  'setpriv',
  '--reuid=postgres',
  '--regid=postgres',
  '--clear-groups',
  '--no-new-privs',
  '--inh-caps=-all',
  '--bounding-set=-all',
  '--',
];
/** Settings for a small machine. Durability stays on: everything is derived from the log. */
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '32MB',
  max_connections: '60',
  password_encryption: 'scram-sha-256',
};

/** The logins of the database that the environment names, or null when it names none. Throws when a variable is not a PostgreSQL URL. */
export function foreignDatabase(env: NodeJS.ProcessEnv): DatabaseUrls | null {
  const serviceUrl = env['DATABASE_URL'];
  if (serviceUrl === undefined) return null;
  const urls = { DATABASE_URL: serviceUrl, DATABASE_MIGRATION_URL: env['DATABASE_MIGRATION_URL'] ?? serviceUrl };
  for (const [name, url] of Object.entries(urls))
    if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url))
      throw new Error(
        `${name} is not postgresql://user:password@host/database; unset it for a PostgreSQL of the lab's own`,
      );
  return { serviceUrl, migrationUrl: urls.DATABASE_MIGRATION_URL };
}

/**
 * The logins of the lab's database: the one that the environment names, else the lab's own, which is started. `known`: of a lab that is mended; its log is there, so
 * another database than before is refused.
 */
export async function databaseOf(
  spec: LabSpec,
  labId: string,
  control: Place,
  known: DatabaseUrls | null,
  env: NodeJS.ProcessEnv,
): Promise<DatabaseUrls> {
  const named = foreignDatabase(env);
  if (known === null) return named ?? startPostgres(spec, labId, control);
  const own = existsSync(clusterFolder(spec, control));
  const same = named === null || (!own && placeOfDatabase(named) === placeOfDatabase(known));
  if (!same)
    throw new Error(
      `DATABASE_URL names another database than the one that has this lab's log (${own ? 'its own' : placeOfDatabase(known)}): ` +
        'unset it, or make a new lab with --fresh',
    );
  return own ? restartPostgres(spec, labId, control, known) : (named ?? known);
}

const placeOfDatabase = ({ migrationUrl }: DatabaseUrls): string => {
  const { host, pathname } = new URL(migrationUrl);
  return `${host}${pathname}`;
};
const clusterFolder = (spec: LabSpec, control: Place): string => path.join(placeFolder(spec, control.name), 'postgres');

/** Makes the cluster and starts it, with an empty database and both logins. */
async function startPostgres(spec: LabSpec, labId: string, control: Place): Promise<DatabaseUrls> {
  const bin = path.join(newestBinaries(), 'bin');
  const folder = clusterFolder(spec, control);
  const inside = `${control.paths.var}/postgres`;
  const ids = await userIds('postgres');
  // Of an `up` that was interrupted before anybody could log in.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, ids.uid, ids.gid);

  const superPassword = password();
  const passwordFile = path.join(folder, 'pw');
  writeWhole(passwordFile, superPassword);
  chownSync(passwordFile, ids.uid, ids.gid);
  await run([
    ...[...control.enter, ...asPostgres, path.join(bin, 'initdb'), '--pgdata', `${inside}/data`, '--username=postgres'],
    ...[`--pwfile=${inside}/pw`, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C'],
  ]);
  const port = await runPostgres(spec, labId, control, bin);

  const url = (user: string, secret: string, name: string) => `postgres://${user}:${secret}@127.0.0.1:${port}/${name}`;
  const secrets = { owner: password(), service: password() };
  const client = await openClient({
    url: url('postgres', superPassword, 'postgres'),
    name: 'plumbline lab',
    deadlineMs: DATABASE_DEADLINE_MS,
  });
  try {
    // We made the passwords, of hexadecimal digits: they need no quoting.
    await client.query(`CREATE ROLE ${owner} LOGIN PASSWORD '${secrets.owner}'`);
    await client.query(`CREATE ROLE ${service} LOGIN PASSWORD '${secrets.service}'`);
    await client.query(`CREATE DATABASE ${database} OWNER ${owner}`);
  } finally {
    await client.end();
  }
  return { migrationUrl: url(owner, secrets.owner, database), serviceUrl: url(service, secrets.service, database) };
}

/** Starts the cluster of a lab that is mended, with the release of PostgreSQL that made it. */
async function restartPostgres(
  spec: LabSpec,
  labId: string,
  control: Place,
  known: DatabaseUrls,
): Promise<DatabaseUrls> {
  const release = readText(path.join(clusterFolder(spec, control), 'data', 'PG_VERSION'))?.trim() ?? '';
  const bin = path.join(binariesFolder, release, 'bin');
  if (!existsSync(path.join(bin, 'postgres')))
    throw new Error(
      `the lab's database was made by PostgreSQL ${release}, which is not installed: apt-get install postgresql-${release}`,
    );
  const port = String(await runPostgres(spec, labId, control, bin));
  const moved = (text: string): string => Object.assign(new URL(text), { port }).href;
  return { migrationUrl: moved(known.migrationUrl), serviceUrl: moved(known.serviceUrl) };
}

/** Answers the port that it listens on. */
async function runPostgres(spec: LabSpec, labId: string, control: Place, bin: string): Promise<number> {
  const port = await freePort();
  const options = Object.entries({ ...settings, port: String(port) }).flatMap(([key, value]) => [
    '-c',
    `${key}=${value}`,
  ]);
  const data = `${control.paths.var}/postgres/data`;
  await ensureUnit(spec.stateDir, {
    name: 'postgres',
    order: 5,
    argv: [...control.enter, ...asPostgres, path.join(bin, 'postgres'), '-D', data, ...options],
    env: labEnvironment(labId),
    restart: true,
    afterStart: [[path.join(bin, 'pg_isready'), '--quiet', '--host=127.0.0.1', `--port=${port}`]],
    stopSignal: 'SIGINT',
  });
  return port;
}

/** Brings the schema up to date and says when the service's login could rewrite the log. */
export async function prepareDatabase(urls: DatabaseUrls, progress: Progress): Promise<void> {
  const role = decodeURIComponent(new URL(urls.serviceUrl).username);
  const service = urls.migrationUrl === urls.serviceUrl ? {} : { serviceRole: role };
  await migrate(urls.migrationUrl, { ...service, derivation }).catch((error: unknown) => {
    const { host, pathname } = new URL(urls.migrationUrl);
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the database ${host}${pathname} cannot be prepared: ${reason}`, { cause: error });
  });
  const guard = await guardStatus(urls.serviceUrl);
  if (!guard.on) progress.say(`the log is not guarded against its own service: ${guard.reasons.join('; ')}`);
}

function newestBinaries(): string {
  const versions = existsSync(binariesFolder) ? readdirSync(binariesFolder).map(Number).filter(Number.isInteger) : [];
  const newest = versions
    .sort((a, b) => b - a)
    .find((version) => existsSync(path.join(binariesFolder, `${version}/bin/postgres`)));
  if (newest === undefined)
    throw new Error(`no PostgreSQL server in ${binariesFolder}: apt-get install postgresql, or set DATABASE_URL`);
  return path.join(binariesFolder, String(newest));
}

const password = () => randomBytes(24).toString('hex');
