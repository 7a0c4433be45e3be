/**
 * A node rebuilt from empty: 50 and 200 routers with 5 floating IPs each.
 *
 * Four ways on the same machine, in turn: the whole command `plumb replay`, its rebuild() alone, the script that --dry-run prints run by sh, and the floor, a
 * hand-made script that makes a smaller node. Each run gets a node of its own: namespaces, Open vSwitch (userspace datapath) and its database are new. The
 * clock runs until every router has answered on its outside and on its inside address. A second check of the built node, which must find nothing to
 * do, shows that it is complete.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '@plumbline/exec';
import { nodeDns, printRebuild } from '@plumbline/node-agents';
import { crowd } from '@plumbline/l3-core/testing';
import { Topology, wholeView } from '@plumbline/topology';
import { viewOf } from '../../apps/cli/out-tsc/replay/view-source.js';
import { runFloor } from './floor.mjs';
import { benchDir, choice, median, projectDir } from './report.mjs';
import { makeScratchNode } from './scratch-node.mjs';

const FLOATING = 5;
/** How many routers, and how often. */
const SIZES = [
  { routers: 50, repeats: Number(process.env.PLUMB_BENCH_REPEATS ?? 5), restartMs: 1500 },
  { routers: 200, repeats: Number(process.env.PLUMB_BENCH_REPEATS ?? 3), restartMs: 4000 },
];
const HOST = 'net1';
const limitMs = 300_000;

/** The feed message that makes such a node from nothing. */
function messageOf(routers) {
  const story = crowd(routers, FLOATING).add({
    type: 'NodeRegistered',
    version: 1,
    data: { host: HOST, tunnelIp: '172.31.251.11', bridgeMappings: { physnet1: 'br-ex' } },
  });
  return wholeView(Topology.fold(story.log), HOST, '00000000-0000-4000-8000-000000000001', '0'.repeat(64));
}

/** Addresses of the routers: outside on the external network, inside on the local VLAN of each tenant network. */
function gatewaysOf(view) {
  const outside = [];
  const inside = [];
  for (const object of view.objects.values()) {
    if (object.kind !== 'port') continue;
    const address = object.fixedIps[0]?.ipAddress;
    if (object.deviceOwner === 'network:router_gateway') outside.push(address);
    if (object.deviceOwner !== 'network:router_interface') continue;
    const { localVlanId } = view.objects.get(`placement/${object.networkId}`).hosts[HOST];
    inside.push({ address, localVlanId });
  }
  return { outside, inside };
}

async function oneRun(build, gateways) {
  const node = await makeScratchNode(gateways);
  try {
    const built = await build(node);
    const answeredMs = await node.answered();
    const again = await replay(node);
    if (again.applied !== built.leaves) throw new Error(`a second look found ${again.applied} steps to do`);
    return { ...built, answeredMs, againMs: again.buildMs, census: await node.census() };
  } finally {
    await node.remove();
  }
}

const messageFile = path.join(benchDir, 'rebuild-view.json');

/** rebuild(); milliseconds of the call alone. */
async function rebuildCall(node) {
  const script = path.join(projectDir, 'test/bench/rebuild-child.mjs');
  const { stdout } = await run([...node.enter, process.execPath, script, messageFile, node.ovs.remote, node.ovs.dir], {
    timeoutMs: limitMs,
  });
  const { rebuildMs, applied, failed } = JSON.parse(stdout);
  if (failed.length > 0) throw new Error(`the rebuild failed: ${JSON.stringify(failed.slice(0, 3))}`);
  return { buildMs: rebuildMs, applied, leaves: 0 };
}

/** `plumb replay`, from before its process to its end. */
async function replay(node) {
  const program = path.join(projectDir, 'apps/cli/dist/main.js');
  const at = ['--ovsdb', node.ovs.remote, '--run-dir', node.ovs.dir, '--state-dir', path.join(benchDir, 'no-agents')];
  const argv = ['replay', '--node', HOST, '--view', messageFile, '--firewall', 'none', '--lab', 'none', ...at];
  const start = performance.now();
  const { stdout } = await run([...node.enter, process.execPath, program, ...argv], { timeoutMs: limitMs });
  const buildMs = performance.now() - start;
  return { buildMs, applied: Number(/done, (\d+) steps/.exec(stdout)?.[1] ?? 0), leaves: 0 };
}

