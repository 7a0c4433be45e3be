import { describe, expect, it } from '@jest/globals';
import type { Port } from '@plumbline/contracts';
import * as events from '@plumbline/topology/testing';
import { idOf, World } from '@plumbline/topology/testing';
import type { Traffic } from './check.js';
import { letsIn, likelyPorts } from './security.js';

const GROUP = idOf('f0');
type Rule = Parameters<typeof events.securityGroupRuleCreated>[0];

function portWith(...rules: readonly Partial<Rule>[]): readonly [World['topology'], Port] {
  const world = new World();
  world.append(events.networkCreated({ networkId: idOf('a0') }));
  world.append(events.subnetCreated({ subnetId: idOf('ba0'), networkId: idOf('a0'), cidr: '10.0.0.0/24' }));
  world.append(events.securityGroupCreated({ securityGroupId: GROUP }));
  rules.forEach((rule, at) =>
    world.append(
      events.securityGroupRuleCreated({ securityGroupRuleId: idOf(`c${at}`), securityGroupId: GROUP, ...rule }),
    ),
  );
  const member = { networkId: idOf('a0'), securityGroupIds: [GROUP] };
  const fixedIps = [{ subnetId: idOf('ba0'), ipAddress: '10.0.0.5' }];
  world.append(events.portCreated({ portId: idOf('d0'), ...member, fixedIps }));
  return [world.topology, world.topology.get('port', idOf('d0')) as Port];
}
const tcp = (port: number): Traffic => ({ protocol: 'tcp', port });
const ping: Traffic = { protocol: 'icmp', port: 0 };

describe('what security groups let in', () => {
  it.each<readonly [string, readonly Partial<Rule>[], string | null, Traffic | null, boolean]>([
    ['nothing, without a rule', [], null, null, false],
    ['anything, by a rule for all', [{}], null, null, true],
    ['not what leaves', [{ direction: 'egress' }], null, null, false],
    ['not IPv6 for IPv4', [{ ethertype: 'IPv6' }], null, null, false],
    ['one port', [{ protocol: 'tcp', portRangeMin: 22, portRangeMax: 22 }], null, tcp(22), true],
    ['not the next one', [{ protocol: 'tcp', portRangeMin: 22, portRangeMax: 22 }], null, tcp(23), false],
    ['by a number', [{ protocol: '6', portRangeMin: 1, portRangeMax: 99 }], null, tcp(50), true],
    ['ping', [{ protocol: 'icmp' }], null, ping, true],
    ['not ping by a rule for other types', [{ protocol: 'icmp', portRangeMin: 3 }], null, ping, false],
    ['from a prefix', [{ remoteIpPrefix: '192.0.2.0/24' }], '192.0.2.7', null, true],
    ['not from beside it', [{ remoteIpPrefix: '192.0.2.0/24' }], '192.0.3.7', null, false],
    ['from outside, by a prefix', [{ remoteIpPrefix: '192.0.2.0/24' }], null, null, true],
    ['not from outside, by a group', [{ remoteGroupId: GROUP }], null, null, false],
    ['from a member', [{ remoteGroupId: GROUP }], '10.0.0.5', null, true],
  ])('%s', (_name, rules, from, traffic, is) => {
    const [objects, port] = portWith(...rules);
    expect(letsIn(objects, port, from, traffic)).toBe(is);
  });

  it('to a port without port security is everything', () => {
    const [objects, port] = portWith();
    expect(letsIn(objects, { ...port, portSecurityEnabled: false }, null, tcp(1))).toBe(true);
  });

  it('says which TCP ports are likely to be answered', () => {
    const [objects, port] = portWith({ protocol: 'tcp', portRangeMin: 5432, portRangeMax: 5432 });
    expect(likelyPorts(objects, port)).toEqual([5432, 22, 80, 443]);
  });
});
