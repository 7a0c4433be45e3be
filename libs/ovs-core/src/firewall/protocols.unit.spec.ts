import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PROTOCOL_NUMBERS } from '@plumbline/contracts';
import { portMasks, protocolMatches } from './protocols.js';

const of = (protocol: string | null, min: number | null = null, max = min) => ({
  protocol,
  portRangeMin: min,
  portRangeMax: max,
});

describe('the protocol part of a rule', () => {
  it.each([
    ['any', of(null), 'ip', ['ip'], ['ip']],
    ['ip', of('ip'), 'ipv6', ['ipv6'], ['ipv6']],
    ['tcp', of('tcp'), 'ip', ['ct_nw_proto=6,ip'], ['tcp']],
    ['udp port', of('udp', 53), 'ipv6', ['ct_nw_proto=17,ct_tp_dst=53,ipv6'], ['udp6,tp_dst=53']],
    ['icmp', of('icmp', 8, 0), 'ip', ['ct_nw_proto=1,ct_tp_src=8,ct_tp_dst=0,ip'], ['icmp,icmp_type=8,icmp_code=0']],
    ['icmpv6', of('ipv6-icmp', 128, null), 'ipv6', ['ct_nw_proto=58,ct_tp_src=128,ipv6'], ['icmp6,icmp_type=128']],
    ['number', of('112'), 'ip', ['ct_nw_proto=112,ip'], ['ip,nw_proto=112']],
    ['dccp port', of('dccp', 5), 'ip', ['ct_nw_proto=33,ct_tp_dst=5,ip'], []],
  ] as const)('%s', (_what, rule, family, stateful, stateless) => {
    const tracked = protocolMatches(rule, family, 'stateful').map((match) => match.replace('ct_state=-inv+trk,', ''));
    expect(tracked).toEqual(stateful);
    expect(protocolMatches(rule, family, 'stateless')).toEqual(stateless);
  });

  it('is there for every protocol that the API knows', () => {
    for (const name of Object.keys(PROTOCOL_NUMBERS))
      for (const mode of ['stateful', 'stateless'] as const)
        expect([name, protocolMatches(of(name), 'ipv6', mode).length]).toEqual([name, 1]);
  });

  it('has for SCTP the ports of the packet, which a reply has the other way round', () => {
    expect(protocolMatches(of('sctp', 7), 'ip', 'stateful')).toEqual([
      'ct_state=-rpl+trk,sctp,tp_dst=7',
      'ct_state=+rpl+trk,sctp,tp_src=7',
    ]);
  });

  it('covers exactly the ports of a range', () => {
    const port = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(port, port, port, (a, b, other) => {
        const [min, max] = [Math.min(a, b), Math.max(a, b)];
        const matched = (at: number): number =>
          portMasks(min, max).filter((text) => {
            const [value = '', mask = '0xffff'] = text.split('/');
            return (at & Number(mask)) === Number(value);
          }).length;
        for (const at of [min, max, other]) expect(matched(at)).toBe(at >= min && at <= max ? 1 : 0);
        expect(portMasks(min, max).length).toBeLessThanOrEqual(30);
      }),
    );
  });
});
