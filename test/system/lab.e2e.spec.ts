/** `plumb lab` as a user runs it: started, started again, interrupted, removed; the host stays as it was. */
import { mkdtempSync, readFileSync, rmSync, existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { run, type RunResult } from '@plumbline/exec';
import { ApiClient, labSpec, loginsOf, processesWith, readLabState, readRunning, signal } from '@plumbline/lab';
import { hostPicture } from '@plumbline/lab/testing';
import { z } from 'zod';

const projectDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'plumb-e2e-'));
const name = `e${process.pid}`;
const spec = labSpec({ projectDir, name, stateDir: path.join(folder, 'state') });
const env = { PLUMB_STATE: spec.stateDir };
const upTimeoutMs = 120_000;

const plumb = (...args: string[]): Promise<RunResult> =>
  run([process.execPath, path.join(projectDir, 'apps/cli/dist/main.js'), 'lab', '--name', name, ...args], {
    env,
    timeoutMs: upTimeoutMs,
  });
/** SIGINT after so many milliseconds, as Ctrl-C sends it. */
const interruptedUp = (ms: number): Promise<RunResult> =>
  run(
    [
      ...['timeout', '--foreground', '--signal=INT', String(ms / 1000)],
      ...[process.execPath, path.join(projectDir, 'apps/cli/dist/main.js'), 'lab', '--name', name, 'up'],
    ],
    { env, timeoutMs: upTimeoutMs, okCodes: [0, 124, 130] },
  );
const state = () => {
  const found = readLabState(spec.stateDir);
  if (found === null) throw new Error('no lab');
  return found;
};

const Network = z.object({ id: z.string(), name: z.string() });
const api = () => new ApiClient(state().apiUrl ?? '', loginsOf(state())[0]);
const create = async (member: string, attributes: Record<string, unknown>): Promise<string> =>
  (await api().create(member, Network, attributes)).id;
const namesOf = async (collection: string): Promise<string[]> =>
  (await api().list(collection, z.object({ name: z.string() }))).map(({ name }) => name).sort();
const supervisorPid = (): number =>
  z.object({ pid: z.number() }).parse(JSON.parse(readFileSync(path.join(spec.stateDir, 'supervisor.json'), 'utf8')))
    .pid;
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await delay(20);
};

let before: Readonly<Record<string, string>>;
let printed: string;

beforeAll(async () => {
  before = await hostPicture('without', spec.hostLink);
  printed = (await plumb('up')).stdout;
}, upTimeoutMs);
afterAll(async () => {
  await plumb('down');
  rmSync(folder, { recursive: true, force: true });
});

