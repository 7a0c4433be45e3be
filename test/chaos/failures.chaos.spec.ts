/**
 * Every process is killed, a node is wiped, the log is replaced: the lab converges without manual help, and a TCP stream through a floating IP continues
 * wherever only our own software died. The lab's supervisor restarts processes, as systemd does on a real node.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { AGENTS } from '@plumbline/contracts';
import { defaultNodes, type InstanceState } from '@plumbline/lab';
import { nodePicture, type NodePicture } from '../system/testing/node-picture.js';
import { HeldStream } from '../system/testing/stream.js';
import { TestLab, until, upTimeoutMs } from '../system/testing/test-lab.js';
import { emptyDatabase, plugAgain, wipe, wipeNamespaces } from '../system/testing/harm.js';

const agents = defaultNodes.flatMap((node) => node.agents.map((kind) => `${AGENTS[kind].app}-${node.host}`));
const hosts = ['net1', 'cmp1', 'cmp2'] as const;
/** How many 20 ms ticks a stream may pause without a lost packet, on a machine with two cores that starts a Node.js process meanwhile. */
const unharmedGapMs = 1_000;
/** The same when the switch itself was down: TCP's retransmission timeout doubles each time. */
const harmedGapMs = 10_000;

let lab: TestLab;
let vm1: InstanceState;
let vm2: InstanceState;
let floating: string;
let streams = 0;

beforeAll(async () => {
  lab = await TestLab.up('f');
  vm1 = lab.instance('vm1');
  vm2 = lab.instance('vm2');
  floating = lab.state.floatingIp ?? '';
}, upTimeoutMs);
afterAll(async () => lab?.down(), upTimeoutMs);

const pictures = async (): Promise<Record<string, NodePicture>> =>
  Object.fromEntries(await Promise.all(hosts.map(async (host) => [host, await nodePicture(lab, host)] as const)));

const openStream = (): Promise<HeldStream> => HeldStream.open(lab, `s${(streams += 1)}`, 'vm1', floating);

/** Checks that a change works end to end: a floating IP is made, answers, and is deleted again. */
async function allWorks(): Promise<void> {
  let made: string | null = null;
  await until(
    async () => (made = (await lab.floatingIp(vm2)).id) !== null,
    () => 'no floating IP can be made',
  );
  const id = made ?? '';
  const address = String((await lab.get('floatingip', id))['floating_ip_address']);
  await lab.becomes('floatingip', id, 'ACTIVE');
  await lab.answers('outside', address, 'vm2');
  await lab.delete('floatingip', id);
  await until(
    async () => (await lab.greeting('outside', address)) === null,
    () => `${address} answers though it was deleted`,
  );
  // What is compared next may not still have it.
  await until(
    async () => !JSON.stringify(await nodePicture(lab, 'net1')).includes(`${address}/`),
    () => `${address} is on net1 though it was deleted`,
  );
}

describe('kill -9', () => {
  test.each([...agents, 'api', 'nats', 'postgres'])(
    '%s: a TCP stream lives on, and all works again',
    async (name) => {
      const before = await pictures();
      const stream = await openStream();
      await lab.kill(name);
      await stream.flows();
      await allWorks();
      const { gapMs } = await stream.flows();
      expect(gapMs).toBeLessThan(unharmedGapMs);
      await stream.close();
      expect(await pictures()).toEqual(before);
    },
    60_000,
  );

  test('all of our processes at the same moment', async () => {
    const before = await pictures();
    const stream = await openStream();
    await Promise.all([...agents, 'api', 'nats', 'postgres'].map((name) => lab.kill(name)));
    await allWorks();
    const { gapMs } = await stream.flows();
    expect(gapMs).toBeLessThan(unharmedGapMs);
    await stream.close();
    expect(await pictures()).toEqual(before);
  }, 60_000);
});

