/**
 * A random walk of routers and floating IPs over one real network node at full speed: they are made, associated, moved from router to router and from node to node, set down
 * and deleted, while the agent is killed and its messages are lost, doubled and late. Whenever there is quiet, the node is what the log says: an agent without memory finds
 * nothing to do, there is no namespace, link or switch port too many, and each address leads over TCP to the
 * instance that the model says, or nowhere.
 *
 * The walk follows from its seed, which the name of the test says: PLUMB_TEST_SEED gives the same walk again. `--long`: ten times the steps.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { machineClock, NodeSession, SnapshotFile } from '@plumbline/agent-runtime';
import { aMachine, FakeBroker, FakeControlPlane, MemoryOwnerRecord } from '@plumbline/agent-runtime/testing';
import type { PlumbEvent } from '@plumbline/contracts';
import { converge, type L3Driver, L3Memory, type L3Step, netnsOf, outsideDevice, routerIdOf } from '@plumbline/l3-core';
import { idOf, Story } from '@plumbline/l3-core/testing';
import { makeNode, type ScratchNode } from '@plumbline/l3-driver/testing';
import { createLogger } from '@plumbline/telemetry';
import { LOG } from '@plumbline/topology/testing';
import { seed as chosen, times } from '../../tools/jest/effort.mjs';

const seed = chosen ?? Math.floor(Math.random() * 1e9);
const STEPS = times(200);
/** Steps between two moments of quiet. */
const STRIDE = 20;
const HOSTS = ['net1', 'net2'] as const;
/** How long a node may take to be as the log says: many times what it takes. */
const SETTLE_MS = 60_000;
const OUTSIDE = 9;
const SITES = [1, 2, 3, 4];
const FLOATING = Array.from({ length: 12 }, (_, n) => n + 1);

/** What a router answers for itself. */
const ROUTER_ITSELF = 'refused';
/** An instance says its name to whoever connects. */
const SERVE = `
import socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', 7000)); s.listen(64)
while True:
    c, _ = s.accept(); c.sendall(sys.argv[1].encode()); c.close()
`;
const ASK = `
import concurrent.futures, json, socket, sys
def ask(to):
    try:
        with socket.create_connection((to, 7000), 1) as s: return s.recv(100).decode()
    except ConnectionRefusedError: return '${ROUTER_ITSELF}'
    except OSError: return None
with concurrent.futures.ThreadPoolExecutor(32) as pool: print(json.dumps(dict(zip(sys.argv[1:], pool.map(ask, sys.argv[1:])))))
`;

