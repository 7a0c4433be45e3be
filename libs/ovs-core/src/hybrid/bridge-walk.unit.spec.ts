/** One packet over the bridge of an instance, by rules as they are saved. That the kernel does the same: looks/bridges.node.spec.ts, and for all rules of ours hybrid.unit.spec.ts. */
import { describe, expect, it } from '@jest/globals';
import { policiesIn, tablesIn } from '@plumbline/iptables';
import { walkBridge } from './bridge-walk.js';
import type { BridgedPacket } from './line-match.js';
import { setsIn } from './sets.js';

const PORT = '0000000b-0000-4000-8000-000000000000';
const [QBR, QVB, TAP] = ['qbr0000000b-00', 'qvb0000000b-00', 'tap0000000b-00'];
const FILTER = [
  ':FORWARD ACCEPT [0:0]',
  ':neutron-openvswi-FORWARD - [0:0]',
  ':neutron-openvswi-i1 - [0:0]',
  ':neutron-openvswi-p1 - [0:0]',
  '-A FORWARD -j neutron-openvswi-FORWARD',
  `-A neutron-openvswi-FORWARD -i ${QBR} -m comment --comment "plumb:7" -j neutron-openvswi-p1`,
  `-A neutron-openvswi-p1 -m physdev --physdev-in ${QVB} --physdev-is-bridged -m comment --comment "plumb:7" -j neutron-openvswi-i1`,
  '-A neutron-openvswi-p1 -m comment --comment "plumb:7" -j DROP',
  '-A neutron-openvswi-i1 -m conntrack --ctstate INVALID,UNTRACKED -m comment --comment "plumb:1" -j DROP',
  '-A neutron-openvswi-i1 -p tcp -m tcp --dport 80 -m comment --comment "plumb:9" -j ACCEPT',
  '-A neutron-openvswi-i1 -p udp -m set --match-set NIPv4x src -m comment --comment "plumb:10" -j ACCEPT',
];
const RAW = [':PREROUTING ACCEPT [0:0]', `-A PREROUTING -i ${QBR} -m comment --comment "plumb:7" -j CT --zone 5000`];
const SETS = 'create NIPv4x hash:net family inet\nadd NIPv4x 10.0.0.0/28\nadd NIPv4x 10.0.1.7\n';

const packet = (more: Partial<BridgedPacket> = {}): BridgedPacket => ({
  ...{ protocol: 6, src: '10.0.0.5', dst: '10.0.0.9', sport: 50_000, dport: 80 },
  ...more,
});
const saved = (filter: readonly string[], raw: readonly string[] = RAW): string =>
  ['*raw', ...raw, 'COMMIT', '*filter', ...filter, 'COMMIT'].join('\n');
const walk = (text: string, given = packet(), direction: 'ingress' | 'egress' = 'ingress', sets = SETS) => {
  const rules = { tables: tablesIn(text), policies: policiesIn(text), sets: setsIn(sets) };
  const { passes, met, unjudged } = walkBridge(rules, PORT, direction, given, null);
  const decided = met.filter(({ did }) => did !== 'mark');
  return { passes, by: decided.map(({ chain, did, of, position }) => [chain, did, of, position]), unjudged };
};
const I1 = 'neutron-openvswi-i1';

