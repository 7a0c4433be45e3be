/** The IPv6 link-local address that a host makes of its MAC (RFC 4291, appendix A), in the form of RFC 5952: of its groups only the first may be zero, and not written. */
export function linkLocal(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => parseInt(byte, 16));
  const group = (high: number, low: number) => ((high << 8) | low).toString(16);
  const first = group(a ^ 2, b);
  return `fe80::${first === '0' ? '' : `${first}:`}${group(c, 0xff)}:${group(0xfe, d)}:${group(e, f)}`;
}
