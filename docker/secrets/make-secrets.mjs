/**
 * Makes the logins of all services. Run again, it keeps what exists and adds what is missing, so a node can be added to
 * PLUMB_NODES later (then `docker compose kill -s HUP nats`). Nodes that are also in PLUMB_NETWORK_NODES may run the agents that carry routers.
 *
 * Each service has a folder of its own under SECRETS_DIR, from a volume that no other service mounts:
 *
 *     nats/nats.conf                                       public keys, and what each login may publish and subscribe
 *     api/nats.nkey  api/database-url                      the API
 *     migrate/database-url                                 the owner of the tables
 *     postgres/owner-password  postgres/api-password       PostgreSQL, on its first start
 *     <host>/nats.nkey                                     a node (its name encoded as in NATS subjects)
 */
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { encodeHost, faultOfHost } from '@plumbline/contracts';
import { apiPermissions, natsConfiguration, newNkeyPair, nodePermissions } from '@plumbline/nats-logins';

const root = process.env.SECRETS_DIR ?? '/run/secrets/plumbline';
const named = (variable) => (process.env[variable] ?? '').split(/\s+/).filter((host) => host !== '');
const hosts = named('PLUMB_NODES');
const networkNodes = named('PLUMB_NETWORK_NODES');
/** Users inside the images: docker/postgres/Dockerfile chooses 999, Debian gives `nobody` 65534. */
const USER = { root: 0, postgres: 999, nobody: 65534 };

/** Writes a file whole, readable by its owner only. */
function write(file, owner, text) {
  const target = path.join(root, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(`${target}.new`, text, { mode: 0o400 });
  chownSync(`${target}.new`, owner, owner);
  renameSync(`${target}.new`, target);
}

/** The content of the file; if there is none yet, writes what `make` returns. */
function kept(file, owner, make) {
  const target = path.join(root, file);
  if (!existsSync(target)) write(file, owner, `${make()}\n`);
  return readFileSync(target, 'utf8').trim();
}

const publicKeyOf = (seed) => nkeys.fromSeed(new TextEncoder().encode(seed)).getPublicKey();
const newPassword = () => randomBytes(24).toString('base64url');
const databaseUrl = (role, password) => `postgres://${role}:${password}@postgres:5432/plumbline`;

for (const host of hosts) {
  const fault = faultOfHost(host);
  if (fault !== null) throw new Error(`PLUMB_NODES: "${host}" cannot be a host's name: ${fault}`);
}
const services = ['nats', 'api', 'migrate', 'postgres'];
const taken = hosts.find((host) => services.includes(host));
if (taken !== undefined)
  throw new Error(`PLUMB_NODES: "${taken}" is the folder of a service; give the node another name`);
const seeds = [
  { seed: kept('api/nats.nkey', USER.nobody, () => newNkeyPair().seed), ...apiPermissions() },
  ...hosts.map((host) => ({
    seed: kept(`${encodeHost(host)}/nats.nkey`, USER.root, () => newNkeyPair().seed),
    ...nodePermissions(host, networkNodes.includes(host) ? ['compute', 'network'] : ['compute']),
  })),
];
const logins = seeds.map(({ seed, ...permissions }) => ({ publicKey: publicKeyOf(seed), ...permissions }));
write('nats/nats.conf', USER.nobody, natsConfiguration('0.0.0.0:4222', logins));

const owner = kept('postgres/owner-password', USER.postgres, newPassword);
const api = kept('postgres/api-password', USER.postgres, newPassword);
write('migrate/database-url', USER.nobody, `${databaseUrl('plumb_owner', owner)}\n`);
write('api/database-url', USER.nobody, `${databaseUrl('plumb_api', api)}\n`);
console.log(`logins are there for the API and for ${hosts.join(', ') || 'no node'}`);
