import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { converge, L3Memory, outsideDevice } from '@plumbline/l3-core';
import { crowd, idOf, networkNode, Story } from '@plumbline/l3-core/testing';
import { NodeL3Driver } from './node-driver.js';
import { makeNode, ScratchNode } from './testing/index.js';

type Convergence = Awaited<ReturnType<typeof converge>>;

/** Tags as the log would have placed them. */
const OUTSIDE = 10;
const TENANT = 3;
const GATEWAY = outsideDevice(idOf('44444444-44'));

let node: ScratchNode;
let driver: NodeL3Driver;
let memory: L3Memory;

const alone = (story: Story): Promise<Convergence> =>
  converge(story.view(), driver, { touched: 'all', mayRemove: false, unverified: true }, memory);
const verified = (story: Story): Promise<Convergence> =>
  converge(story.view(), driver, { touched: 'all', mayRemove: true, unverified: false }, memory);

const inside = (netns: string, ...lines: string[]): Promise<unknown> =>
  node.spawner.run(['ip', '-batch', '-'], { netns, stdin: `${lines.join('\n')}\n` });

async function macOf(netns: string): Promise<string> {
  const { stdout } = await node.spawner.run(['ip', '-j', 'link', 'show', 'eth0'], { netns });
  return (JSON.parse(stdout) as { address: string }[])[0]?.address ?? '';
}

/** The addresses on the gateway's device. */
async function outsideAddresses(): Promise<string[]> {
  const { stdout } = await node.spawner.run(['ip', '-j', 'address', 'show', 'qg-44444444-44'], {
    netns: `qrouter-${idOf('c2')}`,
  });
  const [link] = JSON.parse(stdout) as { addr_info: { local: string; scope: string }[] }[];
  return (link?.addr_info ?? []).filter(({ scope }) => scope !== 'link').map(({ local }) => local);
}

const ping = (from: string, to: string): Promise<unknown> =>
  node.spawner.run(['ping', '-c', '1', '-W', '2', to], { netns: from });

