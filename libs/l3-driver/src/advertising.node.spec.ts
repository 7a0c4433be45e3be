/** Real radvd and real listeners behind a real switch: the kernel's own autoconfiguration, and rdisc6. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { converge, linkLocalOf, L3Memory, netnsOf, outsideDevice } from '@plumbline/l3-core';
import { advertised, idOf, Story } from '@plumbline/l3-core/testing';
import { NodeProcesses } from '@plumbline/processes';
import { NodeL3Driver } from './node-driver.js';
import { makeNode, ScratchNode } from './testing/index.js';

const story = advertised();
const at = (type: string, nth = 0): number =>
  story.log.filter(({ event }) => event.type === type).map(({ position }) => position)[nth] ?? 0;
const three = at('PortFixedIpsSet') - 1;
const ROUTER = idOf('cbd29e08');
const NETNS = netnsOf(ROUTER);
/** Head of the port, network's tag, MAC of the router there. */
const DUAL = { head: 'e0b5c057-86', tag: 11, mac: 'fa:16:3e:36:3a:09' };
const STATEFUL = { head: 'a17fdcc0-ab', tag: 12, mac: 'fa:16:3e:8e:5b:6f' };
const STATELESS = { head: 'ab96f46a-bc', tag: 13, mac: 'fa:16:3e:d6:3c:cb' };
const OWNER = `l3-ra-test-${process.pid}`;

let node: ScratchNode;
let folder: string;
let processes: NodeProcesses;
let driver: NodeL3Driver;
let memory: L3Memory;
let now = three;

/** A new agent without memory, on the node as it is. */
function restartAgent(): void {
  processes?.close();
  driver?.close();
  const restarts = { firstMs: 20, maxMs: 1_000 };
  processes = new NodeProcesses(node.spawner, { owner: OWNER, runDir: folder, restarts });
  driver = node.driver({ programs: { processes, owner: OWNER, runDir: folder } });
  memory = new L3Memory();
}

/** What the agent does at this moment of the story; resolves with the steps that it applied. */
async function look(length = now): Promise<number> {
  now = length;
  const options = { touched: 'all', mayRemove: true, unverified: false } as const;
  const { applied, failed } = await converge(story.view(length), driver, options, memory);
  expect(failed).toEqual([]);
  return applied;
}

const DEADLINE_MS = 20_000;
async function until<T>(what: string, ask: () => Promise<T | null | false>, deadlineMs = DEADLINE_MS): Promise<T> {
  for (const end = performance.now() + deadlineMs; ; await delay(20)) {
    const seen = await ask();
    if (seen !== null && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}`);
  }
}

const inside = async (netns: string, ...argv: string[]): Promise<string> =>
  (await node.spawner.run(argv, { netns, okCodes: [0, 1, 2] })).stdout;
const vsctl = (...argv: string[]): Promise<unknown> => node.ovs.tool(['ovs-vsctl', `--db=${node.ovs.remote}`, ...argv]);

let guests = 0;
/** An instance that listens, with this MAC, on a network; the kernel's defaults for a host. */
async function plug({ tag }: { tag: number }, mac = `fa:16:3e:99:00:${String((guests % 89) + 10)}`) {
  guests += 1;
  const name = `ra-g${guests}`;
  const ip = (lines: string[], netns?: string) =>
    node.spawner.run(['ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n`, ...(netns ? { netns } : {}) });
  await ip([`netns add ${name}`, `link add v-${name} up type veth peer name eth0 address ${mac} netns ${name}`]);
  await node.spawner.setTxChecksum(['eth0'], false, { netns: name });
  await node.spawner.writeSysctls({ 'net/ipv6/conf/eth0/accept_ra': '1' }, { netns: name });
  await vsctl('add-port', 'br-int', `v-${name}`, `tag=${tag}`);
  await ip(['link set lo up', 'link set eth0 up'], name);
  return {
    name,
    mac,
    /** Next hops of its default routes. */
    async routers(): Promise<string[]> {
      const text = await inside(name, 'ip', '-6', 'route', 'show', 'default');
      return [...text.matchAll(/ via (\S+)/g)].map(([, via = '']) => via);
    },
    /** Global addresses that it may use for something new. */
    async addresses(): Promise<string[]> {
      const text = await inside(name, 'ip', '-6', 'address', 'show', 'dev', 'eth0', 'scope', 'global', '-deprecated');
      return [...text.matchAll(/inet6 (\S+)/g)].map(([, address = '']) => address);
    },
    mtu: async (): Promise<string> => (await inside(name, 'cat', '/proc/sys/net/ipv6/conf/eth0/mtu')).trim(),
    /** What the router answers when it is asked; null: it did not. */
    async ask(waitMs = 1_000): Promise<string | null> {
      const text = await inside(name, 'rdisc6', '-1', '-r', '1', '-w', String(waitMs), 'eth0');
      return text.includes('Hop limit') ? text : null;
    },
  };
}
const via = (mac: string): string => linkLocalOf(mac).replace('/64', '');
/** EUI-64 (RFC 4291 appendix A): the address that the API gives a port of such a subnet. */
const eui64 = (prefix: string, mac: string): string => linkLocalOf(mac).replace('fe80::', prefix);

