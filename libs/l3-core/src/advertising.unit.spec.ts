import { describe, expect, it } from '@jest/globals';
import { prefixesIn } from './advertising.js';
import { render } from './render.js';
import { advertised, idOf, Story } from './testing/index.js';
import { REFERENCE_RADVD } from './testing/reference-radvd.js';
import type { RouterState } from './state.js';

const ROUTER = idOf('cbd29e08');
function advertising(story: Story, length = story.log.length, router = ROUTER): RouterState['advertising'] {
  const found = render(story.view(length), { userspace: true }).get(router);
  if (found?.kind !== 'present') throw new Error(`not rendered: ${found?.kind}`);
  return found.state.advertising;
}
/** Statements, a line each, without comments, in the order of the text. */
const statements = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join(' ')
    .split(/(?<=[;{])|(?=[}])/)
    .map((each) => each.replace(/\s+/g, ' ').trim())
    .filter((each) => each !== '' && each !== ';');

const story = advertised();
const second = story.log.findIndex(({ event }) => event.type === 'PortFixedIpsSet') + 1;
/** As the reference was captured: before the second prefix. */
const captured = second - 2;

describe('what a router advertises', () => {
  it("is what the reference's advertises, but for what is documented", () => {
    const ours = advertising(story, captured).flatMap(({ text }) => statements(text));
    const theirs = statements(REFERENCE_RADVD);
    const without = (all: readonly string[], ...patterns: RegExp[]): string[] =>
      all.filter((each) => !patterns.some((pattern) => pattern.test(each)));
    const RDNSS = [/^RDNSS/, /^AdvRDNSSLifetime/];
    const ends = (all: readonly string[]): string[] => all.filter((each) => each !== '}' && each !== '};');
    expect(ends(without(ours, ...RDNSS, /^AdvDefaultLifetime 300;$/, /^DeprecatePrefix on;$/))).toEqual(
      ends(without(theirs, ...RDNSS, /^route fe80::a9fe:a9fe/)),
    );
    // The reference leaves nameservers to DHCPv6 where there is DHCPv6.
    const servers = (all: readonly string[]): string[] => all.filter((each) => each.startsWith('RDNSS'));
    expect(servers(theirs)).toEqual(['RDNSS 2001:db8::53 {']);
    expect(servers(ours)).toEqual(Array(3).fill('RDNSS 2001:db8::53 {'));
  });

  it('is one text an interface, whole', () => {
    expect(advertising(story, captured).find(({ device }) => device === 'qr-e0b5c057-86')).toEqual({
      portId: idOf('e0b5c057-86'),
      device: 'qr-e0b5c057-86',
      prefixes: ['2001:db8:3::/64'],
      text: `# plumb:16
interface qr-e0b5c057-86
{
   AdvSendAdvert on;
   MinRtrAdvInterval 30;
   MaxRtrAdvInterval 100;
   AdvDefaultLifetime 300;
   AdvLinkMTU 1450;
   RDNSS 2001:db8::53 { AdvRDNSSLifetime 300; };
   prefix 2001:db8:3::/64
   {
      AdvOnLink on;
      AdvAutonomous on;
      DeprecatePrefix on;
   };
};
`,
    });
  });

  it('has the prefixes, flags and nameservers of all subnets of the interface', () => {
    const [both] = advertising(story, second).filter(({ device }) => device === 'qr-e0b5c057-86');
    expect(both?.prefixes).toEqual(['2001:db8:3::/64', '2001:db8:7::/64']);
    expect(prefixesIn(both?.text ?? '')).toEqual(both?.prefixes);
    expect(both?.text).toContain('AdvOtherConfigFlag on;');
    expect(both?.text).not.toContain('AdvManagedFlag');
  });

  it('has only IPv6 nameservers, three in a statement', () => {
    const servers = ['2001:db8::1', '2001:DB8:0::2', '2001:db8::3', '2001:db8::4', '2001:db8::1', '192.0.2.1'];
    const many = new Story()
      .network('a1', '2001:db8:1::/64', { gatewayIp: '2001:db8:1::1', ipv6RaMode: 'slaac', dnsNameservers: servers })
      .router('c1')
      .interface('c1', 'a1', '11111111-11', 'fa:16:3e:00:00:01', '2001:db8:1::1');
    const [one] = advertising(many, undefined, idOf('c1'));
    expect(statements(one?.text ?? '').filter((each) => each.startsWith('RDNSS'))).toEqual([
      'RDNSS 2001:db8::1 2001:db8::2 2001:db8::3 {',
      'RDNSS 2001:db8::4 {',
    ]);
  });

  it.each([
    ['no ipv6_ra_mode', { ipv6RaMode: null }, {}, true],
    ['an IPv4 subnet', null, {}, true],
    ['an MTU below that of IPv6', { ipv6RaMode: 'slaac' }, { mtuBytes: 1279 }, true],
    ['an interface that is down', { ipv6RaMode: 'slaac' }, {}, false],
  ] as const)('is nothing with %s', (_why, facts, more, adminStateUp) => {
    const [cidr, ip] = facts ? ['2001:db8:1::/64', '2001:db8:1::1'] : ['10.0.0.0/24', '10.0.0.1'];
    const none = new Story()
      .network('a1', cidr, { gatewayIp: ip, ...facts, ...more })
      .router('c1')
      .interface('c1', 'a1', '11111111-11', 'fa:16:3e:00:00:01', ip)
      .add({ type: 'PortAttributesSet', version: 1, data: { portId: idOf('11111111-11'), set: { adminStateUp } } });
    expect(advertising(none, undefined, idOf('c1'))).toEqual([]);
  });
});
