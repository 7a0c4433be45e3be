import { describe, expect, it } from '@jest/globals';
import { forMember, linesOf, parseReference, type EventTold, type Why } from './index.js';
import { find, judge, together, type FoundThing, type WantedThing } from './things/index.js';

const ROUTER = 'c1000000-0000-4000-8000-000000000000';
const PORT = '51000000-5100-4000-8000-000000000000';
const thing = (sort: string, name: string, more: Partial<WantedThing> = {}): WantedThing => ({
  ...{ sort, place: `qrouter-${ROUTER}`, name, text: name, owner: `port/${PORT}`, position: 7, uses: [] },
  ...more,
});
const rule = 'iptables -t nat -A neutron-l3-agent-PREROUTING -d 203.0.113.7/32 -j DNAT --to-destination 10.0.0.5';
const things: WantedThing[] = [
  thing('namespace', `qrouter-${ROUTER}`, { place: '', owner: `router/${ROUTER}` }),
  thing('device', 'qr-51000000-51', { text: 'qr-51000000-51 fa:16:3e:51:00:01 mtu 1450' }),
  thing('address', '10.0.0.1/24 dev qr-51000000-51'),
  thing('route', '10.0.0.0/24 dev qr-51000000-51'),
  thing('route', 'local 10.0.0.1/32 dev qr-51000000-51'),
  thing('route', 'default via 203.0.113.1 dev qg-52000000-52'),
  thing('chain', 'iptables -t nat -N neutron-l3-agent-PREROUTING'),
  thing('rule', rule, {
    text: rule.replace(' -j', ' -m comment --comment "plumb:12" -j'),
    position: 12,
    owner: 'floatingip/x',
  }),
  thing('rule', `${rule} -p tcp`, { position: 13 }),
  thing('rule', 'ip6tables -t filter -A neutron-openvswi-i3 -p 58 -m icmp6 --icmpv6-type 134 -j ACCEPT', { place: '' }),
  thing('rule', 'iptables -t filter -A neutron-openvswi-ii2 -s 10.0.0.0/8 -p 6 -m tcp --dport 22 -j ACCEPT', {
    place: '',
  }),
  thing('rule', 'iptables -t filter -A neutron-openvswi-ii2 -p 1 -j ACCEPT', { place: '' }),
  thing('flow', 'table=25, priority=2,in_port="tap51000000-51",dl_src=fa:16:3e:51:00:01', {
    place: 'br-int',
    text: 'cookie=0x504c000000000009, table=25, priority=2,in_port="tap51000000-51",dl_src=fa:16:3e:51:00:01 actions=resubmit(,60)',
    position: 9,
  }),
  thing('flow', 'priority=0', {
    place: 'br-int',
    text: 'cookie=0x504c000000000002, priority=0 actions=drop',
    position: 2,
  }),
];
const named = (text: string): string[] => {
  const { positions } = parseReference(text);
  return find(things, text, positions).map(({ sort, name }) => `${sort} ${name.slice(0, 40)}`);
};

describe('what a text names', () => {
  it.each([
    ['qr-51000000-51', ['device qr-51000000-51']],
    [`qrouter-${ROUTER}`, [`namespace qrouter-${ROUTER}`.slice(0, 50)]],
    ['FA:16:3E:51:00:01', ['device', 'flow']],
    [
      '3: qr-51000000-51    inet 10.0.0.1/24 brd 10.0.0.255 scope global qr-51000000-51\\       valid_lft forever',
      ['address 10.0.0.1/24'],
    ],
    ['local 10.0.0.1 dev qr-51000000-51 table local proto kernel scope host src 10.0.0.1', ['route local']],
    ['default via 203.0.113.1 dev qg-52000000-52 proto 201', ['route default']],
    ['neutron-l3-agent-PREROUTING', ['chain', 'rule', 'rule']],
    [
      '-A neutron-l3-agent-PREROUTING -d 203.0.113.7/32 -m comment --comment "plumb:12" -j DNAT --to-destination 10.0.0.5',
      ['rule'],
    ],
    ['[12:3456] -A neutron-l3-agent-PREROUTING -d 203.0.113.7/32 -j DNAT --to-destination 10.0.0.5', ['rule']],
    [
      '-A neutron-openvswi-i3 -p ipv6-icmp -m icmp6 --icmpv6-type 134 -m comment --comment "plumb:7" -j ACCEPT',
      ['rule ip6tables -t filter -A neutron'],
    ],
    [
      '-A neutron-openvswi-ii2 -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -m comment --comment "plumb:7" -j ACCEPT',
      ['rule iptables -t filter -A neutron'],
    ],
    [
      '-A neutron-openvswi-ii2 -p icmp -m comment --comment "plumb:7" -j ACCEPT',
      ['rule iptables -t filter -A neutron'],
    ],
    ['cookie=0x504c000000000009', ['flow table=25']],
    [
      'cookie=0x504c000000000002, duration=3.2s, table=0, n_packets=4, n_bytes=9, idle_age=3, priority=0 actions=drop',
      ['flow priority=0'],
    ],
    ['nothing at all', []],
    ['', []],
  ])('%s', (text, expected) => {
    const found = named(text);
    expect(found.length).toBeGreaterThanOrEqual(expected.length);
    for (const each of expected) expect(found.some((one) => one.startsWith(each))).toBe(true);
    if (expected.length < 2) expect(found).toHaveLength(expected.length);
  });
});