describe('a lab', () => {
  test('ends by proving ping and TCP on every way', () => {
    for (const way of [
      "outside -> vm1's floating IP",
      'vm1 -> outside',
      'vm2 -> outside',
      'vm1 -> vm2, through the tunnel',
    ]) {
      expect(printed).toMatch(new RegExp(`${way} \\([\\d.]+\\): ping [\\d.]+ ms, 1048576 bytes over TCP in \\d+ ms`));
    }
  });

  test('has instances that got address, route and MTU by DHCP', async () => {
    for (const { name: vm, ip, byDhcp } of state().instances) {
      expect(byDhcp).toBe(true);
      const inside = async (...argv: string[]) => (await plumb('exec', vm, '--', ...argv)).stdout;
      expect(await inside('ip', '-oneline', '-4', 'address', 'show', 'dev', 'eth0')).toContain(` ${ip}/24 `);
      expect(await inside('ip', 'route')).toContain('default via 192.168.50.1 dev eth0');
      expect(await inside('ip', 'link', 'show', 'dev', 'eth0')).toContain(' mtu 1450 ');
      expect((await plumb('status')).stdout).toMatch(new RegExp(`up +dhcp-${vm} `));
    }
  });

  test('touches nothing of the host’s network but its one link', async () => {
    expect(await hostPicture('without', spec.hostLink)).toEqual(before);
    const own = (await run(['ip', '-oneline', 'link'])).stdout
      .split('\n')
      .filter((line) => line.includes(spec.hostLink));
    expect(own).toHaveLength(1);
  });

  test('is found by a second up', async () => {
    const supervisor = readFileSync(path.join(spec.stateDir, 'supervisor.json'), 'utf8');
    expect((await plumb('up')).stdout).toContain('the lab is up already');
    expect(readFileSync(path.join(spec.stateDir, 'supervisor.json'), 'utf8')).toBe(supervisor);
    expect((await plumb('status')).stdout).toContain('the lab is up');
  });

  test('prints lines that work as printed', async () => {
    const lines = printed.split('\n').filter((line) => line.startsWith('  '));
    const commands = lines.filter((line) => /^ {2}(curl|npm) /.test(line) && !/ (down|up)$/.test(line));
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands) await run(['bash', '-c', `cd "$0" && ${command}`, projectDir], { env });
    const clients = lines.filter((line) => line.startsWith('  openstack '));
    expect(clients.length).toBeGreaterThan(1);
    const told = printed.split('\n').filter((line) => line.startsWith('  export OS_CLIENT_CONFIG_FILE='));
    for (const command of clients)
      await run(['bash', '-c', `cd "$0" && ${[...told, command].join(' && ')}`, projectDir]);
  });

  test('runs its API without any right, and its agents with few', async () => {
    const rights = (unit: string) => readFileSync(`/proc/${readRunning(spec.stateDir, unit)?.pid}/status`, 'utf8');
    const api = rights('api');
    expect(api).toMatch(/^Uid:\s+65534\s/m);
    for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) expect(api).toMatch(new RegExp(`^${set}:\\s+0+$`, 'm'));
    expect(api).toMatch(/^NoNewPrivs:\s+1$/m);
    // NET_ADMIN (12), NET_RAW (13), SYS_ADMIN (21); L3 and DHCP agent, for programs that run as other users, also KILL (5), SETGID (6), SETUID (7), SYS_PTRACE (19);
    // the DHCP agent, for dnsmasq, NET_BIND_SERVICE (10); the metadata agent, for haproxy, that and CHOWN (0); the L3 agent, to hear of changes, NET_BROADCAST (11).
    const masks = {
      ...{ 'l3-agent-net1': '2838e0', 'dhcp-agent-net1': '2834e0', 'metadata-agent-net1': '2834e1' },
      ...{ 'ovs-agent-net1': '203000', 'ovs-agent-cmp1': '203000' },
    };
    for (const [unit, mask] of Object.entries(masks)) {
      expect(rights(unit)).toMatch(new RegExp(`^CapBnd:\\s+0{10}${mask}$`, 'm'));
      expect(rights(unit)).toMatch(/^NoNewPrivs:\s+1$/m);
    }
  });

  test('whose supervisor was killed is mended: what was made in it stays, and answers', async () => {
    const { floatingIp } = state();
    const made = await create('network', { name: 'kept' });
    const removed = await create('network', { name: 'removed' });
    await api().send('DELETE', `/v2.0/networks/${removed}`);
    const names = await namesOf('networks');
    process.kill(supervisorPid(), 'SIGKILL');
    await until(() => !existsSync(`/proc/${supervisorPid()}`));
    const { stdout } = await plumb('up');
    expect(stdout).toContain('its supervisor was ended. Mending it: what was made in it stays');
    expect(stdout).toContain(`outside -> the floating IP (${floatingIp}): ping`);
    expect(names).toContain('kept');
    expect(await namesOf('networks')).toEqual(names);
    expect(await api().get('network', Network, made)).toMatchObject({ id: made });
    expect(await hostPicture('without', spec.hostLink)).toEqual(before);
  });

  test('after a restart of the machine it is mended; what its user removed stays removed', async () => {
    const [vm1, vm2] = state().instances;
    await api().send('DELETE', `/v2.0/ports/${vm2?.portId}`);
    // As in a lab that a release made which enforced no rules.
    await api().put(`/v2.0/ports/${vm1?.portId}`, { port: { security_groups: [] } });
    const [guests] = await api().list('security_groups', Network, '?name=lab-guests');
    await api().send('DELETE', `/v2.0/security-groups/${guests?.id}`);
    // As after a power cut: nothing runs, no namespace and no link is left, and the kernel has another boot id.
    const { labId } = state();
    const names = await namesOf('networks');
    process.kill(supervisorPid(), 'SIGKILL');
    for (const each of processesWith('PLUMB_LAB_ID', labId)) signal(each, 'SIGKILL');
    await until(() => processesWith('PLUMB_LAB_ID', labId).length === 0);
    await until(async () => !(await run(['ip', '-oneline', 'link'])).stdout.includes(spec.hostLink));
    const file = path.join(spec.stateDir, 'lab.json');
    writeFileSync(file, JSON.stringify({ ...state(), bootId: 'another' }));
    const { stdout } = await plumb('up');
    expect(stdout).toContain('the machine was restarted since. Mending it');
    expect(stdout).toContain('vm2 is not plugged in: its port was removed');
    expect(stdout).toMatch(/outside -> the floating IP \([\d.]+\): ping/);
    expect(await namesOf('networks')).toEqual(names);
    expect((await plumb('up')).stdout).toContain('the lab is up already');
  });

  test('is made anew by --fresh alone', async () => {
    expect((await plumb('up', '--fresh')).stdout).toContain('vm2, through the tunnel');
    expect(await namesOf('networks')).toEqual(['private', 'public']);
  });

  test('whose supervisor was killed goes whole with down, and with it what its agents started: dnsmasq, haproxy', async () => {
    const { labId } = state();
    const programs = () =>
      processesWith('PLUMB_LAB_ID', labId).map(({ pid }) => {
        try {
          return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
        } catch {
          return '';
        }
      });
    process.kill(supervisorPid(), 'SIGKILL');
    await until(() => !existsSync(`/proc/${supervisorPid()}`));
    expect(programs()).toEqual(expect.arrayContaining(['dnsmasq', 'haproxy']));
    await plumb('down');
    expect(programs()).toEqual([]);
    expect(existsSync(spec.stateDir)).toBe(false);
    expect(await hostPicture('with', spec.hostLink)).toEqual(before);
  });

  test('interrupted at any moment, it comes up again', async () => {
    for (const ms of [200, 700, 1_200, 2_000, 3_000]) await interruptedUp(ms);
    expect((await plumb('up')).stdout).toContain('bytes over TCP');
    expect(await hostPicture('without', spec.hostLink)).toEqual(before);
  }, 240_000);

  test('down leaves nothing', async () => {
    const { labId } = state();
    await plumb('down');
    expect(processesWith('PLUMB_LAB_ID', labId)).toEqual([]);
    expect(existsSync(spec.stateDir)).toBe(false);
    expect(await hostPicture('with', spec.hostLink)).toEqual(before);
    expect((await plumb('down')).stdout).toContain('there is no lab');
  });
});
