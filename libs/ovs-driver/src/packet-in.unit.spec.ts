import { describe, expect, it } from '@jest/globals';
import { frameHeaders } from './frame-headers.js';
import { readCopy } from './packet-in.js';

const macs = { srcMac: 'fa:16:3e:00:00:01', dstMac: 'fa:16:3e:00:00:02' };
const ETHERNET = 'fa163e000002fa163e000001';
const IPV4 = (protocol: string, offset = '0000') => `4500002800${'00'}${offset}40${protocol}0000c00002010a000002`;
const IPV6 = (next: string) =>
  `6000000000${'10'.slice(0, 2)}${next}40${'fd00000000000000000000000000000a'}${'fe80000000000000000000000000000b'}`;
const headers = (hex: string) => frameHeaders(Buffer.from(hex, 'hex'));
const v4 = { ...macs, src: '192.0.2.1', dst: '10.0.0.2' };
const v6 = { ...macs, src: 'fd00::a', dst: 'fe80::b' };

describe('what is said of a frame', () => {
  it.each([
    ['TCP', `${ETHERNET}0800${IPV4('06')}1f400050`, { ...v4, protocol: 'tcp', srcPort: 8000, dstPort: 80 }],
    [
      'TCP with a tag',
      `${ETHERNET}810000050800${IPV4('06')}1f400050`,
      { ...v4, protocol: 'tcp', srcPort: 8000, dstPort: 80 },
    ],
    ['ICMP', `${ETHERNET}0800${IPV4('01')}08000000`, { ...v4, protocol: 'icmp', icmpType: 8, icmpCode: 0 }],
    [
      'a later fragment, which has no ports',
      `${ETHERNET}0800${IPV4('11', '0005')}1f400050`,
      { ...v4, protocol: 'udp' },
    ],
    ['a protocol without ports', `${ETHERNET}0800${IPV4('70')}00000000`, { ...v4, protocol: '112' }],
    ['one that is cut off after its addresses', `${ETHERNET}0800${IPV4('06')}`, { ...v4, protocol: 'tcp' }],
    ['UDP over IPv6', `${ETHERNET}86dd${IPV6('11')}00350035`, { ...v6, protocol: 'udp', srcPort: 53, dstPort: 53 }],
    [
      'ICMPv6 behind options',
      `${ETHERNET}86dd${IPV6('00')}3a00000000000000${'8000'}0000`,
      { ...v6, protocol: 'icmp6', icmpType: 128, icmpCode: 0 },
    ],
    ['no IP', `${ETHERNET}88cc0000`, { ...macs, etherType: '0x88cc' }],
    ['an Ethernet header alone', ETHERNET, macs],
  ])('%s', (_what, frame, said) => expect(headers(frame)).toEqual(said));
});

describe('a copied packet', () => {
  const head = '000023200000001e';
  const packet = (length: string) => `0000${length}0102030405000000`;
  const read = (hex: string, type = 4) => readCopy({ type, body: Buffer.from(hex, 'hex') });

  it('is read from its properties, in any order', () => {
    const frame = Buffer.from('0102030405', 'hex');
    expect(read(`${head}${packet('0009')}`)).toEqual({ frame, userdata: Buffer.alloc(0) });
    expect(read(`${head}00070006aabb0000${packet('0009')}`)).toEqual({ frame, userdata: Buffer.from('aabb', 'hex') });
  });

  it.each([
    ['of another type', `${head}${packet('0009')}`, 10],
    ['of another experimenter', `000023210000001e${packet('0009')}`, 4],
    ['of another kind', `000023200000001c${packet('0009')}`, 4],
    ['with a property that ends beyond it', `${head}${packet('0099')}`, 4],
    ['with a property that has no length', `${head}00070000`, 4],
    ['without a packet', `${head}00070006aabb0000`, 4],
    ['that is too short', '0000', 4],
  ])('is none: a message %s', (_what, hex, type) => expect(read(hex, type)).toBeNull());
});
