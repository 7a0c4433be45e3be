/** What is on a node stays as it is wanted: restarts of the agent, ends of dnsmasq, what somebody changed by hand, what nobody asks for. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { guestOf, servedOf } from '@plumbline/dhcp-core/testing';
import { DhcpNode, until } from './testing/index.js';

let node: DhcpNode;
beforeAll(async () => {
  node = await DhcpNode.make();
});
afterAll(() => node.remove());
afterEach(() => node.serve());

const served = servedOf(1, [
  { cidr: '10.1.0.0/24', gatewayIp: '10.1.0.1' },
  { cidr: '2001:db8:1::/64', ipv6AddressMode: 'dhcpv6-stateful', ipv6RaMode: 'dhcpv6-stateful' },
]);
const port = guestOf(served, 10);
const whole = { ...served, ports: [port] };
const NETNS = `qdhcp-${served.network.id}`;
const DEVICE = `ns-${served.server.id.slice(0, 11)}`;
const OUTSIDE = `tap${served.server.id.slice(0, 11)}`;
const ip = (...argv: string[]) => node.node.spawner.run(['ip', ...argv]);
const inside = (...argv: string[]) => node.node.spawner.run(argv, { netns: NETNS });
const vsctl = (...argv: string[]) => node.node.ovs.tool(['ovs-vsctl', `--db=${node.node.ovs.remote}`, ...argv]);
const text = async (result: Promise<{ stdout: string }>): Promise<string> => (await result).stdout;

it('an agent that starts anew finds all as it is, and changes nothing', async () => {
  await node.serve(whole);
  const before = await node.dnsmasqs();
  const guest = await node.plug(port, 1);
  for (let at = 0; at < 5; at += 1) {
    node.restartAgent();
    expect(await node.serve(whole)).toBe(0);
    expect(await guest.udhcpc()).toMatchObject({ ip: '10.1.0.10' });
  }
  expect(await node.dnsmasqs()).toEqual(before);
}, 120_000);

it('a dnsmasq that was killed is back, and a guest keeps what it has', async () => {
  await node.serve(whole);
  const guest = await node.plug(guestOf(served, 11), 1);
  const other = { ...whole, ports: [port, guestOf(served, 11)] };
  await node.serve(other);
  expect(await guest.udhcpc()).toMatchObject({ ip: '10.1.0.11' });
  const ended = new Promise((resolve) => node.processes.watch(resolve));
  const [pid] = await node.dnsmasqs();
  process.kill(pid as number, 'SIGKILL');
  await ended;
  await node.serve(other);
  expect(await node.dnsmasqs()).not.toEqual([pid]);
  expect(await guest.udhcpc('-r', '10.1.0.11')).toMatchObject({ ip: '10.1.0.11' });
}, 120_000);

describe('what somebody changed by hand is put back', () => {
  const BREAK: readonly [string, () => Promise<unknown>][] = [
    ['an address that was taken', () => inside('ip', 'address', 'del', '10.1.0.2/24', 'dev', DEVICE)],
    ['an address that was added', () => inside('ip', 'address', 'add', '10.1.0.77/24', 'dev', DEVICE)],
    ['a route that was taken', () => inside('ip', 'route', 'del', 'default')],
    ['a device that is down', () => inside('ip', 'link', 'set', DEVICE, 'down')],
    ['another MTU', () => inside('ip', 'link', 'set', DEVICE, 'mtu', '1300')],
    ['a device that was deleted', () => inside('ip', 'link', 'del', DEVICE)],
    ['a namespace that was deleted', () => ip('netns', 'del', NETNS)],
    ['a port that was taken off the bridge', () => vsctl('del-port', 'br-int', OUTSIDE)],
    ['advertisements that are listened to', () => inside('sysctl', '-qw', `net/ipv6/conf/${DEVICE}/accept_ra=1`)],
    ['a file that was changed', () => node.node.spawner.run(['sh', '-c', `echo x >> ${fileOf('hosts')}`])],
  ];
  const fileOf = (name: string): string =>
    path.join(node.folder, node.owner, `dnsmasq-${served.network.id}`, 'files', name);
  it.each(BREAK)(
    '%s',
    async (what, breakIt) => {
      const mine = guestOf(served, 30 + BREAK.findIndex(([each]) => each === what));
      const all = { ...whole, ports: [mine] };
      await node.serve(all);
      const guest = await node.plug(mine, 1);
      expect(await node.serve(all)).toBe(0);
      await breakIt();
      await until('the switch to see it', async () => (await node.serve(all)) === 0);
      expect((await guest.udhcpc()).ip).toBe(mine.fixedIps[0]?.ipAddress);
    },
    60_000,
  );
});

it('nothing is left of what nobody asks for, and what is foreign stays', async () => {
  await ip('netns', 'add', 'qdhcp-mine');
  await ip('netns', 'add', 'other');
  await vsctl('add-port', 'br-int', 'tapforeign', '--', 'set', 'interface', 'tapforeign', 'type=internal');
  await node.serve(whole);
  expect(await text(vsctl('list-ports', 'br-int'))).toContain(OUTSIDE);
  node.restartAgent();
  await node.serve();
  const ports = await text(vsctl('list-ports', 'br-int'));
  expect(ports).not.toContain(OUTSIDE);
  expect(ports).toContain('tapforeign');
  const left = (await text(ip('netns', 'list'))).split('\n').map((line) => line.split(' ')[0]);
  expect(left).toEqual(expect.arrayContaining(['qdhcp-mine', 'other']));
  expect(left).not.toContain(NETNS);
  expect(await node.dnsmasqs()).toEqual([]);
  const folder = path.join(node.folder, node.owner);
  expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
}, 60_000);
