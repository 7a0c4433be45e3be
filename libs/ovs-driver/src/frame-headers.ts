/** What a line of a log says of an Ethernet frame: its headers up to the ports, as far as there are bytes. */
import { SocketAddress } from 'node:net';

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const VLAN = 0x8100;
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6', 132: 'sctp' };
/** Hop-by-hop, routing and destination options: the next header follows them. */
const EXTENSIONS = new Set([0, 43, 60]);

export type FrameHeaders = Readonly<{
  srcMac: string;
  dstMac: string;
  /** A name, or a number as text. */
  protocol?: string;
  src?: string;
  dst?: string;
  srcPort?: number;
  dstPort?: number;
  icmpType?: number;
  icmpCode?: number;
  /** Of a frame that is not IP. */
  etherType?: string;
}>;

export function frameHeaders(frame: Buffer): FrameHeaders {
  const macs = { srcMac: macAt(frame, 6), dstMac: macAt(frame, 0) };
  const tagged = frame.length >= 18 && frame.readUInt16BE(12) === VLAN;
  const at = tagged ? 18 : 14;
  if (frame.length < at) return macs;
  const etherType = frame.readUInt16BE(at - 2);
  if (etherType === IPV4 && frame.length >= at + 20) {
    const isFirst = (frame.readUInt16BE(at + 6) & 0x1fff) === 0;
    const ends = { src: ipv4At(frame, at + 12), dst: ipv4At(frame, at + 16) };
    const next = frame.readUInt8(at + 9);
    return {
      ...macs,
      ...ends,
      ...transport(next, isFirst ? frame.subarray(at + (frame.readUInt8(at) & 15) * 4) : NONE),
    };
  }
  if (etherType === IPV6 && frame.length >= at + 40) {
    const ends = { src: ipv6At(frame, at + 8), dst: ipv6At(frame, at + 24) };
    let [next, rest] = [frame.readUInt8(at + 6), frame.subarray(at + 40)];
    while (EXTENSIONS.has(next) && rest.length >= 8) {
      const length = 8 + rest.readUInt8(1) * 8;
      [next, rest] = [rest.readUInt8(0), rest.subarray(length)];
    }
    return { ...macs, ...ends, ...transport(next, rest) };
  }
  return { ...macs, etherType: `0x${etherType.toString(16).padStart(4, '0')}` };
}

const NONE = Buffer.alloc(0);

function transport(protocol: number, bytes: Buffer): Partial<FrameHeaders> {
  const name = PROTOCOLS[protocol] ?? String(protocol);
  if (bytes.length < 4) return { protocol: name };
  if (name === 'icmp' || name === 'icmp6')
    return { protocol: name, icmpType: bytes.readUInt8(0), icmpCode: bytes.readUInt8(1) };
  if (name === 'tcp' || name === 'udp' || name === 'sctp')
    return { protocol: name, srcPort: bytes.readUInt16BE(0), dstPort: bytes.readUInt16BE(2) };
  return { protocol: name };
}

const macAt = (frame: Buffer, at: number): string =>
  [...frame.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
const ipv4At = (frame: Buffer, at: number): string => [...frame.subarray(at, at + 4)].join('.');
const ipv6At = (frame: Buffer, at: number): string => {
  const groups = Array.from({ length: 8 }, (_, index) => frame.readUInt16BE(at + index * 2).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
};
