/**
 * `plumb lab up`: makes a lab, up to a floating IP that answers, or mends the one that is there.
 *
 * Goals: what a user made in a lab outlives everything but `down` and `--fresh`: a killed supervisor, a restarted machine, an `up` that was interrupted.
 *
 * Design: a lab is mended as its machines after a power cut. All that runs is ended, namespaces go, and the same steps that make a lab run again on the database
 * and the folders of the nodes that are there. The agents then find an empty node and their snapshot, and make the node so; only the guests, which a hypervisor
 * would start, are plugged in again from here.
 *
 * Road not taken: repairing the part that is missing alone. A namespace that went took devices, switch and processes of its node along, in every combination.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from './api-client.js';
import { writeClouds } from './clouds.js';
import { clean, cleanOrphan, endForMending, removeFiles } from './clean.js';
import { hints } from './hints.js';
import { buildInfrastructure, type Infrastructure } from './infrastructure.js';
import { fetchArgv, insideInstance, plugInstance, serveHttp, takeAddress } from './instance.js';
import {
  admitOldGuests,
  createFloatingIp,
  createInstancePort,
  createNetworks,
  stillThere,
  waitForAgents,
  waitForApi,
  waitWired,
} from './journey.js';
import { loginsOf } from './known.js';
import type { Place } from './place.js';
import type { Progress } from './progress.js';
import { prove, type Sender, type Way } from './proof.js';
import { externalNetwork, type LabSpec } from './spec.js';
import {
  newLabState,
  readLabState,
  StateKeeper,
  toMend,
  withLock,
  type InstanceState,
  type LabState,
} from './state.js';
import { faultsOf, isSupervised } from './status.js';

/** The supervisor's longest pause before it starts something again is 3 s. */
const patienceMs = 10_000;
/** Instances of the lab: one on each compute node, the first with the floating IP. */
const instanceHosts = [
  { name: 'vm1', host: 'cmp1' },
  { name: 'vm2', host: 'cmp2' },
] as const;

export interface UpOptions {
  /** Remove a lab that is there, and make it anew. */
  readonly fresh?: boolean;
  /** The instances of a lab that is made anew are virtual machines. Those of one that is mended are what they were. */
  readonly guests?: boolean;
}

/**
 * Makes the lab and proves that it works, or says that it is up already. One that is not whole is mended, and everything in its log stays; with `fresh` it is removed
 * and made anew. Throws on the first failure; what was made stays, so that the user can look at it, and the next `up` goes on from there.
 */
export async function up(
  spec: LabSpec,
  progress: Progress,
  { fresh = false, guests = false }: UpOptions = {},
): Promise<LabState> {
  return withLock(spec.stateDir, async () => {
    const old = readLabState(spec.stateDir);
    if (old !== null && !fresh) {
      const faults = await lastingFaultsOf(spec, old);
      if (faults.length > 0) return mend(spec, old, faults, progress);
      progress.say('the lab is up already');
      hints(spec, old).forEach((line) => progress.print(line));
      return old;
    }
    if (old !== null) {
      progress.say('removing the lab that is there, with all that was made in it');
      await clean(spec, old);
    }
    if (await cleanOrphan(spec)) progress.say('removed what was left of a lab whose state folder was deleted');
    removeFiles(spec.stateDir);
    return make(spec, new StateKeeper(spec.stateDir, { ...newLabState(randomUUID()), guests }), progress);
  });
}

/** Waits for the supervisor, which starts again what ends; what is still wrong then is wrong for good. */
async function lastingFaultsOf(spec: LabSpec, state: LabState): Promise<string[]> {
  for (const until = Date.now() + patienceMs; ; await delay(200)) {
    const faults = await faultsOf(spec, state);
    if (faults.length === 0 || !isSupervised(spec, state) || Date.now() > until) return faults;
  }
}

async function mend(spec: LabSpec, old: LabState, faults: readonly string[], progress: Progress): Promise<LabState> {
  progress.say(`a lab is there, but: ${faults.join('; ')}. Mending it: what was made in it stays`);
  await endForMending(spec, old);
  const keeper = new StateKeeper(spec.stateDir, toMend(old));
  return make(spec, keeper, progress);
}

async function make(spec: LabSpec, keeper: StateKeeper, progress: Progress): Promise<LabState> {
  const { stage } = keeper.state;
  const lab = await buildInfrastructure(spec, keeper, progress, { programs: true });
  if (stage === 'mending') await plugBack(spec, keeper, lab, progress);
  else await makeJourney(spec, keeper, lab, progress);
  writeClouds(spec, loginsOf(keeper.state));
  keeper.set({ stage: 'ready' });
  hints(spec, keeper.state).forEach((line) => progress.print(line));
  return keeper.state;
}

