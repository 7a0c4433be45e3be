/**
 * Two network nodes that serve DHCP: an instance gets its address from the agent's dnsmasq behind the real firewall, keeps it while programs die and agents are
 * started anew, and goes on getting it when the network moves to the other node.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { agentsWhere } from '@plumbline/contracts';
import { defaultNodes, type InstanceState } from '@plumbline/lab';
import { TestLab, until, upTimeoutMs, type Resource } from './testing/test-lab.js';

const HOSTS = ['net1', 'cmp1'];
const serving = agentsWhere(({ byDefault, carries }) => byDefault || carries === 'network');
let lab: TestLab;
let network: Resource;
let guest: InstanceState;

beforeAll(async () => {
  lab = await TestLab.up(
    'q',
    defaultNodes.map((node) =>
      HOSTS.includes(node.host) ? { ...node, agents: serving, roles: ['compute', 'network'] as const } : node,
    ),
  );
  network = await lab.create('network', { name: 'served' });
  await lab.create('subnet', { network_id: network.id, ip_version: 4, cidr: '192.168.77.0/24' });
  guest = await lab.newInstance('vm9', 'cmp2', network, { prefix: 24, gateway: '192.168.77.1' });
}, upTimeoutMs);
afterAll(async () => lab?.down(), upTimeoutMs);

const server = async (): Promise<Resource | undefined> =>
  (await lab.list('ports', `?network_id=${network.id}&device_owner=network:dhcp`))[0];
const hostOf = (port: Resource | undefined): string => String(port?.['binding:host_id']);
const dnsmasqOn = async (host: string): Promise<string> =>
  (await lab.at(host, ['ip', 'netns', 'pids', `qdhcp-${network.id}`], { okCodes: [0, 1, 255] })).stdout.trim();
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
  const agents = await lab.list('agents', '?binary=plumb-dhcp-agent');
  expect(agents.map(({ host, alive }) => [host, alive]).sort()).toEqual(HOSTS.sort().map((host) => [host, true]));
}, 60_000);

test('a dnsmasq that is killed is back at once; an agent that is killed takes none with it', async () => {
  const host = hostOf(await server());
  const before = await dnsmasqOn(host);
  expect(before).toMatch(/^\d+$/);
  process.kill(Number(before), 'SIGKILL');
  await until(
    async () => !['', before].includes(await dnsmasqOn(host)),
    () => 'dnsmasq is not back',
  );
  expect(await lease()).toBe(guest.ip);
  const now = await dnsmasqOn(host);
  await lab.kill(`dhcp-agent-${host}`);
  expect(await lease()).toBe(guest.ip);
  expect(await dnsmasqOn(host)).toBe(now);
}, 60_000);

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
  );
  expect(await lease(20)).toBe(guest.ip);
  await lab.update('agent', String(agent?.id), { admin_state_up: true });
}, 90_000);

test('a network that goes leaves nothing on the nodes', async () => {
  await lab.delete('port', guest.portId);
  await lab.delete('network', network.id);
  for (const host of HOSTS)
    await until(
      async () => (await lab.text(host, ['ip', 'netns'])).includes(network.id) === false,
      () => `${host} still has the namespace`,
    );
}, 60_000);
