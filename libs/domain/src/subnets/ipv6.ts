/** IPv6 modes of a subnet and the addresses that follow from a MAC (RFC 4291 appendix A, RFC 4862 5.5.3). */
import { intToAddress, prefixLengthOf, rangeOf, Subnet } from '@plumbline/contracts';
import { invalidInput } from '../errors.js';

export type Ipv6Modes = Pick<Subnet, 'ipv6RaMode' | 'ipv6AddressMode'>;

const AUTOMATIC: readonly (string | null)[] = ['slaac', 'dhcpv6-stateless'];
const INTERFACE_ID_BITS = 64;

/** True when hosts make their own address here from their MAC. */
export const isAutoAddress = ({ ipv6RaMode, ipv6AddressMode }: Ipv6Modes): boolean =>
  AUTOMATIC.includes(ipv6AddressMode) || AUTOMATIC.includes(ipv6RaMode);

/** Prefix and modified EUI-64 of the MAC. The prefix is a /64. */
export function eui64Address(cidr: string, macAddress: string): string {
  const bytes = macAddress.split(':').map((hex) => BigInt(`0x${hex}`));
  const [first = 0n, ...rest] = bytes;
  const id = [first ^ 2n, ...rest.slice(0, 2), 0xffn, 0xfen, ...rest.slice(2)];
  return intToAddress(rangeOf(cidr).first + id.reduce((value, byte) => (value << 8n) | byte, 0n), 6);
}

/** Checks that modes, IP version, prefix and DHCP are a valid combination. Throws InvalidInput. */
export function checkModes(subnet: Ipv6Modes & Pick<Subnet, 'ipVersion' | 'cidr' | 'enableDhcp'>): void {
  const { ipv6RaMode, ipv6AddressMode } = subnet;
  for (const [name, mode] of [
    ['ipv6_ra_mode', ipv6RaMode],
    ['ipv6_address_mode', ipv6AddressMode],
  ] as const)
    if (mode !== null && subnet.ipVersion === 4) throw invalidInput(`${name} is not valid when ip_version is 4`, name);
  if (ipv6RaMode === null && ipv6AddressMode === null) return;
  if (!subnet.enableDhcp)
    throw invalidInput('ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False');
  if (ipv6RaMode !== null && ipv6AddressMode !== null && ipv6RaMode !== ipv6AddressMode)
    throw invalidInput(
      `ipv6_ra_mode set to '${ipv6RaMode}' with ipv6_address_mode set to '${ipv6AddressMode}' is not valid. If both attributes are set, they must be the same value`,
    );
  if (isAutoAddress(subnet) && prefixLengthOf(subnet.cidr) !== 128 - INTERFACE_ID_BITS)
    throw invalidInput(
      `Invalid CIDR ${subnet.cidr} for IPv6 address mode. OpenStack uses the EUI-64 address format, which requires the prefix to be /64`,
      'cidr',
    );
}

/** DHCP cannot be turned off where a mode needs it. */
export function checkDhcpChange(subnet: Ipv6Modes, enableDhcp: boolean | undefined): void {
  if (enableDhcp === false && (subnet.ipv6RaMode !== null || subnet.ipv6AddressMode !== null))
    throw invalidInput('Cannot disable enable_dhcp with ipv6 attributes set', 'enable_dhcp');
}
