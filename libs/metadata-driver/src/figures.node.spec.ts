/** What metadata costs a node with 200 networks, and how long 200 guests wait that ask at once. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Port } from '@plumbline/contracts';
import { networkOf, portOf, subnetOf, uuidOf } from '@plumbline/dhcp-core/testing';
import { Spawner } from '@plumbline/exec';
import { askerNetns, convergeMetadata, type Asker } from '@plumbline/metadata-core';
import { NodeProcesses } from '@plumbline/processes';
import { createLogger } from '@plumbline/telemetry';
import { BuiltinBackend } from './builtin.js';
import { NodeMetadataDriver } from './node-driver.js';
import { MetadataService } from './service.js';

const GUESTS = 200;
const NETWORKS = 200;
const askers = Array.from({ length: NETWORKS }, (_, n): Asker => ({ kind: 'router', id: uuidOf(n + 1) }));
const [first] = askers as [Asker];
const network = networkOf({ id: uuidOf(5_000) });
const subnet = subnetOf({ id: uuidOf(6_000), networkId: network.id, cidr: '10.1.0.0/16' });
const ports = new Map(
  Array.from({ length: GUESTS }, (_, n) => {
    const ipAddress = `10.1.${1 + Math.floor(n / 200)}.${1 + (n % 200)}`;
    const facts = { id: uuidOf(7_000 + n), networkId: network.id, macAddress: 'fa:16:3e:00:00:01' };
    return [ipAddress, portOf({ ...facts, deviceId: `vm-${n}`, fixedIps: [{ subnetId: subnet.id, ipAddress }] })];
  }),
);

let spawner: Spawner;
let folder: string;
let processes: NodeProcesses;
let service: MetadataService<Port>;
let driver: NodeMetadataDriver;
let terms: { owner: string; runDir: string; service: string };

beforeAll(async () => {
  const prepare = 'mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up && exec "$@"';
  spawner = new Spawner({ under: ['unshare', '--net', '--mount', '--', 'sh', '-c', prepare, 'sh'] });
  folder = mkdtempSync('/tmp/plumb-metadata-');
  chmodSync(folder, 0o711);
  terms = { owner: `metadata-test-${process.pid}`, runDir: folder, service: path.join(folder, 'service', 'socket') };
  const lines = askers.map((asker) => `netns add ${askerNetns(asker)}`);
  await spawner.run(['ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
  const names = { router: askerNetns(first), guest: 'guest' };
  const link = [
    `netns add ${names.guest}`,
    `link add v0 netns ${names.router} up type veth peer name v1 netns ${names.guest}`,
  ];
  await spawner.run(['ip', '-batch', '-'], { stdin: `${link.join('\n')}\n` });
  const inside = (netns: string, more: readonly string[]) =>
    spawner.run(['ip', '-batch', '-'], { netns, stdin: `${['link set lo up', ...more].join('\n')}\n` });
  await inside(names.router, ['address add 10.1.0.1/16 dev v0', 'link set v0 up']);
  await inside(names.guest, [...[...ports.keys()].map((ip) => `address add ${ip}/16 dev v1`), 'link set v1 up']);
  processes = new NodeProcesses(spawner, terms);
  driver = new NodeMetadataDriver(spawner, processes, terms);
  service = new MetadataService({
    socket: terms.service,
    user: 'haproxy',
    whoAsks: (_asker, source) => ports.get(source.replace('::ffff:', '')) ?? null,
    backend: new BuiltinBackend((asking) => ({
      asking,
      ports: [{ port: asking, network, subnets: [subnet], leased: new Set() }],
      data: null,
      dnsDomain: 'example.test.',
    })),
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
  await service.listen();
}, 120_000);
afterAll(async () => {
  for (const { pid } of (await processes.observe()).processes) process.kill(pid, 'SIGKILL');
  processes.close();
  await service.close();
  await spawner.close();
  rmSync(folder, { recursive: true });
});

/** KB of all processes of the proxy, what they share counted once. */
async function memory(): Promise<number> {
  const found = (await processes.observe()).processes;
  const each = found.map(
    ({ pid }) => /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1],
  );
  return each.reduce((sum, kb) => sum + Number(kb), 0);
}
async function converge(wanted: readonly Asker[]): Promise<number> {
  const run = await convergeMetadata({ wanted, held: new Set() }, driver, terms, true);
  expect([...run.failures.values()]).toEqual([]);
  return run.applied;
}

it('200 networks: an idle one costs less than 100 KB beyond the first, which costs less than 16 MB', async () => {
  await converge([first]);
  const one = await memory();
  await converge(askers);
  const all = await memory();
  process.stdout.write(`proxy: ${one} kB with one network, ${all} kB with ${NETWORKS}\n`);
  expect(one).toBeLessThan(16_000);
  expect((all - one) / (NETWORKS - 1)).toBeLessThan(100);
  expect(await converge(askers)).toBe(0);
}, 180_000);

it('200 guests at once: 99 of 100 are answered within a second, or on a busy machine within ten times what a bare server takes', async () => {
  await converge(askers);
  const bare = `require('node:http').createServer((_, reply) => reply.end('x')).listen(9698);`;
  const options = { netns: askerNetns(first), timeoutMs: 0 };
  void spawner.run([process.execPath, '-e', bare], options).catch(() => undefined);
  const program = `
    const http = require('node:http');
    const ask = (port) => (localAddress) => new Promise((resolve) => {
      const begin = performance.now();
      const done = (status) => resolve([status, performance.now() - begin]);
      const options = { host: '10.1.0.1', port, path: '/openstack/latest/meta_data.json', localAddress, agent: false };
      http.get(options, (answer) => answer.resume().on('end', () => done(answer.statusCode))).on('error', () => done(0));
    });
    const all = (port) => Promise.all(process.argv.slice(1).map(ask(port)));
    const until = async () => { while ((await ask(9698)(process.argv[1]))[0] !== 200) await new Promise((later) => setTimeout(later, 100)); };
    (async () => {
      await until();
      await all(9697);
      console.log(JSON.stringify({ bare: await all(9698), ours: await all(9697) }));
    })();`;
  const argv = [process.execPath, '-e', program, ...ports.keys()];
  const { stdout } = await spawner.run(argv, { netns: 'guest', timeoutMs: 120_000 });
  const answers = JSON.parse(stdout) as Record<'bare' | 'ours', [number, number][]>;
  expect(new Set(answers.ours.map(([status]) => status))).toEqual(new Set([200]));
  const p99 = (of: 'bare' | 'ours'): number => {
    const times = answers[of].map(([, ms]) => ms).sort((a, b) => a - b);
    return Math.round(times[Math.ceil(times.length * 0.99) - 1] ?? Infinity);
  };
  process.stdout.write(`${GUESTS} guests at once: p99 ${p99('ours')} ms; by a bare server ${p99('bare')} ms\n`);
  expect(p99('ours')).toBeLessThan(Math.max(1_000, 10 * p99('bare')));
}, 180_000);
