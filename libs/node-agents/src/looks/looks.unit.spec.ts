/** Frames of probes by the RFCs' own sums, and what is read of the tools' texts. On real nodes: test/system/doctor.e2e.spec.ts. */
import { describe, expect, it } from '@jest/globals';
import type { Probe } from '@plumbline/contracts';
import { answerOf, internetChecksum, questionOf } from './frames.js';
import { inTurns } from './index.js';
import { astrayIn, foreignDrops, listenersIn } from './namespace.js';

const id = '11111111-1111-4111-8111-111111111111';
const probe = (kind: Probe['kind'], port = 0): Probe => ({
  place: { in: 'port', portId: id },
  kind,
  from: { mac: 'fa:16:3e:00:00:01', ip: '10.0.0.1' },
  to: { mac: 'fa:16:3e:00:00:02', ip: '10.0.0.2' },
  port,
});
const asked = (given: Probe) => questionOf(given, { device: 'tap' }, 0x1234);
const hexOf = (frame: Uint8Array): string => Buffer.from(frame).toString('hex');
const matches = (patterns: readonly string[], hex: string): boolean =>
  patterns.some((pattern) => new RegExp(`^(?:${pattern})`).test(hex));
/** The same packet the other way. */
const back = (hex: string, payload: string): string =>
  hex.slice(12, 24) + hex.slice(0, 12) + hex.slice(24, 52) + hex.slice(60, 68) + hex.slice(52, 60) + payload;

describe('frames of probes', () => {
  it('have the sums of RFC 1071', () => {
    // RFC 1071, section 3: 00 01 f2 03 f4 f5 f6 f7 add up to ddf2.
    expect(internetChecksum('0001f203f4f5f6f7')).toBe((~0xddf2 & 0xffff).toString(16));
    const echo = hexOf(asked(probe('echo')).frame);
    expect(internetChecksum(echo.slice(28, 68))).toBe('0000');
    expect(internetChecksum(echo.slice(68))).toBe('0000');
    const syn = hexOf(asked(probe('syn', 80)).frame);
    expect(internetChecksum(syn.slice(28, 68))).toBe('0000');
    expect(internetChecksum(`0a0000010a00000200060014${syn.slice(68)}`)).toBe('0000');
  });

  it('know their own answers, and no others', () => {
    const { frame, answers } = asked(probe('echo'));
    const hex = hexOf(frame);
    expect(matches(answers, back(hex, '0000abcd12340001'))).toBe(true);
    expect(matches(answers, back(hex, '0000abcd12350001'))).toBe(false);
    expect(matches(answers, hex)).toBe(false);
  });

  it('take a reset for an answer of TCP', () => {
    const { frame, answers } = asked(probe('syn', 80));
    const hex = hexOf(frame);
    const [source, port] = [hex.slice(68, 72), hex.slice(72, 76)];
    expect(port).toBe('0050');
    expect(matches(answers, back(hex, `${port}${source}0000000000000000501400000000`))).toBe(true);
    expect(matches(answers, back(hex, `0051${source}0000000000000000501400000000`))).toBe(false);
  });

  it('ask by ARP for an address, and hear whom an instance asks for', () => {
    const { frame, answers } = asked(probe('arp'));
    const hex = hexOf(frame);
    expect(hex.slice(0, 12)).toBe('f'.repeat(12));
    const arp = (operation: string, mac: string, ip: string, target: string) =>
      `fa163e000001${mac}0806000108000604000${operation}${mac}${ip}${'0'.repeat(12)}${target}`;
    expect(matches(answers, arp('2', 'fa163e000002', '0a000002', '0a000001'))).toBe(true);
    expect(matches(answers, arp('2', 'fa163e000002', '0a000003', '0a000001'))).toBe(false);
    const listening = asked(probe('asked'));
    const heard = arp('1', 'fa163e000002', '0a000002', '0a0000fe');
    expect(matches(listening.answers, heard)).toBe(true);
    const answer = answerOf(probe('asked'), { frame: Buffer.from(heard, 'hex'), error: null });
    expect(answer).toMatchObject({ answered: true, fromMac: 'fa:16:3e:00:00:02', text: '10.0.0.254' });
  });

  it('hear who else than one answers for an address', () => {
    const { answers } = asked(probe('others'));
    const reply = (mac: string) => `fa163e000001${mac}08060001080006040002${mac}0a000002fa163e0000010a000001`;
    expect(matches(answers, reply('fa163e000002'))).toBe(false);
    for (const other of ['fa163e000003', '0a163e000002', 'fa163e010002'])
      expect(matches(answers, reply(other))).toBe(true);
  });

  it('ask by IPv6, with the sums of RFC 4443, and know their own answers', () => {
    const six = (kind: 'nd' | 'echo6' | 'others6'): Probe => ({
      ...probe(kind),
      from: { mac: 'fa:16:3e:00:00:01', ip: 'fe80::1' },
      to: { mac: 'fa:16:3e:00:00:02', ip: 'fd00::a:5' },
    });
    const [from, to] = ['fe80'.padEnd(31, '0') + '1', 'fd00'.padEnd(24, '0') + '000a0005'];
    for (const kind of ['nd', 'echo6'] as const) {
      const hex = hexOf(asked(six(kind)).frame);
      const [length, receiver, message] = [hex.slice(36, 40), hex.slice(76, 108), hex.slice(108)];
      expect(hex.slice(44, 76)).toBe(from);
      expect(parseInt(length, 16) * 2).toBe(message.length);
      expect(internetChecksum(`${from}${receiver}0000${length}0000003a${message}`)).toBe('0000');
    }
    const nd = asked(six('nd'));
    expect(hexOf(nd.frame).slice(0, 12)).toBe('3333ff0a0005');
    expect(hexOf(nd.frame).slice(76, 108)).toBe('ff0200000000000000000001ff0a0005');
    const head = (payload: string): string =>
      `fa163e000001fa163e00000286dd60000000${(payload.length / 2).toString(16).padStart(4, '0')}3aff${to}${from}${payload}`;
    expect(matches(nd.answers, head(`8800abcd60000000${to}0201fa163e000002`))).toBe(true);
    expect(matches(nd.answers, head(`8800abcd60000000${from}0201fa163e000002`))).toBe(false);
    const others = asked(six('others6'));
    expect(hexOf(others.frame)).toBe(hexOf(nd.frame));
    const advertised = (mac: string): string => {
      const told = head(`8800abcd60000000${to}0201${mac}`);
      return told.slice(0, 12) + mac + told.slice(24);
    };
    expect(matches(others.answers, advertised('fa163e000002'))).toBe(false);
    for (const other of ['fa163e000003', '0a163e000002', 'fa163e010002'])
      expect(matches(others.answers, advertised(other))).toBe(true);
    const echo = asked(six('echo6'));
    expect(matches(echo.answers, head('8100abcd12340001'))).toBe(true);
    expect(matches(echo.answers, head('8000abcd12340001'))).toBe(false);
  });

  it('that could not be sent are no answer and no silence', () => {
    expect(answerOf(probe('arp'), { frame: null, error: 'No such device' })).toMatchObject({
      ...{ answered: null, text: 'No such device' },
    });
    expect(answerOf(probe('arp'), { frame: null, error: null })).toMatchObject({ answered: false });
  });
});

