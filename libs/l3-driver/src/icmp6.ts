/** ICMPv6 messages (RFC 4443) as hex digits. */

export const hex = (value: number, bytes: number): string => value.toString(16).padStart(2 * bytes, '0');

/** Of a message whose own checksum is still 0; with the pseudo header of RFC 8200 section 8.1. */
export const icmp6Checksum = (source: string, destination: string, message: string): number =>
  checksum(`${source}${destination}${hex(message.length / 2, 4)}${hex(58, 4)}${message}`);

/** The Internet checksum (RFC 1071) of an even number of bytes. */
function checksum(bytes: string): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 4) sum += parseInt(bytes.slice(at, at + 4), 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
