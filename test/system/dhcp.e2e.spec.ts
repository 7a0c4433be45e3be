/**
 * Two network nodes that serve DHCP: an instance gets its address from the agent's dnsmasq behind the real firewall, keeps it while programs die and agents are
 * started anew, and goes on getting it when the network moves to the other node.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AgentKind } from '@plumbline/contracts';
import { ensureUnit, labEnvironment, removeUnit, runningPlace, type InstanceState } from '@plumbline/lab';
import { wipe } from './testing/harm.js';
import { times } from '../../tools/jest/effort.mjs';
import { TestLab, twoNetworkNodes, until, upTimeoutMs, type Resource } from './testing/test-lab.js';

const HOSTS = ['net1', 'cmp1'];
/** For an agent that has just been killed: many times what it takes. */
const SLOW_MS = 90_000;
let lab: TestLab;
let network: Resource;
let guest: InstanceState;

beforeAll(async () => {
  lab = await TestLab.up('q', twoNetworkNodes);
  network = await lab.create('network', { name: 'served' });
  await lab.create('subnet', { network_id: network.id, ip_version: 4, cidr: '192.168.77.0/24' });
  guest = await lab.newInstance('vm9', 'cmp2', network, { prefix: 24, gateway: '192.168.77.1' });
}, upTimeoutMs);
afterAll(async () => lab?.down(), upTimeoutMs);

const servers = (): Promise<readonly Resource[]> =>
  lab.list('ports', `?network_id=${network.id}&device_owner=network:dhcp`);
const server = async (): Promise<Resource | undefined> => (await servers())[0];
const addressOf = (port: Resource | undefined): string =>
  ((port?.['fixed_ips'] ?? []) as { ip_address?: string }[])[0]?.ip_address ?? '';
const hostOf = (port: Resource | undefined): string => String(port?.['binding:host_id']);
/** Its process numbers, one a line. What the agent runs there for a moment (dhcp_release, ip) is none of them. */
const dnsmasqOn = async (host: string): Promise<string> => {
  const { stdout } = await lab.at(host, ['ip', 'netns', 'pids', `qdhcp-${network.id}`], { okCodes: [0, 1, 255] });
  const pids = stdout.split('\n').filter((pid) => pid !== '');
  return pids.filter((pid) => programOf(pid) === 'dnsmasq').join('\n');
};
/** Waits while it is being replaced. */
async function oneDnsmasqOn(host: string): Promise<string> {
  let pid = '';
  await until(
    async () => /^\d+$/.test((pid = await dnsmasqOn(host))),
    () => `there is not one dnsmasq on ${host}, but: ${pid || 'none'}`,
    SLOW_MS,
  );
  return pid;
}
function programOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}
const snapshotHeader = (host: string, kind: AgentKind): Promise<string> =>
  lab.text(host, ['head', '-n', '1', `/mnt/var/agents/${kind}.snapshot`]);
const positionIn = (text: string): string => /"position":(\d+)/.exec(text)?.[1] ?? text;
/** What the guest is told by metadata, by the way over its DHCP server; empty when it is not answered. */
const whoAmI = async (dhcp: Resource | undefined): Promise<string> => {
  const via = addressOf(dhcp);
  await lab.inside(guest, ['ip', 'route', 'replace', '169.254.169.254/32', 'via', via, 'dev', 'eth0']);
  const argv = ['curl', '-s', '-f', '--max-time', '20', 'http://169.254.169.254/latest/meta-data/instance-id'];
  return (await lab.inside(guest, argv, { okCodes: [0, 7, 22, 28, 52, 55, 56], timeoutMs: 60_000 })).stdout;
};
/** What BusyBox's client says of its lease; rejects when nobody answers within the tries. */
const lease = async (tries = 3): Promise<string> => {
  const argv = ['udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-t', String(tries), '-T', '1', '-s', '/bin/true'];
  const { stdout, stderr } = await lab.inside(guest, argv, { timeoutMs: 60_000 });
  return /lease of (\S+) obtained/.exec(stdout + stderr)?.[1] ?? '';
};

test('an instance gets its address', async () => {
  await until(
    async () => (await server())?.['status'] === 'ACTIVE',
    () => 'no DHCP port is ACTIVE',
  );
  expect(await lease(20)).toBe(guest.ip);
  // Bound when a server was there: it is ACTIVE when it is wired and served, and then the first that it asks is answered.
  const next = await lab.newInstance('vm8', 'cmp2', network, { prefix: 24, gateway: '192.168.77.1' });
  const argv = ['udhcpc', '-f', '-n', '-q', '-i', 'eth0', '-t', '1', '-T', '5', '-s', '/bin/true'];
  const { stdout, stderr } = await lab.inside(next, argv, { timeoutMs: 60_000 });
  expect(stdout + stderr).toContain(`lease of ${next.ip} obtained`);
  await lab.delete('port', next.portId);
  const agents = await lab.list('agents', '?binary=plumb-dhcp-agent');
  expect(agents.map(({ host, alive }) => [host, alive]).sort()).toEqual(HOSTS.sort().map((host) => [host, true]));
}, 240_000);

