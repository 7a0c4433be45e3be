/**
 * The controller's NATS logins, kept in one folder: who may log in (public keys), the configuration of nats-server made from it, and each login's seed for
 * its owner alone. Adding a node that is there already keeps its seed; its permissions follow its roles, but for a login of an older release, which keeps those
 * it had until it is re-keyed. The folder may be entered by everybody, because nats-server
 * runs as a user of its own and its configuration holds no secret; seeds are readable by root alone.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { encodeHost, faultOfHost } from '@plumbline/contracts';
import { z } from 'zod';
import { ensureTls, isLoopback, writeWhole } from './tls-files.js';
import { apiPermissions, loginBlock, natsConfiguration, newNkeyPair, nodePermissions } from '@plumbline/nats-logins';

const KeptLogin = z.object({
  publicKey: z.string(),
  /** What the node was admitted as; absent: the login was made by a release that knew no roles. */
  roles: z.array(z.string()).optional(),
  /** Made by such a release: until it is re-keyed it may speak for every kind of agent. */
  everyAgent: z.literal(true).optional(),
});
type KeptLogin = z.infer<typeof KeptLogin>;
const Logins = z.object({
  listen: z.string(),
  logins: z.record(z.string(), KeptLogin),
  /** Beyond loopback with TLS. Absent: a folder of a release without TLS, which stays plain until `useTls`. */
  tls: z.boolean().optional(),
  /** Names and addresses under which the server is reached, beside those that its machine knows. */
  names: z.array(z.string()).optional(),
});
const LISTEN = '0.0.0.0:4222';
/** The name of the API's own login; no machine may be called so (MachineName). */
const API = 'api';

export type Added = Readonly<{
  /** False: the login existed already. */
  made: boolean;
  /** Of an older release: it may speak for every kind of agent until it is re-keyed. */
  everyAgent: boolean;
  /** The address on which nats-server listens, as its configuration says. */
  listen: string;
  configFile: string;
  /** The CA that API and agents trust; null: the server is plain. */
  caFile: string | null;
  /** Others reach it, and it is plain: a folder of a release without TLS. */
  plain: boolean;
  seedFile: string;
  apiSeedFile: string;
  /** The entry of `authorization.users`, for a nats-server whose configuration is not made by this command. */
  block: string;
}>;

export type AddOptions = Readonly<{
  /** Default: as before; at first 0.0.0.0:4222. */
  listen?: string | undefined;
  /** Names and addresses under which nodes reach the server, beside those that this machine knows of itself: added to those that were given before. */
  names?: readonly string[] | undefined;
}>;

/**
 * Makes the folder and the API's login when absent, and a login for `host`. `roles`: what the node was admitted as. Files are replaced in one step. Rejects without
 * openssl where TLS is due.
 */
export async function addNode(
  dir: string,
  host: string,
  roles: readonly string[],
  options: AddOptions = {},
): Promise<Added> {
  const fault = faultOfHost(host);
  if (fault !== null) throw new Error(`"${host}" cannot be a node's name: ${fault}`);
  // chmod, because a careful administrator's umask would close it to nats-server.
  if (mkdirSync(dir, { recursive: true }) !== undefined) chmodSync(dir, 0o755);
  const before: Kept = existsSync(join(dir, 'logins.json'))
    ? kept(dir)
    : { listen: LISTEN, logins: new Map(), tls: true, names: [] };
  const { logins } = before;
  const now: Kept = {
    ...before,
    listen: options.listen ?? before.listen,
    names: [...new Set([...before.names, ...(options.names ?? [])])].sort(),
  };
  const made = !logins.has(host);
  for (const name of [API, host]) {
    if (logins.has(name)) continue;
    const pair = newNkeyPair();
    writeWhole(seedFileOf(dir, name), `${pair.seed}\n`, 0o600);
    logins.set(name, { publicKey: pair.publicKey });
  }
  const there = logins.get(host) as KeptLogin;
  const older = there.everyAgent || (!made && !there.roles);
  const login: KeptLogin = { ...there, roles: [...roles], ...(older && { everyAgent: true }) };
  logins.set(host, login);
  const written = await write(dir, now);
  return {
    made,
    everyAgent: agentsOf(login) === null,
    listen: now.listen,
    ...written,
    plain: !isEncrypted(now) && !isLoopback(now.listen),
    seedFile: seedFileOf(dir, host),
    apiSeedFile: seedFileOf(dir, API),
    block: loginBlock({ publicKey: login.publicKey, ...permissionsOf(host, login) }),
  };
}