/** Asks again until it is so, within five seconds. */
async function until(ask: () => Promise<unknown>): Promise<void> {
  for (const end = Date.now() + 5000; ;) {
    try {
      return void (await ask());
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

beforeEach(() => {
  driver = node.driver();
  memory = new L3Memory();
});
beforeAll(async () => {
  node = await makeNode();
  await node.plug('vm', TENANT, '10.0.2.84/24', '10.0.2.1');
  await node.plug('outside', OUTSIDE, '10.255.253.67/24');
  await node.plug('other', OUTSIDE, '10.255.253.84/24');
});
afterAll(() => node.remove());
/** The router's devices go; the switch forgets the tags. */
afterEach(async () => {
  driver.close();
  await converge(new Story().view(), driver, { touched: 'all', mayRemove: true, unverified: false });
});

/** Boots alone while the OVS agent wires the gateway's port as soon as it sees it. */
async function boot(story: Story): Promise<Convergence> {
  const wiring = node.mirror
    .until((mirror) => mirror.port(GATEWAY) !== undefined)
    .then(() => node.wire(GATEWAY, OUTSIDE))
    .then(() => node.wire(outsideDevice(idOf('33333333-33')), TENANT));
  const [outcome] = await Promise.all([alone(story), wiring]);
  return outcome;
}

describe('a node that boots alone', () => {
  it('leaves a floating IP that a neighbour holds to him, and takes it when he is gone', async () => {
    const story = networkNode()
      .floatingIp('79', 'e2', '10.255.253.85')
      .associate('79', '10.255.253.85', '10.0.2.84', 'ba2', 'c2');
    const start = Date.now();
    const first = await boot(story);
    expect(Date.now() - start).toBeLessThan(5000);
    const held = `floatingip/${idOf('73')}`;
    expect(first.failed).toEqual([{ key: held, reason: expect.stringContaining(`${await macOf('other')} answers`) }]);
    expect(first.statuses.filter(({ status }) => status !== 'ACTIVE')).toMatchObject([
      { kind: 'floatingip', id: idOf('73'), status: 'ERROR' },
    ]);
    expect((await outsideAddresses()).sort()).toEqual(['10.255.253.11', '10.255.253.85']);
    await until(() => ping('outside', '10.255.253.85'));
    const seenAt = async (): Promise<string> => {
      const { stdout } = await node.spawner.run(['ip', '-j', 'neigh', 'show', '10.255.253.84'], { netns: 'outside' });
      return (JSON.parse(stdout) as { lladdr?: string }[])[0]?.lladdr ?? '';
    };
    await ping('outside', '10.255.253.84');
    expect(await seenAt()).toBe(await macOf('other'));

    expect((await alone(story)).failed).toEqual(first.failed);
    await inside('other', 'address flush dev eth0');
    const last = await alone(story);
    expect(last.failed).toEqual([]);
    expect(last.statuses.every(({ status }) => status === 'ACTIVE')).toBe(true);
    expect((await outsideAddresses()).sort()).toEqual(['10.255.253.11', '10.255.253.84', '10.255.253.85']);
    await until(async () => expect(await seenAt()).toBe('fa:16:3e:00:00:04'));
    await ping('outside', '10.255.253.84');

    // There already: not asked for again, whoever answers.
    await inside('other', 'address add 10.255.253.84/24 dev eth0');
    const before = node.runner.asked;
    expect(await alone(story)).toMatchObject({ applied: 0, failed: [] });
    expect(node.runner.asked).toBe(before);
  });

  it('asks for IPv6 addresses as a host that takes one does', async () => {
    await inside('other', 'address replace 2001:db8:e::11/64 dev eth0 nodad');
    const story = new Story()
      .network('e2', '10.255.253.0/24', { external: true, gatewayIp: '10.255.253.1' })
      .subnet('e2', 'be26', '2001:db8:e::/64')
      .router('c2')
      .gateway('c2', 'e2', '44444444-44', 'fa:16:3e:00:00:04', '10.255.253.11', '2001:db8:e::11@be26');
    const wiring = node.mirror
      .until((mirror) => mirror.port(GATEWAY) !== undefined)
      .then(() => node.wire(GATEWAY, OUTSIDE));
    const [first] = await Promise.all([alone(story), wiring]);
    const reason = expect.stringContaining(`2001:db8:e::11 is held back: ${await macOf('other')} answers`);
    expect(first.failed).toEqual([{ key: `port/${idOf('44444444-44')}`, reason }]);
    expect(await outsideAddresses()).toEqual(['10.255.253.11']);
    await inside('other', 'address del 2001:db8:e::11/64 dev eth0');
    expect((await alone(story)).failed).toEqual([]);
    expect(await outsideAddresses()).toEqual(['10.255.253.11', '2001:db8:e::11']);
  });

  it('takes nothing through a port that nobody has wired', async () => {
    const outcome = await alone(networkNode());
    expect(outcome.failed.map(({ reason }) => reason)).toEqual([
      expect.stringContaining(`has not wired port ${GATEWAY} yet`),
      expect.stringContaining(`has not wired port ${GATEWAY} yet`),
    ]);
    expect(await outsideAddresses()).toEqual([]);
  });

  it('asks nothing once its view is verified', async () => {
    const before = node.runner.asked;
    expect((await verified(networkNode())).failed).toEqual([]);
    expect((await outsideAddresses()).sort()).toEqual(['10.255.253.11', '10.255.253.84']);
    expect(node.runner.asked).toBe(before);
  });
});

describe('fifty routers with four floating IPs each that boot alone', () => {
  it('are asked for in one time', async () => {
    const story = crowd(50, 4);
    const built = await verified(story);
    expect(built.failed).toEqual([]);
    const netnses = [...Array(50).keys()].map((n) => (n + 1).toString(16).padStart(3, '0'));
    for (const hex of netnses) {
      await node.wire(outsideDevice(idOf(`2${hex}`)), OUTSIDE);
      await inside(`qrouter-${idOf(`c${hex}`)}`, `address flush dev qg-${idOf(`2${hex}`).slice(0, 11)}`);
    }
    const probing: number[] = [];
    const ask = node.runner.askFrames.bind(node.runner);
    node.runner.askFrames = async (questions, options) => {
      const start = performance.now();
      const answers = await ask(questions, options);
      probing.push(performance.now() - start);
      return answers;
    };
    const before = node.runner.asked;
    const start = performance.now();
    const outcome = await alone(story);
    console.log(`250 probes ${probing[0]?.toFixed(0)} ms of ${(performance.now() - start).toFixed(0)} ms`);
    expect(outcome.failed).toEqual([]);
    expect(node.runner.asked - before).toBe(250);
    expect(probing).toHaveLength(1);
    expect(probing[0]).toBeLessThan(5000);
  });
});
