/**
 * Ends connections with conntrack(8), exactly those that are meant.
 *
 * conntrack(8) exits 1 when it found none, and also gives up in the middle when one ends by itself between being listed and being deleted: then it is run
 * again. It takes one port, not a range: for a range the ports in use are listed first, and then deleted in one process.
 *
 * The kernel has one table for all namespaces, and goes through all of it for each question, some 10 ms on a machine with much memory. So a namespace is asked first how
 * many connections it has: mostly none.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CommandFailed, Runner } from '@plumbline/exec';
import { Connection, judgeBy, L3Step } from '@plumbline/l3-core';

/** Parameter: how many connections the kernel tracks in the namespace it is read in. */
export const CONNECTIONS = 'net/netfilter/nf_conntrack_count';

/** Where the kernel does not tell, there may be some. */
const hasNone = async (runner: Runner, netns: string): Promise<boolean> =>
  (await runner.readSysctls([CONNECTIONS], { netns })).get(CONNECTIONS) === '0';

const FAREWELL_MS = 250;
/** A link is gone for good: both ends get the time to repeat what was on its way. */
const LAST_FAREWELL_MS = 500;
const TRIES = 20;

/**
 * Connections from outside have the address as original destination, those from inside as the destination of the reply.
 *
 * When TCP connections were open the address stays a moment longer: the router answers their next packets with a reset. Without the address there
 * would be no answer, and the peer would wait for minutes. A peer with unacknowledged data repeats it within TCP's least timeout (200 ms).
 */
export async function endConnections(
  runner: Runner,
  { netns, address }: Extract<L3Step, { op: 'end-connections' }>,
): Promise<void> {
  if (await hasNone(runner, netns)) return;
  let open = false;
  for (const side of ['--orig-dst', '--reply-dst']) {
    const stdout = await deleted(runner, netns, async () => ({ argv: ['conntrack', '-D', side, address] }));
    open ||= /^tcp .* ESTABLISHED /m.test(stdout);
  }
  if (open) await delay(FAREWELL_MS);
}

/** The address stays, so the router answers later packets with a reset. */
export async function endForwarded(
  runner: Runner,
  { netns, address, protocol, ports, answeredBy }: Extract<L3Step, { op: 'end-forwarded' }>,
): Promise<void> {
  if (await hasNone(runner, netns)) return;
  const pair = ['-p', NAMES[protocol] ?? protocol, '--orig-dst', address, '--reply-src', answeredBy];
  // A kernel that does not track DCCP does not know its ports.
  if (ports === null || protocol === 'dccp')
    return void (await deleted(runner, netns, async () => ({ argv: ['conntrack', '-D', ...pair] })));
  const onPort = (port: number): string[] => ['-D', ...pair, '--orig-port-dst', `${port}`];
  if (ports.first === ports.last)
    return void (await deleted(runner, netns, async () => ({ argv: ['conntrack', ...onPort(ports.first)] })));
  await deleted(runner, netns, async () => {
    const listed = await runner.run(['conntrack', '-L', ...pair], { netns, reads: true, okCodes: [0, 1] });
    const inUse = new Set([...listed.stdout.matchAll(FIRST_DPORT)].map((match) => Number(match[1])));
    const inRange = [...inUse].filter((port) => ports.first <= port && port <= ports.last);
    if (inRange.length === 0) return null;
    return { argv: ['conntrack', '-R', '-'], stdin: `${inRange.map((port) => onPort(port).join(' ')).join('\n')}\n` };
  });
}

/**
 * How often what is left is looked for. Once more than there was something, at least: a connection may begin by the old rules while they are replaced, and in a
 * stream that never pauses an answer may come first, each time anew, in the moment between the end of a connection and its new beginning.
 */
const MOST_LOOKS = 30;
/** How long an answer may be under way for which nothing can be begun anew. */
const ANSWER_MS = 250;

/**
 * Ends what was begun before the rules that would translate it otherwise. Where nothing was translated, an answer that is still under way, for seconds if it comes
 * from far away, would begin a connection of its own, from outside to the instance, and what the instance then sends would belong to it. So such a
 * connection is begun anew in the same moment, as the rules now say: the answer finds its place taken. That can be done for protocols whose ports
 * conntrack(8) sets; answers of others are looked for once more. Rejects when there is always one left: who retries it looks at the connections again.
 */
