/** One packet through rules as they are saved. That the kernel does the same with real ones: test/system/trace.e2e.spec.ts. */
import { describe, expect, it } from '@jest/globals';
import type { TracedConnection, TracedPacket } from '@plumbline/contracts';
import { PacketWalk } from './packet-walk.js';
import { REFERENCE_V4 } from './testing/reference-rules.js';

const [QG, QR] = ['qg-fd9c7daf-34', 'qr-a075f8a5-71'];
const [FIXED, FLOATING, OWN, OTHER, OUTSIDE] = [
  '192.168.7.161',
  '10.200.3.41',
  '10.200.3.156',
  '192.168.7.9',
  '8.8.8.8',
];

const packet = (source: string, destination: string, port = 80, more: Partial<TracedPacket> = {}): TracedPacket => ({
  ...{ protocol: 'tcp', source, destination, sourcePort: 50_000, destinationPort: port },
  ...more,
});
const answerTo = ({ protocol, source, destination, sourcePort, destinationPort }: TracedPacket): TracedPacket => ({
  ...{ protocol, source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort },
});

/** The whole way through the namespace, by two devices. */
function forwarded(
  given: TracedPacket,
  input: string,
  output: string,
  saved = REFERENCE_V4,
  of: TracedConnection | null = null,
) {
  const walk = new PacketWalk(saved, given, of);
  const passes = walk.comesIn({ input }) && walk.isForwarded({ input, output }) && walk.leaves({ output });
  return { walk, passes, to: walk.packet, did: walk.met.map(({ did }) => did).filter((did) => did !== 'mark') };
}
const withRule = (table: string, rule: string): string =>
  REFERENCE_V4.replace(new RegExp(`(\\*${table}\\n(?:[^*]*?))COMMIT`), `$1${rule}\nCOMMIT`);

describe('a packet that opens a connection', () => {
  it('from outside to a floating IP is for the instance, from whom it is', () => {
    const { passes, to, did } = forwarded(packet(OUTSIDE, FLOATING), QG, QR);
    expect(passes).toBe(true);
    expect(did).toEqual(['dnat']);
    expect(to).toEqual(packet(OUTSIDE, FIXED));
  });

  it('from an instance to outside has its floating IP, or the address of the router', () => {
    expect(forwarded(packet(FIXED, OUTSIDE), QR, QG).to.source).toBe(FLOATING);
    expect(forwarded(packet(OTHER, OUTSIDE), QR, QG).to.source).toBe(OWN);
  });

  it('from inside to a floating IP inside is translated both ways', () => {
    const { to, did } = forwarded(packet(OTHER, FLOATING), QR, QR);
    expect(did).toEqual(['dnat', 'snat']);
    expect(to).toMatchObject({ source: OWN, destination: FIXED });
  });

  it('from subnet to subnet is left as it is', () => {
    const { to, did } = forwarded(packet(OTHER, FIXED), QR, QR);
    expect(to).toEqual(packet(OTHER, FIXED));
    expect(did).toEqual(['accept']);
  });

  it('to a forwarded port has another port', () => {
    expect(forwarded(packet(OUTSIDE, '10.200.2.182', 2222), QG, QR).to).toMatchObject({
      ...{ destination: '192.168.7.101', destinationPort: 22 },
    });
    expect(forwarded(packet(OUTSIDE, '10.200.2.182', 2223), QG, QR).to.destination).toBe('10.200.2.182');
    expect(forwarded(packet(OUTSIDE, '10.200.2.182', 2222, { protocol: 'udp' }), QG, QR).to.destinationPort).toBe(2222);
  });

  it('for metadata is led to the router itself, and to nobody who asks directly', () => {
    const walk = new PacketWalk(REFERENCE_V4, packet(OTHER, '169.254.169.254'), null);
    const passing = { input: QR, local: '192.168.7.1' };
    expect(walk.comesIn(passing)).toBe(true);
    expect(walk.packet).toMatchObject({ destination: '192.168.7.1', destinationPort: 9697 });
    expect(walk.isDelivered(passing)).toBe(true);
    const direct = new PacketWalk(REFERENCE_V4, packet(OTHER, '192.168.7.1', 9697), null);
    expect(direct.comesIn(passing)).toBe(true);
    expect(direct.isDelivered(passing)).toBe(false);
    expect(direct.met.at(-1)).toMatchObject({
      table: 'filter',
      chain: 'neutron-l3-agent-INPUT',
      did: 'drop',
      of: 'ours',
    });
  });

  it('that comes in by a device that is no interface of the router is dropped where it would leave', () => {
    const { passes, walk } = forwarded(packet(OUTSIDE, OTHER), 'eth7', QR);
    expect(passes).toBe(false);
    expect(walk.met.at(-1)).toMatchObject({ chain: 'neutron-l3-agent-scope', did: 'drop' });
  });
});

