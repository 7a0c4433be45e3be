/** One router with a route that the real kernel refuses: the route alone is in error, with the kernel's own reason. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { converge, type Convergence, L3Memory, netnsOf } from '@plumbline/l3-core';
import { idOf, Story } from '@plumbline/l3-core/testing';
import { NodeL3Driver } from './node-driver.js';
import { makeNode, ScratchNode } from './testing/index.js';

const well = (): Story =>
  new Story()
    .network('e4', '203.0.113.0/24', { external: true, gatewayIp: '203.0.113.1' })
    .network('a4', '10.1.0.0/24', { gatewayIp: '10.1.0.1' })
    .router('c4')
    .interface('c4', 'a4', '55555555-55', 'fa:16:3e:00:00:05', '10.1.0.1')
    .gateway('c4', 'e4', '66666666-66', 'fa:16:3e:00:00:06', '203.0.113.9')
    .floatingIp('76', 'e4', '203.0.113.76')
    .associate('76', '203.0.113.76', '10.1.0.76', 'ba4', 'c4');
const length = well().log.length;
const ROUTER = netnsOf(idOf('c4'));
/** Two by the subnet's broadcast address, and one by a host of it. */
const ROUTES = [
  { destination: '10.9.0.0/24', nexthop: '10.1.0.255' },
  { destination: '10.8.0.0/24', nexthop: '10.1.0.255' },
  { destination: '10.7.0.0/24', nexthop: '10.1.0.200' },
];
const routed = well().add({
  type: 'RouterRoutesSet',
  version: 1,
  data: { routerId: idOf('c4'), routes: ROUTES },
});
const position = routed.log.length;

let node: ScratchNode;
let driver: NodeL3Driver;
const memory = new L3Memory();
beforeAll(async () => {
  node = await makeNode();
  driver = node.driver();
});
afterAll(() => node.remove());

const inside = async (command: string): Promise<string> =>
  (await node.spawner.run(command.split(' '), { netns: ROUTER })).stdout;
const look = (touched: 'all' | ReturnType<typeof routed.touched>): Promise<Convergence> =>
  converge(routed.view(position), driver, { touched, mayRemove: true, unverified: false }, memory);

describe('a router with refused routes', () => {
  it('is built whole but for them, on a node that was empty', async () => {
    const outcome = await look('all');
    expect(outcome.failed).toHaveLength(1);
    const [failed] = outcome.failed;
    expect(failed?.key).toBe(`router/${idOf('c4')}`);
    expect(failed?.reason).toContain('route 10.9.0.0/24 via 10.1.0.255: Error: Nexthop has invalid gateway.');
    expect(failed?.reason).toContain('route 10.8.0.0/24 via 10.1.0.255: Error: Nexthop has invalid gateway.');
    const ill = outcome.statuses.filter(({ status }) => status !== 'ACTIVE');
    expect(ill).toEqual([{ kind: 'router', id: idOf('c4'), position, status: 'ERROR', reason: failed?.reason }]);
    const routes = await inside('ip route show proto 201');
    expect(routes).toContain('10.7.0.0/24 via 10.1.0.200');
    expect(routes).toContain('default via 203.0.113.1');
    expect(routes).not.toMatch(/10\.[89]\.0\.0/);
    expect(await inside('ip -o address show')).toContain('203.0.113.76/32');
    expect(await inside('iptables-save -t nat')).toContain('-d 203.0.113.76/32');
  });

  it('costs nothing else when they are tried again, and counts no drift', async () => {
    const before = await inside('ip -o address show');
    const outcome = await look(routed.touched(position));
    expect([outcome.applied, outcome.drift, outcome.failed.length]).toEqual([0, 0, 1]);
    expect(await inside('ip -o address show')).toBe(before);
  });

  it('is well when they are gone, and what is to be removed goes meanwhile', async () => {
    await inside('ip route add 10.66.0.0/24 via 10.1.0.3');
    expect((await look('all')).failed).toHaveLength(1);
    expect(await inside('ip route show')).not.toContain('10.66.0.0');
    const outcome = await converge(
      routed.view(length),
      driver,
      { touched: 'all', mayRemove: true, unverified: false },
      memory,
    );
    expect(outcome.failed).toEqual([]);
    expect(outcome.statuses.every(({ status }) => status === 'ACTIVE')).toBe(true);
    expect(await inside('ip route show')).not.toContain('10.7.0.0');
  });
});
