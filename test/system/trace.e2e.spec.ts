/**
 * `plumb trace` on a lab beside real packets: whether a packet arrives, and whether its answer does, of each pair in testing/trace-pairs.ts. Packets bear a number (DSCP) by which
 * they are counted where they arrive.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Trace } from '@plumbline/reasons';
import { runningPlace } from '@plumbline/lab';
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
/** Numbers of pairs begin with 1: 0 is any packet's. */
const numberOf = (at: number): number => at + 1;
const placesOf = (pairs: readonly Pair[]): readonly string[] => [...new Set(pairs.flatMap(({ to }) => to ?? []))];

/** Rules that count, of the instance's own. */
async function count(place: string, many: number): Promise<void> {
  const lines = Array.from({ length: many }, (_, at) => `-A PREROUTING -m dscp --dscp ${numberOf(at)}`);
  for (const [tool] of TOOLS)
    await lab.at(place, [`${tool}-restore`, '--noflush'], { stdin: `*raw\n${lines.join('\n')}\nCOMMIT\n` });
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
  expect(pairs.length).toBeGreaterThanOrEqual(40);
  const all = placesOf(pairs.map(({ pair }) => pair));
  await Promise.all(all.map((place) => count(place, pairs.length)));
  const first = await look(pairs, SECONDS);
  // On a busy machine packets are lost, and nodes answer late: where the two differ, both are looked at again, with more patience.
  const again = await look(
    pairs.filter((_, at) => !agree(first[at] as Seen)),
    2 * SECONDS,
  );
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
