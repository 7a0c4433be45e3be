import { canonicalAddress } from '@plumbline/contracts';

/** The IPv6 link-local address that a host makes of its MAC (RFC 4291, appendix A). */
export function linkLocal(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((byte) => parseInt(byte, 16));
  const group = (high: number, low: number) => ((high << 8) | low).toString(16);
  return canonicalAddress(`fe80::${group(a ^ 2, b)}:${group(c, 0xff)}:${group(0xfe, d)}:${group(e, f)}`);
}
