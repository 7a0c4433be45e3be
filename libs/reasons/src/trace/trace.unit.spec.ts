/** A packet's way by the log and by what nodes say, made up here. What real nodes say, and what real packets do: test/system/trace.e2e.spec.ts. */
import { describe, expect, it } from '@jest/globals';
import type {
  AnswerOf,
  BridgeSaid,
  MetFlow,
  MetRule,
  ParamsOf,
  PlumbEvent,
  Probe,
  TracedPacket,
} from '@plumbline/contracts';
import * as events from '@plumbline/topology/testing';
import { idOf, type World } from '@plumbline/topology/testing';
import type { Heard, Wanted } from '../doctor/examine.js';
import {
  cloud,
  EXTERNAL,
  FLOATING,
  GATEWAY_PORT,
  GROUP,
  GUEST,
  INTERFACE,
  ROUTER,
  SERVER,
  TENANT,
} from '../testing/cloud.js';
import {
  BadEnd,
  between,
  linesOfTrace,
  parseTraffic,
  trace,
  traceForMember,
  type Trace,
  type Walked,
} from './index.js';

const [FIXED, PUBLIC] = ['10.0.0.5', '10.255.0.20'];
const flow = (bridge: string, table: number, more: Partial<MetFlow> = {}): MetFlow => ({
  ...{ bridge, table, match: 'ip', priority: 1, actions: ['goto_table:1'], of: 'ours', position: 9 },
  ...more,
});
type Switching = AnswerOf<'switching'>;
type Told = Readonly<{ [Q in Wanted['question']]?: (host: string, params: never) => unknown }>;

/** Switches that know where everybody is, a router that translates, instances and neighbours that answer. */
const NODES: Told = {
  switching: (host, { entry, destinationMac }: ParamsOf<'switching'>): Switching => {
    const places: Readonly<Record<string, readonly [host: string, portId: string]>> = {
      'fa:16:3e:00:00:01': ['net1', GATEWAY_PORT],
      'fa:16:3e:00:00:02': ['net1', INTERFACE],
      'fa:16:3e:00:00:03': ['net1', SERVER],
      'fa:16:3e:00:00:04': ['cmp1', GUEST],
    };
    const to = places[destinationMac];
    const none = { portId: null, remoteIp: null, vni: null };
    const output = !to
      ? { bridge: 'br-ex', device: 'eth1', ...none }
      : to[0] === host
        ? { bridge: 'br-int', device: 'tap', ...none, portId: to[1] }
        : {
            bridge: 'br-tun',
            device: 'vxlan',
            ...none,
            remoteIp: to[0] === 'net1' ? '172.31.0.1' : '172.31.0.2',
            vni: 1,
          };
    const judged =
      entry.at === 'port' && host === 'cmp1' ? [flow('br-int', 84)] : host === 'cmp1' ? [flow('br-int', 85)] : [];
    return { device: 'tap', flows: [flow('br-int', 0), ...judged], outputs: [output], remarks: [], bridges: [] };
  },
  probe: () => ({ answers: [{ answered: true, fromMac: '', toMac: '', text: '' }] }),
};

function walked(world: World, from: string, to: string, packet: string, told: Told = {}): Walked {
  const nodes = { ...NODES, ...told };
  const walk = trace(
    world.topology,
    between(world.topology, { from, to, traffic: parseTraffic(packet) }, () => true),
  );
  let step = walk.next();
  while (!step.done) {
    const { question, host, params } = step.value;
    const answer = (nodes[question] as ((host: string, params: unknown) => unknown) | undefined)?.(host, params);
    const heard: Heard = answer === undefined ? { silent: `${host} is silent` } : { answer };
    step = walk.next(heard);
  }
  return step.value;
}
const summary = ({ there, back }: Walked): unknown[] => [there, back].map((way) => way && [way.verdict, way.reason]);
const routing = (host: string, given: ParamsOf<'routing'>): AnswerOf<'routing'> => {
  const { packet, connection } = given;
  const inward: TracedPacket = connection
    ? { ...packet, source: connection.opened.destination, destination: connection.opened.source }
    : packet.destination === PUBLIC
      ? { ...packet, destination: FIXED }
      : { ...packet, source: PUBLIC };
  const isIn = inward.destination.startsWith('10.0.0.');
  return {
    ...{
      there: true,
      unjudged: [],
      packet: inward,
      end: 'forwarded',
      route: '10.0.0.0/24 dev qr',
      neighbour: null,
      tracked: [],
    },
    rules: [
      { table: 'nat', chain: 'PREROUTING', line: '-j DNAT', did: 'dnat', of: 'ours', position: 12, packet: inward },
    ],
    ...{ device: isIn ? `qr-${INTERFACE.slice(0, 11)}` : `qg-${GATEWAY_PORT.slice(0, 11)}` },
    ...{ nextHop: inward.destination, connection: connection ?? { opened: packet, sent: inward, mark: 0 } },
  };
};