async function advertisers(): Promise<Record<string, number>> {
  const found = await processes.observe();
  const main = found.processes.filter((each) => each.main);
  return Object.fromEntries(main.map(({ name, pid }) => [name.slice(-36, -25), pid]));
}

beforeAll(async () => {
  node = await makeNode();
  folder = mkdtempSync('/tmp/plumb-ra-');
  // radvd reads its files as a user of its own.
  await node.spawner.run(['chmod', '755', folder]);
  // The OVS agent's part.
  const tags = new Map([DUAL, STATEFUL, STATELESS].map(({ head, tag }) => [outsideDevice(idOf(head)), tag] as const));
  node.mirror.onChange((changes) => {
    for (const { table, before, after } of changes)
      if (table === 'Port' && !before && after && tags.has(after.name))
        void node.wire(after.name, tags.get(after.name) ?? 0).catch(() => undefined);
  });
});
beforeEach(async () => {
  restartAgent();
  await look(three);
});
afterEach(async () => {
  for (; guests > 0; guests -= 1) {
    await vsctl('--if-exists', 'del-port', `v-ra-g${guests}`);
    await node.spawner.run(['ip', 'netns', 'del', `ra-g${guests}`], { okCodes: [0, 1] });
  }
  await look(0);
  expect(await advertisers()).toEqual({});
  const own = path.join(folder, OWNER);
  expect(existsSync(own) ? readdirSync(own) : []).toEqual([]);
});
afterAll(async () => {
  processes?.close();
  await node?.remove();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

describe('a guest that listens', () => {
  it('makes itself the address that the API gives its port, has the router, the MTU and the nameserver', async () => {
    const guest = await plug(DUAL);
    await until('an address', async () => (await guest.addresses()).length > 0);
    expect(await guest.addresses()).toEqual([eui64('2001:db8:3:0:', guest.mac)]);
    expect([await guest.routers(), await guest.mtu()]).toEqual([[via(DUAL.mac)], '1450']);
    const told = await until('an answer', () => guest.ask());
    expect(told).toMatch(/Stateful address conf\. +: +No\n.*Stateful other conf\. +: +No\n/);
    expect(told).toMatch(/Router lifetime +: +300 /);
    expect(told).toMatch(/Recursive DNS server +: 2001:db8::53\n +DNS server lifetime +: +300 /);
    expect(told).toMatch(/MTU +: +1450 bytes/);
  }, 60_000);

  it.each([
    ['DHCPv6 stateful: no address of its own making', STATEFUL, 'Yes', 'No', 'No'],
    ['DHCPv6 stateless: its own address, and it asks for the rest', STATELESS, 'No', 'Yes', 'Yes'],
  ])(
    '%s',
    async (_what, on, managed, other, autonomous) => {
      const guest = await plug(on);
      await until('a router', async () => (await guest.routers()).length > 0);
      const told = await until('an answer', () => guest.ask());
      expect(told).toMatch(new RegExp(`Stateful address conf\\. +: +${managed}\\n`));
      expect(told).toMatch(new RegExp(`Stateful other conf\\. +: +${other}\\n`));
      expect(told).toMatch(new RegExp(`Autonomous address conf\\.: +${autonomous}\\n`));
      expect(told).toMatch(/Recursive DNS server +: 2001:db8::53\n/);
      const made = autonomous === 'Yes' ? [eui64('2001:db8:5:0:', guest.mac)] : [];
      await until('its addresses', async () => (await guest.addresses()).join() === made.join());
      expect(await guest.routers()).toEqual([via(on.mac)]);
    },
    60_000,
  );

  it('hears a router that comes at once, without asking', async () => {
    await look(0);
    const guest = await plug(DUAL);
    // Its own questions are over: the kernel asks three times, the last time 8 s after it began.
    await node.spawner.writeSysctls({ 'net/ipv6/conf/eth0/router_solicitations': '0' }, { netns: guest.name });
    await inside(guest.name, 'ip', 'link', 'set', 'eth0', 'down');
    await inside(guest.name, 'ip', 'link', 'set', 'eth0', 'up');
    await until('its link', async () => !(await inside(guest.name, 'ip', '-6', 'address')).includes('tentative'));
    const before = performance.now();
    await look(three);
    await until('the router', async () => (await guest.routers()).length > 0);
    expect(performance.now() - before).toBeLessThan(5_000);
  }, 60_000);
});

describe('what changes is told', () => {
  it('another prefix and another nameserver, by the program that runs; a prefix that goes is not used any more', async () => {
    const guest = await plug(DUAL);
    const first = eui64('2001:db8:3:0:', guest.mac);
    const second = eui64('2001:db8:7:0:', guest.mac);
    await until('an address', async () => (await guest.addresses()).length > 0);
    const { [DUAL.head]: pid } = await advertisers();
    await look(at('PortFixedIpsSet'));
    await until('both', async () => (await guest.addresses()).sort().join() === [first, second].sort().join());
    await look(at('SubnetAttributesSet'));
    expect(await until('an answer', () => guest.ask())).toMatch(/Recursive DNS server +: 2001:db8::54\n/);
    expect((await advertisers())[DUAL.head]).toBe(pid);
    await look(at('PortFixedIpsSet', 1));
    await until('one', async () => (await guest.addresses()).join() === first);
    await until('the router', async () => (await guest.routers()).join() === via(DUAL.mac));
  }, 60_000);
});

describe('what goes is withdrawn at once', () => {
  const removed = at('RouterInterfaceRemoved');
  it('an interface that is removed; the others keep theirs', async () => {
    await look(removed - 1);
    const [mine, other] = [await plug(STATELESS), await plug(DUAL)];
    for (const each of [mine, other]) await until('a router', async () => (await each.routers()).length > 0);
    await look(removed);
    await until('no route', async () => (await mine.routers()).length === 0, 2_000);
    expect(await mine.addresses()).toEqual([]);
    expect(await other.routers()).toEqual([via(DUAL.mac)]);
  }, 60_000);

  it('a router that is down, and it is back when it is up', async () => {
    const down = at('RouterAttributesSet');
    await look(down - 1);
    const guest = await plug(DUAL);
    await until('a router', async () => (await guest.routers()).length > 0);
    await look(down);
    await until('no route', async () => (await guest.routers()).length === 0, 2_000);
    await look(down + 1);
    await until('a router', async () => (await guest.routers()).length > 0);
  }, 60_000);

  it('but not by a node that the router has left: the route leads to where it is now', async () => {
    const gone = at('RouterUnscheduled');
    await look(gone - 1);
    const guest = await plug(DUAL);
    await until('a router', async () => (await guest.routers()).length > 0);
    await look(gone);
    expect(await advertisers()).toEqual({});
    // What was said last would have been heard by now.
    await delay(500);
    expect(await guest.routers()).toEqual([via(DUAL.mac)]);
  }, 60_000);
});

describe('whatever happens on the node', () => {
  it('agents come and go, and the same programs answer', async () => {
    const guest = await plug(DUAL);
    await until('an answer', () => guest.ask());
    const before = await advertisers();
    for (let n = 0; n < 50; n += 1) {
      restartAgent();
      expect(await look()).toBe(0);
      expect(await guest.ask()).not.toBeNull();
    }
    expect(await advertisers()).toEqual(before);
  }, 180_000);

  it('one that is killed is back within two seconds', async () => {
    const guest = await plug(DUAL);
    await until('a router', async () => (await guest.routers()).length > 0);
    const { [DUAL.head]: pid = 0, ...others } = await advertisers();
    const ended = new Promise((resolve) => processes.watch(resolve));
    const start = performance.now();
    process.kill(pid, 'SIGKILL');
    await ended;
    await look();
    await until('an answer', () => guest.ask(100));
    expect(performance.now() - start).toBeLessThan(4_000);
    expect(await advertisers()).toMatchObject(others);
    expect(await guest.routers()).toEqual([via(DUAL.mac)]);
  }, 60_000);

  const DEVICE = `qr-${DUAL.head}`;
  it.each([
    ['a link that was deleted', () => node.spawner.run(['ip', 'link', 'del', outsideDevice(idOf(DUAL.head))])],
    ['a namespace that was deleted', () => node.spawner.run(['ip', 'netns', 'del', NETNS])],
    ['a device that is down', () => inside(NETNS, 'ip', 'link', 'set', DEVICE, 'down')],
    ['a device without its link-local address', () => inside(NETNS, 'ip', '-6', 'address', 'flush', 'dev', DEVICE)],
    ['a port that was taken off the bridge', () => vsctl('del-port', 'br-int', outsideDevice(idOf(DUAL.head)))],
    [
      'a file that was changed',
      async () =>
        appendFileSync(path.join(folder, OWNER, `radvd-${ROUTER}.${idOf(DUAL.head)}`, 'files/radvd.conf'), 'x'),
    ],
  ])(
    '%s is mended, and it answers',
    async (_what, breakIt) => {
      const guest = await plug(DUAL);
      await until('an answer', () => guest.ask());
      await breakIt();
      await until('nothing left to do', async () => (await look()) === 0);
      await until('an answer', () => guest.ask());
    },
    60_000,
  );

  it('one without radvd: the interfaces are in error, the router carries IPv4', async () => {
    await look(0);
    const start = node.spawner.startDetached.bind(node.spawner);
    const nowhere = {
      startDetached: (argv: readonly string[], options: Parameters<typeof start>[1]) =>
        start(['/nowhere/radvd', ...argv.slice(1)], options),
    };
    const none = new NodeProcesses(nowhere, { owner: OWNER, runDir: folder });
    const options = { touched: 'all', mayRemove: true, unverified: false } as const;
    const outcome = await converge(
      story.view(three),
      node.driver({ programs: { processes: none, owner: OWNER, runDir: folder } }),
      options,
      new L3Memory(),
    );
    const states = Object.fromEntries(outcome.statuses.map(({ id, status, reason }) => [id, [status, reason]]));
    expect(states[ROUTER]).toEqual(['ACTIVE', undefined]);
    expect(states[idOf('3ecb9b81-c2')]).toEqual(['ACTIVE', undefined]);
    for (const { head } of [DUAL, STATEFUL, STATELESS])
      expect(states[idOf(head)]).toEqual([
        'ERROR',
        expect.stringMatching(/^install radvd on this node: program radvd-/),
      ]);
    await look(three);
  }, 60_000);
});

it('a story of another router is none of its business', async () => {
  const before = await advertisers();
  const other = new Story().network('a1', '10.0.0.0/24', { gatewayIp: '10.0.0.1' }).router('c1');
  await converge(other.view(), driver, {
    touched: new Set([`router/${idOf('c1')}` as const]),
    mayRemove: true,
    unverified: false,
  });
  expect(await advertisers()).toEqual(before);
  await converge(story.view(three), driver, { touched: 'all', mayRemove: true, unverified: false });
});