export async function endUntranslated(
  runner: Runner,
  { netns, addresses, translation, lingers }: Extract<L3Step, { op: 'end-untranslated' }>,
): Promise<void> {
  if (await hasNone(runner, netns)) return;
  const judge = judgeBy(translation);
  const concerned = addresses && new Set(addresses);
  const isConcerned = ({ source, destination, answerTo }: Connection): boolean =>
    concerned === null || [source, destination, answerTo].some((address) => concerned.has(address));
  /** What answers that are under way would begin, and how the connection that they belong to is begun anew. */
  const answers = new Map<string, readonly string[] | null>();
  let open = false;
  for (let look = 1; ; look += 1) {
    if ([...answers.values()].includes(null)) await delay(ANSWER_MS);
    const ends: End[] = [];
    for (const each of await listConnections(runner, netns)) {
      if (!isConcerned(each)) continue;
      const { stale, translatesDestination, sources } = judge(each);
      const byAnswer = isPlain(each) ? answers.get(each.begunAs) : undefined;
      if (!stale && byAnswer === undefined) continue;
      open ||= each.protocol === 'tcp';
      const [source] = sources;
      const anew = stale && !translatesDestination && source !== undefined ? begunAnew(each, source) : null;
      if (stale && isPlain(each)) answers.set(each.answeredAs, anew);
      ends.push({ named: each.named, anew: isPlain(each) ? (anew ?? byAnswer ?? null) : null });
    }
    if (ends.length === 0) break;
    if (look > MOST_LOOKS)
      throw new Error(
        `${ends.length} connections that are older than the rules (conntrack ${ends[0]?.named.join(' ')}) begin anew as they were, however often they are ended; it is tried again`,
      );
    if (!(await endEach(runner, netns, ends))) break;
  }
  if (open && lingers) await delay(FAREWELL_MS);
}

/** A connection to be ended, and what is begun in its place. */
type End = Readonly<{ named: readonly string[]; anew: readonly string[] | null }>;

/** As the kernel keeps one of UDP that was never answered, in seconds. */
const UNANSWERED_S = 30;
/** What conntrack(8) must be told besides. */
const BEGUN_AS: Readonly<Record<string, readonly string[]>> = { udp: [], udplite: [], tcp: ['--state', 'ESTABLISHED'] };

/** Options of conntrack(8) that begin the connection as one that is sent from `source`; null for protocols that it cannot do that for. */
function begunAnew({ protocol, ports, ...connection }: Listed, source: string): readonly string[] | null {
  const more = BEGUN_AS[protocol];
  if (!more || !ports) return null;
  const pair = ['-s', connection.source, '-d', connection.destination, '--sport', ports[0], '--dport', ports[1]];
  return ['-p', protocol, ...pair, '-t', `${UNANSWERED_S}`, '--src-nat', source, ...more];
}

/**
 * Resolves with false when nothing was done, because commands are only printed: then another look finds the same.
 *
 * One process takes many, prints those that it has deleted, and gives up at one that has ended by itself meanwhile, or whose place was taken before it was begun
 * anew: the next takes those behind it.
 */
async function endEach(runner: Runner, netns: string, ends: readonly End[]): Promise<boolean> {
  let left = ends;
  while (left.length > 0) {
    const lines = left.flatMap(({ named, anew }) => [
      `-D ${named.join(' ')}`,
      ...(anew === null ? [] : [`-I ${anew.join(' ')}`]),
    ]);
    const options = { netns, stdin: `${lines.join('\n')}\n`, okCodes: [0, 1] };
    const { code, stdout, stderr } = await runner.run(['conntrack', '-R', '-'], options);
    if (code === 0) return left.length < ends.length || stdout !== '';
    const deleted = stdout.split('\n').filter((line) => line !== '').length;
    left = left.slice(TAKEN.test(stderr) ? deleted : deleted + 1);
  }
  return true;
}

/** Of the one that was deleted last, so it is not tried again. */
const TAKEN = /conntrack exists/;

/** IPv4 connections of this namespace. Changes nothing. */
export async function listConnections(runner: Runner, netns: string): Promise<Listed[]> {
  const listed = await runner.run(['conntrack', '-L', '-f', 'ipv4'], { netns, reads: true, okCodes: [0, 1] });
  return listed.stdout.split('\n').flatMap(connectionIn);
}

