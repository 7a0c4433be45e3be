/**
 * The frames by which a port that came to this node tells its network so: switches and hosts that knew it elsewhere send to it here at once. An ARP announcement
 * (RFC 5227, 2.3) for each IPv4 address, an unsolicited neighbour advertisement (RFC 4861, 7.2.6) for each IPv6 address. The agent has the switch take them as if
 * the port had sent them itself, so they pass what the port's own packets pass and no more.
 *
 * Or nobody but this switch is told, by a frame of the port to itself.
 */
import { addressBytes, type Port } from '@plumbline/contracts';

const ICMPV6 = 58;
const ALL_NODES = 'ff02::1';
/** Of the group ff02::1 (RFC 2464, 7). */
const ALL_NODES_MAC = [0x33, 0x33, 0, 0, 0, 1];
const BROADCAST = [255, 255, 255, 255, 255, 255];

/** Ethernet frames, in the order of the port's addresses; none for a port without addresses. */
export function announcementsOf({ macAddress, fixedIps }: Pick<Port, 'macAddress' | 'fixedIps'>): Uint8Array[] {
  const mac = bytesOfMac(macAddress);
  return fixedIps.map(({ ipAddress }) =>
    Uint8Array.from(ipAddress.includes(':') ? neighbourAdvertisement(mac, ipAddress) : arpAnnouncement(mac, ipAddress)),
  );
}

/**
 * By this frame the switch learns that the port is here, and sends it nowhere, since it is for the port that it comes from. Until it has learned that, it drops what
 * comes out of a tunnel for a MAC that it last saw behind that tunnel: what learns sends nothing back where it came from. A reply of the Configuration Testing
 * Protocol, whose frames a host sends to itself (Ethernet 2.0 (1982), 8: skip count 0, function 1, receipt 0).
 */
export function frameToItself({ macAddress }: Pick<Port, 'macAddress'>): Uint8Array {
  const mac = bytesOfMac(macAddress);
  return Uint8Array.from([...mac, ...mac, 0x90, 0x00, 0, 0, 1, 0, 0, 0]);
}

const bytesOfMac = (macAddress: string): number[] => macAddress.split(':').map((digits) => Number.parseInt(digits, 16));

/** Request, with the same address as sender and target. */
const arpAnnouncement = (mac: readonly number[], ip: string): number[] => {
  const own = addressBytes(ip);
  return [...BROADCAST, ...mac, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1, ...mac, ...own, 0, 0, 0, 0, 0, 0, ...own];
};

function neighbourAdvertisement(mac: readonly number[], ip: string): number[] {
  const [own, all] = [addressBytes(ip), addressBytes(ALL_NODES)];
  const override = [0x20, 0, 0, 0];
  const linkAddress = [2, 1, ...mac];
  const advertise = (checksum: readonly number[]) => [136, 0, ...checksum, ...override, ...own, ...linkAddress];
  const length = advertise([0, 0]).length;
  const sum = checksumOf([...own, ...all, 0, 0, 0, length, 0, 0, 0, ICMPV6, ...advertise([0, 0])]);
  const header = [0x60, 0, 0, 0, 0, length, ICMPV6, 255, ...own, ...all];
  return [...ALL_NODES_MAC, ...mac, 0x86, 0xdd, ...header, ...advertise([sum >> 8, sum & 255])];
}

/** RFC 1071, of an even number of bytes. */
function checksumOf(bytes: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
