/**
 * The DHCP and the metadata agent as they are installed, processes of their own, ended by SIGTERM and SIGKILL and started anew without a control plane. A guest renews its
 * lease ten times a second meanwhile, and asks who it is: the same programs answer it all the while. Real dnsmasq and haproxy, a real switch. `--long`: more often.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { keyOf } from '@plumbline/contracts';
import { dhcpOutside } from '@plumbline/dhcp-core';
import { guestOf, servedOf } from '@plumbline/dhcp-core/testing';
import { DhcpNode, until, type Guest } from '@plumbline/dhcp-driver/testing';
import { InstanceKeeper } from '@plumbline/metadata-driver';
import { NodeProcesses, ownerOf } from '@plumbline/processes';
import { createLogger } from '@plumbline/telemetry';
import { emptyView } from '@plumbline/topology';
import { times } from '../../tools/jest/effort.mjs';
import { LoneAgent } from './testing/lone-agent.js';

/** The table of processes is shared with other specs. */
const HOST = `net${process.pid}`;
/** How often each agent is ended, by SIGTERM and SIGKILL in turns. */
const RESTARTS = times(3);
/** The issue's bound: nothing is unanswered for longer. */
const MOST_SILENCE_MS = 3_000;
/** An agent that begins, from its start until after its first look at the node. */
const BEGINS_MS = 2_400;
const INSTANCE = { projectId: 'project', deviceId: 'vm-one' };

const served = servedOf(1, [{ cidr: '10.1.0.0/24', gatewayIp: null }]);
const server = { ...served.server, servesDhcp: true, binding: { host: HOST, vnicType: 'normal', profile: {} } };
const port = guestOf(served, 10, INSTANCE);
const view = emptyView(HOST);
for (const each of [served.network, ...served.subnets, server, port]) view.objects.set(keyOf(each), each);
Object.assign(view, { log: '00000000-0000-4000-8000-000000000001', position: 1, hash: '0'.repeat(64) });

let node: DhcpNode;
let guest: Guest;
let dhcp: LoneAgent;
let metadata: LoneAgent;
const asking: number[] = [];

/** Numbers of the programs that an agent keeps. */
const programsOf = async (kind: string): Promise<number[]> => {
  const { processes } = await new NodeProcesses(node.node.spawner, { owner: ownerOf(kind, HOST) }).observe(new Set());
  return processes.filter(({ main }) => main).map(({ pid }) => pid);
};
const programOf = (kind: string): Promise<number> =>
  until(`the program of the ${kind} agent`, async () => (await programsOf(kind))[0]);

type Told = Readonly<{ answers: number; cut: number; refused: number; gapMs: number }>;
const fileOf = (name: string): string => path.join(node.folder, name);
const told = (name: string): Told => {
  const lines = readFileSync(fileOf(name), 'utf8').split('\n');
  const last = lines.filter((line) => line.startsWith('{') && line.endsWith('}')).at(-1);
  return JSON.parse(last ?? '{"answers":0,"cut":0,"refused":0,"gapMs":0}') as Told;
};
/** Resolves when there were some answers more. */
async function goesOn(name: string, more = 3): Promise<void> {
  const { answers } = told(name);
  await until(`answers (${name})`, () => told(name).answers > answers + more);
}
/** So many answers last longer than a program must run to be well (libs/processes). */
const WELL = 22;
/** Begins to ask, and counts anew. */
async function ask(name: string, ...argv: string[]): Promise<void> {
  const options = { logFile: fileOf(name), env: {}, netns: guest.netns };
  asking.push(await node.node.spawner.startDetached([process.execPath, ...argv], options));
  await goesOn(name);
}

/**
 * As the renewer does with leases: asks its node who it is, a tenth of a second after each answer, and tells how often it was told, and the longest time without an answer.
 * `cut`: questions to which an agent was just answering when it was killed; there is one at a time.
 */
const ASKER = `
const http = require('node:http');
let [answers, cut, refused, gapMs, last] = [0, 0, 0, 0, performance.now()];
const count = (status, body) => {
  const now = performance.now();
  gapMs = Math.max(gapMs, now - last);
  last = now;
  if (status === 200 && body === '${INSTANCE.deviceId}') answers += 1;
  else if (status === 502) cut += 1;
  else refused += 1;
};
const ask = () => {
  const request = http.get({ host: '169.254.169.254', path: '/latest/meta-data/instance-id', agent: false, timeout: 20000 }, (answer) => {
    let body = '';
    answer.on('error', () => undefined);
    answer.on('data', (part) => (body += part));
    answer.on('end', () => count(answer.statusCode, body));
  });
  request.on('error', () => undefined);
  request.on('timeout', () => request.destroy());
  request.on('close', () => setTimeout(ask, 100));
};
ask();
setInterval(() => console.log(JSON.stringify({ answers, cut, refused, gapMs: Math.round(Math.max(gapMs, performance.now() - last)) })), 50);
`;

