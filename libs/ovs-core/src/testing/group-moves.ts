/** Random changes of ports, groups, rules, members and address groups, and packets to try after them. */
import fc from 'fast-check';
import type { ObjectKey, SecurityGroupRule } from '@plumbline/contracts';
import type { Packet } from './rule-model.js';
import { idOf, type ViewBuilder } from './view.js';

export const PORTS = [11, 12, 13];
export const GROUPS = [901, 902, 903];
const SETS = [950, 951];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.1.1', '10.1.0.1', 'fd00::1', 'fd00::2', 'fd01::1'];
const PREFIXES = ['10.0.0.1/32', '10.0.0.0/24', '10.0.0.0/15', '0.0.0.0/0', 'fd00::1/128', 'fd00::/64', '::/0'];

const prefixes = fc.uniqueArray(fc.constantFrom(...PREFIXES), { maxLength: 3 });
const ruleMatch = fc.record({
  direction: fc.constantFrom('ingress' as const, 'egress' as const),
  protocol: fc.constantFrom(null, 'ip', 'tcp', 'udp', 'icmp', 'sctp', '112'),
  ports: fc.constantFrom(null, [80, 80] as const, [79, 83] as const, [8, 8] as const),
  remote: fc.constantFrom('any', 'prefix', 'group', 'set'),
  prefix: fc.constantFrom(...PREFIXES),
  group: fc.constantFrom(...GROUPS),
  set: fc.constantFrom(...SETS),
});
type RuleMatch = typeof ruleMatch extends fc.Arbitrary<infer T> ? T : never;

function toRule({ direction, protocol, ports, remote, prefix, group, set }: RuleMatch): Partial<SecurityGroupRule> {
  const six = prefix.includes(':');
  const icmp = protocol === 'icmp';
  const ported = icmp || protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp';
  return {
    direction,
    ethertype: six ? 'IPv6' : 'IPv4',
    protocol: icmp && six ? 'ipv6-icmp' : protocol,
    ...(ports && ported ? { portRangeMin: ports[0], portRangeMax: icmp ? null : ports[1] } : {}),
    ...(remote === 'prefix' ? { remoteIpPrefix: prefix } : {}),
    ...(remote === 'group' ? { remoteGroupId: idOf(group) } : {}),
    ...(remote === 'set' ? { remoteAddressGroupId: idOf(set) } : {}),
  };
}

export const move = fc.oneof(
  fc.record({
    do: fc.constant('rule' as const),
    n: fc.integer({ min: 1, max: 9 }),
    group: fc.constantFrom(...GROUPS),
    of: ruleMatch,
  }),
  fc.record({ do: fc.constant('no-rule' as const), n: fc.integer({ min: 1, max: 9 }) }),
  fc.record({
    do: fc.constant('member' as const),
    group: fc.constantFrom(...GROUPS),
    n: fc.integer({ min: 20, max: 24 }),
    prefixes,
  }),
  fc.record({ do: fc.constant('set' as const), n: fc.constantFrom(...SETS), prefixes }),
  fc.record({
    do: fc.constant('port' as const),
    n: fc.constantFrom(...PORTS),
    groups: fc.uniqueArray(fc.constantFrom(...GROUPS)),
    here: fc.boolean(),
  }),
  fc.record({
    do: fc.constant('log' as const),
    n: fc.integer({ min: 970, max: 972 }),
    group: fc.constantFrom(null, ...GROUPS),
    port: fc.constantFrom(null, ...PORTS),
    event: fc.constantFrom('DROP' as const, 'ACCEPT' as const, 'ALL' as const),
    there: fc.boolean(),
  }),
  fc.record({ do: fc.constant('group' as const), n: fc.constantFrom(...GROUPS), stateful: fc.boolean() }),
);
export type Move = typeof move extends fc.Arbitrary<infer T> ? T : never;

/** Does it to the view, and says what was touched. `portId`: the ids of ports. */
export function done(builder: ViewBuilder, step: Move, portId: (n: number) => string = idOf): ObjectKey[] {
  switch (step.do) {
    case 'rule':
      builder.rule(step.n, step.group, toRule(step.of));
      return [`securitygrouprule/${idOf(step.n)}`];
    case 'no-rule':
      builder.remove(`securitygrouprule/${idOf(step.n)}`);
      return [`securitygrouprule/${idOf(step.n)}`];
    case 'member': {
      const key: ObjectKey = `securitygroupmember/${idOf(step.group)}_${idOf(step.n)}`;
      if (step.prefixes.length > 0) builder.member(step.group, step.n, step.prefixes);
      else builder.remove(key);
      return [key];
    }
    case 'set':
      builder.addressGroup(step.n, step.prefixes);
      return [`addressgroup/${idOf(step.n)}`];
    case 'port': {
      const id = portId(step.n);
      const key: ObjectKey = `port/${id}`;
      if (step.here) builder.port(step.n, 500, { id, securityGroupIds: step.groups.map(idOf).sort() });
      else builder.remove(key);
      return [key];
    }
    case 'log': {
      const key: ObjectKey = `packetlog/${idOf(step.n)}`;
      const securityGroupId = step.group === null ? null : idOf(step.group);
      const portId = step.port === null ? null : idOf(step.port);
      if (!step.there || (securityGroupId === null && portId === null)) builder.remove(key);
      else builder.packetLog(step.n, { securityGroupId, portId, event: step.event });
      return [key];
    }
    case 'group':
      builder.group(step.n, { stateful: step.stateful });
      return [`securitygroup/${idOf(step.n)}`];
  }
}

/** Packets that open connections. */
export const PACKETS: readonly Packet[] = ADDRESSES.flatMap((remote) =>
  (['egress', 'ingress'] as const).flatMap((direction) =>
    [
      [6, 5000, 80],
      [6, 80, 5000],
      [17, 5000, 83],
      [132, 5000, 79],
      [112, 0, 0],
      [remote.includes(':') ? 58 : 1, 8, 0],
    ].map(([protocol = 0, sport = 0, dport = 0]): Packet => ({ direction, remote, protocol, sport, dport })),
  ),
);
