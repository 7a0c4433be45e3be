/**
 * Ends connections with conntrack(8), exactly those that are meant.
 *
 * conntrack(8) exits 1 when it found none, and also gives up in the middle when one ends by itself between being listed and being deleted: then it is run
 * again. It takes one port, not a range: for a range the ports in use are listed first, and then deleted in one process.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CommandFailed, Runner } from '@plumbline/exec';
import { Connection, L3Step, staleness } from '@plumbline/l3-core';

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

/** How often what is left is looked for again: a connection may begin by the old rules while they are replaced. */
const LOOKS = 3;
/** How long an answer may be under way. */
const ANSWER_MS = 250;

/**
 * Ends what was begun before the rules that would translate it otherwise. Where nothing was translated, an answer that is still under way would begin a connection
 * of its own, from outside to the instance, and what the instance then sends would belong to it: such a one ends, too.
 */
export async function endUntranslated(
  runner: Runner,
  { netns, addresses, translation, lingers }: Extract<L3Step, { op: 'end-untranslated' }>,
): Promise<void> {
  const isStale = staleness(translation);
  const concerned = addresses && new Set(addresses);
  const isConcerned = ({ source, destination, answerTo }: Connection): boolean =>
    concerned === null || [source, destination, answerTo].some((address) => concerned.has(address));
  const answers = new Set<string>();
  let open = false;
  for (let look = 1; look <= LOOKS; look += 1) {
    if (answers.size > 0) await delay(ANSWER_MS);
    const stale = (await listConnections(runner, netns)).filter(
      (each) => isConcerned(each) && (isStale(each) || (isPlain(each) && answers.has(each.begunAs))),
    );
    if (stale.length === 0) break;
    for (const each of stale) if (isPlain(each)) answers.add(each.answeredAs);
    open ||= stale.some(({ protocol }) => protocol === 'tcp');
    await endEach(runner, netns, stale);
  }
  if (open && lingers) await delay(FAREWELL_MS);
}

/** One process takes many, prints those that it has deleted, and gives up at one that has ended by itself meanwhile: the next takes those behind it. */
async function endEach(runner: Runner, netns: string, connections: readonly Listed[]): Promise<void> {
  let left = connections;
  while (left.length > 0) {
    const stdin = `${left.map(({ named }) => `-D ${named.join(' ')}`).join('\n')}\n`;
    const { code, stdout } = await runner.run(['conntrack', '-R', '-'], { netns, stdin, okCodes: [0, 1] });
    if (code === 0) return;
    left = left.slice(stdout.split('\n').filter((line) => line !== '').length + 1);
  }
}

/** IPv4 connections of this namespace. Changes nothing. */
export async function listConnections(runner: Runner, netns: string): Promise<Listed[]> {
  const listed = await runner.run(['conntrack', '-L', '-f', 'ipv4'], { netns, reads: true, okCodes: [0, 1] });
  return listed.stdout.split('\n').flatMap(connectionIn);
}

/** `named`: options of conntrack(8) that find it alone. `begunAs`: its first packet; `answeredAs`: the answer to it. */
type Listed = Connection & Readonly<{ named: readonly string[]; begunAs: string; answeredAs: string }>;

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
      answeredAs: [protocol, answerFrom, answerSport, answerTo, answerDport].join(' '),
      named: [
        ...['-p', protocol === 'unknown' ? number : protocol, '--orig-src', source, '--orig-dst', destination],
        ...ports,
        ...icmp,
      ],
    },
  ];
}

/** The rules that reset are in force: whoever sends within this time learns that the connection has ended. */
export async function farewell(runner: Runner, { netns }: Extract<L3Step, { op: 'farewell' }>): Promise<void> {
  const open = async (family: string): Promise<boolean> => {
    const argv = ['conntrack', '-L', '-f', family, '-p', 'tcp'];
    const { stdout } = await runner.run(argv, { netns, reads: true, okCodes: [0, 1] });
    return / (?:ESTABLISHED|SYN_SENT|SYN_RECV) /.test(stdout);
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