beforeAll(async () => {
  node = await DhcpNode.make();
  const { spawner, ovs } = node.node;
  const env = { PLUMB_OVSDB: ovs.remote, PLUMB_METADATA: 'builtin' };
  const agent = (kind: 'dhcp' | 'metadata') => new LoneAgent({ kind, host: HOST, spawner, folder: node.folder, env });
  [dhcp, metadata] = [agent('dhcp'), agent('metadata')];
  for (const each of [dhcp, metadata]) await each.knows(view);
  knowsInstances(metadata.instancesFolder);
  await dhcp.start();
  await dhcp.works();
  await metadata.start();
  await metadata.works();
  await programOf('dhcp');
  await node.node.wire(dhcpOutside(server.id), 1);
  guest = await node.plug(port, 1);
  await guest.udhcpc();
  await guest.has('10.1.0.10/24');
  await guest.run(['ip', 'route', 'add', '169.254.169.254/32', 'via', '10.1.0.2', 'dev', 'eth0']);
  await ask(
    'renewals',
    path.resolve(import.meta.dirname, 'testing/renewer.mjs'),
    '10.1.0.2',
    '10.1.0.10',
    port.macAddress,
  );
  await ask('answers', '-e', ASKER);
}, 180_000);
afterAll(async () => {
  for (const pid of asking) process.kill(pid, 'SIGKILL');
  for (const each of [dhcp, metadata]) await each?.end('SIGKILL');
  for (const kind of ['dhcp', 'metadata']) for (const pid of await programsOf(kind)) process.kill(pid, 'SIGKILL');
  await node?.remove();
});

/** As the node had been told by its control plane: the owner gave nothing. */
function knowsInstances(folder: string): void {
  const keeper = new InstanceKeeper({ host: HOST, folder, logger: createLogger({ name: 'test', level: 'silent' }) });
  const { log } = view;
  keeper.start({
    ...{ maxBodyBytes: 1_000_000, connected: true },
    send: ({ ask: question }) =>
      keeper.hear({ log, host: HOST, ask: question, set: [], same: [], gone: [INSTANCE], later: [], last: true }),
  });
  keeper.serve(view, [INSTANCE], false);
  keeper.close();
  expect(keeper.dataOf(INSTANCE)).toBeNull();
}

/** As long as on a machine with nothing else to do; on another one, sixty times the start of a bare program of Node.js (45 ms there). */
async function mostSilenceMs(): Promise<number> {
  const begin = performance.now();
  for (let n = 0; n < 3; n += 1) await node.node.spawner.run([process.execPath, '-e', '0']);
  return Math.max(MOST_SILENCE_MS, (60 * (performance.now() - begin)) / 3);
}

it(
  'programs that are killed time and again are back each time, and nobody is without an answer for long',
  async () => {
    const kinds = ['dhcp', 'metadata'];
    for (let n = 0; n < times(2); n += 1) {
      const before = await Promise.all(kinds.map(programOf));
      for (const pid of before) process.kill(pid, 'SIGKILL');
      await until('other programs', async () =>
        (await Promise.all(kinds.map(programsOf))).every(([now], at) => now !== undefined && now !== before[at]),
      );
      await goesOn('renewals', WELL);
      await goesOn('answers', WELL);
    }
    for (const name of ['renewals', 'answers']) {
      process.stdout.write(`${name} after ${times(2)} kills: ${JSON.stringify(told(name))}\n`);
      expect(told(name)).toMatchObject({ refused: 0 });
      expect(told(name).gapMs).toBeLessThan(await mostSilenceMs());
    }
  },
  times(120_000),
);

it(
  'one agent after another: the same programs answer all the while',
  async () => {
    const before = [await programsOf('dhcp'), await programsOf('metadata')];
    for (let n = 0; n < RESTARTS; n += 1)
      for (const agent of [dhcp, metadata]) {
        await agent.end(n % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
        await agent.start();
        await agent.works();
      }
    await goesOn('renewals');
    await goesOn('answers');
    expect([await programsOf('dhcp'), await programsOf('metadata')]).toEqual(before);
    expect(told('renewals')).toMatchObject({ refused: 0 });
    expect(told('renewals').gapMs).toBeLessThan(MOST_SILENCE_MS);
    expect(told('answers')).toMatchObject({ refused: 0 });
    expect(told('answers').cut).toBeLessThanOrEqual(Math.ceil(RESTARTS / 2));
  },
  times(180_000),
);

it(
  'a program that is killed at any moment of an agent that begins is back',
  async () => {
    const moments = times(4);
    for (let n = 0; n < moments; n += 1)
      for (const [kind, agent] of [
        ['dhcp', dhcp],
        ['metadata', metadata],
      ] as const) {
        const before = await programOf(kind);
        await agent.end('SIGKILL');
        await agent.start();
        // The moment is the input of this test.
        await delay((n / moments) * BEGINS_MS);
        process.kill(before, 'SIGKILL');
        await until(`another program of the ${kind} agent`, async () => {
          const [now] = await programsOf(kind);
          return now !== undefined && now !== before;
        }).catch(async (error: Error) => {
          throw new Error(`${error.message}, killed at moment ${n}: ${await agent.health()}\n${agent.log()}`);
        });
        await agent.works();
      }
    await goesOn('renewals');
    await goesOn('answers');
    expect(told('renewals')).toMatchObject({ refused: 0 });
  },
  times(240_000),
);

it('a secret of Nova that cannot be read is said, with who can mend it', async () => {
  await metadata.end('SIGTERM');
  await metadata.start({ PLUMB_METADATA: 'nova', PLUMB_NOVA_METADATA_SECRET_FILE: fileOf('no-secret') });
  await until('the agent to say so', async () =>
    /"troubles":\["guests get no metadata: [^"]*no-secret[^"]*; an operator must/.test(await metadata.health()),
  );
}, 120_000);