describe('what is asked', () => {
  const { topology } = cloud();
  const ends = (from: string, to: string, packet = 'icmp') =>
    between(topology, { from, to, traffic: parseTraffic(packet) }, () => true).packet;

  it.each([
    [GUEST, PUBLIC],
    ['vm', PUBLIC],
    [FIXED, PUBLIC],
    [`${FIXED}@${TENANT}`, FLOATING],
    [FLOATING, PUBLIC],
    [PUBLIC, '10.255.0.20'],
  ])('%s -> %s', (from, to) => {
    expect(ends(from, to)).toMatchObject({ source: FIXED, destination: PUBLIC });
  });

  it.each([
    ['nobody', PUBLIC, 'icmp'],
    [GUEST, '10.0.0.5@nowhere', 'icmp'],
    [GUEST, 'fd00::1', 'icmp'],
    [GUEST, PUBLIC, 'tcp'],
    [GUEST, PUBLIC, 'tcp/0'],
    [GUEST, PUBLIC, 'tcp/65536'],
    [GUEST, PUBLIC, 'icmp/8'],
    [GUEST, PUBLIC, 'sctp/80'],
    [GUEST, PUBLIC, 'tcp/80; reboot'],
  ])('%s -> %s %s is refused', (from, to, packet) => {
    expect(() => ends(from, to, packet)).toThrow(BadEnd);
  });
});

