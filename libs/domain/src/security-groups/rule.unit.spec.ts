import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DomainError } from '../errors.js';
import { numberOf, PROTOCOL_NAMES, toProtocol, WITH_PORTS } from './protocols.js';
import { ANYTHING, Match, meaningOf, normalised } from './rule.js';

const rule = (match: Partial<Match>): Match => ({ ...ANYTHING, direction: 'ingress', ethertype: 'IPv4', ...match });
const A = '00000000-0000-4000-8000-00000000000a';
const B = '00000000-0000-4000-8000-00000000000b';

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof DomainError) return `${error.type}: ${error.message}`;
    throw error;
  }
  return 'kept';
}

describe('a rule of a security group', () => {
  it.each<[string, Partial<Match>, string]>([
    ['anything', {}, 'kept'],
    ['ports', { protocol: 'tcp', portRangeMin: 22, portRangeMax: 80 }, 'kept'],
    ['one port, protocol by number', { protocol: '132', portRangeMin: 7, portRangeMax: 7 }, 'kept'],
    [
      'ports the wrong way round',
      { protocol: 'tcp', portRangeMin: 80, portRangeMax: 22 },
      'SecurityGroupInvalidPortRange: For TCP/UDP protocols, port_range_min must be <= port_range_max',
    ],
    [
      'half a range',
      { protocol: 'udp', portRangeMin: 80 },
      'SecurityGroupInvalidPortRange: For TCP/UDP protocols, port_range_min must be <= port_range_max',
    ],
    [
      'port 0',
      { protocol: 'udp', portRangeMin: 0, portRangeMax: 9 },
      'SecurityGroupInvalidPortValue: Invalid value for port 0',
    ],
    [
      'ports without protocol',
      { portRangeMin: 1, portRangeMax: 2 },
      'SecurityGroupProtocolRequiredWithPorts: Must also specify protocol if port range is given.',
    ],
    [
      'ports of what has none',
      { protocol: 'gre', portRangeMin: 1, portRangeMax: 2 },
      'SecurityGroupInvalidProtocolForPort: Ports cannot be specified for protocol 47. Ports are only supported for DCCP, SCTP, TCP, UDP, UDPLITE.',
    ],
    ['ICMP type', { protocol: 'icmp', portRangeMin: 8 }, 'kept'],
    ['ICMP type and code 0', { protocol: '1', portRangeMin: 0, portRangeMax: 0 }, 'kept'],
    [
      'ICMP code without type',
      { protocol: 'icmp', portRangeMax: 3 },
      'SecurityGroupMissingIcmpType: ICMP code (port-range-max) 3 is provided but ICMP type (port-range-min) is missing.',
    ],
    [
      'ICMP type too large',
      { protocol: 'icmp', portRangeMin: 256 },
      'SecurityGroupInvalidIcmpValue: Invalid value for ICMP type (port_range_min) 256. It must be 0 to 255.',
    ],
    [
      'ICMP code too large',
      { protocol: 'icmp', portRangeMin: 3, portRangeMax: 300 },
      'SecurityGroupInvalidIcmpValue: Invalid value for ICMP code (port_range_max) 300. It must be 0 to 255.',
    ],
    [
      'ICMPv6 for IPv4',
      { protocol: 'ipv6-icmp' },
      'SecurityGroupEthertypeConflictWithProtocol: Invalid ethertype IPv4 for protocol ipv6-icmp.',
    ],
    [
      'IPv6 by number for IPv4',
      { protocol: '44' },
      'SecurityGroupEthertypeConflictWithProtocol: Invalid ethertype IPv4 for protocol 44.',
    ],
    [
      'a prefix of the other family',
      { ethertype: 'IPv6', remoteIpPrefix: '192.0.2.0/24' },
      'SecurityGroupRuleParameterConflict: Conflicting value ethertype IPv6 for CIDR 192.0.2.0/24',
    ],
    [
      'two remotes',
      { remoteGroupId: A, remoteIpPrefix: '192.0.2.0/24' },
      'SecurityGroupMultipleRemoteEntites: Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.',
    ],
    [
      'two groups',
      { remoteGroupId: A, remoteAddressGroupId: B },
      'SecurityGroupMultipleRemoteEntites: Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.',
    ],
  ])('with %s', (_what, match, outcome) => {
    expect(refusalOf(() => normalised(rule(match)))).toBe(outcome);
  });

  it.each<[string, Partial<Match>, Partial<Match>]>([
    ['name and number', { protocol: 'tcp' }, { protocol: '6' }],
    ['both names of protocol 0', { protocol: 'ip' }, { protocol: 'hopopt' }],
    ['ICMP in IPv6', { ethertype: 'IPv6', protocol: 'icmp' }, { ethertype: 'IPv6', protocol: '58' }],
    ['the old name of ICMPv6', { ethertype: 'IPv6', protocol: 'icmpv6' }, { ethertype: 'IPv6', protocol: '1' }],
    ['all ports', { protocol: 'tcp', portRangeMin: 1, portRangeMax: 65535 }, { protocol: 'tcp' }],
    ['from anywhere', { remoteIpPrefix: '0.0.0.0/0' }, {}],
    ['from anywhere in IPv6', { ethertype: 'IPv6', remoteIpPrefix: '::/0' }, { ethertype: 'IPv6' }],
    ['host bits', { remoteIpPrefix: '10.0.0.5/24' }, { remoteIpPrefix: '10.0.0.0/24' }],
  ])('means the same with %s', (_what, one, other) => {
    expect(meaningOf(normalised(rule(one)))).toBe(meaningOf(normalised(rule(other))));
  });

  const protocol = fc.oneof(fc.constantFrom(...PROTOCOL_NAMES), fc.integer({ min: 0, max: 255 }).map(String));
  const range = fc
    .tuple(fc.integer({ min: 1, max: 255 }), fc.constantFrom(255, 65535))
    .map(([portRangeMin, portRangeMax]) => ({ portRangeMin, portRangeMax }));
  const prefix = {
    IPv4: fc.constantFrom('0.0.0.0/0', '10.0.0.5/24', '10.0.0.0/24'),
    IPv6: fc.constantFrom('::/0', 'fd00::1/64'),
  };
  const anyMatch = fc
    .constantFrom<'IPv4' | 'IPv6'>('IPv4', 'IPv6')
    .chain((ethertype) =>
      fc
        .tuple(
          fc.constantFrom<'ingress' | 'egress'>('ingress', 'egress'),
          fc.option(protocol),
          fc.oneof(fc.constant({}), range),
          fc.oneof(
            fc.constant({}),
            fc.record({ remoteGroupId: fc.constantFrom(A, B) }),
            fc.record({ remoteAddressGroupId: fc.constantFrom(A, B) }),
            fc.record({ remoteIpPrefix: prefix[ethertype] }),
          ),
        )
        .map(([direction, name, ports, remote]) => rule({ direction, ethertype, protocol: name, ...ports, ...remote })),
    );
  const kept = (match: Match): Match | null => {
    try {
      return normalised(match);
    } catch {
      return null;
    }
  };

  it('is kept in a form that stays as it is', () => {
    fc.assert(
      fc.property(anyMatch, (match) => {
        const once = kept(match);
        fc.pre(once !== null);
        expect(normalised(once)).toEqual(once);
      }),
    );
  });

  it('is the same rule however its protocol is spelt', () => {
    fc.assert(
      fc.property(anyMatch, (match) => {
        const once = kept(match);
        fc.pre(once !== null && once.protocol !== null);
        const number = numberOf(once.protocol);
        const spellings = [String(number), ...PROTOCOL_NAMES.filter((name) => numberOf(name) === number)];
        for (const protocol of spellings) {
          expect(meaningOf(normalised({ ...once, protocol }))).toBe(meaningOf(once));
          expect(meaningOf(normalised({ ...once, protocol: toProtocol(protocol.toUpperCase()) }))).toBe(
            meaningOf(once),
          );
        }
      }),
    );
  });

  it('has ports only where there are some', () => {
    for (const name of PROTOCOL_NAMES) {
      const outcome = refusalOf(() =>
        normalised(rule({ ethertype: 'IPv6', protocol: name, portRangeMin: 300, portRangeMax: 301 })),
      );
      expect([name, outcome === 'kept']).toEqual([name, WITH_PORTS.includes(name)]);
    }
  });

  it('names protocols as the API does', () => {
    expect([null, 'any', 'TCP', 6, '006', 'ipv6-icmp'].map(toProtocol)).toEqual([
      null,
      null,
      'tcp',
      '6',
      '6',
      'ipv6-icmp',
    ]);
    for (const wrong of ['', 'tpc', 256, -1, '1.5', {}, [], true, 'constructor'])
      expect(refusalOf(() => toProtocol(wrong))).toMatch(/^SecurityGroupRuleInvalidProtocol: .* not supported\. Only/);
  });
});
