/**
 * The lab before any network is made in it: places, wires, switches, PostgreSQL, NATS, API and agents. Tests of several nodes start from this.
 */
import { admitInDatabase } from '@plumbline/ledger';
import { databaseOf, prepareDatabase, type DatabaseUrls } from './postgres.js';
import { startHypervisor } from './hypervisor.js';
import { findHostLink } from './host-link-device.js';
import { freeHostLink, type HostLinkAddresses } from './host-link.js';
import { nextFreePort } from './free-port.js';
import { makePlace, type Place, type PlaceOptions } from './place.js';
import { makeLogins } from './logins.js';
import { relayNats, startNats, type NatsAccess } from './nats.js';
import { startAgents, startApi } from './programs.js';
import type { Progress } from './progress.js';
import { externalNetwork, type LabSpec } from './spec.js';
import { StateKeeper } from './state.js';
import { startSupervisor } from './supervision.js';
import { startSwitch } from './switch.js';
import { layWires, wireNode, wireOutside } from './wires.js';

export const places = {
  control: { network: false, machine: false },
  mgmt: { network: true, machine: true },
  outside: { network: true, machine: true },
  node: { network: true, machine: true },
} as const;

export interface Infrastructure {
  readonly control: Place;
  readonly mgmt: Place;
  readonly outside: Place;
  readonly nodes: ReadonlyMap<string, Place>;
  readonly nats: NatsAccess;
  readonly database: DatabaseUrls;
}

const firstApiPort = 9696;

/**
 * Builds all of it in parallel, with the database, users and node folders that the lab has already, if it has. `programs: false` leaves out the API and the agents; DATABASE_URL and NATS_URL are taken from `env` (default: the process's own).
 * Throws on the first failure; the caller then runs `clean`.
 */
export async function buildInfrastructure(
  spec: LabSpec,
  keeper: StateKeeper,
  progress: Progress,
  options: { readonly programs: boolean; readonly env?: NodeJS.ProcessEnv },
): Promise<Infrastructure> {
  const { labId } = keeper.state;
  const env = options.env ?? process.env;
  await refuseForeignLink(spec);
  const link = await freeHostLink();
  keeper.set({ hostLink: { name: spec.hostLink, ...link } });
  startSupervisor(spec.projectDir, spec.stateDir, labId);

  const make = (name: string, kind: PlaceOptions) => makePlace(spec, labId, name, kind);
  const control = make('control', places.control);
  const mgmt = make('mgmt', places.mgmt);
  const outside = make('outside', places.outside);
  const nodes = new Map(spec.nodes.map((node) => [node.host, make(node.host, places.node)]));

  const wired = progress.stage('management, tunnel and external networks', () =>
    wireAll(spec, labId, mgmt, outside, nodes, link),
  );
  const database = progress.stage('PostgreSQL and its schema', () =>
    startDatabase(spec, keeper, control, progress, env),
  );
  const nats = wired.then(() => progress.stage('NATS', () => startBroker(spec, keeper, mgmt, link, env)));
  const switches = wired.then(() =>
    progress.stage(`Open vSwitch on ${spec.nodes.map((node) => node.host).join(', ')}`, () =>
      Promise.all(spec.nodes.map(async (node) => startSwitch(spec, labId, node, await placeOfNode(nodes, node.host)))),
    ),
  );
  const guestHosts = keeper.state.guests ? guestNodes(spec) : [];
  const hypervisors =
    guestHosts.length > 0 &&
    wired.then(() =>
      progress.stage(`libvirt on ${guestHosts.join(', ')}`, () =>
        Promise.all(guestHosts.map(async (host) => startHypervisor(spec, labId, await placeOfNode(nodes, host)))),
      ),
    );
  const api = Promise.all([database, nats]).then(async ([urls, access]) => {
    if (!options.programs) return;
    const { apiUrl, logins } = keeper.state;
    const port = await nextFreePort(apiUrl === null ? firstApiPort : Number(new URL(apiUrl).port));
    keeper.set({ apiUrl: `http://127.0.0.1:${port}`, logins: logins ?? (await makeLogins(spec)) });
    await admitNodes(spec, urls);
    await startApi(spec, labId, await control, { port, databaseUrl: urls.serviceUrl, nats: access });
  });
  const agents = Promise.all([nats, switches]).then(async ([access]) => {
    if (!options.programs) return;
    await Promise.all(
      spec.nodes.map(async (node) => startAgents(spec, labId, node, await placeOfNode(nodes, node.host), access)),
    );
  });

  // allSettled first: after a failure, nothing may still be building when this rejects.
  await Promise.allSettled([
    control,
    outside,
    ...nodes.values(),
    wired,
    database,
    nats,
    switches,
    api,
    agents,
    hypervisors,
  ]);
  await Promise.all([api, agents, hypervisors]);
  return {
    control: await control,
    mgmt: await mgmt,
    outside: await outside,
    nodes: new Map(await Promise.all([...nodes].map(async ([host, place]) => [host, await place] as const))),
    nats: await nats,
    database: await database,
  };
}

