/**
 * `plumb trace` on a lab beside real packets: whether a packet arrives, and whether its answer does, of each pair in testing/trace-pairs.ts. Packets bear a number (DSCP) by which
 * they are counted where they arrive.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Trace } from '@plumbline/reasons';
import { runningPlace, signal } from '@plumbline/lab';
import { OUTSIDE, type Pair, Places } from './testing/trace-pairs.js';
import { TestLab, upTimeoutMs } from './testing/test-lab.js';

/** TCP sends its first segment again after one second and after three: what is lost while a switch learns comes again. */
const SECONDS = 5;
const AT_ONCE = 8;

let lab: TestLab;
let places: Places;
beforeAll(async () => {
  lab = await TestLab.up('t');
  places = await Places.make(lab);
}, upTimeoutMs + 120_000);
afterAll(async () => lab?.down(), upTimeoutMs);

const TOOLS = [
  ['iptables', 'ip'],
  ['ip6tables', 'ip6'],
] as const;
/** Numbers of pairs that are sent at a time; they begin with 1: 0 is any packet's. */
const MOST_NUMBERS = 63;
const numberOf = (at: number): number => (at % MOST_NUMBERS) + 1;
const placesOf = (pairs: readonly Pair[]): readonly string[] => [...new Set(pairs.flatMap(({ to }) => to ?? []))];

/** Rules that count, of the instance's own, from nothing. */
async function count(place: string): Promise<void> {
  const lines = Array.from({ length: MOST_NUMBERS }, (_, at) => `-A PREROUTING -m dscp --dscp ${numberOf(at)}`);
  for (const [tool] of TOOLS)
    await lab.at(place, [`${tool}-restore`, '--noflush'], {
      stdin: `*raw\n:PREROUTING ACCEPT [0:0]\n-F PREROUTING\n${lines.join('\n')}\nCOMMIT\n`,
    });
}

/** How many packets of each number arrived there. */
async function counted(place: string): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  for (const [tool] of TOOLS)
    for (const [, packets, dscp] of (await lab.text(place, [`${tool}-save`, '-c', '-t', 'raw'])).matchAll(
      /^\[(\d+):\d+\] .*--dscp (0x[0-9a-f]+)/gm,
    ))
      found.set(Number(dscp), (found.get(Number(dscp)) ?? 0) + Number(packets));
  return found;
}

async function isAnswered({ from, address, packet }: Pair, dscp: number, seconds: number): Promise<boolean> {
  const [protocol = '', port = '0'] = packet.split('/');
  const host = from === 'outside' ? from : (places.instances.get(from)?.host ?? '');
  const script = `${runningPlace(lab.spec, host).paths.project}/test/system/testing/ask.pl`;
  const argv = ['perl', script, protocol, address, port, String(dscp), String(seconds)];
  return (await lab.text(from, argv)).startsWith('answered');
}

async function traced({ from, address, packet, asked }: Pair): Promise<Trace> {
  const named = from === 'outside' ? OUTSIDE : (places.instances.get(from)?.portId ?? '');
  const query = new URLSearchParams({ from: asked?.from ?? named, to: asked?.to ?? address, packet });
  const { status, body } = await lab.request('GET', `/v2.0/trace?${query}`);
  if (status !== 200) throw new Error(`${query}: ${status} ${JSON.stringify(body)}`);
  return body?.['trace'] as Trace;
}

async function each<T, R>(list: readonly T[], many: number, work: (item: T, at: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < list.length; at = next++) results[at] = await work(list[at] as T, at);
  };
  await Promise.all(Array.from({ length: many }, worker));
  return results;
}

const ended = ({ hops, verdict, why }: Trace['there']): string =>
  `${verdict}, ${why}; last ${JSON.stringify(hops.slice(-2).map(({ kind, host, what }) => [kind, host, what]))}`;

type Seen = Readonly<{ pair: Pair; trace: Trace; is: Verdicts; says: Verdicts }>;
type Verdicts = Readonly<{ there: string; back: string }>;
type Numbered = Readonly<{ pair: Pair; dscp: number }>;

