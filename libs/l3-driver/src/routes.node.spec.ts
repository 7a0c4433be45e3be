/** Packets through a router whose networks have a small MTU, or whose extra routes are in the way of its own. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory, netnsOf, outsideDevice } from '@plumbline/l3-core';
import { idOf, Story } from '@plumbline/l3-core/testing';
import { NodeL3Driver } from './node-driver.js';
import { makeNode, ScratchNode } from './testing/index.js';

const TENANT = 11;
const OUTSIDE = 12;
const ROUTER = netnsOf(idOf('c9'));
const site = (): Story =>
  new Story()
    .network('e9', '203.0.113.0/24', { external: true, gatewayIp: '203.0.113.1' })
    .network('a9', '10.9.0.0/24', { gatewayIp: '10.9.0.1' })
    .router('c9')
    .interface('c9', 'a9', '91111111-91', 'fa:16:3e:00:09:01', '10.9.0.1')
    .gateway('c9', 'e9', '92222222-92', 'fa:16:3e:00:09:02', '203.0.113.9')
    .floatingIp('79', 'e9', '203.0.113.79');
const associated = (story: Story): Story => story.associate('79', '203.0.113.79', '10.9.0.5', 'ba9', 'c9');
const mtu = (story: Story, mtuBytes: number): Story =>
  story.add(
    ...['e9', 'a9'].map((network) => ({
      type: 'NetworkAttributesSet' as const,
      version: 1 as const,
      data: { networkId: idOf(network), set: { mtuBytes } },
    })),
  );
const routed = (story: Story, ...routes: (readonly [destination: string, nexthop: string])[]): Story =>
  story.add({
    type: 'RouterRoutesSet',
    version: 1,
    data: { routerId: idOf('c9'), routes: routes.map(([destination, nexthop]) => ({ destination, nexthop })) },
  });

let node: ScratchNode;
let driver: NodeL3Driver;
const memory = new L3Memory();
const apply = (story: Story): Promise<Convergence> =>
  converge(story.view(), driver, { touched: 'all', mayRemove: true, unverified: false }, memory);
const ping = (from: string, to: string): Promise<unknown> =>
  node.spawner.run(['ping', '-c', '1', '-W', '2', to], { netns: from });
const inside = async (command: string): Promise<string> =>
  (await node.spawner.run(command.split(' '), { netns: ROUTER })).stdout;
/** Until the switch has learned where everybody is; then at once. */
async function until(ask: () => Promise<unknown>): Promise<void> {
  for (const end = Date.now() + 15_000; ;)
    try {
      await ask();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
}
const isWell = ({ failed, statuses }: Convergence): void => {
  expect(failed).toEqual([]);
  expect(statuses.filter(({ status }) => status !== 'ACTIVE')).toEqual([]);
};

beforeAll(async () => {
  node = await makeNode();
  driver = node.driver();
  await node.plug('vm', TENANT, '10.9.0.5/24', '10.9.0.1');
  await node.plug('outside', OUTSIDE, '203.0.113.1/24');
  isWell(await apply(mtu(site(), 1200)));
  await node.wire(outsideDevice(idOf('91111111-91')), TENANT);
  await node.wire(outsideDevice(idOf('92222222-92')), OUTSIDE);
  await until(() => ping('vm', '203.0.113.1'));
});
afterAll(() => node.remove());

describe('an MTU below the least of IPv6', () => {
  it('is no fault: the router is made, and floating IPs come and go', async () => {
    isWell(await apply(associated(mtu(site(), 1200))));
    await until(() => ping('outside', '203.0.113.79'));
    isWell(await apply(mtu(site(), 1200)));
    await expect(ping('outside', '203.0.113.79')).rejects.toThrow();
  });

  it('an address of IPv6 there is in error, which says what to change, and nothing else is', async () => {
    const story = mtu(site(), 1200)
      .subnet('a9', 'ba96', '2001:db8:9::/64', '2001:db8:9::1')
      .interface('c9', 'a9', '93333333-93', 'fa:16:3e:00:09:03', '2001:db8:9::1@ba96');
    const { failed, statuses } = await apply(associated(story));
    const id = idOf('93333333-93');
    expect(failed.map(({ key }) => key)).toEqual([`port/${id}`]);
    const ill = statuses.filter(({ status }) => status !== 'ACTIVE');
    expect(ill).toMatchObject([{ id, status: 'ERROR' }]);
    expect(ill[0]?.reason).toMatch(/MTU of 1280 or more .* the network has 1200; set the network's mtu/);
    await until(() => ping('outside', '203.0.113.79'));
    isWell(await apply(associated(mtu(story, 1400))));
    await until(() => ping(ROUTER, '2001:db8:9::1'));
    expect(await inside('cat /proc/sys/net/ipv6/conf/qr-93333333-93/accept_ra')).toBe('0\n');
    isWell(await apply(associated(mtu(site(), 1400))));
  });

  it('set by hand it is mended, and the IPv6 of the device with it', async () => {
    isWell(await apply(associated(mtu(site(), 1400))));
    for (const device of ['qr-91111111-91', 'qg-92222222-92']) await inside(`ip link set ${device} mtu 900`);
    isWell(await apply(associated(mtu(site(), 1400))));
    expect(await inside('ip -o link show')).not.toContain('mtu 900');
    await ping('outside', '203.0.113.79');
  });
});

describe('an IPv6 interface', () => {
  it('that gets its MAC back says so to neighbours, who need not wait until they ask again', async () => {
    const story = site()
      .subnet('a9', 'ba96', '2001:db8:9::/64', '2001:db8:9::1')
      .interface('c9', 'a9', '93333333-93', 'fa:16:3e:00:09:03', '2001:db8:9::1@ba96');
    isWell(await apply(story));
    await node.wire(outsideDevice(idOf('93333333-93')), TENANT);
    const vm = (command: string): Promise<{ stdout: string }> => node.spawner.run(command.split(' '), { netns: 'vm' });
    await vm('ip -6 address add 2001:db8:9::5/64 dev eth0 nodad');
    await until(() => ping('vm', '2001:db8:9::1'));
    await inside('ip link set qr-93333333-93 address fa:16:3e:00:09:99');
    await vm('ip -6 neigh replace 2001:db8:9::1 lladdr fa:16:3e:00:09:99 dev eth0 nud reachable');
    isWell(await apply(story));
    await until(async () => {
      const { stdout } = await vm('ip -6 neigh show 2001:db8:9::1 dev eth0');
      if (!stdout.includes('fa:16:3e:00:09:03')) throw new Error(stdout);
    });
    await vm('ip -6 address del 2001:db8:9::5/64 dev eth0');
    isWell(await apply(site()));
  });
});

describe('extra routes', () => {
  it('to the connected subnet takes nothing away, neither while it is there nor when it goes', async () => {
    isWell(await apply(routed(associated(site()), ['10.9.0.0/24', '10.9.0.7'], ['10.9.0.1/32', '10.9.0.7'])));
    await until(() => ping('outside', '203.0.113.79'));
    isWell(await apply(routed(associated(site()))));
    await until(() => ping('outside', '203.0.113.79'));
  });

  it('with several next hops is one route with all of them, and changes as one', async () => {
    const to = (...hops: string[]) => hops.map((hop) => ['10.66.0.0/16', hop] as const);
    isWell(await apply(routed(site(), ...to('10.9.0.8', '10.9.0.7'))));
    const shown = async (): Promise<string[]> =>
      [...(await inside('ip route show 10.66.0.0/16')).matchAll(/via (\S+)/g)].map(([, hop = '']) => hop);
    expect(await shown()).toEqual(['10.9.0.7', '10.9.0.8']);
    isWell(await apply(routed(site(), ...to('10.9.0.9', '10.9.0.7'))));
    expect(await shown()).toEqual(['10.9.0.7', '10.9.0.9']);
    // By hand one of them goes.
    await inside('ip route replace 10.66.0.0/16 via 10.9.0.9');
    isWell(await apply(routed(site(), ...to('10.9.0.9', '10.9.0.7'))));
    expect(await shown()).toEqual(['10.9.0.7', '10.9.0.9']);
    const { failed, statuses } = await apply(routed(site(), ...to('10.9.0.9', '10.9.0.255', '10.9.0.7')));
    expect(failed).toMatchObject([{ key: `router/${idOf('c9')}` }]);
    expect(failed[0]?.reason).toMatch(/route 10.66.0.0\/16 via 10.9.0.255: .* set another next hop/);
    expect(statuses.filter(({ status }) => status !== 'ACTIVE')).toMatchObject([{ kind: 'router', status: 'ERROR' }]);
    expect(await shown()).toEqual(['10.9.0.7', '10.9.0.9']);
    isWell(await apply(routed(site(), ...to('10.9.0.9'))));
    expect(await shown()).toEqual(['10.9.0.9']);
    isWell(await apply(site()));
    expect(await shown()).toEqual([]);
  });

  it('of IPv6 likewise', async () => {
    const story = (...hops: string[]): Story =>
      routed(
        site()
          .subnet('a9', 'ba96', '2001:db8:9::/64', '2001:db8:9::1')
          .interface('c9', 'a9', '93333333-93', 'fa:16:3e:00:09:03', '2001:db8:9::1@ba96'),
        ...hops.map((hop) => ['2001:db8:66::/48', hop] as const),
      );
    const shown = async (): Promise<string[]> =>
      [...(await inside('ip -6 route show 2001:db8:66::/48')).matchAll(/via (\S+)/g)].map(([, hop = '']) => hop);
    isWell(await apply(story('2001:db8:9::7', '2001:db8:9::8')));
    expect((await shown()).sort()).toEqual(['2001:db8:9::7', '2001:db8:9::8']);
    isWell(await apply(story('2001:db8:9::8', '2001:db8:9::9')));
    expect((await shown()).sort()).toEqual(['2001:db8:9::8', '2001:db8:9::9']);
    isWell(await apply(story('2001:db8:9::9')));
    expect(await shown()).toEqual(['2001:db8:9::9']);
    isWell(await apply(story()));
    expect(await shown()).toEqual([]);
  });

  it('a subnet of link-local addresses is a subnet', async () => {
    const story = site()
      .subnet('a9', 'ba97', 'fe80::/64', 'fe80::1')
      .interface('c9', 'a9', '94444444-94', 'fa:16:3e:00:09:04', 'fe80::1@ba97');
    isWell(await apply(story));
    expect(await inside('ip -o -6 address show dev qr-94444444-94')).toContain('fe80::1/64');
    const before = node.runner.mutations;
    isWell(await apply(story));
    expect(node.runner.mutations).toBe(before);
    isWell(await apply(site()));
  });
});
