import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ObjectKey, SecurityGroupRule } from '@plumbline/contracts';
import type { ObservedPort, ObservedSwitch } from '../driver.js';
import { idOf, ViewBuilder } from '../testing/index.js';
import { allows, type Packet, passes } from '../testing/rule-model.js';
import type { OvsNodeConfig } from '../render.js';
import { render, WantedSwitch } from '../wanted.js';
import { RULES } from './tables.js';

const config: OvsNodeConfig = { bridgeMappings: {}, tunnelIp: null, datapathType: 'netdev', firewall: 'openflow' };
const PORTS = [11, 12, 13];
const GROUPS = [901, 902, 903];
const SETS = [950, 951];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.1.1', '10.1.0.1', 'fd00::1', 'fd00::2', 'fd01::1'];
const PREFIXES = ['10.0.0.1/32', '10.0.0.0/24', '10.0.0.0/15', '0.0.0.0/0', 'fd00::1/128', 'fd00::/64', '::/0'];

const observed: ObservedSwitch = new Map([
  [
    'br-int',
    {
      ...{ name: 'br-int', datapathType: 'netdev', failMode: 'secure', mark: 1, adopted: false },
      ports: new Map(
        PORTS.map((n): [string, ObservedPort] => [
          `tap${n}`,
          {
            ...{ name: `tap${n}`, bridge: 'br-int', tag: null, mark: null, tagMark: null, ifaceId: idOf(n), type: '' },
            ...{ options: {}, ofport: n, error: null },
          },
        ]),
      ),
    },
  ],
]);

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

const move = fc.oneof(
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
  fc.record({ do: fc.constant('group' as const), n: fc.constantFrom(...GROUPS), stateful: fc.boolean() }),
);
type Move = typeof move extends fc.Arbitrary<infer T> ? T : never;

/** Does it to the view, and says what was touched. */
function done(builder: ViewBuilder, step: Move): ObjectKey[] {
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
      const key: ObjectKey = `port/${idOf(step.n)}`;
      if (step.here) builder.port(step.n, 500, { securityGroupIds: step.groups.map(idOf).sort() });
      else builder.remove(key);
      return [key];
    }
    case 'group':
      builder.group(step.n, { stateful: step.stateful });
      return [`securitygroup/${idOf(step.n)}`];
  }
}

const PACKETS: readonly Packet[] = ADDRESSES.flatMap((remote) =>
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

describe('the flows of groups, after any changes in any order', () => {
  it('are those of a rendering from nothing, and let pass exactly what the rules mean', () => {
    fc.assert(
      fc.property(fc.array(move, { minLength: 4, maxLength: 25 }), fc.boolean(), (moves, together) => {
        const builder = new ViewBuilder('cmp1').node('cmp1').network(500, 'local').placed(500, { cmp1: 7 });
        for (const n of GROUPS) builder.group(n);
        for (const n of PORTS) builder.port(n, 500, { securityGroupIds: [idOf(GROUPS[n % 3] ?? 0)] });
        const wanted = new WantedSwitch();
        const step = (touched: ReadonlySet<ObjectKey> | 'all') => {
          wanted.update(builder.view, config, observed, touched, true);
          wanted.settle(observed);
        };
        step('all');
        const all = moves.flatMap((each) => {
          const keys = done(builder, each);
          if (!together) step(new Set(keys));
          return keys;
        });
        if (together) step(new Set(all));
        const flows = wanted.desired(wanted.all()).flows.get('br-int') ?? [];
        const lines = (of: typeof flows) => of.map((flow) => JSON.stringify(flow)).sort();
        const anew = render(builder.view, config, observed, { mayRemove: true }).flows.get('br-int') ?? [];
        expect(lines(flows)).toEqual(lines(anew));
        for (const n of PORTS) {
          const port = builder.view.objects.get(`port/${idOf(n)}`);
          if (port?.kind !== 'port') continue;
          const classify = flows.find(({ key }) => key.startsWith(`priority=10,in_port=tap${n}`));
          const classNumber = /set_field:(0x[0-9a-f]+)->reg7/.exec(classify?.actions ?? '')?.[1] ?? '';
          if (flows.some(({ key }) => key === `table=72, priority=70,ip,reg7=${classNumber}`)) continue; // stateless
          for (const packet of PACKETS)
            expect([n, packet, passes(flows, RULES.stateful[packet.direction], classNumber, packet)]).toEqual([
              n,
              packet,
              allows(builder.view, port.securityGroupIds, packet),
            ]);
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
