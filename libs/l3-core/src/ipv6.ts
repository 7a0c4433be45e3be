/** Where IPv6 is on a device, and the addresses that it brings by itself. */

/** The least that IPv6 needs (RFC 8200 section 5). Below it the kernel has no IPv6 for a device: neither addresses nor parameters. */
const LEAST_MTU_BYTES = 1280;
export const hasIpv6 = (mtuBytes: number): boolean => mtuBytes >= LEAST_MTU_BYTES;

/** fe80::/10 (RFC 4291 section 2.5.6). */
export const isLinkLocal = (address: string): boolean => /^fe[89ab][0-9a-f]:/i.test(address);

/** The address that the kernel gives a device when it comes up: fe80::/64 and the MAC (RFC 4291 appendix A). Canonical. */
export function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => parseInt(byte, 16));
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return `fe80::${groups.map((group) => group.toString(16)).join(':')}/64`;
}