/** Replaces the login of a node by a new one, with the permissions of its roles, and the server's certificate. Rejects when it has none. */
export async function rekeyNode(
  dir: string,
  host: string,
): Promise<Readonly<{ seedFile: string; configFile: string; everyAgent: boolean }>> {
  if (!hasLogin(dir, host)) throw new Error(`${dir} has no login of a node ${host}: "plumb node add" makes one`);
  const now = kept(dir);
  const pair = newNkeyPair();
  writeWhole(seedFileOf(dir, host), `${pair.seed}\n`, 0o600);
  const roles = now.logins.get(host)?.roles;
  const login: KeptLogin = { publicKey: pair.publicKey, ...(roles && { roles }) };
  now.logins.set(host, login);
  const { configFile } = await write(dir, now, true);
  return { seedFile: seedFileOf(dir, host), configFile, everyAgent: agentsOf(login) === null };
}

/** Takes the login of a node away. `removed` false: it had none here. */
export async function removeLogin(
  dir: string,
  host: string,
): Promise<Readonly<{ removed: boolean; configFile: string }>> {
  if (!hasLogin(dir, host)) return { removed: false, configFile: join(dir, 'nats.conf') };
  const now = kept(dir);
  now.logins.delete(host);
  const { configFile } = await write(dir, now);
  rmSync(seedFileOf(dir, host), { force: true });
  return { removed: true, configFile };
}

/** From now on the server refuses who does not use TLS, for a folder of a release without it. */
export async function useTls(dir: string): Promise<Written> {
  if (!existsSync(join(dir, 'logins.json'))) throw new Error(`${dir} has no logins: "plumb node add" makes them`);
  return write(dir, { ...kept(dir), tls: true });
}

type Kept = Readonly<{ listen: string; logins: Map<string, KeptLogin>; tls: boolean; names: readonly string[] }>;
type Written = Readonly<{
  configFile: string;
  /** The CA that API and agents trust; null: the server is plain. */
  caFile: string | null;
}>;

const isEncrypted = ({ listen, tls }: Kept): boolean => tls && !isLoopback(listen);

const hasLogin = (dir: string, host: string): boolean =>
  host !== API && existsSync(join(dir, 'logins.json')) && kept(dir).logins.has(host);

function kept(dir: string): Kept {
  const {
    listen,
    logins,
    names = [],
    tls = isLoopback(listen),
  } = Logins.parse(JSON.parse(readFileSync(join(dir, 'logins.json'), 'utf8')));
  return { listen, logins: new Map(Object.entries(logins)), tls, names };
}

/** Logins, certificates and configuration. `renew`: another certificate, whatever the one there is like. */
async function write(dir: string, now: Kept, renew = false): Promise<Written> {
  const { listen, logins, tls, names } = now;
  const files = isEncrypted(now) ? await ensureTls(dir, listen, names, renew) : null;
  const content = { listen, tls, ...(names.length > 0 && { names }), logins: Object.fromEntries(logins) };
  writeWhole(join(dir, 'logins.json'), `${JSON.stringify(content, null, 2)}\n`, 0o600);
  const configFile = join(dir, 'nats.conf');
  const all = [...logins].map(([name, login]) => ({ publicKey: login.publicKey, ...permissionsOf(name, login) }));
  writeWhole(configFile, natsConfiguration(listen, all, files), 0o644);
  return { configFile, caFile: files?.ca ?? null };
}

/** Null: a login of an older release, whose permissions were those of every kind of agent. */
const agentsOf = ({ roles, everyAgent }: KeptLogin): readonly string[] | null => (everyAgent ? null : (roles ?? null));
const permissionsOf = (name: string, login: KeptLogin) =>
  name === API ? apiPermissions() : nodePermissions(name, agentsOf(login));

/** `<encoded name>.nk`; in a folder of its own where the file's name would be too long for a file system (255 bytes). */
function seedFileOf(dir: string, name: string): string {
  const encoded = encodeHost(name);
  return encoded.length <= 240 ? join(dir, `${encoded}.nk`) : join(dir, encoded, 'seed.nk');
}
