import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { render } from '../render.js';
import { Action, Mark, Match, RuleBody } from '../rule.js';
import { savedFrom } from '../rule-lines.js';
import { forwardings, life, networkNode, reference, tutorial } from '../testing/index.js';
import { iptables } from './iptables.js';

const CHAIN = 'neutron-l3-agent-x';
const rule = (match: readonly Match[], action: Action, position: number | null = 7): RuleBody => ({
  table: 'nat',
  chain: CHAIN,
  match,
  action,
  position,
});
const line = (...args: Parameters<typeof rule>): string => iptables.lineOf(rule(...args));
const parse = (text: string): RuleBody | null => iptables.parse('nat', CHAIN, text);

const port = fc.integer({ min: 1, max: 65535 });
const ports = fc.tuple(port, port).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
const bits = fc.integer({ min: 0, max: 0xffffffff });
const mark: fc.Arbitrary<Mark> = fc.record({ value: bits, mask: bits });
const ipv4 = fc.ipV4();
const address = fc.oneof(ipv4, fc.constantFrom('::', '2001:db8::1', 'fe80::a9fe:a9fe'));
const device = fc.constantFrom('qr-a075f8a5-71', 'qg-fd9c7daf-34', 'qr-+');
const not = fc.boolean();
const protocol = fc.constantFrom('tcp', 'udp', 'sctp', 'dccp', 'icmp', 'icmp6');
/** One of each kind at the most: no packet has two sources. */
const match: fc.Arbitrary<Match[]> = fc.uniqueArray(
  fc.oneof(
    fc.record({ on: fc.constantFrom('source', 'destination'), address }),
    fc.record({ on: fc.constantFrom('input', 'output'), device, not }),
    fc.record({ on: fc.constant('protocol' as const), protocol, ports: fc.option(ports) }),
    fc.record({ on: fc.constantFrom('packet-mark', 'connection-mark'), mark, not }),
    fc.record({ on: fc.constant('connection-state' as const), state: fc.constant('DNAT' as const), not }),
  ) as fc.Arbitrary<Match>,
  { selector: ({ on }) => on, maxLength: 6 },
);
const action = fc.oneof(
  fc.record({ do: fc.constantFrom('accept', 'drop') }),
  fc.record({
    do: fc.constant('jump' as const),
    chain: fc.constantFrom('neutron-l3-agent-snat', 'neutron-filter-top', 'neutron-postrouting-bottom'),
  }),
  fc.record({ do: fc.constant('dnat' as const), to: ipv4, ports: fc.option(ports), base: fc.constant(null) }),
  fc
    .record({ do: fc.constant('dnat' as const), to: ipv4, ports, base: port })
    .filter((dnat) => dnat.ports.first < dnat.ports.last),
  fc.record({ do: fc.constant('snat' as const), to: ipv4 }),
  fc.record({ do: fc.constant('redirect' as const), port }),
  fc.record({ do: fc.constant('set-mark' as const), mark }),
  fc.record({ do: fc.constantFrom('save-mark', 'restore-mark'), mask: bits }),
) as fc.Arbitrary<Action>;
const note = fc.record({ do: fc.constant('note-ending' as const), answeredBy: fc.option(ipv4) });
const anyRule: fc.Arbitrary<RuleBody> = fc.oneof(
  fc.tuple(match, action, fc.option(fc.nat())).map((all) => rule(...all)),
  fc.tuple(match, note).map(([matched, noted]) => rule(matched, noted, null)),
);
const canonical = (body: RuleBody): unknown => ({ ...body, match: new Set(body.match) });

