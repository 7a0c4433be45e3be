/** A router as large as they get: 50 interfaces of both families, 500 forwardings on one address, extra routes with several next hops; and it moves away and back. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory, netnsOf, outsideDevice } from '@plumbline/l3-core';
import { idOf, Story } from '@plumbline/l3-core/testing';
import type { NodeL3Driver } from './node-driver.js';
import { makeNode, ScratchNode } from './testing/index.js';

const INTERFACES = 50;
const FORWARDINGS = 500;
const OUTSIDE = 7;
const SHARED = ['78', '203.0.113.178'] as const;
const ROUTER = idOf('ce');
const NETNS = netnsOf(ROUTER);
const numbers = Array.from({ length: INTERFACES }, (_, n) => n + 1);
const hex = (n: number): string => n.toString(16).padStart(2, '0');
const portOf = (n: number): string => idOf(`51${hex(n)}0000-51`);
const [FIRST, LAST] = [1, INTERFACES];

function site(): Story {
  const story = new Story()
    .network('ee', '203.0.113.0/24', { external: true, gatewayIp: '203.0.113.1' })
    .subnet('ee', 'bee6', '2001:db8:eeee::/64', '2001:db8:eeee::1')
    .router('ce')
    .gateway('ce', 'ee', '52222222-52', 'fa:16:3e:00:05:02', '203.0.113.9', '2001:db8:eeee::9@bee6')
    .floatingIp(SHARED[0], 'ee', SHARED[1]);
  for (const n of numbers)
    story
      .network(`a${hex(n)}`, `10.5.${n}.0/24`, { gatewayIp: `10.5.${n}.1` })
      .subnet(`a${hex(n)}`, `b6${hex(n)}`, `2001:db8:${hex(n)}::/64`, `2001:db8:${hex(n)}::1`)
      .interface(
        'ce',
        `a${hex(n)}`,
        `51${hex(n)}0000-51`,
        `fa:16:3e:05:00:${hex(n)}`,
        `10.5.${n}.1`,
        `2001:db8:${hex(n)}::1@b6${hex(n)}`,
      );
  for (let n = 1; n <= FORWARDINGS; n += 1)
    story.forward(`f${n.toString(16).padStart(7, '0')}`, 'ce', SHARED, 'tcp', `${2000 + n}>22`, '10.5.1.5@d1');
  return story.add({
    type: 'RouterRoutesSet',
    version: 1,
    data: {
      routerId: ROUTER,
      routes: [
        ['172.16.0.0/16', '10.5.1.5'],
        ['172.16.0.0/16', '10.5.50.5'],
        ['2001:db8:ff::/48', '2001:db8:01::5'],
        ['2001:db8:ff::/48', '2001:db8:32::5'],
      ].map(([destination = '', nexthop = '']) => ({ destination, nexthop })),
    },
  });
}

let node: ScratchNode;
let driver: NodeL3Driver;
const memory = new L3Memory();
const story = site();
const apply = (touched: 'all' | ReadonlySet<`router/${string}` | `portforwarding/${string}`> = 'all') =>
  converge(story.view(), driver, { touched, mayRemove: true, unverified: false }, memory);
const isWell = ({ failed, statuses }: Convergence): void => {
  expect(failed).toEqual([]);
  expect(statuses.filter(({ status }) => status !== 'ACTIVE')).toEqual([]);
};
const text = async (argv: string, netns?: string): Promise<string> =>
  (await node.spawner.run(argv.split(' '), netns === undefined ? {} : { netns })).stdout;
const lines = (all: string): string[] =>
  all
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/\[\d+:\d+\]/, '').trim());

/** What the router is, without numbers that the kernel gives. */
async function dump(): Promise<string[]> {
  const shown = await Promise.all([
    text('iptables-save', NETNS),
    text('ip6tables-save', NETNS),
    text('ip -o address show', NETNS),
    text('ip -4 route show table all', NETNS),
    text('ip -6 route show', NETNS),
  ]);
  const unnumbered = (line: string): string => line.replace(/^\d+: |@if\d+|valid_lft .*/g, '');
  return [...shown.flatMap(lines).map(unnumbered), ...(await node.ports.observe()).ports.keys()]
    .filter((line) => !line.startsWith('v-'))
    .sort();
}

const ping = (from: string, to: string): Promise<unknown> =>
  node.spawner.run(['ping', '-c', '1', '-W', '2', to], { netns: from });
