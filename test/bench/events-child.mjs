/**
 * Both agents' cores with their real drivers on the node it is started in: `events-child.mjs <ovsdb> <run dir> associate|add|rebuild <routers>`. Prints one line
 * of JSON: CPU milliseconds an event or a router, of the process and of the helper that runs commands for it.
 */
import { readFileSync } from 'node:fs';
import { Spawner } from '@plumbline/exec';
import { converge, L3Memory } from '@plumbline/l3-core';
import { Story } from '@plumbline/l3-core/testing';
import { NodeL3Driver, OvsdbPorts } from '@plumbline/l3-driver';
import { OvsConverger } from '@plumbline/ovs-core';
import { SwitchDriver } from '@plumbline/ovs-driver';
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';
import { CATALOGUE_VERSION } from '@plumbline/contracts';
import { emptyView, fold } from '@plumbline/topology';

const [ovsdb, runDir, mode, count] = process.argv.slice(2);
const routers = Number(count);
const HOST = 'net1';
const WARM_UP = 30;
const EVENTS = 120;
const BLOCK = 20;

const config = { tunnelIp: '172.31.251.11', bridgeMappings: { physnet1: 'br-ex' }, datapathType: 'netdev' };
const runners = { l3: new Spawner(), ovs: new Spawner() };
const client = await OvsdbClient.connect(ovsdb);
const mirror = await OvsdbMirror.open(client);
const l3Driver = new NodeL3Driver(runners.l3, new OvsdbPorts(mirror), { announceAfterMs: [0] });
const switchDriver = new SwitchDriver(mirror, runners.ovs, { runDir, watch: false });
const memory = new L3Memory();
const ovs = new OvsConverger(switchDriver, () => config);

const story = new Story(HOST);
const view = emptyView(HOST);
const log = '00000000-0000-4000-8000-000000000001';
/** Folds in what was added to the story since the last call; returns what that touched. */
function next() {
  const events = story.log.slice(view.position);
  const position = story.log.length;
  const message = { log, host: HOST, prev: view.log === null ? null : view.position, position, hash: '0'.repeat(64) };
  return fold(view, {
    ...message,
    catalogue: CATALOGUE_VERSION,
    part: { index: 1, of: 1 },
    entered: [],
    left: [],
    events,
  }).keys;
}

/** Clock ticks are 10 ms; helpers run many commands, so it is their sum that counts. */
function ticksOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (
    fields
      .slice(11, 15)
      .map(Number)
      .reduce((a, b) => a + b, 0) * 10
  );
}
const children = () =>
  readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
const helpersMs = () =>
  children()
    .map(ticksOf)
    .reduce((a, b) => a + b, 0);
const ownMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const agents = {
  l3: (touched) => converge(view, l3Driver, { touched, mayRemove: true, unverified: false }, memory),
  ovs: (touched) => ovs.converge(view, { touched, mayRemove: true }),
};
async function both(touched) {
  for (const agent of ['ovs', 'l3', 'ovs']) {
    const { failed } = await agents[agent](touched);
    if (failed.length > 0) throw new Error(`${agent}: ${JSON.stringify(failed.slice(0, 3))}`);
  }
}

const hex = (n) => n.toString(16).padStart(3, '0');
/** Adds one router as the API does: one change at a time. */
function* addRouter(n) {
  const [high, low, id] = [Math.floor(n / 200), n % 200, hex(n)];
  const mac = (kind) => `fa:16:3e:0${kind}:${id.slice(0, 1)}0:${id.slice(1)}`;
  yield story.network(`a${id}`, `10.${high}.${low}.0/24`, { gatewayIp: `10.${high}.${low}.1` });
  yield story.router(`c${id}`);
  yield story.interface(`c${id}`, `a${id}`, `1${id}`, mac(1), `10.${high}.${low}.1`);
  yield story.gateway(`c${id}`, 'eee', `2${id}`, mac(2), `100.64.${high}.${low + 2}`);
}

story
  .add({
    type: 'NodeRegistered',
    version: 1,
    data: { host: HOST, tunnelIp: config.tunnelIp, bridgeMappings: config.bridgeMappings },
  })
  .network('eee', '100.64.0.0/16', { external: true, gatewayIp: '100.64.0.1' });

async function associate() {
  for (let n = 1; n <= routers; n += 1) for (const _step of addRouter(n));
  next();
  await both('all');
  const ids = [...Array(EVENTS + WARM_UP).keys()].map((n) => ({ head: `7${hex(n)}`, address: `100.64.200.${n + 1}` }));
  for (const { head, address } of ids) story.floatingIp(head, 'eee', address);
  await both(next());
  const fixed = '10.0.1.99';
  const blocks = { l3: [], ovs: [] };
  let sums = { l3: 0, ovs: 0 };
  const helperBefore = helpersMs();
  for (const [n, { head, address }] of ids.entries()) {
    story.associate(head, address, fixed, 'ba001', 'c001');
    const touched = next();
    for (const agent of ['l3', 'ovs']) {
      const before = ownMs();
      const { failed } = await agents[agent](touched);
      sums[agent] += ownMs() - before;
      if (failed.length > 0) throw new Error(`${agent}: ${JSON.stringify(failed.slice(0, 3))}`);
    }
    // One association at a time: the number of floating IPs of a router is not what is measured.
    story.disassociate(head, address, fixed, 'c001');
    await both(next());
    if (n < WARM_UP) sums = { l3: 0, ovs: 0 };
    else if ((n - WARM_UP) % BLOCK === BLOCK - 1) {
      for (const agent of ['l3', 'ovs']) blocks[agent].push(sums[agent] / BLOCK);
      sums = { l3: 0, ovs: 0 };
    }
  }
  const helper = (helpersMs() - helperBefore) / (2 * ids.length);
  const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const l3 = median(blocks.l3);
  return { l3: { ms: l3 + helper, ownMs: l3, helperMs: helper }, ovs: { ms: median(blocks.ovs), helperMs: 0 } };
}

async function add() {
  next();
  await both('all');
  const ms = [];
  for (let n = 1; n <= routers; n += 1) {
    const before = ownMs() + helpersMs();
    for (const _step of addRouter(n)) await both(next());
    ms.push(ownMs() + helpersMs() - before);
  }
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  return { ms: mean(ms), firstMs: mean(ms.slice(0, 10)), lastMs: mean(ms.slice(-10)) };
}

async function rebuild() {
  for (let n = 1; n <= routers; n += 1) for (const _step of addRouter(n));
  next();
  const before = ownMs() + helpersMs();
  await both('all');
  return { ms: (ownMs() + helpersMs() - before) / routers };
}

process.stdout.write(`${JSON.stringify(await { associate, add, rebuild }[mode]())}\n`);
l3Driver.close();
switchDriver.close();
client.close();
for (const runner of Object.values(runners)) await runner.close();
