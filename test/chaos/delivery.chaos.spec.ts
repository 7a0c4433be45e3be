/** Messages between agents and API are lost, doubled and reordered, in both directions; floating IPs created meanwhile become ACTIVE and answer all the same. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { InstanceState } from '@plumbline/lab';
import { TestLab, until, upTimeoutMs } from '../system/testing/test-lab.js';
import { LossyNats, noFaults, type Faults } from './testing/lossy-nats.js';
import { seed as chosen, times } from '../../tools/jest/effort.mjs';

const rounds = times(3);
const seed = chosen ?? 20_261;
let lab: TestLab;
let vm2: InstanceState;
let proxies: LossyNats[] = [];

beforeAll(async () => {
  lab = await TestLab.up('d');
  vm2 = lab.instance('vm2');
  proxies = [
    await LossyNats.between(lab, 'net1', ['metadata-agent', 'dhcp-agent', 'l3-agent', 'ovs-agent'], seed),
    await LossyNats.between(lab, 'cmp2', ['ovs-agent'], seed + 1),
  ];
}, upTimeoutMs);
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  await lab?.down();
}, upTimeoutMs);

describe(`messages on their way (seed ${seed})`, () => {
  test.each<[string, Faults, 'dropped' | 'doubled' | 'swapped']>([
    ['every fifth one is lost', { drop: 0.2, double: 0, swap: 0 }, 'dropped'],
    ['all come twice', { drop: 0, double: 1, swap: 0 }, 'doubled'],
    ['every second one comes after its successor', { drop: 0, double: 0, swap: 0.5 }, 'swapped'],
    ['all of that', { drop: 0.15, double: 0.3, swap: 0.3 }, 'dropped'],
  ])('%s', async (_name, faults, counted) => {
    const count = (): number => proxies.reduce((sum, proxy) => sum + proxy.counts[counted], 0);
    const before = count();
    for (const proxy of proxies) proxy.faults = faults;
    const slowest = { activeMs: 0, goneMs: 0 };
    // An interrupted earlier test may have left this.
    for (const left of await lab.list('floatingips', `?port_id=${vm2.portId}`)) await lab.delete('floatingip', left.id);
    for (let round = 0; round < rounds; round += 1) {
      const floatingIp = await lab.floatingIp(vm2);
      const address = String(floatingIp['floating_ip_address']);
      slowest.activeMs = Math.max(slowest.activeMs, await lab.becomes('floatingip', floatingIp.id, 'ACTIVE'));
      expect(await lab.greeting('outside', address)).toBe('vm2 greets 10.255.253.1');
      const start = performance.now();
      await lab.delete('floatingip', floatingIp.id);
      await until(
        async () => (await lab.greeting('outside', address)) === null,
        () => `${address} answers though it was deleted`,
      );
      slowest.goneMs = Math.max(slowest.goneMs, performance.now() - start);
    }
    expect(count()).toBeGreaterThan(before);
    // The next beacon shows the loss, and the answer to the replay request may be lost too: seconds, but not the 60 s of a resync.
    expect(slowest.activeMs).toBeLessThan(20_000);
    expect(slowest.goneMs).toBeLessThan(20_000);
  });

  test('without faults, the agents are in sync at once', async () => {
    for (const proxy of proxies) proxy.faults = noFaults;
    await until(
      async () =>
        (await lab.list('agents')).every(
          (agent) => (agent['configurations'] as { state: string }).state === 'in-sync' && agent['alive'] === true,
        ),
      () => 'an agent is not in sync',
    );
    const floatingIp = await lab.floatingIp(vm2);
    expect(await lab.becomes('floatingip', floatingIp.id, 'ACTIVE')).toBeLessThan(3_000);
  });

  test('an object as large as a member can make it comes to a network node, and the changes of others after it', async () => {
    const network = await lab.create('network', { name: 'large' });
    await lab.create('subnet', { network_id: network.id, ip_version: 4, cidr: '10.77.0.0/24' });
    const port = await lab.create('port', { network_id: network.id });
    const statuses: number[] = [];
    for (let n = 0; n < 25; n += 1) {
      const extra_dhcp_opts = Array.from({ length: 64 }, (_, at) => ({
        ...{ opt_name: String(1_000 + n * 64 + at), ip_version: 6 },
        opt_value: '\\"'.repeat(100),
      }));
      statuses.push((await lab.request('PUT', `/v2.0/ports/${port.id}`, { port: { extra_dhcp_opts } })).status);
    }
    expect(new Set(statuses)).toEqual(new Set([200, 400]));
    const outside = await lab.named('networks', 'public');
    const router = await lab.create('router', { external_gateway_info: { network_id: outside.id } });
    const added = await lab.request('PUT', `/v2.0/routers/${router.id}/add_router_interface`, { port_id: port.id });
    expect(added.status).toBe(200);
    await until(
      async () =>
        (await lab.text('net1', ['ip', 'netns', 'exec', `qrouter-${router.id}`, 'ip', 'link'])).includes('qr-'),
      () => 'the router has no interface on its node',
    );
    for (const left of await lab.list('floatingips', `?port_id=${vm2.portId}`)) await lab.delete('floatingip', left.id);
    const floatingIp = await lab.floatingIp(vm2);
    await lab.becomes('floatingip', floatingIp.id, 'ACTIVE');
    expect(await lab.greeting('outside', String(floatingIp['floating_ip_address']))).toBe('vm2 greets 10.255.253.1');
    for (const agent of ['l3', 'ovs'] as const) expect(await lab.health('net1', agent)).toContain('in-sync');
    await lab.delete('floatingip', floatingIp.id);
    await lab.request('PUT', `/v2.0/routers/${router.id}/remove_router_interface`, { port_id: port.id });
    await lab.delete('router', router.id);
    await lab.delete('network', network.id);
  });
});