describe('a way', () => {
  it('from outside to a floating IP and back, by router and tunnel', () => {
    const found = walked(cloud(), '10.255.0.77', PUBLIC, 'tcp/80', { routing });
    expect(summary(found)).toEqual([
      ['arrives', 'arrives'],
      ['arrives', 'arrives'],
    ]);
    expect(found.unknown).toEqual([]);
    const kinds = found.there.hops.map(({ kind, host }) => `${kind}${host === null ? '' : ` ${host}`}`);
    expect(kinds).toEqual([
      ...['outside', 'flow net1', 'namespace net1', 'rule net1', 'route net1', 'flow net1', 'tunnel net1'],
      ...['flow cmp1', 'flow cmp1', 'group cmp1', 'instance cmp1'],
    ]);
    const rule = found.there.hops.find(({ kind }) => kind === 'rule');
    expect(rule).toMatchObject({ before: { destination: PUBLIC }, packet: { destination: FIXED }, position: 12 });
    expect(found.back?.hops.at(-1)).toMatchObject({
      kind: 'outside',
      packet: { source: PUBLIC, destination: '10.255.0.77' },
    });
  });

  it('ends where the log says so, and asks nobody', () => {
    const down: PlumbEvent = {
      ...{ type: 'PortAttributesSet', version: 1 },
      data: { portId: GUEST, set: { adminStateUp: false } },
    };
    const found = walked(cloud(down), '10.0.0.2', GUEST, 'icmp');
    expect(found.there).toMatchObject({ verdict: 'dropped', reason: 'port-down', object: `port/${GUEST}` });
    expect(found.back).toBeNull();
  });

  it('to an address that nobody has ends there', () => {
    expect(walked(cloud(), GUEST, '10.0.0.99', 'icmp').there).toMatchObject({
      verdict: 'dropped',
      reason: 'no-neighbour',
    });
    const silent = { routing, probe: () => ({ answers: [{ answered: false, fromMac: '', toMac: '', text: '' }] }) };
    expect(walked(cloud(), GUEST, '10.255.0.99', 'icmp', silent).there).toMatchObject({
      verdict: 'dropped',
      reason: 'no-neighbour',
    });
  });

  describe('by IPv6', () => {
    const [NEAR, FAR, AWAY] = ['fd00::5', 'fd00:e::10', 'fd00:e::99'];
    const fixed = (portId: string, ...all: readonly (readonly [subnet: string, ipAddress: string])[]) =>
      ({
        ...{ type: 'PortAttributesSet', version: 1 },
        data: { portId, set: { fixedIps: all.map(([id, ipAddress]) => ({ subnetId: idOf(id), ipAddress })) } },
      }) as PlumbEvent;
    const subnet = (id: string, networkId: string, prefix: string) =>
      events.subnetCreated({
        ...{ subnetId: idOf(id), networkId, cidr: `${prefix}::/64`, gatewayIp: `${prefix}::1`, ipVersion: 6 },
      });
    const six = () =>
      cloud(
        subnet('bb0', TENANT, 'fd00'),
        subnet('be6', EXTERNAL, 'fd00:e'),
        fixed(GUEST, ['ba0', '10.0.0.5'], ['bb0', NEAR]),
        fixed(SERVER, ['ba0', '10.0.0.2'], ['bb0', 'fd00::2']),
        fixed(GATEWAY_PORT, ['be0', '10.255.0.10'], ['be6', FAR]),
      );
    /** Nodes on which nobody answers, and what they were asked. */
    const asked = (answered: boolean | null) => {
      const probes: Probe[] = [];
      const probe = (_host: string, params: ParamsOf<'probe'>) => {
        probes.push(...params.probes);
        return { answers: [{ answered, fromMac: '', toMac: '', text: '' }] };
      };
      return { probes, probe };
    };

    const sends = (_host: string, { packet, connection }: ParamsOf<'routing'>): AnswerOf<'routing'> => ({
      ...{ there: true, rules: [], unjudged: [], packet, route: 'fd00:e::/64 dev qg', neighbour: null, tracked: [] },
      ...{ end: connection ? 'delivered' : 'forwarded', device: `qg-${GATEWAY_PORT.slice(0, 11)}` },
      ...{ nextHop: packet.destination, connection: { opened: packet, sent: packet, mark: 0 } },
    });

    it.each([
      [true, 'arrives', 1],
      [false, 'dropped', 2],
    ])('asks the wire for who has an address outside: answered %s', (answered, verdict, times) => {
      const { probes, probe } = asked(answered);
      const found = walked(six(), FAR, AWAY, 'icmp', { routing: sends, probe });
      expect(found.there).toMatchObject({ verdict, reason: answered ? 'arrives' : 'no-neighbour' });
      expect(found.unknown).toEqual([]);
      expect(probes).toHaveLength(times);
      // By the router's own link-local address (RFC 4861), whatever address it has of IPv6.
      expect(probes[0]).toMatchObject({
        ...{ kind: 'nd', to: { ip: AWAY }, place: { in: 'router', portId: GATEWAY_PORT, gateway: true } },
        from: { mac: 'fa:16:3e:00:00:01', ip: 'fe80::f816:3eff:fe00:1' },
      });
    });

    it.each([
      [true, 'arrives', []],
      [false, 'dropped', []],
      [null, 'arrives', [`whether the instance of port ${GUEST} has ${NEAR}`]],
    ])('asks the instance whether it has its address: answered %s', (answered, verdict, unknown) => {
      const { probes, probe } = asked(answered);
      const found = walked(six(), 'fd00::2', NEAR, 'icmp', { probe });
      expect(found.there.verdict).toBe(verdict);
      expect(found.there.reason).toBe(answered === false ? 'guest-address' : 'arrives');
      expect(found.unknown).toEqual(unknown);
      // Not by the unspecified address: an instance that is just taking its own would give it up (RFC 4862).
      expect(probes[0]).toMatchObject({ kind: 'nd', place: { in: 'port', portId: GUEST }, to: { ip: NEAR } });
      expect(probes[0]?.from.ip).toMatch(/^fe80::/);
    });
  });

  it('is dropped by the flow that the switch names, for want of a rule', () => {
    const shut: Told = {
      routing,
      switching: (host: string, params: ParamsOf<'switching'>) => {
        const told = NODES.switching?.(host, params as never) as Switching;
        return host === 'cmp1' && params.entry.at === 'tunnel'
          ? { ...told, outputs: [], flows: [flow('br-int', 85, { actions: ['drop'] })] }
          : told;
      },
    };
    expect(walked(cloud(), '10.255.0.77', PUBLIC, 'tcp/80', shut).there).toMatchObject({
      ...{ verdict: 'dropped', reason: 'group', object: `port/${GUEST}`, why: expect.stringContaining('lets it in') },
    });
  });

  it('of which a node does not answer is by the log, and says so', () => {
    const silent: Told = { routing: () => undefined, switching: () => undefined };
    const found = walked(cloud(), '10.255.0.77', PUBLIC, 'tcp/80', silent);
    expect(found.there).toMatchObject({
      verdict: 'unknown',
      reason: 'silent',
      why: expect.stringContaining('as far as the log says'),
    });
    expect(found.back).toMatchObject({ verdict: 'unknown' });
    expect(found.unknown).toEqual([
      'net1 did not answer: its part is from the log only',
      'cmp1 did not answer: its part is from the log only',
    ]);
    const without = cloud({
      ...{ type: 'SecurityGroupRuleDeleted', version: 1 },
      data: { securityGroupRuleId: idOf('f2'), securityGroupId: GROUP },
    });
    expect(walked(without, '10.255.0.77', PUBLIC, 'tcp/80', silent).there).toMatchObject({
      verdict: 'dropped',
      reason: 'group',
    });
  });

  describe('over the bridge of an instance (hybrid)', () => {
    const node = events.nodeRegistered('cmp1', '172.31.0.2', { physnet1: 'br-ex' }, 'hybrid');
    const noRule: PlumbEvent = {
      ...{ type: 'SecurityGroupRuleDeleted', version: 1 },
      data: { securityGroupRuleId: idOf('f2'), securityGroupId: GROUP },
    };
    const rule = (did: 'accept' | 'drop', of: 'ours' | 'foreign', packet: TracedPacket): MetRule => ({
      ...{ table: 'filter', chain: 'neutron-openvswi-i1', line: `-j ${did.toUpperCase()}`, did, of, packet },
      position: of === 'ours' ? 5 : null,
    });
    /** The node says this of the bridge, in every direction. */
    const bridges = (said: (packet: TracedPacket) => Partial<BridgeSaid>): Told => ({
      routing,
      switching: (host: string, params: ParamsOf<'switching'>): Switching => {
        const told = NODES.switching?.(host, params as never) as Switching;
        const direction = params.entry.at === 'port' ? 'egress' : 'ingress';
        if (host !== 'cmp1') return told;
        const bridge: BridgeSaid = {
          ...{ portId: GUEST, bridge: 'qbr', direction, end: 'passed', rules: [], unjudged: [], remark: '' },
          ...said(params.packet),
        };
        return { ...told, flows: [flow('br-int', 0)], bridges: [bridge] };
      },
    });
    const passed = (packet: TracedPacket) => ({ rules: [rule('accept', 'ours', packet)] });
    const dropped =
      (of: 'ours' | 'foreign') =>
      (packet: TracedPacket): Partial<BridgeSaid> => ({ end: 'dropped', rules: [rule('drop', of, packet)] });
    const ways = (world: World, told: Told) => walked(world, '10.255.0.77', PUBLIC, 'tcp/80', told);

    it('shows the rules that let it on, before the switch and behind it, and knows all', () => {
      const found = ways(cloud(node), bridges(passed));
      expect(summary(found)).toEqual([
        ['arrives', 'arrives'],
        ['arrives', 'arrives'],
      ]);
      expect(found.unknown).toEqual([]);
      const kinds = (way: Walked['there']) => way.hops.filter(({ host }) => host === 'cmp1').map(({ kind }) => kind);
      expect(kinds(found.there)).toEqual(['flow', 'rule', 'group', 'instance']);
      expect(found.back && kinds(found.back).slice(0, 4)).toEqual(['instance', 'rule', 'group', 'flow']);
      expect(found.there.hops.find(({ host, kind }) => host === 'cmp1' && kind === 'rule')).toMatchObject({
        ...{ place: 'qbr', of: 'ours', position: 5, what: '-t filter -A neutron-openvswi-i1 -j ACCEPT' },
      });
    });

    it.each([
      ['no rule of its groups', noRule, 'ours', 'group', 'no rule of the security groups'],
      ['a rule that is not on the node any more', null, 'ours', 'rule-missing', 'lets it in, and on the bridge'],
      ['a rule of somebody else', null, 'foreign', 'foreign-rule', 'somebody else'],
    ] as const)('is dropped for %s', (_why, event, of, reason, why) => {
      const found = ways(cloud(node, ...(event ? [event] : [])), bridges(dropped(of)));
      expect(found.there).toMatchObject({ verdict: 'dropped', reason, object: `port/${GUEST}` });
      expect(found.there.why).toContain(why);
      expect(found.there.hops.at(-1)).toMatchObject({ kind: 'rule', host: 'cmp1', of });
    });

    it('is let through by what is on the node, whatever the log says', () => {
      expect(summary(ways(cloud(node, noRule), bridges(passed)))[0]).toEqual(['arrives', 'arrives']);
    });

    it('is judged by the log where the node says nothing of it, or cannot, and says so', () => {
      const unread = bridges(() => ({ end: 'unread', remark: 'iptables-save does not run' }));
      for (const [told, text] of [
        [unread, ': iptables-save does not run'],
        [{ routing }, ''],
      ] as const) {
        const found = ways(cloud(node), told);
        expect(found.there).toMatchObject({ verdict: 'arrives' });
        expect(found.unknown).toEqual([expect.stringContaining(`on cmp1 say${text}. It is judged by`)]);
        expect(ways(cloud(node, noRule), told).there).toMatchObject({ verdict: 'dropped', reason: 'group' });
      }
    });

    it('past a rule that nobody can judge names it', () => {
      const unjudged = [{ table: 'filter', chain: 'FORWARD', line: '-m time -j DROP' }];
      const found = ways(
        cloud(node),
        bridges((packet) => ({ ...passed(packet), unjudged })),
      );
      expect(found.unknown).toEqual([expect.stringContaining('filter FORWARD -m time -j DROP on the bridge of')]);
    });
  });

  it('past a rule that nobody can judge names it', () => {
    const strange = (host: string, given: ParamsOf<'routing'>) => ({
      ...routing(host, given),
      unjudged: [{ table: 'filter', chain: 'FORWARD', line: '-m time -j DROP' }],
    });
    expect(walked(cloud(), '10.255.0.77', PUBLIC, 'tcp/80', { routing: strange }).unknown).toEqual([
      expect.stringContaining('which cannot be judged: filter FORWARD -m time -j DROP'),
    ]);
  });
});

