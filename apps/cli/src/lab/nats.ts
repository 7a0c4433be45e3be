/**
 * The lab's NATS: Debian's nats-server with a configuration of ours, in the management place, as `nobody`.
 *
 * With NATS_URL another server is used. The nodes cannot reach it (they have no way out, and the host must not start to forward), so two relays carry
 * their connections there: one listens in the management place, the other dials on the host, a unix socket between them.
 */
import { chownSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { asNobody } from './confine.js';
import { writeWhole } from './files.js';
import type { HostLinkAddresses } from './host-link.js';
import { apiPermissions, natsConfiguration, newNkeyPair, nodePermissions } from './nats-logins.js';
import { placeFolder, type Place } from './place.js';
import { managementNetwork, type LabSpec } from './spec.js';
import { ensureUnit, labEnvironment } from './supervision.js';
import { userIds } from './users.js';

/** How to reach NATS, and whether the logins are ours. */
export interface NatsAccess {
  /** For the API and tools on the host. */
  readonly hostUrl: string;
  /** For agents on the nodes. */
  readonly nodeUrl: string;
  /** Seeds lie in each place's `var/nats.nk`. False with a foreign server: its URL carries what it asks for. */
  readonly nkeys: boolean;
}

/** A place's seed, seen from outside. */
export const seedFile = (spec: LabSpec, place: string): string => path.join(placeFolder(spec, place), 'nats.nk');

/** Makes one login a node and the API's, and starts the server. */
export async function startNats(
  spec: LabSpec,
  labId: string,
  mgmt: Place,
  link: HostLinkAddresses,
): Promise<NatsAccess> {
  const api = newNkeyPair();
  const nodes = spec.nodes.map(({ host }) => ({ host, pair: newNkeyPair() }));
  for (const { host, pair } of nodes) writeSeed(spec, host, pair.seed);
  writeSeed(spec, 'control', api.seed);
  const nobody = await userIds('nobody');
  chownSync(seedFile(spec, 'control'), nobody.uid, nobody.gid);

  const logins = [
    { publicKey: api.publicKey, ...apiPermissions() },
    ...nodes.map(({ host, pair }) => ({ publicKey: pair.publicKey, ...nodePermissions(host) })),
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
    nkeys: true,
  };
}

/** Makes a foreign server reachable from the nodes. */
export async function relayNats(spec: LabSpec, labId: string, mgmt: Place, foreignUrl: string): Promise<NatsAccess> {
  const url = new URL(foreignUrl);
  if (url.protocol !== 'nats:') throw new Error(`NATS_URL: the lab relays nats:// only, not ${url.protocol}//`);
  const folder = placeFolder(spec, mgmt.name);
  const script = 'apps/cli/dist/lab/relay-main.js';
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
  const nodeUrl = new URL(foreignUrl);
  nodeUrl.host = listen;
  return { hostUrl: foreignUrl, nodeUrl: nodeUrl.href, nkeys: false };
}

function writeSeed(spec: LabSpec, place: string, seed: string): void {
  mkdirSync(placeFolder(spec, place), { recursive: true, mode: 0o755 });
  writeWhole(seedFile(spec, place), `${seed}\n`, 0o400);
}
