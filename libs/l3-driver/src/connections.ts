/**
 * Ends connections with conntrack(8), exactly those that are meant.
 *
 * conntrack(8) exits 1 when it found none, and also gives up in the middle when one ends by itself between being listed and being deleted: then it is run
 * again. It takes one port, not a range: for a range the ports in use are listed first, and then deleted in one process.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CommandFailed, Runner } from '@plumbline/exec';
import { L3Step } from '@plumbline/l3-core';

const FAREWELL_MS = 250;
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
