/** `plumb lab up`: makes a lab, whatever is left of an earlier one, up to a floating IP that answers. */
import { randomUUID } from 'node:crypto';
import { ApiClient } from './api-client.js';
import { writeClouds } from './clouds.js';
import { clean, cleanOrphan, removeFiles } from './clean.js';
import { hints } from './hints.js';
import { buildInfrastructure, type Infrastructure } from './infrastructure.js';
import { insideInstance, plugInstance, serveHttp } from './instance.js';
import {
  createFloatingIp,
  createInstancePort,
  createNetworks,
  waitForAgents,
  waitForApi,
  waitWired,
} from './journey.js';
import { loginsOf } from './logins.js';
import type { Place } from './place.js';
import type { Progress } from './progress.js';
import { prove, type Sender, type Way } from './proof.js';
import { externalNetwork, type LabSpec } from './spec.js';
import { newLabState, readLabState, StateKeeper, withLock, type InstanceState, type LabState } from './state.js';
import { faultsOf } from './status.js';

/** Instances of the lab: one on each compute node, the first with the floating IP. */
const instanceHosts = [
  { name: 'vm1', host: 'cmp1' },
  { name: 'vm2', host: 'cmp2' },
] as const;

/**
 * Makes the lab and proves that it works, or says that it is up already. A half-made or broken one is removed first. Throws on the first failure; what was made
 * stays, so that the user can look at it, and the next `up` or `down` removes it.
 */
export async function up(spec: LabSpec, progress: Progress): Promise<LabState> {
  return withLock(spec.stateDir, async () => {
    const old = readLabState(spec.stateDir);
    if (old !== null) {
      const faults = await faultsOf(spec, old);
      if (faults.length === 0) {
        progress.say('the lab is up already');
        hints(spec, old).forEach((line) => console.log(line));
        return old;
      }
      progress.say(`a lab is there, but: ${faults.join('; ')}. Removing it`);
      await clean(spec, old);
    }
    if (await cleanOrphan(spec)) progress.say('removed what was left of a lab whose state folder was deleted');
    removeFiles(spec.stateDir);
    const keeper = new StateKeeper(spec.stateDir, newLabState(randomUUID()));
    const lab = await buildInfrastructure(spec, keeper, progress, { programs: true });
    await makeJourney(spec, keeper, lab, progress);
    writeClouds(spec, loginsOf(keeper.state));
    keeper.set({ stage: 'ready' });
    hints(spec, keeper.state).forEach((line) => console.log(line));
    return keeper.state;
  });
}

async function makeJourney(spec: LabSpec, keeper: StateKeeper, lab: Infrastructure, progress: Progress): Promise<void> {
  const { labId, apiUrl } = keeper.state;
  if (apiUrl === null) throw new Error('the lab has no API');
  const api = new ApiClient(apiUrl, loginsOf(keeper.state)[0]);
  await progress.stage(`the API answers on ${apiUrl}`, () => waitForApi(api));
  await progress.stage('the agents report', () => waitForAgents(api, spec));
  const networks = await progress.stage('networks public (flat) and private (VXLAN), router1 between them', () =>
    createNetworks(api),
  );
  const instances = await progress.stage('instances vm1 on cmp1, vm2 on cmp2, ports ACTIVE', async () => {
    const made = await Promise.all(
      instanceHosts.map(({ name, host }) => createInstancePort(api, networks, name, host)),
    );
    keeper.set({ instances: made });
    await Promise.all([
      serveHttp(spec, labId, lab.outside, 'outside', []),
      ...made.map((instance) => plugInstance(spec, labId, placeOfInstance(lab, instance), instance)),
    ]);
    await waitWired(api, made);
    return made;
  });
  const [first, second] = instances;
  if (first === undefined || second === undefined) throw new Error('the lab has no instances');
  const floatingIp = await progress.stage('a floating IP for vm1, ACTIVE', () =>
    createFloatingIp(api, networks, first),
  );
  keeper.set({ floatingIp });

  const outside: Sender = { name: 'outside', place: lab.outside, prefix: [] };
  const sender = (instance: InstanceState): Sender => {
    const place = placeOfInstance(lab, instance);
    return { name: instance.name, place, prefix: insideInstance(place, instance.name).slice(place.enter.length) };
  };
  const ways: Way[] = [
    { from: outside, to: "vm1's floating IP", address: floatingIp },
    { from: sender(first), to: 'outside', address: externalNetwork.gateway },
    { from: sender(second), to: 'outside', address: externalNetwork.gateway },
    { from: sender(first), to: 'vm2, through the tunnel', address: second.ip },
  ];
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