/** What became of a packet of each pair and of its answer, and what is told of them. */
async function look(pairs: readonly Numbered[], seconds: number): Promise<readonly Seen[]> {
  const answered = await each(pairs, AT_ONCE, ({ pair, dscp }) => isAnswered(pair, dscp, seconds));
  const places_ = placesOf(pairs.map(({ pair }) => pair));
  const arrived = new Map(await Promise.all(places_.map(async (place) => [place, await counted(place)] as const)));
  const told = await each(pairs, 3, ({ pair }) => traced(pair));
  return pairs.map(({ pair, dscp }, at) => {
    const trace = told[at] as Trace;
    const isBack = answered[at] === true;
    const isThere = pair.to === null ? isBack : (arrived.get(pair.to)?.get(dscp) ?? 0) > 0;
    return {
      ...{ pair, trace, says: { there: trace.there.verdict, back: trace.back?.verdict ?? 'dropped' } },
      is: { there: isThere ? 'arrives' : 'dropped', back: isBack ? 'arrives' : 'dropped' },
    };
  });
}
const agree = ({ pair, is, says }: Seen): boolean =>
  is.there === says.there && (is.back === says.back || pair.isOneWay === true);

test('the way of a packet and of its answer is told as packets go', async () => {
  const pairs = places.pairs().map((pair, at) => ({ pair, dscp: numberOf(at) }));
  expect(pairs.length).toBeGreaterThanOrEqual(60);
  const first: Seen[] = [];
  const again: Seen[] = [];
  for (let at = 0; at < pairs.length; at += MOST_NUMBERS) {
    const some = pairs.slice(at, at + MOST_NUMBERS);
    await Promise.all(placesOf(some.map(({ pair }) => pair)).map(count));
    const seen = await look(some, SECONDS);
    first.push(...seen);
    // On a busy machine packets are lost, and nodes answer late: where the two differ, both are looked at again, with more patience.
    again.push(
      ...(await look(
        some.filter((_, index) => !agree(seen[index] as Seen)),
        2 * SECONDS,
      )),
    );
  }
  const wrong = again
    .filter((seen) => !agree(seen))
    .map(({ pair, trace: { there, back, unknown }, is, says }) => ({
      ...{ pair: pair.name, is, says, there: ended(there), back: back && ended(back), unknown },
    }));
  expect(wrong).toEqual([]);
  // Both ways of both outcomes were there.
  const sent = first.map((seen) => again.find(({ pair }) => pair === seen.pair) ?? seen).map(({ is }) => is);
  const arrives = sent.filter(({ there, back }) => there === 'arrives' && back === 'arrives').length;
  const halves = sent.filter(({ there, back }) => there === 'arrives' && back === 'dropped').length;
  expect([arrives >= 25, halves >= 1, sent.length - arrives - halves >= 8]).toEqual([true, true, true]);
}, 180_000);

/** The agent of the switch on net1, which puts right what somebody changes, does nothing meanwhile. Others of its node answer. */
async function unwatched(work: () => Promise<void>): Promise<void> {
  const unit = lab.unit('ovs-agent-net1');
  signal(unit, 'SIGSTOP');
  try {
    await work();
  } finally {
    signal(unit, 'SIGCONT');
  }
}

test('on the bridge of an instance the rules of the node decide, and lead to their events; what somebody does by hand is named', async () => {
  const [pair] = places.pairs().filter(({ name }) => name.includes('vm1 -> bridged tcp/80')) as [Pair];
  const both = async () => {
    const [told, answered] = [await traced(pair), await isAnswered(pair, 0, 2)];
    const { verdict, reason, hops } = told.there;
    return { verdict, reason, answered, last: hops.filter(({ kind }) => kind === 'rule').at(-1), told };
  };
  const well = await both();
  expect(well).toMatchObject({ verdict: 'arrives', answered: true, told: { unknown: [] } });
  const bridge = `qbr${places.instances.get('bridged')?.portId.slice(0, 11)}`;
  expect(well.last).toMatchObject({
    ...{ host: 'net1', place: bridge, of: 'ours', what: expect.stringMatching(/^-t filter -A neutron-openvswi-ii/) },
    event: { type: 'SecurityGroupRuleCreated', user: expect.any(String) },
  });
  const rule = (well.last?.what ?? '').replace('-t filter -A ', '').replaceAll('"', '').split(' ');
  const foreign = ['FORWARD', '-m', 'physdev', '--physdev-in', bridge.replace('qbr', 'qvb'), '-j', 'DROP'];
  const iptables = (...argv: string[]) => lab.text('net1', ['iptables', '-w', ...argv]);
  await unwatched(async () => {
    await iptables('-D', ...rule);
    expect(await both()).toMatchObject({
      ...{ verdict: 'dropped', reason: 'rule-missing', answered: false },
      last: { of: 'ours', place: bridge, what: expect.stringMatching(/-j DROP$/) },
    });
    await iptables('-I', ...rule);
    expect(await both()).toMatchObject({ verdict: 'arrives', answered: true });
    await iptables('-I', ...foreign);
    expect(await both()).toMatchObject({
      ...{ verdict: 'dropped', reason: 'foreign-rule', answered: false },
      last: { of: 'foreign', place: bridge, what: `-t filter -A ${foreign.join(' ')}` },
    });
    await iptables('-D', ...foreign);
    expect(await both()).toMatchObject({ verdict: 'arrives', answered: true });
  });
}, 60_000);

