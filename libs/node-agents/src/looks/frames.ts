/**
 * Frames of probes, and what counts as their answers: ARP (RFC 826), ICMP echo (RFC 792), the first segment of a TCP connection (RFC 9293). Each is as any neighbour
 * sends it.
 */
import { addressToInt, type Probe } from '@plumbline/contracts';
import type { FrameAnswer, FrameQuestion } from '@plumbline/exec';

type Addresses = Pick<Probe, 'from' | 'to'>;
/** What tells a probe's answer from that of another one. */
export type Tag = number;

const any = (bytes: number): string => '..'.repeat(bytes);
const hex = (value: number, bytes: number): string => value.toString(16).padStart(2 * bytes, '0');
const macHex = (mac: string): string => mac.replaceAll(':', '');
const ipHex = (ip: string): string => ip.split('.').map((byte) => hex(Number(byte), 1)).join(''); // prettier-ignore

const ip6Hex = (ip: string): string => addressToInt(ip).toString(16).padStart(32, '0');

const EVERYONE = 'ff'.repeat(6);
const ARP = '0806000108000604';
const REQUEST = '0001';
const ICMP = 1;
const TCP = 6;
const ICMPV6 = 58;

/** Sum of the Internet protocols (RFC 1071) over whole bytes. */
export function internetChecksum(digits: string): string {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 4) sum += parseInt(digits.slice(at, at + 4).padEnd(4, '0'), 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return hex(~sum & 0xffff, 2);
}

/** An IPv4 packet in an Ethernet frame. */
function packet({ from, to }: Addresses, protocol: number, payload: string): string {
  const length = hex(20 + payload.length / 2, 2);
  const head = (sum: string): string =>
    `4500${length}00004000` + hex(64, 1) + hex(protocol, 1) + sum + ipHex(from.ip) + ipHex(to.ip);
  return macHex(to.mac) + macHex(from.mac) + '0800' + head(internetChecksum(head('0000'))) + payload;
}

/** What an answer's frame begins with, up to its payload: whoever it is from, and to. */
const answering = ({ from, to }: Addresses, protocol: number): string =>
  `${any(12)}080045${any(8)}${hex(protocol, 1)}${any(2)}${ipHex(to.ip)}${ipHex(from.ip)}`;

const arpQuestion = ({ from, to }: Addresses): string =>
  EVERYONE + macHex(from.mac) + ARP + REQUEST + macHex(from.mac) + ipHex(from.ip) + '00'.repeat(6) + ipHex(to.ip);

const ECHO_TEXT = Buffer.from('plumb doctor').toString('hex');
/** High ports that nobody is told to listen on. */
const FIRST_SOURCE_PORT = 61_000;

function echo(probe: Addresses, tag: Tag): { frame: string; answers: string[] } {
  const message = (sum: string): string => `0800${sum}${hex(tag, 2)}0001${ECHO_TEXT}`;
  return {
    frame: packet(probe, ICMP, message(internetChecksum(message('0000')))),
    answers: [`${answering(probe, ICMP)}00${any(3)}${hex(tag, 2)}`],
  };
}

function syn(probe: Addresses, port: number, tag: Tag): { frame: string; answers: string[] } {
  const source = hex(FIRST_SOURCE_PORT + (tag % 4_000), 2);
  const segment = (sum: string): string => `${source}${hex(port, 2)}${hex(tag + 1, 4)}${hex(0, 4)}50024000${sum}0000`;
  const pseudo = ipHex(probe.from.ip) + ipHex(probe.to.ip) + '00' + hex(TCP, 1) + hex(20, 2);
  return {
    frame: packet(probe, TCP, segment(internetChecksum(pseudo + segment('0000')))),
    answers: [`${answering(probe, TCP)}${hex(port, 2)}${source}`],
  };
}

/** An ICMPv6 message in an IPv6 packet in an Ethernet frame (RFC 8200, RFC 4443): the sum is over addresses, length and protocol, too. */
function packet6({ from }: Addresses, toMac: string, toIp: string, message: (sum: string) => string): string {
  const empty = message('0000');
  const pseudo = ip6Hex(from.ip) + toIp + hex(empty.length / 2, 4) + hex(ICMPV6, 4);
  const payload = message(internetChecksum(pseudo + empty));
  // Messages of neighbours are heeded with 255 hops alone.
  const head = `60000000${hex(payload.length / 2, 2)}${hex(ICMPV6, 1)}ff${ip6Hex(from.ip)}${toIp}`;
  return toMac + macHex(from.mac) + '86dd' + head + payload;
}