/**
 * `named`: options of conntrack(8) that find it alone. `begunAs`: its first packet; `answeredAs`: the answer to it. `ports`: of its first packet, null for a protocol
 * without.
 */
type Listed = Connection &
  Readonly<{
    named: readonly string[];
    begunAs: string;
    answeredAs: string;
    ports: readonly [source: string, destination: string] | null;
  }>;

const isPlain = ({ source, destination, answerFrom, answerTo }: Connection): boolean =>
  source === answerTo && destination === answerFrom;

/** A line of conntrack(8), and the options by which it finds that connection alone. */
function connectionIn(line: string): Listed[] {
  const [protocol, number] = line.split(/\s+/);
  const all = (key: string): string[] =>
    [...line.matchAll(new RegExp(` ${key}=(\\S+)`, 'g'))].map(([, value = '']) => value);
  const [[source, answerFrom], [destination, answerTo]] = [all('src'), all('dst')];
  if (!protocol || !number || !source || !answerFrom || !destination || !answerTo) return [];
  const [[sport, answerSport], [dport, answerDport]] = [all('sport'), all('dport')];
  const [[type], [code], [id]] = [all('type'), all('code'), all('id')];
  const ports = sport === undefined || dport === undefined ? [] : ['--orig-port-src', sport, '--orig-port-dst', dport];
  const icmp =
    type === undefined || code === undefined || id === undefined
      ? []
      : ['--icmp-type', type, '--icmp-code', code, '--icmp-id', id];
  const port = (text: string | undefined): number | null => (text === undefined ? null : Number(text));
  return [
    {
      protocol,
      source,
      destination,
      destinationPort: port(dport),
      answerFrom,
      answerTo,
      answerPort: port(answerSport),
      begunAs: [protocol, source, sport, destination, dport].join(' '),
      ports: sport === undefined || dport === undefined ? null : [sport, dport],
      answeredAs: [protocol, answerFrom, answerSport, answerTo, answerDport].join(' '),
      named: [
        ...['-p', protocol === 'unknown' ? number : protocol, '--orig-src', source, '--orig-dst', destination],
        ...ports,
        ...icmp,
      ],
    },
  ];
}

/**
 * The rules that reset are in force: whoever sends within this time learns that the connection has ended. One that was reset just now (CLOSE) counts, too: its
 * reset may still be on its way through the link.
 */
export async function farewell(runner: Runner, { netns }: Extract<L3Step, { op: 'farewell' }>): Promise<void> {
  if (await hasNone(runner, netns)) return;
  const open = async (family: string): Promise<boolean> => {
    const argv = ['conntrack', '-L', '-f', family, '-p', 'tcp'];
    const { stdout } = await runner.run(argv, { netns, reads: true, okCodes: [0, 1] });
    return / (?:ESTABLISHED|SYN_SENT|SYN_RECV|CLOSE) /.test(stdout);
  };
  const [four, six] = await Promise.all([open('ipv4'), open('ipv6')]);
  if (four || six) await delay(LAST_FAREWELL_MS);
}

/** Protocols that conntrack(8) calls by another name than the API. */
const NAMES: Readonly<Record<string, string>> = { icmp6: 'icmpv6' };
/** In a line of conntrack(8): the port of the original packet, not of the reply. */
const FIRST_DPORT = /^.*? dport=(\d+)/gm;

type Command = Readonly<{ argv: readonly string[]; stdin?: string }>;

/** Runs a deletion and returns what it deleted. `command` is called for each try; null: there is nothing to delete. */
async function deleted(runner: Runner, netns: string, command: () => Promise<Command | null>): Promise<string> {
  for (let tries = 1, all = ''; ; tries += 1) {
    const asked = await command();
    if (asked === null) return all;
    const { argv, stdin } = asked;
    const input = stdin === undefined ? {} : { stdin };
    const { code, stdout, stderr } = await runner.run(argv, { netns, okCodes: [0, 1], ...input });
    all += stdout;
    if (code === 0 || stderr.includes('0 flow entries')) return all;
    if (!stderr.includes("such conntrack doesn't exist") || tries === TRIES)
      throw new CommandFailed({ argv, reason: 'exit', code, stderr, netns });
  }
}