describe('what is told', () => {
  const told = (from: string, to: string): Trace => {
    const { there, back, ...more } = walked(cloud(), from, to, 'tcp/80', { routing });
    const way = (each: Walked['there']) => ({ ...each, hops: each.hops.map((hop) => ({ ...hop, event: null })) });
    return { ...more, position: 9, there: way(there), back: back && way(back) };
  };

  it('to a member: his own hops without hosts and rules, and nothing beyond', () => {
    const mine = (key: string): boolean => key === `port/${GUEST}`;
    const seen = traceForMember(told('10.255.0.77', PUBLIC), 'A', mine);
    expect(seen.there).toMatchObject({ verdict: 'arrives', object: `port/${GUEST}` });
    expect(seen.there.hops.map(({ kind, host, place }) => [kind, host, place])).toEqual([['instance', null, '']]);
    const text = JSON.stringify(seen);
    for (const secret of ['net1', 'cmp1', ROUTER, EXTERNAL, 'DNAT', 'br-int', 'goto_table'])
      expect(text).not.toContain(secret);
    const theirs = traceForMember(told('10.255.0.77', PUBLIC), 'B', () => false);
    expect(theirs.there).toMatchObject({ verdict: 'unknown', reason: 'not-yours', hops: [], object: null });
    expect(theirs.back).toBeNull();
  });

  it('on a terminal: each hop, what it did, and how it ends', () => {
    const lines = linesOfTrace(told('10.255.0.77', PUBLIC)).join('\n');
    for (const part of [
      'there: ARRIVES',
      'back: ARRIVES',
      'net1, br-int',
      'tunnel to cmp1',
      '10.255.0.20:80 becomes',
      'table=0',
    ])
      expect(lines).toContain(part);
  });
});
