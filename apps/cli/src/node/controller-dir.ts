/**
 * The controller's NATS logins, kept in one folder: who may log in (public keys), the configuration of nats-server made from it, and each login's seed for
 * its owner alone. Adding a node that is there already keeps its seed; its permissions follow its roles, but for a login of an older release, which keeps those
 * it had until it is re-keyed. The folder may be entered by everybody, because nats-server
 * runs as a user of its own and its configuration holds no secret; seeds are readable by root alone.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodeHost, faultOfHost } from '@plumbline/contracts';
import { z } from 'zod';
import { apiPermissions, loginBlock, natsConfiguration, newNkeyPair, nodePermissions } from '@plumbline/nats-logins';

const KeptLogin = z.object({
  publicKey: z.string(),
  /** What the node was admitted as; absent: the login was made by a release that knew no roles. */
  roles: z.array(z.string()).optional(),
  /** Made by such a release: until it is re-keyed it may speak for every kind of agent. */
  everyAgent: z.literal(true).optional(),
});
type KeptLogin = z.infer<typeof KeptLogin>;
const Logins = z.object({ listen: z.string(), logins: z.record(z.string(), KeptLogin) });
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
  seedFile: string;
  apiSeedFile: string;
  /** The entry of `authorization.users`, for a nats-server whose configuration is not made by this command. */
  block: string;
}>;

/** Makes the folder and the API's login when absent, and a login for `host`. `roles`: what the node was admitted as. `listen` undefined: unchanged. Files are replaced in one step. */
export function addNode(dir: string, host: string, roles: readonly string[], newListen?: string): Added {
  const fault = faultOfHost(host);
  if (fault !== null) throw new Error(`"${host}" cannot be a node's name: ${fault}`);
  // chmod, because a careful administrator's umask would close it to nats-server.
  if (mkdirSync(dir, { recursive: true }) !== undefined) chmodSync(dir, 0o755);
  const file = join(dir, 'logins.json');
  const there: Kept = existsSync(file) ? kept(dir) : { listen: LISTEN, logins: new Map() };
  const listen = newListen ?? there.listen;
  const { logins } = there;
  const made = !logins.has(host);
  for (const name of [API, host]) {
    if (logins.has(name)) continue;
    const pair = newNkeyPair();
    writeWhole(seedFileOf(dir, name), `${pair.seed}\n`, 0o600);
    logins.set(name, { publicKey: pair.publicKey });
  }
  const before = logins.get(host) as KeptLogin;
  const older = before.everyAgent || (!made && !before.roles);
  const login: KeptLogin = { ...before, roles: [...roles], ...(older && { everyAgent: true }) };
  logins.set(host, login);
  const configFile = write(dir, listen, logins);
  return {
    made,
    everyAgent: agentsOf(login) === null,
    listen,
    configFile,
    seedFile: seedFileOf(dir, host),
    apiSeedFile: seedFileOf(dir, API),
    block: loginBlock({ publicKey: login.publicKey, ...permissionsOf(host, login) }),
  };
}

/** Replaces the login of a node by a new one, with the permissions of its roles. Throws when it has none. */
export function rekeyNode(
  dir: string,
  host: string,
): Readonly<{ seedFile: string; configFile: string; everyAgent: boolean }> {
  if (!hasLogin(dir, host)) throw new Error(`${dir} has no login of a node ${host}: "plumb node add" makes one`);
  const { listen, logins } = kept(dir);
  const pair = newNkeyPair();
  writeWhole(seedFileOf(dir, host), `${pair.seed}\n`, 0o600);
  const roles = logins.get(host)?.roles;
  const login: KeptLogin = { publicKey: pair.publicKey, ...(roles && { roles }) };
  const configFile = write(dir, listen, logins.set(host, login));
  return { seedFile: seedFileOf(dir, host), configFile, everyAgent: agentsOf(login) === null };
}

/** Takes the login of a node away. `removed` false: it had none here. */
export function removeLogin(dir: string, host: string): Readonly<{ removed: boolean; configFile: string }> {
  const configFile = join(dir, 'nats.conf');
  if (!hasLogin(dir, host)) return { removed: false, configFile };
  const { listen, logins } = kept(dir);
  logins.delete(host);
  write(dir, listen, logins);
  rmSync(seedFileOf(dir, host), { force: true });
  return { removed: true, configFile };
}

type Kept = Readonly<{ listen: string; logins: Map<string, KeptLogin> }>;

const hasLogin = (dir: string, host: string): boolean =>
  host !== API && existsSync(join(dir, 'logins.json')) && kept(dir).logins.has(host);

function kept(dir: string): Kept {
  const { listen, logins } = Logins.parse(JSON.parse(readFileSync(join(dir, 'logins.json'), 'utf8')));
  return { listen, logins: new Map(Object.entries(logins)) };
}

/** Logins and configuration; answers the configuration's file. */
function write(dir: string, listen: string, logins: Kept['logins']): string {
  writeWhole(
    join(dir, 'logins.json'),
    `${JSON.stringify({ listen, logins: Object.fromEntries(logins) }, null, 2)}\n`,
    0o600,
  );
  const configFile = join(dir, 'nats.conf');
  const all = [...logins].map(([name, login]) => ({ publicKey: login.publicKey, ...permissionsOf(name, login) }));
  writeWhole(configFile, natsConfiguration(listen, all), 0o644);
  return configFile;
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

function writeWhole(file: string, content: string, mode: number): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, content, { mode });
  chmodSync(`${file}.new`, mode);
  renameSync(`${file}.new`, file);
}