/** mulberry32: numbers from 0 to 1 that follow from the seed. */
function drawing(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const router = (n: number): string => `c${n}`;
const network = (n: number): string => `a${n}`;
const inner = (n: number): string => `1${n}`;
const outer = (n: number): string => `2${n}`;
const own = (n: number): string => `203.0.113.${n + 10}`;
const floating = (f: number): string => `7${f.toString(16)}`;
const address = (f: number): string => `203.0.113.${f + 100}`;
/** The instance of each network has an address for each floating IP. */
const fixed = (n: number, f: number): string => `10.0.${n}.${f + 10}`;
const v1 = { version: 1 } as const;

/** What there is, as the walk wants it. `at`: the router's node; `site` of a floating IP: its router. */
type Site = { host: (typeof HOSTS)[number]; up: boolean } | null;

describe(`routers and floating IPs at full speed (seed ${seed}, ${STEPS} steps)`, () => {
  const draw = drawing(seed);
  /** Of messages, whose number depends on the time that things take. */
  const drawFate = drawing(seed + 1);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(draw() * from.length)] as T;
  const folder = mkdtempSync(path.join(tmpdir(), 'plumb-l3-walk-'));
  const snapshot = new SnapshotFile(path.join(folder, 'l3.snapshot'));
  const broker = new FakeBroker(machineClock);
  const plane = new FakeControlPlane(LOG, broker, machineClock, HOSTS);
  const machine = aMachine();
  const story = new Story();
  const sites = new Map<number, Site>(SITES.map((n) => [n, null]));
  const places = new Map<number, number | null>(FLOATING.map((f) => [f, null]));
  const done: string[] = [];
  let node: ScratchNode;
  let agent: { session: NodeSession; kill(): Promise<void> };
  let wiring: Promise<void> = Promise.resolve();
  let ended = false;
  let told = 0;

  /** Tells the nodes of what was added to the story, as one command. */
  const tell = (what: string): void => {
    done.push(`${done.length} ${what}`);
    plane.commit(story.log.slice(told));
    told = story.log.length;
  };

  const begin = async (): Promise<typeof agent> => {
    let alive = true;
    const driver = node.driver({ announceAfterMs: [0] });
    // As by SIGKILL: nothing more is done or saved, whatever was planned.
    const mortal = new Proxy<L3Driver>(driver, {
      get: (target, key) => {
        if (!alive) throw new Error('the agent was killed');
        const member: unknown = Reflect.get(target, key, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    const memory = new L3Memory();
    const session = new NodeSession({
      ...{ host: 'net1', agent: 'l3', feed: broker.feed('net1', 'l3'), clock: machineClock, machine },
      snapshots: {
        load: (of) => snapshot.load(of),
        save: async (view) => (alive ? snapshot.save(view) : undefined),
        untouched: () => snapshot.untouched(),
      },
      reconciler: { converge: (view, options) => converge(view, mortal, options, memory) },
      ownerRecord: new MemoryOwnerRecord(),
      logger: createLogger({ name: 'walk', level: 'silent' }),
      // Full checks run into the changes all the time.
      fullEveryMs: () => 2_000,
    });
    await session.start();
    const kill = async (): Promise<void> => {
      alive = false;
      await session.stop();
    };
    return { session, kill };
  };

  /** Does the OVS agent's part, again and again: ports on the dead VLAN get their network's tag. */
  async function wire(): Promise<void> {
    const tags = new Map(SITES.flatMap((n) => [[outsideDevice(idOf(inner(n))), 100 + n] as const, [outsideDevice(idOf(outer(n))), OUTSIDE] as const])); // prettier-ignore
    while (!ended) {
      for (const [device, tag] of tags)
        if (node.mirror.port(device)?.tag === 4095) await node.wire(device, tag).catch(() => undefined);
      await delay(50);
    }
  }

  beforeAll(async () => {
    node = await makeNode();
    await node.plug('outside', OUTSIDE, '203.0.113.250/24');
    story.network('ee', '203.0.113.0/24', { external: true, gatewayIp: '203.0.113.1' });
    for (const n of SITES) {
      story.network(network(n), `10.0.${n}.0/24`, { gatewayIp: `10.0.${n}.1` });
      await node.plug(`vm${n}`, 100 + n, `10.0.${n}.250/24`, `10.0.${n}.1`);
      const lines = FLOATING.map((f) => `address add ${fixed(n, f)}/24 dev eth0\n`).join('');
      await node.spawner.run(['ip', '-batch', '-'], { netns: `vm${n}`, stdin: lines });
      void node.spawner
        .run(['python3', '-c', SERVE, `vm${n}`], { netns: `vm${n}`, timeoutMs: 0 })
        .catch(() => undefined);
    }
    for (const f of FLOATING) story.floatingIp(floating(f), 'ee', address(f));
    plane.up();
    tell('networks');
    agent = await begin();
    wiring = wire();
  }, 60_000);
  afterAll(async () => {
    ended = true;
    await wiring;
    await agent.kill();
    plane.down();
    rmSync(folder, { recursive: true, force: true });
    await node.remove();
  });

  const disassociate = (f: number): void => {
    const n = places.get(f);
    if (!n) return;
    story.disassociate(floating(f), address(f), fixed(n, f), router(n));
    places.set(f, null);
  };
  const schedule = (type: 'RouterScheduled' | 'RouterUnscheduled', n: number, host: string): PlumbEvent => ({
    ...v1,
    type,
    data: { routerId: idOf(router(n)), host },
  });
  const make = (n: number): void => {
    story
      .router(router(n))
      .interface(router(n), network(n), inner(n), `fa:16:3e:00:01:0${n}`, `10.0.${n}.1`)
      .gateway(router(n), 'ee', outer(n), `fa:16:3e:00:02:0${n}`, own(n));
    sites.set(n, { host: 'net1', up: true });
  };
  const remove = (n: number, host: string): void => {
    for (const f of FLOATING) if (places.get(f) === n) disassociate(f);
    const routerId = idOf(router(n));
    const [inside, outside] = [
      { portId: idOf(inner(n)), networkId: idOf(network(n)) },
      { portId: idOf(outer(n)), networkId: idOf('ee') },
    ];
    story.add(
      { ...v1, type: 'RouterInterfaceRemoved', data: { routerId, ...inside } },
      { ...v1, type: 'PortDeleted', data: inside },
      { ...v1, type: 'RouterGatewayCleared', data: { routerId, ...outside } },
      { ...v1, type: 'PortDeleted', data: outside },
      schedule('RouterUnscheduled', n, host),
      { ...v1, type: 'RouterDeleted', data: { routerId } },
    );
    sites.set(n, null);
  };

  async function step(): Promise<string> {
    const n = pick(SITES);
    const site = sites.get(n) ?? null;
    if (!site) {
      make(n);
      return `make router ${n}`;
    }
    const what = draw();
    const f = pick(FLOATING);
    if (what < 0.55) {
      const before = places.get(f) ?? null;
      disassociate(f);
      if (before === n) return `disassociate ${f} from ${n}`;
      story.associate(floating(f), address(f), fixed(n, f), `b${network(n)}`, router(n));
      places.set(f, n);
      return `associate ${f} with ${n}, before with ${before}`;
    }
    if (what < 0.68) {
      const to = site.host === 'net1' ? 'net2' : 'net1';
      story.add(schedule('RouterUnscheduled', n, site.host), schedule('RouterScheduled', n, to));
      sites.set(n, { ...site, host: to });
      return `move router ${n} to ${to}`;
    }
    if (what < 0.8) {
      const adminStateUp = !site.up;
      story.add({ ...v1, type: 'RouterAttributesSet', data: { routerId: idOf(router(n)), set: { adminStateUp } } });
      sites.set(n, { ...site, up: adminStateUp });
      return `router ${n} ${adminStateUp ? 'up' : 'down'}`;
    }
    if (what < 0.9) {
      remove(n, site.host);
      return `delete router ${n}`;
    }
    await agent.kill();
    agent = await begin();
    return 'kill the agent';
  }

  /** What an agent without memory would do. */
  async function lacking(): Promise<string[]> {
    const steps: L3Step[] = [];
    const driver = node.driver({ announceAfterMs: [0] });
    driver.apply = async (all) => {
      // An agent tells the neighbours after its start; it lacks nothing.
      steps.push(...all.filter(({ op }) => op !== 'announce'));
      throw new Error('only looked at');
    };
    await converge(story.view(), driver, { touched: 'all', mayRemove: true, unverified: false });
    driver.close();
    return steps.map((each) => JSON.stringify(each).slice(0, 200));
  }

  const here = (n: number | null): boolean => {
    const site = n === null ? null : sites.get(n);
    return site?.host === 'net1' && site.up;
  };
  /** What answers over TCP at each of these addresses, all asked at the same time. */
  const answering = async (addresses: readonly string[]): Promise<Record<string, string | null>> => {
    const { stdout } = await node.spawner.run(['python3', '-c', ASK, ...addresses], { netns: 'outside' });
    return JSON.parse(stdout) as Record<string, string | null>;
  };

  async function expectQuiet(): Promise<void> {
    let lacks: string[] = ['not in sync'];
    for (const until = Date.now() + SETTLE_MS; lacks.length > 0 && Date.now() < until; await delay(100))
      if (agent.session.state === 'in-sync') lacks = await lacking();
    expect(lacks).toEqual([]);
    const up = SITES.filter(here);
    const { stdout } = await node.spawner.run(['ip', '-j', 'netns', 'list']);
    const names = (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
    expect(names.filter((name) => routerIdOf(name)).sort()).toEqual(up.map((n) => netnsOf(idOf(router(n)))).sort());
    const wanted = up.flatMap((n) => [inner(n), outer(n)].map((head) => outsideDevice(idOf(head)))).sort();
    expect(
      [...(await node.ports.observe()).ports.values()].flatMap(({ ours, name }) => (ours ? name : [])).sort(),
    ).toEqual(wanted);
    const links = JSON.parse((await node.spawner.run(['ip', '-j', 'link', 'show', 'type', 'veth'])).stdout) as {
      ifname: string;
    }[];
    expect(
      links
        .map(({ ifname }) => ifname)
        .filter((name) => name.startsWith('tap'))
        .sort(),
    ).toEqual(wanted);
    const answers = Object.fromEntries([
      ...SITES.map((n) => [own(n), here(n) ? ROUTER_ITSELF : null] as const),
      ...FLOATING.map((f) => [address(f), here(places.get(f) ?? null) ? `vm${places.get(f)}` : null] as const),
    ]);
    const asExpected = async (): Promise<boolean> => isDeepStrictEqual(await answering(Object.keys(answers)), answers);
    for (const until = Date.now() + 15_000; !(await asExpected()) && Date.now() < until;);
    expect(await answering(Object.keys(answers))).toEqual(answers);
  }

  it(
    'whenever there is quiet, the node is what the log says, and its addresses answer',
    async () => {
      for (let n = 1; n <= STEPS; n += 1) {
        // Of ten messages seven arrive as they should.
        broker.fate = () => {
          const what = drawFate();
          return what < 0.7 ? [0] : what < 0.8 ? [] : what < 0.9 ? [0, 30] : [Math.floor(drawFate() * 200)];
        };
        tell(await step());
        await delay(draw() < 0.5 ? 0 : Math.floor(draw() * 60));
        if (n % STRIDE !== 0) continue;
        broker.fate = () => [0];
        await expectQuiet().catch((error: unknown) => {
          // What is wrong first: a report shows the beginning.
          throw new Error(`${(error as Error).message}\nafter ${done.slice(-2 * STRIDE).join('; ')}`, { cause: error });
        });
      }
    },
    60_000 + STEPS * 4_000,
  );
});