/** Up to the ICMPv6 message, whoever it is from and to. */
const ANSWERING6 = `${any(12)}86dd6${'.'.repeat(7)}${any(2)}${hex(ICMPV6, 1)}${any(1)}`;

/** A neighbour solicitation to the solicited-node address; an advertisement of the target answers it. */
function solicitation(probe: Addresses): { frame: string; answers: string[] } {
  const target = ip6Hex(probe.to.ip);
  const last = target.slice(-6);
  const message = (sum: string): string => `8700${sum}00000000${target}0101${macHex(probe.from.mac)}`;
  const solicited = `ff0200000000000000000001ff${last}`.padStart(32, '0');
  return {
    frame: packet6(probe, `3333ff${last}`, solicited, message),
    answers: [`${ANSWERING6}${any(32)}88${any(7)}${target}`],
  };
}

function echo6(probe: Addresses, tag: Tag): { frame: string; answers: string[] } {
  const message = (sum: string): string => `8000${sum}${hex(tag, 2)}0001${ECHO_TEXT}`;
  return {
    frame: packet6(probe, macHex(probe.to.mac), ip6Hex(probe.to.ip), message),
    answers: [`${ANSWERING6}${ip6Hex(probe.to.ip)}${ip6Hex(probe.from.ip)}81${any(3)}${hex(tag, 2)}`],
  };
}

/** All MACs but one: patterns know no "not", so there is one for each digit that may differ. */
const othersThan = (mac: string): string[] =>
  [...mac].flatMap((digit, at) =>
    [...'0123456789abcdef']
      .filter((other) => other !== digit)
      .map((other) => `${mac.slice(0, at)}${other}${'.'.repeat(11 - at)}`),
  );

function exchange(probe: Probe, tag: Tag): { frame: string; answers: string[] } {
  switch (probe.kind) {
    case 'arp':
      return { frame: arpQuestion(probe), answers: [`${any(12)}${ARP}${any(8)}${ipHex(probe.to.ip)}`] };
    case 'others':
      return {
        frame: arpQuestion(probe),
        answers: othersThan(macHex(probe.to.mac)).map((mac) => `${any(12)}${ARP}${any(2)}${mac}${ipHex(probe.to.ip)}`),
      };
    case 'others6': {
      const { frame, answers } = solicitation(probe);
      const [answer = ''] = answers;
      // Behind the receiver, which may be anybody.
      const from = (mac: string): string => any(6) + mac + answer.slice(any(12).length);
      return { frame, answers: othersThan(macHex(probe.to.mac)).map(from) };
    }
    case 'echo':
      return echo(probe, tag);
    case 'syn':
      return syn(probe, probe.port, tag);
    case 'nd':
      return solicitation(probe);
    case 'echo6':
      return echo6(probe, tag);
    case 'asked':
      return {
        frame: arpQuestion(probe),
        answers: [`${any(12)}${ARP}${REQUEST}${macHex(probe.to.mac)}${ipHex(probe.to.ip)}`],
      };
  }
}

/** `place`: where it is sent from. */
export function questionOf(probe: Probe, place: Pick<FrameQuestion, 'netns' | 'device'>, tag: Tag): FrameQuestion {
  const { frame, answers } = exchange(probe, tag);
  return { ...place, frame: Buffer.from(frame, 'hex'), answers };
}

const macAt = (frame: Uint8Array, at: number): string =>
  [...frame.slice(at, at + 6)].map((byte) => hex(byte, 1)).join(':');
/** Of an ARP packet behind the Ethernet header. */
const ARP_TARGET = 38;

export function answerOf({ kind }: Probe, { frame, error }: FrameAnswer) {
  if (error !== null) return { answered: null, fromMac: '', toMac: '', text: error };
  if (frame === null) return { answered: false, fromMac: '', toMac: '', text: '' };
  const text = kind === 'asked' ? [...frame.slice(ARP_TARGET, ARP_TARGET + 4)].join('.') : '';
  return { answered: true, fromMac: macAt(frame, 6), toMac: macAt(frame, 0), text };
}