describe('the switch', () => {
  test.each(['cmp1', 'net1'])(
    'ovs-vswitchd of %s is killed: flows are there again, the stream goes on',
    async (host) => {
      const before = await pictures();
      const stream = await openStream();
      await lab.kill(`ovs-vswitchd-${host}`);
      await stream.flows();
      await allWorks();
      const { gapMs } = await stream.flows();
      // TCP's retransmission timeout doubles each time.
      expect(gapMs).toBeLessThan(10_000);
      await stream.close();
      await until(
        async () => JSON.stringify(await pictures()) === JSON.stringify(before),
        () => 'the nodes are not as before',
      );
    },
  );

  test('ovsdb-server of net1 is killed', async () => {
    const before = await pictures();
    const stream = await openStream();
    await lab.kill('ovsdb-server-net1');
    await allWorks();
    const { gapMs } = await stream.flows();
    expect(gapMs).toBeLessThan(harmedGapMs);
    await stream.close();
    expect(await pictures()).toEqual(before);
  });
});

describe('a wiped node', () => {
  const asBefore = async (before: Record<string, NodePicture>): Promise<void> => {
    let now: Record<string, NodePicture> = {};
    await until(
      async () => JSON.stringify((now = await pictures())) === JSON.stringify(before),
      () => 'the nodes are not as before',
    ).catch(() => expect(now).toEqual(before));
  };

  test('net1: the agents make namespaces, bridges and ports again', async () => {
    const before = await pictures();
    await wipe(lab, 'net1');
    await lab.answers('outside', floating, 'vm1');
    await asBefore(before);
    await allWorks();
  });

  test('net1: namespaces alone, noticed at once by their devices', async () => {
    const before = await pictures();
    await wipeNamespaces(lab, 'net1');
    await lab.answers('outside', floating, 'vm1');
    await asBefore(before);
  });

  test('net1: rules and flows alone, found by the resync on the timer (60 s, here 2)', async () => {
    const restores = [
      await lab.withEnvironment('l3-agent-net1', { PLUMB_RESYNC_SECONDS: '2' }),
      await lab.withEnvironment('ovs-agent-net1', { PLUMB_RESYNC_SECONDS: '2' }),
    ];
    const before = await pictures();
    const [router] = Object.keys(before['net1']?.routers ?? {});
    await lab.at('net1', ['ip', 'netns', 'exec', router ?? '', 'iptables', '-t', 'nat', '-F']);
    for (const bridge of ['br-int', 'br-tun']) await lab.at('net1', ['ovs-ofctl', 'del-flows', bridge]);
    await lab.answers('outside', floating, 'vm1');
    await asBefore(before);
    for (const restore of restores) await restore();
  });

  test('cmp1: as soon as its instance is plugged in again it answers', async () => {
    const before = await pictures();
    await wipe(lab, 'cmp1');
    await lab.becomes('port', vm1.portId, 'DOWN');
    await plugAgain(lab, vm1);
    await lab.becomes('port', vm1.portId, 'ACTIVE');
    await lab.answers('outside', floating, 'vm1');
    await asBefore(before);
    await allWorks();
  });
});

describe('an empty log', () => {
  const states = async (): Promise<unknown[]> =>
    (await lab.list('agents')).map((agent) => (agent['configurations'] as { state: string }).state);

  test('changes nothing on any node and is reported; with the old log everything works again', async () => {
    const before = await pictures();
    const stream = await openStream();
    const restore = await lab.withEnvironment('api', { DATABASE_URL: await emptyDatabase(lab, 'other') });
    const reported = (): Promise<void> =>
      until(
        async () => (await states()).join() === agents.map(() => 'foreign-log').join(),
        () => 'not all agents report the foreign log',
      );
    await reported();
    expect(await lab.list('routers')).toEqual([]);
    for (const host of hosts) expect(await lab.health(host, 'ovs')).toContain('plumb node rebind');
    // After a restart the agents still know which log the node is bound to.
    await Promise.all(agents.map((name) => lab.kill(name)));
    await reported();
    expect(await pictures()).toEqual(before);
    expect((await stream.flows()).gapMs).toBeLessThan(unharmedGapMs);

    await restore();
    await until(
      async () => (await states()).join() === agents.map(() => 'in-sync').join(),
      () => 'not all agents are in sync again',
    );
    await allWorks();
    expect((await stream.flows()).gapMs).toBeLessThan(unharmedGapMs);
    await stream.close();
    expect(await pictures()).toEqual(before);
  }, 90_000);
});
