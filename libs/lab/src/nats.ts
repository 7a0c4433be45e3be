/**
 * The lab's NATS: Debian's nats-server with a configuration that the lab writes, in the management place, as `nobody`.
 *
 * With NATS_URL another server is used. The nodes cannot reach it (they have no way out, and the lab must not make the host forward), so two relays carry their
 * connections there: one listens in the management place, the other connects from the host, with a unix socket between them.
 */
import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { asNobody } from './confine.js';
import { writeWhole } from './files.js';
import type { HostLinkAddresses } from './host-link.js';
import { apiPermissions, natsConfiguration, newNkeyPair, nodePermissions } from '@plumbline/nats-logins';
import { placeFolder, type Place } from './place.js';
import { managementNetwork, type LabSpec } from './spec.js';
import { ensureUnit, labEnvironment } from './supervision.js';
import { userIds } from './users.js';

/** How to reach NATS, and how to log in there. */
export interface NatsAccess {
  /** For the API and tools on the host. */
  readonly hostUrl: string;
  /** For agents on the nodes. */
  readonly nodeUrl: string;
  /** How API and agents log in; the secret lies in each place's `var`. */
  readonly login: NatsLoginKind;
}

export type NatsLoginKind =
  { readonly kind: 'nkey' } | { readonly kind: 'none' } | { readonly kind: 'password'; readonly user: string };

const seedName = 'nats.nk';
const passwordName = 'nats.pw';

/** The environment variables with which the programs of a place log in. */
export function loginEnvironment(access: NatsAccess, place: Place): Record<string, string> {
  const { login } = access;
  if (login.kind === 'nkey') return { NATS_NKEY_FILE: `${place.paths.var}/${seedName}` };
  if (login.kind === 'none') return {};
  return { NATS_USER: login.user, NATS_PASSWORD_FILE: `${place.paths.var}/${passwordName}` };
}

/** A place's seed, seen from outside. */
export const seedFile = (spec: LabSpec, place: string): string => path.join(placeFolder(spec, place), seedName);

/** Makes one login a node and the API's, and starts the server. */
export async function startNats(
  spec: LabSpec,
  labId: string,
  mgmt: Place,
  link: HostLinkAddresses,
): Promise<NatsAccess> {
  const api = newNkeyPair();
  const nodes = spec.nodes.map((node) => ({ node, host: node.host, pair: newNkeyPair() }));
  for (const { host, pair } of nodes) await writeSecret(spec, host, seedName, pair.seed);
  await writeSecret(spec, 'control', seedName, api.seed);

  const logins = [
    { publicKey: api.publicKey, ...apiPermissions() },
    ...nodes.map(({ node, host, pair }) => ({ publicKey: pair.publicKey, ...nodePermissions(host, node.roles) })),
  ];
  const configuration = natsConfiguration(`0.0.0.0:${managementNetwork.natsPort}`, logins);
  writeWhole(path.join(placeFolder(spec, mgmt.name), 'nats.conf'), configuration, 0o644);
  await ensureUnit(spec.stateDir, {
    name: 'nats',
    order: 5,
    argv: [...mgmt.enter, ...asNobody, 'nats-server', '--config', `${mgmt.paths.var}/nats.conf`],
    env: labEnvironment(labId),
    restart: true,
    afterStart: [],
    stopSignal: 'SIGTERM',
  });
  return {
    hostUrl: `nats://${link.lab}:${managementNetwork.natsPort}`,
    nodeUrl: `nats://${managementNetwork.address}:${managementNetwork.natsPort}`,
    login: { kind: 'nkey' },
  };
}

/**
 * Makes the operator's server (NATS_URL) reachable from the nodes. API and agents all log in with NATS_NKEY_FILE, or NATS_USER and NATS_PASSWORD_FILE; that
 * server's operator decides what the login may do.
 */
export async function relayNats(
  spec: LabSpec,
  labId: string,
  mgmt: Place,
  foreignUrl: string,
  env: NodeJS.ProcessEnv,
): Promise<NatsAccess> {
  if (!URL.canParse(foreignUrl))
    throw new Error("NATS_URL is not nats://host:port; unset it for a NATS server of the lab's own");
  const url = new URL(foreignUrl);
  if (url.protocol !== 'nats:') throw new Error(`NATS_URL: the lab relays nats:// only, not ${url.protocol}//`);
  const folder = placeFolder(spec, mgmt.name);
  const script = 'libs/lab/dist/relay-main.js';
  const unit = (name: string, order: number, argv: readonly string[]) =>
    ensureUnit(spec.stateDir, {
      name,
      order,
      argv: [...argv],
      env: labEnvironment(labId),
      restart: true,
      afterStart: [],
      stopSignal: 'SIGTERM',
    });
  const target = `${url.hostname}:${url.port || '4222'}`;
  await unit('nats-relay-host', 5, [process.execPath, path.join(spec.projectDir, script), folder, 'nats.sock', target]);
  const listen = `${managementNetwork.address}:${managementNetwork.natsPort}`;
  await unit('nats-relay-nodes', 6, [
    ...[...mgmt.enter, mgmt.paths.node, `${mgmt.paths.project}/${script}`],
    ...[mgmt.paths.var, listen, 'nats.sock'],
  ]);
  const login = await copyLogin(spec, env);
  return { hostUrl: foreignUrl, nodeUrl: `nats://${listen}`, login };
}

async function copyLogin(spec: LabSpec, env: NodeJS.ProcessEnv): Promise<NatsAccess['login']> {
  const { NATS_NKEY_FILE: seed, NATS_USER: user, NATS_PASSWORD_FILE: password } = env;
  const everywhere = async (name: string, from: string) => {
    const secret = readFileSync(from, 'utf8').trim();
    for (const place of ['control', ...spec.nodes.map(({ host }) => host)])
      await writeSecret(spec, place, name, secret);
  };
  if (seed !== undefined) {
    await everywhere(seedName, seed);
    return { kind: 'nkey' };
  }
  if (user === undefined || password === undefined) return { kind: 'none' };
  await everywhere(passwordName, password);
  return { kind: 'password', user };
}

/** A secret in a place's folder, for the user its programs run as. */
async function writeSecret(spec: LabSpec, place: string, name: string, secret: string): Promise<void> {
  mkdirSync(placeFolder(spec, place), { recursive: true, mode: 0o755 });
  const file = path.join(placeFolder(spec, place), name);
  writeWhole(file, `${secret}\n`, 0o400);
  if (place !== 'control') return;
  const nobody = await userIds('nobody');
  chownSync(file, nobody.uid, nobody.gid);
}
