/**
 * Whether the matches of a line, as iptables-save prints it, hold for one packet that is thought of. Of our own lines and of those of others alike: each match by itself,
 * so a line is judged as far as its matches are known here. Nothing is guessed: what is not known is said (null), unless another match excludes the packet anyway.
 */
import { addressBytes, cidrContains } from '@plumbline/contracts';
import type { Sets } from './sets.js';

/** Of ICMP `sport` is the type and `dport` the code; of a protocol without ports both are 0. */
export type BridgedPacket = Readonly<{ protocol: number; src: string; dst: string; sport: number; dport: number }>;

/** A packet in one hook. Devices that it has not got there are absent. */
export type Seen = Readonly<{
  packet: BridgedPacket;
  input?: string;
  output?: string;
  physicalIn?: string;
  physicalOut?: string;
  /** As conntrack knows it: `opened` is the packet that opened its connection. Null: it is not tracked. */
  connection: Readonly<{ opened: BridgedPacket; isReply: boolean }> | null;
  sets: Sets;
}>;

/** `never`: there is nothing to compare, so it holds neither as it is nor reversed. Null: not known. */
type Said = boolean | 'never' | null;
type Judge = (values: readonly string[], seen: Seen) => Said;

const [ICMP, ICMP_V6] = [1, 58] as const;
const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ...([['icmp', ICMP], ['ipv6-icmp', ICMP_V6], ['icmpv6', ICMP_V6], ['tcp', 6], ['udp', 17]] as const), // prettier-ignore
]);
const isIcmp = ({ protocol }: BridgedPacket): boolean => protocol === ICMP || protocol === ICMP_V6;

/** iptables-save names a protocol as /etc/protocols does: a name that is not of these is none of theirs. */
const isProtocol = (text: string, protocol: number): boolean => (PROTOCOLS.get(text) ?? Number(text)) === protocol;

const ADDRESS = /^[0-9a-f:.]+(?:\/\d{1,3})?$/i;
export function isWithin(prefix: string, address: string): boolean | null {
  if (!ADDRESS.test(prefix)) return null;
  return cidrContains(prefix.includes('/') ? prefix : `${prefix}/${8 * addressBytes(prefix).length}`, address);
}

function inRange(text: string, value: number): boolean {
  const [first = NaN, last = first] = text.split(':').map(Number);
  return value >= first && value <= last;
}
const inList = (text: string, value: number): boolean => text.split(',').some((each) => inRange(each, value));

const isDevice = (pattern: string, device: string | undefined): boolean =>
  device !== undefined && (pattern.endsWith('+') ? device.startsWith(pattern.slice(0, -1)) : device === pattern);

const port =
  (side: 'sport' | 'dport', holds = inRange): Judge =>
  ([text = ''], { packet }) =>
    !isIcmp(packet) && holds(text, packet[side]);

const icmpType: Judge = ([text = ''], { packet }) => {
  const [type = NaN, code = packet.dport] = text.split('/').map(Number);
  return Number.isNaN(type) ? null : isIcmp(packet) && packet.sport === type && packet.dport === code;
};

/** Of the connection's first packet. */
const opened =
  (judge: (text: string, opened: BridgedPacket) => boolean | null): Judge =>
  ([text = ''], { connection }) =>
    connection ? judge(text, connection.opened) : 'never';

const STATES: ReadonlySet<string> = new Set(['NEW', 'ESTABLISHED', 'RELATED', 'INVALID', 'UNTRACKED']);
const state: Judge = ([text = ''], { connection }) => {
  const states = text.split(',');
  const is = !connection ? 'UNTRACKED' : connection.isReply ? 'ESTABLISHED' : 'NEW';
  if (states.includes(is)) return true;
  return states.every((each) => STATES.has(each)) ? false : null;
};

const inSet: Judge = ([name = '', sides = ''], { packet, sets }) => {
  const entries = sets.get(name);
  const address = sides === 'src' ? packet.src : sides === 'dst' ? packet.dst : undefined;
  if (!entries || address === undefined) return null;
  const said = entries.map((entry) => isWithin(entry, address));
  return said.includes(true) ? true : said.includes(null) ? null : false;
};

const OPTIONS: ReadonlyMap<string, Judge> = new Map<string, Judge>([
  ['-m', () => true],
  ['--comment', () => true],
  ['-s', ([text = ''], { packet }) => isWithin(text, packet.src)],
  ['-d', ([text = ''], { packet }) => isWithin(text, packet.dst)],
  ['-i', ([text = ''], { input }) => isDevice(text, input)],
  ['-o', ([text = ''], { output }) => isDevice(text, output)],
  ['-p', ([text = ''], { packet }) => isProtocol(text, packet.protocol)],
  ['--sport', port('sport')],
  ['--dport', port('dport')],
  ['--sports', port('sport', inList)],
  ['--dports', port('dport', inList)],
  ['--icmp-type', icmpType],
  ['--icmpv6-type', icmpType],
  ['--physdev-in', ([text = ''], { physicalIn }) => isDevice(text, physicalIn)],
  ['--physdev-out', ([text = ''], { physicalOut }) => isDevice(text, physicalOut)],
  ['--physdev-is-in', (_, { physicalIn }) => physicalIn !== undefined],
  ['--physdev-is-out', (_, { physicalOut }) => physicalOut !== undefined],
  ['--physdev-is-bridged', (_, { physicalIn, physicalOut }) => physicalIn !== undefined && physicalOut !== undefined],
  ['--pkt-type', ([text]) => text === 'unicast'],
  ['--state', state],
  ['--ctstate', state],
  ['--ctdir', ([text], { connection }) => (connection ? (text === 'REPLY') === connection.isReply : 'never')],
  ['--ctproto', opened((text, { protocol }) => isProtocol(text, protocol))],
  ['--ctorigsrc', opened((text, { src }) => isWithin(text, src))],
  ['--ctorigdst', opened((text, { dst }) => isWithin(text, dst))],
  // Where conntrack keeps ports of others it keeps type and code of ICMP.
  [
    '--ctorigdstport',
    opened((text, first) => inRange(text, isIcmp(first) ? first.sport * 256 + first.dport : first.dport)),
  ],
  ['--match-set', inSet],
]);

/** Null: a match is not known here, or what it asks of the packet is not. */
export function lineHolds(line: string, seen: Seen): boolean | null {
  const words: readonly string[] = line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  let holds: boolean | null = true;
  for (let at = 0; at < words.length;) {
    const not = words[at] === '!';
    if (not) at += 1;
    const name = words[at] ?? '';
    if (name === '-j' || name === '-g') break;
    const values = valuesBehind(words, at);
    at += 1 + values.length;
    const said = OPTIONS.get(name)?.(values, seen) ?? null;
    if (said === 'never' || said === not) return false;
    if (said === null) holds = null;
  }
  return holds;
}

/** Up to the next option. */
function valuesBehind(words: readonly string[], at: number): readonly string[] {
  const end = words.findIndex((word, index) => index > at && (word === '!' || word.startsWith('-')));
  return words.slice(at + 1, end < 0 ? words.length : end);
}