const shellScript = (view) => async (node) => {
  const lines = [];
  await printRebuild(view, {
    print: (line) => lines.push(line),
    access: null,
    datapathType: 'netdev',
    firewall: 'none',
    foreignPorts: [],
    answersMetadata: false,
    dns: nodeDns({}),
    runDir: node.ovs.dir,
  });
  const file = path.join(benchDir, 'rebuild-script.sh');
  writeFileSync(file, `set -e\n${lines.join('\n')}\n`);
  const start = performance.now();
  await run([...node.enter, 'sh', file], { timeoutMs: limitMs, env: node.ovs.env });
  // What is printed from nothing cannot know the uplink of the operator's bridge, which is noted on the node.
  return { buildMs: performance.now() - start, batches: lines.length, leaves: 1 };
};

/** Its parts are the sizes, by the number of routers. */
export async function rebuildBench(parts) {
  mkdirSync(benchDir, { recursive: true });
  const rows = [];
  const chosen = choice(
    parts,
    SIZES.map(({ routers }) => String(routers)),
  );
  for (const { routers, repeats, restartMs } of SIZES.filter((size) => chosen(String(size.routers))))
    for (const row of await rebuildOf(routers, repeats, restartMs))
      rows.push({ ...row, name: `${routers} routers: ${row.name}` });
  return rows;
}

async function rebuildOf(routers, repeats, restartMs) {
  const message = messageOf(routers);
  const view = viewOf(message);
  writeFileSync(messageFile, JSON.stringify(message));
  const gateways = gatewaysOf(view);
  const calls = [];
  const whole = [];
  const shell = [];
  const floors = { internal: [], veth: [] };
  let floorMissing = null;
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    shell.push(await oneRun(shellScript(view), gateways));
    calls.push(await oneRun(rebuildCall, gateways));
    whole.push(await oneRun(replay, gateways));
    for (const variant of ['internal', 'veth']) {
      const floor = await runFloor(variant, routers, FLOATING);
      if (floor.missing) floorMissing = floor.missing;
      else floors[variant].push(floor);
    }
  }
  return rowsOf({ calls, whole, shell, floors, floorMissing, restartMs });
}

const all = (runs, value) => runs.map((each) => Math.round(value(each)));
const untilAnswered = (each) => each.buildMs + each.answeredMs;
const objects = (census) =>
  Object.entries(census)
    .map(([kind, number]) => `${number} ${kind}`)
    .join(', ');

function rowsOf({ calls, whole, shell, floors, floorMissing, restartMs }) {
  const ms = (name, runs, value, detail = '') => ({
    name,
    value: median(runs.map(value)),
    unit: 'ms',
    detail: `runs: ${all(runs, value).join(' ')}${detail && `; ${detail}`}`,
  });
  const shellMs = shell.map(untilAnswered);
  const ratio = (name, runs) => ({
    name,
    value: median(runs.map(untilAnswered)) / median(shellMs),
    unit: 'times',
    target: { atMost: 1.3 },
    detail: `run by run: ${runs.map((each, at) => (untilAnswered(each) / shellMs[at]).toFixed(2)).join(' ')}`,
  });
  const rows = [
    ms('rebuild(), until the gateways answer', calls, untilAnswered, `${calls[0].applied} steps`),
    ms('  of it: rebuild() itself', calls, (each) => each.buildMs),
    ms('plumb replay, its process included, until the gateways answer', whole, untilAnswered),
    {
      ...ms('  once more with nothing to do: a restart, 0 steps', [...calls, ...whole], (each) => each.againMs),
      target: { atMost: restartMs },
    },
    ms('the printed script by sh, until the gateways answer', shell, untilAnswered, `${shell[0].batches} batches`),
    ratio('ratio to the printed script', calls),
    ratio('ratio of plumb replay to the printed script', whole),
    { name: 'objects made', value: calls[0].census.rules, unit: 'rules', detail: objects(calls[0].census) },
  ];
  if (floorMissing) rows.push({ name: 'floor', value: 'not run', unit: '', detail: floorMissing });
  for (const [variant, runs] of Object.entries(floors)) {
    if (runs.length === 0) continue;
    rows.push(
      ms(`floor, ${variant} ports`, runs, (each) => each.totalMs, objects(runs[0].objects)),
      {
        name: `ratio to the floor, ${variant} ports`,
        value: median(whole.map(untilAnswered)) / median(runs.map((each) => each.totalMs)),
        unit: 'times',
      },
    );
  }
  return rows;
}