/** The guests of a lab that is mended, and a proof for each that its log still leads to. What a user removed stays removed. */
async function plugBack(spec: LabSpec, keeper: StateKeeper, lab: Infrastructure, progress: Progress): Promise<void> {
  const { labId } = keeper.state;
  const api = await reachApi(spec, keeper, progress);
  const { instances, gone, floatingIp } = await stillThere(api, keeper.state);
  if (gone.length > 0) progress.say(`${gone.join(' and ')} is not plugged in: its port was removed`);
  await progress.stage(`instances ${instances.map(({ name }) => name).join(', ')}, ports ACTIVE`, async () => {
    await Promise.all([
      serveHttp(spec, labId, lab.outside, 'outside', []),
      ...instances.map((instance) => plugInstance(spec, labId, placeOfInstance(lab, instance), instance)),
    ]);
    await waitWired(api, instances);
  });
  await takeAddresses(spec, labId, lab, instances, progress);
  await admitOldGuests(api, instances);
  keeper.set({ instances, floatingIp });
  if (floatingIp === null) return progress.say('its floating IP was removed or leads elsewhere now: nothing to prove');
  await proveWays([{ from: outsideOf(lab), to: 'the floating IP', address: floatingIp }], progress);
}

async function takeAddresses(
  spec: LabSpec,
  labId: string,
  lab: Infrastructure,
  instances: readonly InstanceState[],
  progress: Progress,
): Promise<void> {
  const asking = instances.filter(({ byDhcp }) => byDhcp);
  if (asking.length === 0) return;
  await progress.stage(`their addresses, by DHCP: ${asking.map(({ name, ip }) => `${name} ${ip}`).join(', ')}`, () =>
    Promise.all(asking.map((each) => takeAddress(spec, labId, placeOfInstance(lab, each), each))),
  );
}

async function reachApi(spec: LabSpec, keeper: StateKeeper, progress: Progress): Promise<ApiClient> {
  const { apiUrl } = keeper.state;
  if (apiUrl === null) throw new Error('the lab has no API');
  const api = new ApiClient(apiUrl, loginsOf(keeper.state)[0]);
  await progress.stage(`the API answers on ${apiUrl}`, () => waitForApi(api));
  await progress.stage('the agents report', () => waitForAgents(api, spec));
  return api;
}

async function makeJourney(spec: LabSpec, keeper: StateKeeper, lab: Infrastructure, progress: Progress): Promise<void> {
  const { labId, guests } = keeper.state;
  const api = await reachApi(spec, keeper, progress);
  const networks = await progress.stage('networks public (flat) and private (VXLAN), router1 between them', () =>
    createNetworks(api),
  );
  const instances = await progress.stage('instances vm1 on cmp1, vm2 on cmp2, ports ACTIVE', async () => {
    const made = await Promise.all(
      instanceHosts.map((each) => createInstancePort(api, networks, spec, { ...each, guest: guests })),
    );
    keeper.set({ instances: made });
    await Promise.all([
      serveHttp(spec, labId, lab.outside, 'outside', []),
      ...made.map((instance) => plugInstance(spec, labId, placeOfInstance(lab, instance), instance)),
    ]);
    await waitWired(api, made);
    return made;
  });
  await takeAddresses(spec, labId, lab, instances, progress);
  const [first, second] = instances;
  if (first === undefined || second === undefined) throw new Error('the lab has no instances');
  const floatingIp = await progress.stage('a floating IP for vm1, ACTIVE', () =>
    createFloatingIp(api, networks, first),
  );
  keeper.set({ floatingIp });

  const outside = outsideOf(lab);
  const sender = (instance: InstanceState): Sender => {
    const place = placeOfInstance(lab, instance);
    const prefix = insideInstance(place, instance).slice(place.enter.length);
    return { name: instance.name, place, prefix, fetch: fetchArgv(place, instance) };
  };
  const ways: Way[] = [
    { from: outside, to: "vm1's floating IP", address: floatingIp },
    { from: sender(first), to: 'outside', address: externalNetwork.gateway },
    { from: sender(second), to: 'outside', address: externalNetwork.gateway },
    { from: sender(first), to: 'vm2, through the tunnel', address: second.ip },
  ];
  await proveWays(ways, progress);
}

const outsideOf = ({ outside }: Infrastructure): Sender => ({
  name: 'outside',
  place: outside,
  prefix: [],
  fetch: fetchArgv(outside, {}),
});

async function proveWays(ways: readonly Way[], progress: Progress): Promise<void> {
  for (const way of ways) {
    const { pingMs, tcpMs, bytes } = await prove(way);
    progress.say(
      `${way.from.name} -> ${way.to} (${way.address}): ping ${pingMs} ms, ${bytes} bytes over TCP in ${tcpMs} ms`,
    );
  }
}

function placeOfInstance(lab: Infrastructure, instance: InstanceState): Place {
  const place = lab.nodes.get(instance.host);
  if (place === undefined) throw new Error(`the lab has no node ${instance.host}`);
  return place;
}