/** What the guest's renewals came to: ten a second, for as long as the spec runs. */
type Renewals = Readonly<{ answers: number; refused: number; gapMs: number }>;
const RENEWER = 'renewer';
const renewals = (): Renewals => {
  const lines = lab
    .logOf(RENEWER)
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'));
  return JSON.parse(lines.at(-1) ?? '{"answers":0,"refused":0,"gapMs":0}') as Renewals;
};
/** As the only server of the network is asked; begins to count anew. */
async function renewing(): Promise<void> {
  const { node, project } = runningPlace(lab.spec, guest.host).paths;
  const address = addressOf(await server());
  await removeUnit(lab.spec.stateDir, RENEWER).catch(() => undefined);
  await ensureUnit(lab.spec.stateDir, {
    name: RENEWER,
    order: 41,
    argv: lab.argvAt(guest.name, [node, `${project}/test/system/testing/renewer.mjs`, address, guest.ip, guest.mac]),
    env: labEnvironment(lab.state.labId),
    restart: false,
    afterStart: [],
    stopSignal: 'SIGTERM',
  });
  await renewed();
}
async function renewed(): Promise<void> {
  const { answers } = renewals();
  await until(
    () => renewals().answers > answers + 3,
    () => `the lease is not renewed: ${JSON.stringify(renewals())}`,
    SLOW_MS,
  );
}

test('a dnsmasq that is killed is back at once; an agent that is killed takes none with it', async () => {
  const host = hostOf(await server());
  const before = await oneDnsmasqOn(host);
  process.kill(Number(before), 'SIGKILL');
  await until(
    async () => !['', before].includes(await dnsmasqOn(host)),
    () => `dnsmasq is not back; the last that its agent said: ${lab.logOf(`dhcp-agent-${host}`).slice(-4_000)}`,
    SLOW_MS,
  );
  expect(await lease()).toBe(guest.ip);
  const now = await dnsmasqOn(host);
  await lab.kill(`dhcp-agent-${host}`);
  expect(await lease()).toBe(guest.ip);
  expect(await dnsmasqOn(host)).toBe(now);
}, 240_000);

test('an agent that is disabled hands the network on, with port and address', async () => {
  const before = await server();
  const from = hostOf(before);
  const [agent] = await lab.list('agents', `?host=${from}&binary=plumb-dhcp-agent`);
  await lab.update('agent', String(agent?.id), { admin_state_up: false });
  await until(
    async () => hostOf(await server()) !== from && (await server())?.['status'] === 'ACTIVE',
    () => 'the network did not move',
  );
  expect(await server()).toMatchObject({ id: before?.id, fixed_ips: before?.['fixed_ips'] });
  await until(
    async () => (await lab.text(from, ['ip', 'netns'])).includes(network.id) === false,
    () => `${from} still has the namespace`,
    SLOW_MS,
  );
  expect(await lease(20)).toBe(guest.ip);
  await lab.update('agent', String(agent?.id), { admin_state_up: true });
}, 240_000);

const CONTROL_PLANE = ['postgres', 'nats', 'api'] as const;
/** Nothing of it is left but the operator's bridges; what ran in it is gone. */
async function lose(host: string): Promise<void> {
  const pids = (await dnsmasqOn(host)).split('\n').filter((pid) => pid !== '');
  await wipe(lab, host);
  for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
}

