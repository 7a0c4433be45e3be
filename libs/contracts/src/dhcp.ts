/** What DHCP does on a subnet: the API chooses addresses of servers by it, and a node what they answer. */
import type { Subnet } from './objects.js';

/**
 * How addresses of a subnet get to guests: `leased` by DHCP; `informed`: made by the guest, which asks for options only (DHCPv6 stateless); null: no DHCP at all.
 */
export function dhcpServiceOf({
  enableDhcp,
  ipVersion,
  ipv6AddressMode,
  ipv6RaMode,
}: Pick<Subnet, 'enableDhcp' | 'ipVersion' | 'ipv6AddressMode' | 'ipv6RaMode'>): 'leased' | 'informed' | null {
  if (!enableDhcp) return null;
  if (ipVersion === 4) return 'leased';
  switch (ipv6AddressMode) {
    case 'dhcpv6-stateful':
      return 'leased';
    case 'dhcpv6-stateless':
      return 'informed';
    case 'slaac':
      return null;
    case null:
      return ipv6RaMode === null ? 'leased' : null;
  }
}
