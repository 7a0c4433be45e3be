/**
 * What a router advertises on an interface (RFC 4861, RFC 8106): the text that radvd reads. Equal to the reference's but for what docs/design/l3-dataplane.md lists.
 * Subnets of one network are one interface, so one advertisement has the prefixes, flags and nameservers of all of them.
 */
import { canonicalAddress, canonicalCidr, Subnet } from '@plumbline/contracts';
import { hasIpv6 } from './ipv6.js';
import { RouterPort } from './router-ports.js';

/** `prefixes`: those that the text says, sorted. */
export type Advertising = Readonly<{ portId: string; device: string; prefixes: readonly string[]; text: string }>;

/** From one advertisement that nobody asked for to the next, in seconds: at least, at most. The reference's. */
const INTERVAL_S = [30, 100] as const;
/** How long guests use a router or a nameserver after the last advertisement: two may be lost (RFC 8106 section 5.1). */
const LIFETIME_S = 3 * INTERVAL_S[1];
/** What radvd takes in one RDNSS statement. */
const SERVERS_A_STATEMENT = 3;

/** Null where nothing is advertised: a gateway, an interface that is down or has no IPv6, no subnet with an `ipv6_ra_mode`. */
export function advertisingOf({ role, port, device, mtuBytes, addresses, position }: RouterPort): Advertising | null {
  const subnets = [...new Map(addresses.map(({ subnet }) => [canonicalCidr(subnet.cidr), subnet]))]
    .filter(([, subnet]) => subnet.ipVersion === 6 && subnet.ipv6RaMode !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (role !== 'interface' || !port.adminStateUp || !hasIpv6(mtuBytes) || subnets.length === 0) return null;
  const has = (mode: Subnet['ipv6RaMode']): boolean => subnets.some(([, { ipv6RaMode }]) => ipv6RaMode === mode);
  const servers = [...new Set(subnets.flatMap(([, { dnsNameservers }]) => dnsNameservers.map(canonicalAddress)))];
  const lines = [
    `# plumb:${position}`,
    `interface ${device}`,
    '{',
    '   AdvSendAdvert on;',
    `   MinRtrAdvInterval ${INTERVAL_S[0]};`,
    `   MaxRtrAdvInterval ${INTERVAL_S[1]};`,
    `   AdvDefaultLifetime ${LIFETIME_S};`,
    `   AdvLinkMTU ${mtuBytes};`,
    ...(has('dhcpv6-stateful') ? ['   AdvManagedFlag on;'] : []),
    ...(has('dhcpv6-stateless') ? ['   AdvOtherConfigFlag on;'] : []),
    ...statements(servers.filter((server) => server.includes(':'))),
    ...subnets.flatMap(([prefix, { ipv6RaMode }]) => [
      `   prefix ${prefix}`,
      '   {',
      '      AdvOnLink on;',
      `      AdvAutonomous ${ipv6RaMode === 'dhcpv6-stateful' ? 'off' : 'on'};`,
      // The last one that radvd sends takes the addresses back, too, as far as guests let it: none of them is used for what is new.
      '      DeprecatePrefix on;',
      '   };',
    ]),
    '};',
  ];
  return { portId: port.id, device, prefixes: subnets.map(([prefix]) => prefix), text: `${lines.join('\n')}\n` };
}

function statements(servers: readonly string[]): string[] {
  const lines: string[] = [];
  for (let at = 0; at < servers.length; at += SERVERS_A_STATEMENT)
    lines.push(
      `   RDNSS ${servers.slice(at, at + SERVERS_A_STATEMENT).join(' ')} { AdvRDNSSLifetime ${LIFETIME_S}; };`,
    );
  return lines;
}

/** The prefixes that such a text says. */
export const prefixesIn = (text: string): string[] =>
  [...text.matchAll(/^ *prefix (\S+)$/gm)].map(([, prefix = '']) => prefix);
