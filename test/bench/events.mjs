/**
 * What an event costs the agents of a network node: one floating IP associated, with 1 and with 200 routers on the node; and routers added one by one, beside
 * a rebuild of the same node.
 *
 * Both agents' cores run with their real drivers in one process, on a node of its own (scratch-node.mjs); CPU time is taken around each agent's converge, so
 * other users of the machine hardly change it. The feed is not part of it: events are folded in directly.
 */
import path from 'node:path';
import { run } from '@plumbline/exec';
import { projectDir } from './report.mjs';
import { makeScratchNode } from './scratch-node.mjs';

const MANY = 200;
const ADDED = 100;
const limitMs = 900_000;

/** Runs `events-child.mjs` on an empty node; resolves with what it prints. */
async function child(...args) {
  const node = await makeScratchNode({ outside: [], inside: [] });
  try {
    const script = path.join(projectDir, 'test/bench/events-child.mjs');
    const argv = [...node.enter, process.execPath, script, node.ovs.remote, node.ovs.dir, ...args.map(String)];
    return JSON.parse((await run(argv, { timeoutMs: limitMs })).stdout);
  } finally {
    await node.remove();
  }
}

export async function eventsBench() {
  const few = await child('associate', 1);
  const many = await child('associate', MANY);
  const oneByOne = await child('add', ADDED);
  const rebuilt = await child('rebuild', ADDED);
  const perEvent = (agent, name) => [
    {
      name: `${name} agent, a floating IP with 1 router on the node`,
      value: few[agent].ms,
      unit: 'ms CPU',
      detail: `of it ${few[agent].helperMs.toFixed(2)} its helper and what that ran`,
    },
    {
      name: `${name} agent, a floating IP with ${MANY} routers on the node`,
      value: many[agent].ms,
      unit: 'ms CPU',
      detail: `of it ${many[agent].helperMs.toFixed(2)} its helper and what that ran`,
    },
    { name: '  ratio', value: many[agent].ms / few[agent].ms, unit: 'times', target: { atMost: 1.3 } },
  ];
  return [
    ...perEvent('l3', 'L3'),
    ...perEvent('ovs', 'OVS'),
    {
      name: `${ADDED} routers added one by one, both agents, for each`,
      value: oneByOne.ms,
      unit: 'ms CPU',
      detail: `the first ten ${oneByOne.firstMs.toFixed(1)}, the last ten ${oneByOne.lastMs.toFixed(1)}`,
    },
    { name: `${ADDED} routers rebuilt, both agents, for each`, value: rebuilt.ms, unit: 'ms CPU' },
    { name: '  ratio', value: oneByOne.ms / rebuilt.ms, unit: 'times' },
  ];
}
