/**
 * Types that events, objects and messages share. Everything that can later become syntax on a node (addresses, MACs, host names,
 * device names) is parsed here once, so that a rendered rule or command never holds unparsed user text (invariant 15).
 */
import { z } from 'zod';

/** Any 8-4-4-4-12 hexadecimal id; clients also send ids without RFC 9562 version bits. Kept in lower case. */
export const Id = z.guid().transform((id) => id.toLowerCase());
export const Ipv4 = z.ipv4();
export const Ipv6 = z.ipv6();
export const IpAddress = z.union([Ipv4, Ipv6]);
export const Cidr = z.union([z.cidrv4(), z.cidrv6()]);
/** IEEE 802 address, lower case, colons. */
export const Mac = z
  .string()
  .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, 'six pairs of lower-case hex digits joined by ":"');
/** Position in the log: 1, 2, 3, ... without gaps. */
export const Position = z.number().int().nonnegative();
/** Chain hash at a position: sha256, 64 hex digits. */
export const Hash = z.string().regex(/^[0-9a-f]{64}$/);
/** RFC 3339, UTC. */
export const Time = z.iso.datetime();
/** Name of a physical network or bridge. */
export const LinkName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/, 'at most 15 letters, digits, "_", "-" and "."');
export const PhysicalNetwork = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/);
/** A name of this or of another release, in a list that may get longer. */
export const Word = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'a word of lower-case letters, digits and "-", at most 32');
/** IEEE 802.1Q VLAN id that may be used on the wire or as a local tag: 1 to 4094. */
export const VlanId = z.number().int().min(1).max(4094);
/** VXLAN network identifier (RFC 7348): 24 bits. */
export const Vni = z.number().int().min(1).max(16777215);
export const IpVersion = z.union([z.literal(4), z.literal(6)]);
/** `local`: carried by no wire; its ports reach those on the same node. */
export const NetworkType = z.enum(['flat', 'vlan', 'vxlan', 'local']);
export const Ipv6Mode = z.enum(['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless']);

export const AllocationPool = z.object({ start: IpAddress, end: IpAddress });
export const HostRoute = z.object({ destination: Cidr, nexthop: IpAddress });
/** `ipAddress` is an address or a prefix. */
export const AddressPair = z.object({ ipAddress: z.union([IpAddress, Cidr]), macAddress: Mac });
export const ExtraDhcpOpt = z.object({ name: z.string(), value: z.string(), ipVersion: IpVersion });
/** TCP, UDP or SCTP ports, both ends included. */
export const PortRange = z.object({
  first: z.number().int().min(1).max(65535),
  last: z.number().int().min(1).max(65535),
});
export const ForwardedProtocol = z.enum(['tcp', 'udp', 'icmp', 'icmp6', 'sctp', 'dccp']);
export const FixedIp = z.object({ subnetId: Id, ipAddress: IpAddress });

export type PortRange = Readonly<z.infer<typeof PortRange>>;
export type AddressPair = Readonly<z.infer<typeof AddressPair>>;
export type ExtraDhcpOpt = Readonly<z.infer<typeof ExtraDhcpOpt>>;
export type FixedIp = Readonly<z.infer<typeof FixedIp>>;
export type AllocationPool = Readonly<z.infer<typeof AllocationPool>>;
export type HostRoute = Readonly<z.infer<typeof HostRoute>>;
export type NetworkType = z.infer<typeof NetworkType>;

/**
 * What a record holds under a name that somebody chose: hosts, physical networks and projects may be called `toString` or `constructor`, which every object
 * inherits. Lint refuses `name in record` for the same reason.
 */
export const own = <V>(record: Readonly<Record<string, V>>, name: string): V | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** For a branch that the types exclude. */
export function absurd(value: never): never {
  throw new Error(`not a known case: ${JSON.stringify(value)}`);
}