describe('an answer', () => {
  it.each([
    ['to whoever came from outside', packet(OUTSIDE, FLOATING), QG, QR],
    ['to an instance that went out', packet(OTHER, OUTSIDE), QR, QG],
    ['to a neighbour that took the way by a floating IP', packet(OTHER, FLOATING), QR, QR],
    ['of a forwarded port', packet(OUTSIDE, '10.200.2.182', 2222), QG, QR],
  ])('%s is translated back', (_whose, opened, input, output) => {
    const there = forwarded(opened, input, output);
    const back = forwarded(answerTo(there.to), output, input, REFERENCE_V4, there.walk.tracked);
    expect(back.passes).toBe(true);
    expect(back.to).toEqual(answerTo(opened));
    expect(back.did).not.toContain('snat');
  });

  it('of another connection begins one', () => {
    const there = forwarded(packet(OUTSIDE, FLOATING), QG, QR);
    const other = forwarded(packet(OTHER, OUTSIDE), QR, QG, REFERENCE_V4, there.walk.tracked);
    expect(other.to.source).toBe(OWN);
  });
});

describe('rules of others', () => {
  it.each([
    [`-A FORWARD -d ${FIXED}/32 -j DROP`],
    ['-A FORWARD -d 192.168.7.0/24 -m comment --comment "not you" -j REJECT --reject-with icmp-port-unreachable'],
    [`-A FORWARD ! -s 192.168.0.0/16 -i ${QG} -p tcp -m tcp --dport 80 -j DROP`],
  ])('that we understand are judged: %s', (rule) => {
    const { passes, walk } = forwarded(packet(OUTSIDE, FLOATING), QG, QR, withRule('filter', rule));
    expect(passes).toBe(false);
    expect(walk.met.at(-1)).toMatchObject({ of: 'foreign', line: rule.replace('-A FORWARD ', ''), position: null });
  });

  it.each([['-A FORWARD -d 192.168.8.0/24 -j DROP'], [`-A FORWARD -o ${QG} -j DROP`], ['-A FORWARD -p udp -j DROP']])(
    'that are about other packets do nothing: %s',
    (rule) => {
      const { passes, walk } = forwarded(packet(OUTSIDE, FLOATING), QG, QR, withRule('filter', rule));
      expect([passes, walk.unjudged]).toEqual([true, []]);
    },
  );

  it('in chains of their own are followed', () => {
    const saved = withRule(
      'filter',
      ':theirs - [0:0]\n-A FORWARD -j theirs\n-A theirs -p udp -j RETURN\n-A theirs -p tcp -j DROP',
    );
    expect(forwarded(packet(OUTSIDE, FLOATING), QG, QR, saved).passes).toBe(false);
    expect(forwarded(packet(OUTSIDE, FLOATING, 80, { protocol: 'udp' }), QG, QR, saved).passes).toBe(true);
  });

  it('that cannot be judged are named', () => {
    const rule = '-A FORWARD -m time --timestart 08:00:00 --timestop 09:00:00 -j DROP';
    const { passes, walk } = forwarded(packet(OUTSIDE, FLOATING), QG, QR, withRule('filter', rule));
    expect(passes).toBe(true);
    expect(walk.unjudged).toEqual([{ table: 'filter', chain: 'FORWARD', line: rule.replace('-A FORWARD ', '') }]);
  });

  it('are policies, too', () => {
    const saved = REFERENCE_V4.replace(
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT',
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP',
    );
    const { passes, walk } = forwarded(packet(OUTSIDE, FLOATING), QG, QR, saved);
    expect(passes).toBe(false);
    expect(walk.met.at(-1)).toMatchObject({ chain: 'FORWARD', line: '', did: 'drop', of: 'foreign' });
  });
});