describe('what is wanted beside what was found', () => {
  const found = (sort: string, name: string, ours: boolean, more: Partial<FoundThing> = {}): FoundThing => ({
    ...{ sort, place: `qrouter-${ROUTER}`, name, text: name, position: null, ours },
    ...more,
  });
  it('is ours, missing, left over or foreign; or as whoever found it says', () => {
    const wanted = [thing('device', 'a'), thing('device', 'b')];
    const seen = [
      found('device', 'a', true),
      found('device', 'c', true),
      found('device', 'd', false),
      found('flow', 'e', true, { as: 'learned' }),
    ];
    expect(judge(wanted, seen).map(({ name, found: as }) => [name, as])).toEqual([
      ...[
        ['a', 'ours'],
        ['b', 'missing'],
        ['c', 'left-over'],
        ['d', 'foreign'],
        ['e', 'learned'],
      ],
    ]);
    expect(judge(wanted, null).map(({ found: as }) => as)).toEqual(['wanted', 'wanted']);
  });

  it('of several agents, whoever knows it has the word', () => {
    const [mine] = judge([thing('device', 'a')], [found('device', 'a', true)]);
    const [other] = judge([], [found('device', 'a', false)]);
    expect(together([other, mine].flatMap((each) => each ?? [])).map(({ found: as }) => as)).toEqual(['ours']);
  });
});

describe('a reference', () => {
  it('finds ids, marks, devices and addresses in what people paste', () => {
    expect(parseReference(` port/${PORT} `)).toMatchObject({ object: { kind: 'port', id: PORT }, ids: [PORT] });
    expect(parseReference(PORT.toUpperCase())).toMatchObject({ object: { kind: null, id: PORT } });
    expect(parseReference('node/net1.example.org').object).toEqual({ kind: 'node', id: 'net1.example.org' });
    expect(parseReference('nothing/x').object).toBeNull();
    expect(parseReference('@42').event).toBe(42);
    expect(parseReference('event 42').event).toBe(42);
    expect(parseReference(`dnsmasq-${ROUTER}`).ids).toEqual([ROUTER]);
    expect(parseReference('7: tap51000000-51@if3: <UP>').shortIds).toEqual([{ kind: 'port', begins: '51000000-51' }]);
    expect(parseReference('neutron-l3-agent-fip-pf-0a1b2c3d').shortIds).toEqual([
      { kind: 'portforwarding', begins: '0a1b2c3d' },
    ]);
    expect(parseReference('-d 203.0.113.7/32 --to-destination 10.0.0.5:22').addresses).toEqual([
      '203.0.113.7',
      '10.0.0.5',
    ]);
    expect(parseReference('2001:DB8:0:0::7/64').addresses).toEqual(['2001:db8::7']);
    expect(parseReference('cookie=0x504c80000000000a, table=20').positions).toEqual([]); // learned
    expect(parseReference('cookie=0x1234, plumb:5 plumb-tag="6"').positions).toEqual([5, 6]);
    expect(parseReference('\u0000'.repeat(9_000)).text.length).toBeLessThanOrEqual(2_000);
  });
});

describe('what is told', () => {
  const event: EventTold = {
    ...{
      position: 3,
      type: 'PortBound',
      object: `port/${PORT}`,
      time: '2026-01-01T00:00:00.000Z',
      user: 'ann',
      project: 'A',
    },
    request: { id: 'req-1', method: 'PUT', path: '/v2.0/ports/x', body: '{"port":{}}' },
    changed: [
      { field: 'name', from: 'a', to: 'b' },
      { field: 'binding', from: { host: '' }, to: { host: 'net1' } },
    ],
  };

  it('to a member: nothing of hosts, and nobody of another project', () => {
    expect(forMember(event, 'A')).toEqual({ ...event, changed: [event.changed[0]] });
    expect(forMember(event, 'B')).toEqual({
      ...event,
      user: null,
      project: null,
      request: null,
      changed: [event.changed[0]],
    });
    expect(JSON.stringify(forMember({ ...event, secret: 'x' } as EventTold, 'A'))).not.toContain('secret');
  });

  it('on a terminal: who, when, which request, what it replaced, and what is not known', () => {
    const why: Why = {
      ...{ asked: 'x', position: 9, events: [], unknown: ['the weather'] },
      things: [{ ...thing('rule', rule), found: 'ours', host: 'net1', event, going: null }],
      objects: [
        {
          key: `port/${PORT}`,
          name: 'web',
          project: 'A',
          ended: event,
          set: [{ facets: ['port'], event }],
          uses: [],
          used: { by: [{ key: 'router/y', name: 'r' }], count: 3 },
          going: { who: 'he', how: 'deletes it', request: 'DELETE /x' },
        },
      ],
    };
    const lines = linesOf(why).join('\n');
    for (const part of [
      'net1',
      'user ann of project A',
      'PUT /v2.0/ports/x',
      '"a" -> "b"',
      'GONE',
      'and 2 more',
      'he deletes it (DELETE /x)',
      'not known: the weather',
    ])
      expect(lines).toContain(part);
    expect(linesOf({ ...why, things: [], objects: [] })[0]).toContain('nothing is known of "x"');
  });
});
