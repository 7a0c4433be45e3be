/** The MTU of a network: what its segment and the IP versions of its subnets allow. In bytes. */
import { Network } from '@plumbline/contracts';
import { invalidInput } from '../errors.js';

/** What VXLAN (RFC 7348) over IPv4 takes of the underlay's packet size, with room for a VLAN tag. */
const VXLAN_OVERHEAD_BYTES = 50;
const UNDERLAY_MTU_BYTES = 1500;
const LEAST_MTU_BYTES = 68;
/** RFC 8200 section 5. Below it the kernel has no IPv6 on a device. */
const LEAST_IPV6_MTU_BYTES = 1280;

/** `requested` 0: the most that the segment allows. */
export function mtuOf(networkType: Network['networkType'], requested: number): number {
  const most = networkType === 'vxlan' ? UNDERLAY_MTU_BYTES - VXLAN_OVERHEAD_BYTES : UNDERLAY_MTU_BYTES;
  if (requested === 0) return most;
  if (requested > most) throw invalidInput(`Requested MTU is too big, maximum is ${most}`, 'mtu');
  if (requested < LEAST_MTU_BYTES)
    throw invalidInput(`Requested MTU is too small, minimum is ${LEAST_MTU_BYTES}`, 'mtu');
  return requested;
}

/** `attribute`: the one of the request that asks for both. */
export function checkIpv6Mtu(mtuBytes: number, attribute: string): void {
  if (mtuBytes < LEAST_IPV6_MTU_BYTES)
    throw invalidInput(
      `IPv6 needs an MTU of ${LEAST_IPV6_MTU_BYTES} or more (RFC 8200), the network's would be ${mtuBytes}`,
      attribute,
    );
}