describe('a packet on the bridge of an instance', () => {
  it.each([
    ['is let in by a rule', {}, [true, [[I1, 'accept', 'ours', 9]]]],
    ['is let in by none', { dport: 81 }, [false, [['neutron-openvswi-p1', 'drop', 'ours', 7]]]],
    ['is from a member of a set', { protocol: 17 }, [true, [[I1, 'accept', 'ours', 10]]]],
    ['is from an address of a set', { protocol: 17, src: '10.0.1.7' }, [true, [[I1, 'accept', 'ours', 10]]]],
    ['is from no member', { protocol: 17, src: '10.0.1.8' }, [false, [['neutron-openvswi-p1', 'drop', 'ours', 7]]]],
  ])('%s', (_name, more, [passes, by]) => {
    expect(walk(saved(FILTER), packet(more))).toEqual({ passes, by, unjudged: [] });
  });

  it('is dropped where its rule is gone, and judged by nobody where the way to its chain is', () => {
    const without = (part: string) => saved(FILTER.filter((line) => !line.includes(part)));
    expect(walk(without('--dport 80')).by).toEqual([['neutron-openvswi-p1', 'drop', 'ours', 7]]);
    const open = [true, [['FORWARD', 'accept', 'foreign', null]]];
    for (const part of ['-A FORWARD', `-A neutron-openvswi-FORWARD`]) {
      const { passes, by } = walk(without(part), packet({ dport: 81 }));
      expect([passes, by]).toEqual(open);
    }
    const shut = FILTER.filter((line) => !line.startsWith('-A FORWARD')).map((line) => line.replace('FORWARD ACCEPT', 'FORWARD DROP')); // prettier-ignore
    expect(walk(saved(shut))).toMatchObject({ passes: false, by: [['FORWARD', 'drop', 'foreign', null]] });
  });

  it.each([
    ['before ours', 4, `-A FORWARD -m physdev --physdev-out ${TAP} -p tcp -m multiport --dports 22,80:90 -j DROP`],
    ['in a chain of ours', 9, '-A neutron-openvswi-i1 -s 10.0.0.0/29 -j DROP'],
    [
      'that reverses its match',
      4,
      '-A FORWARD ! -p udp ! -d 10.1.0.0/16 -j REJECT --reject-with icmp-port-unreachable',
    ],
  ])('is dropped by a rule of somebody else %s', (_where, at, line) => {
    const { passes, by } = walk(saved(FILTER.toSpliced(at, 0, line)));
    expect([passes, by.length, by[0]?.[2]]).toEqual([false, 1, 'foreign']);
  });

  it.each([
    '-A FORWARD -d 10.0.0.9/32 -m physdev --physdev-in tap-of-another -j DROP',
    `-A FORWARD -i ${QBR} -p tcp -m tcp --dport 443 -j DROP`,
    '-A FORWARD -p udp -m time --timestart 08:00:00 -j DROP',
    '-A FORWARD -m conntrack ! --ctstate NEW,ESTABLISHED -j DROP',
    '-A FORWARD -m comment --comment "-j DROP" -j LOG',
    '-A FORWARD -m limit --limit 5/min -j NFLOG --nflog-prefix "x -j DROP"',
  ])('is not met by %s', (line) => {
    const { passes, by, unjudged } = walk(saved(FILTER.toSpliced(4, 0, line)));
    expect([passes, by, unjudged]).toEqual([true, [[I1, 'accept', 'ours', 9]], []]);
  });

  it.each([
    '-m time --timestart 08:00:00 -j DROP',
    '-m set --match-set theirs src -j DROP',
    '-m set --match-set ports src,dst -j DROP',
    '-m mark --mark 0x1/0x1 -j DROP',
    '-p tcp -j NFQUEUE --queue-num 1',
  ])('of which it is not known whether a rule applies says so: %s', (line) => {
    const sets = `${SETS}create ports hash:ip,port family inet\n`;
    const { passes, unjudged } = walk(saved(FILTER.toSpliced(4, 0, `-A FORWARD ${line}`)), packet(), 'ingress', sets);
    expect([passes, unjudged]).toEqual([true, [{ table: 'filter', chain: 'FORWARD', line }]]);
  });

  it('that is not tracked is no part of a connection, by the first rule that says so', () => {
    const notrack = (...raw: string[]) => walk(saved(FILTER, [RAW[0] ?? '', ...raw]));
    expect(notrack(`-A PREROUTING -i ${QBR} -j CT --notrack`, RAW[1] ?? '').by).toEqual([[I1, 'drop', 'ours', 1]]);
    expect(notrack(RAW[1] ?? '', `-A PREROUTING -i ${QBR} -j CT --notrack`).passes).toBe(true);
  });

  it('goes the other way by its own rules', () => {
    expect(walk(saved(FILTER), packet(), 'egress').by).toEqual([['neutron-openvswi-p1', 'drop', 'ours', 7]]);
  });
});

describe('sets', () => {
  it('whose entries mean more than an address are not known', () => {
    const text = `${SETS}create some hash:net family inet\nadd some 10.0.0.0/8\nadd some 10.1.0.0/16 nomatch\n`;
    expect([...setsIn(text)]).toEqual([
      ['NIPv4x', ['10.0.0.0/28', '10.0.1.7']],
      ['some', null],
    ]);
  });
});