describe('rules of others', () => {
  const saved = `*raw
-A PREROUTING -p tcp -j DROP
-A neutron-l3-agent-PREROUTING -j DROP
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-A FORWARD -j neutron-filter-top
-A FORWARD -d 10.0.0.5/32 -j REJECT --reject-with icmp-port-unreachable
-A FORWARD -j ACCEPT
-A mine -j DROP
COMMIT`;
  it('are those that drop or reject in chains that are not ours', () => {
    expect(foreignDrops(saved)).toEqual([
      'raw -A PREROUTING -p tcp -j DROP',
      'filter -A FORWARD -d 10.0.0.5/32 -j REJECT --reject-with icmp-port-unreachable',
      'filter -A mine -j DROP',
    ]);
  });
});

describe('what leads packets astray', () => {
  const seen = { neighbours: [], routes: [], policyRules: new Map() };
  const route = (more: object) => ({
    ...{ version: 4, destination: 'default', hops: [], type: 'unicast', table: 'main', kernel: false },
    ...{ source: null, metric: null, odd: false, ...more },
  });
  it('is no route of ours, and none of a device of others', () => {
    const routes = [route({}), route({ type: 'blackhole', destination: '10.0.0.5/32' })] as never;
    expect(astrayIn({ ...seen, routes })).toMatchObject([{ of: '10.0.0.5/32' }]);
    const neighbours = ['qr-1', 'eth0'].map((device) => ({ device, address: '10.0.0.5', proxy: false }));
    expect(astrayIn({ ...seen, neighbours })).toMatchObject([
      { of: '10.0.0.5', what: expect.stringContaining('qr-1') },
    ]);
  });
  it('is a policy rule that no namespace is born with', () => {
    const rule = (priority: number, table: string, devices: string[] = []) => ({
      priority,
      table,
      plain: true,
      devices,
    });
    const policyRules = new Map([
      [4, [rule(0, 'local'), rule(32766, 'main'), rule(10, '100'), rule(11, '100', ['eth0'])]],
    ] as const);
    expect(astrayIn({ ...seen, policyRules })).toMatchObject([{ of: null, what: expect.stringContaining(' 10 ') }]);
  });
});

describe('who listens', () => {
  it('is read of the kernel, with and without IPv6; connections are nobody who listens', () => {
    const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:25E1 00000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 25215505 2 00000000268411a1 100 0 0 10 0
   1: 0100007F:25E1 0100007F:E536 01 00000000:00000000 00:00000000 00000000     0        0 0 1 000000000b4a63e9 20 0 0 10 -1
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 3641: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 25215506 2 0000000044ceebe0 0
 4121: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 25215507 2 00000000e1afdbae 0
`;
    expect(listenersIn(text)).toEqual(['tcp/9697', 'udp/67', 'udp/53']);
  });
});

describe('the same look', () => {
  it('is under way once; who asks meanwhile gets the next one, together', async () => {
    const ends: (() => void)[] = [];
    const begun: string[] = [];
    const look = inTurns(async (what: string) => {
      begun.push(what);
      const number = begun.length;
      await new Promise<void>((resolve) => ends.push(resolve));
      return number;
    });
    const first = look('a');
    const [second, third, other] = [look('a'), look('a'), look('b')];
    expect(begun).toEqual(['a', 'b']);
    ends.splice(0).forEach((end) => end());
    expect(await Promise.all([first, other])).toEqual([1, 2]);
    while (ends.length === 0) await Promise.resolve();
    expect(begun).toEqual(['a', 'b', 'a']);
    const fourth = look('a');
    ends.splice(0).forEach((end) => end());
    expect(await Promise.all([second, third])).toEqual([3, 3]);
    while (ends.length === 0) await Promise.resolve();
    ends.splice(0).forEach((end) => end());
    expect([await fourth, begun]).toEqual([4, ['a', 'b', 'a', 'a']]);
  });
});