/** Until the switch has learned where everybody is. */
async function until(ask: () => Promise<unknown>): Promise<void> {
  for (const end = Date.now() + 30_000; ;)
    try {
      await ask();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
}
const SERVE = `
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', 22)); s.listen(50)
while True:
    c, _ = s.accept(); c.sendall(b'here'); c.close()
`;
const ASK = `
import socket, sys
s = socket.socket(); s.settimeout(2); s.connect((sys.argv[1], int(sys.argv[2]))); print(s.recv(10).decode())
`;
const answerAt = async (port: number): Promise<string> =>
  (await node.spawner.run(['python3', '-c', ASK, SHARED[1], `${port}`], { netns: 'outside' })).stdout.trim();
const wire = async (): Promise<void> => {
  await node.wire(outsideDevice(idOf('52222222-52')), OUTSIDE);
  for (const n of [FIRST, LAST]) await node.wire(outsideDevice(portOf(n)), 100 + n);
};

let built: string[];
beforeAll(async () => {
  node = await makeNode();
  driver = node.driver({ announceAfterMs: [0] });
  isWell(await apply());
  built = await dump();
  await node.plug('first', 100 + FIRST, '10.5.1.5/24', '10.5.1.1');
  await node.plug('last', 100 + LAST, '10.5.50.5/24', '10.5.50.1');
  await node.plug('outside', OUTSIDE, '203.0.113.99/24');
  await wire();
  void node.spawner.run(['python3', '-c', SERVE], { netns: 'first', timeoutMs: 0 }).catch(() => undefined);
}, 300_000);
afterAll(() => node.remove());

describe('a router of 50 interfaces and 500 forwardings', () => {
  it('routes between the first and the last, and each forwarding leads to its instance', async () => {
    await until(() => ping('first', '10.5.50.5'));
    for (const n of [1, FORWARDINGS / 2, FORWARDINGS]) await until(() => answerAt(2000 + n));
    const routes = await text('ip -4 route show 172.16.0.0/16', NETNS);
    expect(lines(routes).filter((line) => line.startsWith('nexthop'))).toHaveLength(2);
    expect(await text('ip -6 route show 2001:db8:ff::/48', NETNS)).toMatch(/via 2001:db8:1::5[^]*via 2001:db8:32::5/);
    const six = lines(await text('ip -6 -o address show scope global', NETNS));
    expect(six).toHaveLength(INTERFACES + 1);
  }, 120_000);

  it('is found as it is, also by an agent that has just started', async () => {
    expect((await apply()).applied).toBe(0);
    driver = node.driver({ announceAfterMs: [0] });
    const again = await converge(story.view(), driver, { touched: 'all', mayRemove: true, unverified: false });
    expect([again.applied, again.failed]).toEqual([0, []]);
  }, 120_000);

  it('one forwarding more prints no rules and writes a handful of lines', async () => {
    await apply();
    const asked: string[] = [];
    const run = node.runner.run.bind(node.runner);
    node.runner.run = (argv, options) => {
      asked.push(`${argv[0]} ${(options?.stdin ?? '').split('\n').length}`);
      return run(argv, options);
    };
    try {
      story.forward('fffffff1', 'ce', SHARED, 'tcp', '4000>22', '10.5.1.5@d1');
      isWell(await apply(new Set([`portforwarding/${idOf('fffffff1')}` as const])));
    } finally {
      node.runner.run = run;
    }
    expect(asked.filter((each) => /-save/.test(each))).toEqual([]);
    const restores = asked.filter((each) => each.startsWith('iptables-restore'));
    expect(restores).toHaveLength(1);
    expect(Number(restores[0]?.split(' ')[1])).toBeLessThan(12);
    await until(() => answerAt(4000));
    story.unforward('fffffff1', 'ce', SHARED);
    isWell(await apply(new Set([`portforwarding/${idOf('fffffff1')}` as const])));
    expect(await dump()).toEqual(built);
  }, 120_000);

  it('moves to another node and leaves nothing, comes back and is what it was', async () => {
    for (let turn = 1; turn <= 2; turn += 1) {
      story.add(
        { type: 'RouterUnscheduled', version: 1, data: { routerId: ROUTER, host: 'net1' } },
        { type: 'RouterScheduled', version: 1, data: { routerId: ROUTER, host: 'net2' } },
      );
      const touched = new Set([`router/${ROUTER}` as const]);
      expect((await apply(touched)).failed).toEqual([]);
      expect(await text('ip -br link show type veth')).not.toMatch(/^tap/m);
      expect(await text('ip netns list')).not.toContain(NETNS);
      expect([...(await node.ports.observe()).ports.values()].filter(({ ours }) => ours)).toEqual([]);
      await expect(answerAt(2001)).rejects.toThrow();
      story.add(
        { type: 'RouterUnscheduled', version: 1, data: { routerId: ROUTER, host: 'net2' } },
        { type: 'RouterScheduled', version: 1, data: { routerId: ROUTER, host: 'net1' } },
      );
      isWell(await apply(touched));
      const back = (all: string[]): string[] => all.map((line) => line.replace(/plumb:\d+/, 'plumb'));
      expect(back(await dump()).sort()).toEqual(back(built).sort());
      await wire();
      await until(() => answerAt(2000 + FORWARDINGS));
      expect((await apply()).applied).toBe(0);
    }
  }, 300_000);
});