test(
  'with the control plane away leases are renewed, agents come and go, and a node that lost everything serves again, metadata too',
  async () => {
    await renewing();
    const before = await server();
    const host = hostOf(before);
    let health = '';
    await until(
      async () => (await whoAmI(before)) === guest.name,
      () => 'the guest is not told who it is',
      SLOW_MS,
    );
    // A snapshot is up to a second old: an agent that is killed before has not kept that the network is here.
    for (const kind of ['dhcp', 'metadata'] as const)
      await until(
        async () =>
          positionIn(await snapshotHeader(host, kind)) === positionIn((health = await lab.health(host, kind))),
        () => `the agent has not saved what it knows: ${health}`,
        SLOW_MS,
      );
    const units = CONTROL_PLANE.map((name) => lab.wanted(name));
    for (const name of [...CONTROL_PLANE].reverse()) await removeUnit(lab.spec.stateDir, name);
    try {
      const program = await oneDnsmasqOn(host);
      for (let n = 0; n < times(3); n += 1) await lab.kill(`dhcp-agent-${host}`);
      await until(
        async () => (health = await lab.health(host, 'dhcp')).includes('restored'),
        () => `the agent did not begin from its snapshot: ${health}`,
        SLOW_MS,
      );
      expect(await dnsmasqOn(host)).toBe(program);
      process.kill(Number(program), 'SIGKILL');
      await until(
        async () => !['', program].includes(await dnsmasqOn(host)),
        () => `dnsmasq is not back; the last that its agent said: ${lab.logOf(`dhcp-agent-${host}`).slice(-4_000)}`,
        SLOW_MS,
      );
      await renewed();
      expect(renewals()).toMatchObject({ refused: 0 });
      expect(renewals().gapMs).toBeLessThan(3_000);
      await lose(host);
      await Promise.all(['dhcp', 'ovs', 'l3', 'metadata'].map((kind) => lab.kill(`${kind}-agent-${host}`)));
      await renewed();
      expect(renewals()).toMatchObject({ refused: 0 });
      expect(await lease(20)).toBe(guest.ip);
      await until(
        async () => (await whoAmI(before)) === guest.name,
        () => 'the guest is not told who it is by a node that lost everything',
        SLOW_MS,
      );
    } finally {
      for (const unit of units) await ensureUnit(lab.spec.stateDir, unit);
    }
    await until(
      async () => (health = await lab.health(host, 'dhcp')).includes('in-sync'),
      () => `the agent is not in sync again: ${health}`,
      SLOW_MS,
    );
    await lab.becomes('port', guest.portId, 'ACTIVE', SLOW_MS);
    expect(await server()).toMatchObject({ id: before?.id, fixed_ips: before?.['fixed_ips'], 'binding:host_id': host });
    await renewed();
  },
  times(480_000),
);

test('a node that dies: another one has its DHCP port with the address, and renews what it gave; the dead one comes back to none', async () => {
  const before = await server();
  const from = hostOf(before);
  const units = ['dhcp', 'l3', 'ovs'].map((kind) => lab.wanted(`${kind}-agent-${from}`));
  for (const { name } of units) await removeUnit(lab.spec.stateDir, name);
  await lose(from);
  // 75 seconds of silence, while another agent is heard.
  await until(
    async () => hostOf(await server()) !== from && (await server())?.['status'] === 'ACTIVE',
    () => 'the network did not move',
    180_000,
  );
  expect(await server()).toMatchObject({
    id: before?.id,
    mac_address: before?.['mac_address'],
    fixed_ips: before?.['fixed_ips'],
  });
  await renewed();
  expect(renewals()).toMatchObject({ refused: 0 });
  expect(await lease(20)).toBe(guest.ip);
  expect((await lab.get('port', guest.portId))['status']).toBe('ACTIVE');
  for (const unit of units) await ensureUnit(lab.spec.stateDir, unit);
  await until(
    async () => (await lab.health(from, 'dhcp')).includes('in-sync'),
    () => `the agent of ${from} is not in sync again`,
    SLOW_MS,
  );
  expect(hostOf(await server())).not.toBe(from);
  // By its snapshot it served the network, until it was in sync.
  await until(
    async () => (await dnsmasqOn(from)) === '',
    () => `${from} still serves the network`,
    SLOW_MS,
  );
  await renewed();
}, 480_000);

test('with two agents a network both nodes serve it, and each gives a guest the same when the other one is silent', async () => {
  await lab.withEnvironment('api', { PLUMB_DHCP_AGENTS_PER_NETWORK: '2' });
  await until(
    async () => {
      const all = await servers();
      return all.length === 2 && all.every(({ status }) => status === 'ACTIVE');
    },
    () => 'no second server is ACTIVE',
    SLOW_MS,
  );
  expect((await servers()).map(hostOf).sort()).toEqual([...HOSTS].sort());
  for (const silent of HOSTS) {
    const pid = await oneDnsmasqOn(silent);
    process.kill(Number(pid), 'SIGSTOP');
    try {
      expect(await lease(20)).toBe(guest.ip);
    } finally {
      process.kill(Number(pid), 'SIGCONT');
    }
  }
}, 240_000);

test('a network that goes leaves nothing on the nodes', async () => {
  await lab.delete('port', guest.portId);
  await lab.delete('network', network.id);
  for (const host of HOSTS)
    await until(
      async () => (await lab.text(host, ['ip', 'netns'])).includes(network.id) === false,
      () => `${host} still has the namespace`,
    );
}, 240_000);