test('hops name what put them there: every flow, rule and route of ours leads to its event', async () => {
  const trace = await traced(
    places.pairs().find(({ name }) => name.includes('outside -> floating IP of vm1 tcp/80')) as Pair,
  );
  const hops = [...trace.there.hops, ...(trace.back?.hops ?? [])];
  const lacking = hops.filter(
    ({ kind, of, position, event }) =>
      (of === 'ours' || kind === 'route' || kind === 'group') && position !== 0 && position !== null && !event,
  );
  expect(lacking).toEqual([]);
  const rule = trace.there.hops.find(({ before }) => before !== null);
  expect(rule).toMatchObject({
    ...{ kind: 'rule', of: 'ours', packet: { destination: places.ip('vm1') } },
    event: { type: 'FloatingIpAssociated', object: expect.stringMatching(/^floatingip\//), user: expect.any(String) },
  });
  expect(new Set(trace.there.hops.map(({ kind }) => kind))).toEqual(
    new Set(['outside', 'flow', 'namespace', 'rule', 'route', 'tunnel', 'group', 'instance']),
  );
  expect(new Set(hops.flatMap(({ host }) => host ?? [])).size).toBe(2);
});

test('and it is shown on a terminal, by its end, and with what a rule of somebody else does', async () => {
  const argv = ['trace', 'vm1', '->', 'vm2', 'tcp/80'];
  const shown = await lab.plumb(argv);
  const json = await lab.plumb([...argv, '--json']);
  expect(JSON.parse(json.stdout)).toMatchObject({ there: { verdict: 'arrives' }, back: { verdict: 'arrives' } });
  expect(shown.stdout).toMatch(/^there: ARRIVES: /m);
  expect(shown.stdout).toMatch(/^back: ARRIVES: /m);
  expect(shown.stdout).toMatch(/tunnel to /);
  const router = await lab.named('routers', 'router1');
  const rule = ['FORWARD', '-d', `${places.ip('vm1')}/32`, '-p', 'tcp', '-m', 'tcp', '--dport', '80', '-j', 'DROP'];
  const iptables = (how: string) =>
    lab.text('net1', ['ip', 'netns', 'exec', `qrouter-${router.id}`, 'iptables', '-w', how, ...rule]);
  await iptables('-A');
  try {
    const blocked = await lab.plumb(['trace', OUTSIDE, places.fip('vm1'), 'tcp/80'], {
      okCodes: [1],
    });
    expect(blocked.stdout).toMatch(/^there: IS DROPPED: a rule of somebody else drops it/m);
    expect(blocked.stdout).toContain(`-A ${rule.join(' ')}`);
  } finally {
    await iptables('-D');
  }
});

test.each([
  ['asked so', ['--here']],
  ['without an API', ['--api', 'http://127.0.0.1:9']],
])('on a node by itself, %s: its own flows, rules and routes; beyond it what the log says', async (_how, options) => {
  const { paths } = runningPlace(lab.spec, 'net1');
  const command = [process.execPath, `${paths.project}/apps/cli/dist/main.js`, 'trace', ...options];
  const there = ['--node', 'net1', '--state-dir', `${paths.var}/agents`, '--json'];
  const ask = (from: string, to: string, ends = 2) =>
    lab.plumb([...['lab', '--name', lab.spec.name, 'exec', 'net1', '--', ...command], ...there, from, to, 'tcp/80'], {
      okCodes: [ends],
    });
  const { stdout, stderr } = await ask(OUTSIDE, places.fip('vm1'));
  expect(stderr.includes('node net1 itself knows')).toBe(options.includes('--api'));
  const trace = JSON.parse(stdout) as Trace;
  const rule = trace.there.hops.find(({ before }) => before !== null);
  expect(rule).toMatchObject({
    ...{ kind: 'rule', of: 'ours', host: 'net1', packet: { destination: places.ip('vm1') } },
    ...{ position: expect.any(Number), event: null },
  });
  expect(trace.there.hops.filter(({ kind }) => kind === 'flow').map(({ host }) => host)).toContain('net1');
  expect(trace.there).toMatchObject({ verdict: 'unknown' });
  expect(trace.unknown.join()).toContain('only net1 was asked');
  // And what it does not have, it says.
  expect((await ask('nobody', places.fip('vm1'), 1)).stderr).toContain('There is no "nobody"');
});