/** Throws when the host has a link of this name already: it belongs to somebody else. */
async function refuseForeignLink(spec: LabSpec): Promise<void> {
  const found = await findHostLink(spec.hostLink);
  if (found === null) return;
  const whose = found.owner === null ? 'not made by a lab' : `the lab of ${found.owner.stateDir}`;
  throw new Error(
    `the host has a link ${spec.hostLink} already (${whose}): remove that one first, or give this lab a name (--name two)`,
  );
}

async function wireAll(
  spec: LabSpec,
  labId: string,
  mgmt: Promise<Place>,
  outside: Promise<Place>,
  nodes: ReadonlyMap<string, Promise<Place>>,
  link: HostLinkAddresses,
): Promise<void> {
  await layWires(spec, labId, await mgmt, link);
  await Promise.all([
    wireOutside(await mgmt, await outside),
    ...spec.nodes.map(async (node) => wireNode(await mgmt, await placeOfNode(nodes, node.host), node.managementIp)),
  ]);
}

async function startDatabase(
  spec: LabSpec,
  keeper: StateKeeper,
  control: Promise<Place>,
  progress: Progress,
  env: NodeJS.ProcessEnv,
): Promise<DatabaseUrls> {
  const { labId, database } = keeper.state;
  const urls = await databaseOf(spec, labId, await control, database, env);
  keeper.set({ database: urls });
  await prepareDatabase(urls, progress);
  return urls;
}

/** As "plumb node add" does on a controller whose API does not run yet. Every node of a lab maps the external network. */
async function admitNodes({ nodes }: LabSpec, { serviceUrl }: DatabaseUrls): Promise<void> {
  const physicalNetworks = [externalNetwork.physicalNetwork];
  for (const { host, roles } of nodes)
    await admitInDatabase(serviceUrl, { host, roles, physicalNetworks, bridges: {} });
}

async function startBroker(
  spec: LabSpec,
  keeper: StateKeeper,
  mgmt: Promise<Place>,
  link: HostLinkAddresses,
  env: NodeJS.ProcessEnv,
): Promise<NatsAccess> {
  const foreign = env['NATS_URL'];
  if (foreign === undefined && keeper.state.natsNamed)
    throw new Error(
      `this lab was made with NATS_URL=${keeper.state.natsUrl}: set it again, with its login, or --fresh`,
    );
  const access =
    foreign === undefined
      ? await startNats(spec, keeper.state.labId, await mgmt, link)
      : await relayNats(spec, keeper.state.labId, await mgmt, foreign, env);
  keeper.set({ natsUrl: access.hostUrl, natsNamed: foreign !== undefined });
  return access;
}

/** Nodes that carry instances and nothing else. */
const guestNodes = ({ nodes }: LabSpec): string[] =>
  nodes.filter(({ roles }) => roles.every((role) => role === 'compute')).map(({ host }) => host);

async function placeOfNode(nodes: ReadonlyMap<string, Promise<Place>>, host: string): Promise<Place> {
  const place = await nodes.get(host);
  if (place === undefined) throw new Error(`the lab has no node ${host}`);
  return place;
}
