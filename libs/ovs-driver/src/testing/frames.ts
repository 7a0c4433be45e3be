/** Ethernet frames as hex, field by field: what an honest guest's own network stack would never write. */
import { addressToInt } from '@plumbline/ovs-core/testing';

const bytes = (value: number, size: number): Buffer => {
  const buffer = Buffer.alloc(size);
  buffer.writeUIntBE(value, 0, size);
  return buffer;
};
const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(':', ''), 'hex');
const ipBytes = (ip: string): Buffer =>
  Buffer.from(
    addressToInt(ip)
      .toString(16)
      .padStart(ip.includes(':') ? 32 : 8, '0'),
    'hex',
  );

function checksum(data: Buffer): number {
  const even = data.length % 2 === 0 ? data : Buffer.concat([data, Buffer.alloc(1)]);
  let sum = 0;
  for (let at = 0; at < even.length; at += 2) sum += even.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** `tag`: with a VLAN header of this id. */
export const ethernet = (of: { src: string; dst: string; type: number; tag?: number }, payload: Buffer): string =>
  Buffer.concat([
    macBytes(of.dst),
    macBytes(of.src),
    ...(of.tag === undefined ? [] : [bytes(0x8100, 2), bytes(of.tag, 2)]),
    bytes(of.type, 2),
    payload,
  ]).toString('hex');

export const arp = (of: { op: 1 | 2; sha: string; spa: string; tha: string; tpa: string }): Buffer =>
  Buffer.concat([
    Buffer.from('0001080006040000', 'hex').fill(bytes(of.op, 2), 6),
    macBytes(of.sha),
    ipBytes(of.spa),
    macBytes(of.tha),
    ipBytes(of.tpa),
  ]);

/** An IP packet of either family around a transport header whose checksum is at `sum`. */
export function ip(
  of: { src: string; dst: string; protocol: number; ttl?: number },
  body: Buffer,
  sum: number,
): Buffer {
  const six = of.src.includes(':');
  const [src, dst] = [ipBytes(of.src), ipBytes(of.dst)];
  const pseudo = Buffer.concat([src, dst, bytes(body.length, six ? 4 : 2), bytes(of.protocol, six ? 4 : 2)]);
  body.writeUInt16BE(0, sum);
  const covered = of.protocol === 1 ? body : Buffer.concat([pseudo, body]);
  body.writeUInt16BE(checksum(covered), sum);
  const ttl = of.ttl ?? 255;
  if (six)
    return Buffer.concat([
      bytes(0x60000000, 4),
      bytes(body.length, 2),
      bytes(of.protocol, 1),
      bytes(ttl, 1),
      src,
      dst,
      body,
    ]);
  const head = Buffer.concat([
    Buffer.from('4500', 'hex'),
    bytes(20 + body.length, 2),
    Buffer.from('00000000', 'hex'),
    bytes(ttl, 1),
    bytes(of.protocol, 1),
    bytes(0, 2),
    src,
    dst,
  ]);
  head.writeUInt16BE(checksum(head), 10);
  return Buffer.concat([head, body]);
}

export const udp = (of: { src: string; dst: string; sport: number; dport: number }, payload: Buffer): Buffer =>
  ip(
    { ...of, protocol: 17 },
    Buffer.concat([bytes(of.sport, 2), bytes(of.dport, 2), bytes(8 + payload.length, 2), bytes(0, 2), payload]),
    6,
  );

/** SCTP (RFC 9260) with one chunk, INIT, that has `token` (12 bytes of hex) in a parameter that nobody knows. As hex. */
export function sctpInit(port: number, token: string): string {
  const head = Buffer.concat([bytes(0x1234, 2), bytes(port, 2), Buffer.alloc(8)]);
  const parameter = Buffer.concat([bytes(0x8fff, 2), bytes(16, 2), Buffer.from(token, 'hex')]);
  const init = Buffer.concat([bytes(1, 4), bytes(0x10000, 4), bytes(1, 2), bytes(1, 2), bytes(1, 4), parameter]);
  const packet = Buffer.concat([head, bytes(1, 1), bytes(0, 1), bytes(4 + init.length, 2), init]);
  packet.writeUInt32LE(crc32c(packet), 8);
  return packet.toString('hex');
}

function crc32c(data: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** ICMPv6; `rest`: what follows the checksum. */
export const icmp6 = (of: { src: string; dst: string; type: number }, rest: Buffer): Buffer =>
  ip({ ...of, protocol: 58 }, Buffer.concat([bytes(of.type, 1), bytes(0, 3), rest]), 2);

/** Neighbour discovery (RFC 4861): target and, unless null, a link-layer address option; a nonce that tells the frame from others. */
export const neighbour = (
  of: { src: string; dst: string; type: 135 | 136; target: string; option: string | null },
  nonce: Buffer,
): Buffer =>
  icmp6(
    of,
    Buffer.concat([
      bytes(of.type === 136 ? 0x20000000 : 0, 4),
      ipBytes(of.target),
      ...(of.option === null ? [] : [bytes(of.type === 136 ? 2 : 1, 1), bytes(1, 1), macBytes(of.option)]),
      bytes(14, 1),
      bytes(Math.ceil((nonce.length + 2) / 8), 1),
      nonce,
      Buffer.alloc((8 - ((nonce.length + 2) % 8)) % 8),
    ]),
  );

/** An IPv6 packet with a router alert (RFC 2711) before what it has, as multicast listener discovery is sent. */
export function withRouterAlert(packet: Buffer): Buffer {
  const alert = Buffer.from('0000050200000100', 'hex');
  alert.writeUInt8(packet.readUInt8(6), 0);
  const made = Buffer.concat([packet.subarray(0, 40), alert, packet.subarray(40)]);
  made.writeUInt16BE(packet.readUInt16BE(4) + alert.length, 4);
  made.writeUInt8(0, 6);
  return made;
}

/** An ICMP error (RFC 792, RFC 4443) about `quoted`, an IP packet of the same family: `code` may say why. */
export function icmpError(of: { src: string; dst: string; type: number; code: number }, quoted: Buffer): Buffer {
  const body = Buffer.concat([bytes(of.type, 1), bytes(of.code, 1), Buffer.alloc(4), bytes(1400, 2), quoted]);
  return ip({ ...of, protocol: of.src.includes(':') ? 58 : 1 }, body, 2);
}
