/**
 * Which API or database a command speaks to, and as whom. What the options or the environment say comes first; then the lab of this machine, with its login; then
 * what a controller has. Only root, who made it, can look into a lab.
 */
import { InvalidArgumentError, type Command } from 'commander';
import type { KnownLab } from '@plumbline/lab/known';
import { knownLabHere } from '../lab-folder.js';
import { databaseUrl } from './database-url.js';

export type ApiOptions = Readonly<{ api?: string | undefined; lab: string }>;
/** Where the API is, without a slash at its end, and an administrator's token; null: none is known. */
export type ApiSource = Readonly<{ url: string; token: () => Promise<string | null> }>;
export type DatabaseOptions = Readonly<{ database?: string; lab: string }>;

const DEFAULT_API = 'http://127.0.0.1:9696';

/** Adds `--api` (or another name for it) and `--lab`. */
export const addApiOptions = (command: Command, flag = '--api'): Command =>
  addLabOption(
    command.option(
      `${flag} <url>`,
      `the API (default: PLUMB_API, the lab's when there is one, ${DEFAULT_API})`,
      httpUrl,
    ),
  );

/** Which login of the database a command needs: the API's own, or the owner of the tables. */
const LOGINS = {
  service: { about: 'login of the API', variable: 'DATABASE_URL' },
  migration: { about: 'login that owns the tables (migration role)', variable: 'DATABASE_MIGRATION_URL' },
} as const;
type DatabaseLogin = keyof typeof LOGINS;

/** Adds `--database` and `--lab`. */
export function addDatabaseOptions(command: Command, login: DatabaseLogin): Command {
  const { about, variable } = LOGINS[login];
  const text = `${about} (default: ${variable}, the lab's when there is one)`;
  return addLabOption(command.option('--database <url>', text, databaseUrl));
}

const addLabOption = (command: Command): Command =>
  command.option('--lab <name>', 'which lab is meant, when there is one', 'lab');

function httpUrl(text: string): string {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? ''))
    throw new InvalidArgumentError('an address of the API is an http:// or https:// URL');
  return text;
}

/** The API to ask, and as whom: as the environment says (OS_TOKEN, or OS_AUTH_URL and its like), or the lab's administrator. The lab's login goes to the lab's API only. */
export async function apiSource({ api, lab: name }: ApiOptions): Promise<ApiSource> {
  const lab = await knownLabHere(name);
  const given = api ?? (process.env['PLUMB_API'] || undefined);
  const labUrl = lab?.apiUrl ?? null;
  const url = (given ?? labUrl ?? DEFAULT_API).replace(/\/+$/, '');
  if (lab === null || url !== labUrl) return { url, token: () => tokenFromEnvironment() };
  // A login in the environment may be meant for another cloud, unless somebody named this API.
  return {
    url,
    token: given === undefined ? () => labToken(lab) : async () => (await tokenFromEnvironment()) ?? labToken(lab),
  };
}

/** `serviceRole`: the API's login, where it is known and is not the owner of the tables. Throws when no database is known. */
export async function databaseSource(
  { database, lab: name }: DatabaseOptions,
  login: DatabaseLogin,
): Promise<Readonly<{ url: string; serviceRole?: string }>> {
  const { variable } = LOGINS[login];
  const given = database ?? (process.env[variable] || undefined);
  if (given !== undefined) return { url: databaseUrl(given) };
  const known = (await knownLabHere(name))?.database;
  if (!known) throw new Error(`which database? Name it with --database or ${variable}`);
  const { migrationUrl, serviceUrl } = known;
  return {
    url: login === 'service' ? serviceUrl : migrationUrl,
    ...(serviceUrl !== migrationUrl && { serviceRole: decodeURIComponent(new URL(serviceUrl).username) }),
  };
}

const tokenFromEnvironment = async (): Promise<string | null> =>
  (await import('@plumbline/identity/client')).tokenFromEnvironment();

/** Of the lab's administrator. */
async function labToken(lab: KnownLab): Promise<string> {
  const [{ logIn }, { loginsOf }] = await Promise.all([
    import('@plumbline/identity/client'),
    import('@plumbline/lab/known'),
  ]);
  return logIn(loginsOf(lab)[0]);
}