describe('rules as text', () => {
  it('a rule that is written and parsed is that rule', () => {
    fc.assert(
      fc.property(anyRule, (body) => {
        const parsed = parse(iptables.lineOf(body));
        expect(parsed && canonical(parsed)).toEqual(canonical(body));
        expect(parsed && iptables.lineOf(parsed)).toBe(iptables.lineOf(body));
      }),
      { numRuns: 2000 },
    );
  });

  it('the order of matches is not in the line', () => {
    fc.assert(
      fc.property(match, action, (all, what) => {
        expect(line([...all].reverse(), what)).toBe(line(all, what));
      }),
    );
  });

  it('every rule that is rendered is read back from the chain that it is in', () => {
    for (const story of [tutorial(), networkNode(), reference(), life(), forwardings()])
      for (const each of render(story.view(), { userspace: true, metadata: true }).values()) {
        if (each.kind !== 'present') throw new Error(`not rendered: ${each.kind}`);
        for (const tables of [each.state.rules4, each.state.rules6]) {
          const wanted = tables.flatMap(({ table, jumps, chains }) => [
            ...jumps.map((jump) => ({ table, rule: jump.rule })),
            ...chains.flatMap(({ rules }) => rules.map((one) => ({ table, rule: one }))),
          ]);
          for (const { table, rule: one } of wanted) {
            const { owner: _owner, ...body } = one;
            expect(iptables.parse(table, one.chain, iptables.lineOf(one))).toEqual(body);
          }
          const lines = [...savedFrom(tables).values()].flatMap((chains) => [...chains.values()].flat());
          expect(lines.sort()).toEqual(wanted.map(({ rule: one }) => iptables.lineOf(one)).sort());
        }
      }
  });

  it.each([
    ['somebody else', '-s 10.0.0.0/24 -o eth0 -j MASQUERADE'],
    ['a jump into a chain that is not ours', '-m comment --comment "plumb:7" -j operators-own'],
    ['a prefix, where we have addresses', '-d 192.0.2.0/24 -j ACCEPT'],
    ['an IPv6 prefix as long as an IPv4 address', '-d 2001:db8::/32 -j ACCEPT'],
    ['a protocol that we know by another name', '-p 132 -j ACCEPT'],
    ['more than we say', '-d 192.0.2.1/32 -j DNAT --to-destination 10.0.0.1 --persistent'],
    ['source NAT without chance', '-j SNAT --to-source 192.0.2.1'],
    ["another's comment", '-m comment --comment "who knows" -j ACCEPT'],
    ['a note that does something', '-d 192.0.2.1/32 -m comment --comment "plumb:ending" -j DROP'],
    ['a mark saved to other bits', '-j CONNMARK --save-mark --nfmask 0xffff0000 --ctmask 0xffff'],
    ['nothing', ''],
  ])('is opaque: %s', (_what, text) => {
    expect(parse(text)).toBe(null);
  });

  it('is opaque in a table that we have no rules in', () => {
    expect(iptables.parse('security', CHAIN, '-j ACCEPT')).toBe(null);
  });

  it('a rule of a chain of ours that somebody wrote by hand has no position', () => {
    expect(parse('-d 192.0.2.1/32 -j ACCEPT')).toEqual(
      rule([{ on: 'destination', address: '192.0.2.1' }], { do: 'accept' }, null),
    );
  });

  it('what a rule does is its line without the position', () => {
    const matches: Match[] = [{ on: 'destination', address: '192.0.2.1' }];
    const effects = [7, 8, null].map((position) => iptables.effectOf(line(matches, { do: 'drop' }, position)));
    expect(new Set(effects)).toEqual(new Set(['-d 192.0.2.1/32 -j DROP']));
  });
});

describe('what is saved, and what is restored', () => {
  it('tables, chains and rules; counters and policies are left out', () => {
    const text =
      '# Generated\n*nat\n:POSTROUTING ACCEPT [1:2]\n:x - [0:0]\n-A POSTROUTING -j x\n-A x -o "a b" -j ACCEPT\nCOMMIT\n';
    expect(iptables.tablesIn(text)).toEqual(
      new Map([
        [
          'nat',
          new Map([
            ['POSTROUTING', ['-j x']],
            ['x', ['-o "a b" -j ACCEPT']],
          ]),
        ],
      ]),
    );
    expect(iptables.tablesIn('')).toEqual(new Map());
  });

  it('edits, each in its words', () => {
    const one = { ...rule([], { do: 'drop' }), owner: 'router/r' } as const;
    const text = '-m comment --comment "plumb:7" -j DROP';
    expect(
      iptables.inputOf([
        {
          table: 'nat',
          edits: [
            { edit: 'declare', chain: CHAIN },
            { edit: 'append', rule: one },
            { edit: 'insert', rule: one, at: 2 },
            { edit: 'remove', rule: one },
            { edit: 'remove-line', hook: 'PREROUTING', line: '-j neutron-l3-agent-old' },
            { edit: 'delete-chain', chain: 'neutron-l3-agent-old' },
          ],
        },
      ]),
    ).toEqual([
      '*nat',
      `:${CHAIN} - [0:0]`,
      `-A ${CHAIN} ${text}`,
      `-I ${CHAIN} 2 ${text}`,
      `-D ${CHAIN} ${text}`,
      '-D PREROUTING -j neutron-l3-agent-old',
      '-X neutron-l3-agent-old',
      'COMMIT',
    ]);
    expect(iptables.inputOf([])).toEqual([]);
  });
});
