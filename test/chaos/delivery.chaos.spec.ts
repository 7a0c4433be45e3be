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
    await LossyNats.between(lab, 'net1', ['l3-agent', 'ovs-agent'], seed),
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
});
