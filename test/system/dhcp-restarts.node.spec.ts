/**
 * What happens to programs on a node that serves DHCP, seen by a guest that renews its lease ten times a second: nobody is left without an answer for more than
 * three seconds, and whoever is asked says the same. Real dnsmasq, a real switch, BusyBox's client.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { guestOf, servedOf } from '@plumbline/dhcp-core/testing';
import { DhcpNode, until, type Guest } from '@plumbline/dhcp-driver/testing';
import { defaultRestarts } from '@plumbline/processes';
import { times } from '../../tools/jest/effort.mjs';

/** The bound; the agent looks at its programs every second. */
const MOST_SILENCE_MS = 3_000;
const SCRIPT = path.resolve(import.meta.dirname, 'testing/renewer.mjs');

const served = servedOf(1, [
  { cidr: '10.1.0.0/24', gatewayIp: '10.1.0.1' },
  { cidr: '2001:db8:1::/64', ipv6AddressMode: 'dhcpv6-stateful', ipv6RaMode: 'dhcpv6-stateful' },
]);
const port = guestOf(served, 10);
const whole = { ...served, ports: [port] };
let node: DhcpNode;
let guest: Guest;
let renewals: string;
let renewer: number | undefined;

type Told = Readonly<{ answers: number; refused: number; gapMs: number }>;
function told(): Told {
  const lines = readFileSync(renewals, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'));
  return JSON.parse(lines.at(-1) ?? '{"answers":0,"refused":0,"gapMs":0}') as Told;
}
/** Resolves when the lease was renewed some times more. */
async function renewed(more = 3): Promise<void> {
  const { answers } = told();
  await until('renewals', () => told().answers > answers + more);
}
/** So many renewals last longer than a run must to be a good one (libs/processes). */
const WELL = 12;
/** As an agent does that hears of the ends of programs; `close` before another one takes its place. */
function listen(): { close(): void } {
  let closed = false;
  let running = Promise.resolve<unknown>(undefined);
  node.processes.watch(() => {
    running = running.then(() => (closed ? undefined : node.serve(whole)));
  });
  return { close: () => void (closed = true) };
}

beforeAll(async () => {
  node = await DhcpNode.make(defaultRestarts);
  await node.serve(whole);
  guest = await node.plug(port, 1);
  await guest.udhcpc();
  await guest.run(['ip', 'address', 'add', '10.1.0.10/24', 'dev', 'eth0']);
  renewals = path.join(node.folder, 'renewals');
  renewer = await node.node.spawner.startDetached(
    [process.execPath, SCRIPT, '10.1.0.2', '10.1.0.10', port.macAddress],
    {
      logFile: renewals,
      env: {},
      netns: guest.netns,
    },
  );
  await renewed();
}, 120_000);
afterAll(async () => {
  if (renewer !== undefined) process.kill(renewer);
  await node?.remove();
});

it(
  'fifty agents one after another: each finds all as it is, and the same dnsmasq answers all the while',
  async () => {
    const before = await node.dnsmasqs();
    for (let n = 0; n < times(50); n += 1) {
      node.restartAgent();
      expect(await node.serve(whole)).toBe(0);
    }
    await renewed();
    expect(await node.dnsmasqs()).toEqual(before);
    expect(told()).toMatchObject({ refused: 0 });
    expect(told().gapMs).toBeLessThan(MOST_SILENCE_MS);
  },
  times(120_000),
);

it(
  'a dnsmasq that is killed, time and again: it is back within two seconds, and renews what the one before gave',
  async () => {
    const agent = listen();
    try {
      for (let n = 0; n < times(5); n += 1) {
        const [before] = await node.dnsmasqs();
        const start = performance.now();
        process.kill(before as number, 'SIGKILL');
        await until('another dnsmasq', async () => {
          const [now] = await node.dnsmasqs();
          return now !== undefined && now !== before;
        });
        expect(performance.now() - start).toBeLessThan(2_500);
        await renewed(WELL);
      }
      expect(told()).toMatchObject({ refused: 0 });
      expect(told().gapMs).toBeLessThan(MOST_SILENCE_MS);
    } finally {
      agent.close();
    }
  },
  times(120_000),
);

it(
  'ports that go with their leases, and others that come: dnsmasq 2.90 lives through every signal',
  async () => {
    const before = await node.dnsmasqs();
    const option = { extraDhcpOpts: [{ name: '42', value: '203.0.113.9', ipVersion: 4 as const }] };
    // The tag of a port is on the command line: one port that keeps its options, so that it is the same program all the while.
    const kept = guestOf(served, 20, option);
    await node.serve({ ...served, ports: [port, kept] });
    const asking = await node.plug(kept, 1);
    await asking.udhcpc();
    const started = await node.dnsmasqs();
    expect(started).not.toEqual(before);
    for (let n = 0; n < times(8); n += 1) {
      const passing = guestOf(served, 30 + (n % 200), n % 2 === 0 ? {} : { dnsName: `h${n}` });
      await node.serve({ ...served, ports: [port, kept, passing] });
      const other = await node.plug(passing, 1);
      expect(await other.udhcpc()).toMatchObject({ ip: passing.fixedIps[0]?.ipAddress });
      if (n % 2 === 0) expect(await other.dhclient('-6')).toHaveProperty('new_ip6_address');
      expect(await asking.udhcpc()).toMatchObject({ ntpsrv: '203.0.113.9' });
      // Gone with its leases, and at once another change.
      await node.serve({ ...served, ports: [port, kept] });
      await node.serve({ ...served, ports: [port, { ...kept, dnsName: `kept${n}` }] });
    }
    await renewed();
    expect(await node.dnsmasqs()).toEqual(started);
    expect(told()).toMatchObject({ refused: 0 });
    expect(told().gapMs).toBeLessThan(MOST_SILENCE_MS);
  },
  times(180_000),
);
