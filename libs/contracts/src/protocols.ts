/** IP protocols by the names that the Networking API has for them. */

/** Name -> IANA number (Assigned Internet Protocol Numbers), in the order of the API's own list. */
export const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = {
  ah: 51,
  dccp: 33,
  egp: 8,
  esp: 50,
  gre: 47,
  hopopt: 0,
  icmp: 1,
  igmp: 2,
  ip: 0,
  ipip: 4,
  'ipv6-encap': 41,
  'ipv6-frag': 44,
  'ipv6-icmp': 58,
  icmpv6: 58,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  'ipv6-route': 43,
  ospf: 89,
  pgm: 113,
  rsvp: 46,
  sctp: 132,
  tcp: 6,
  udp: 17,
  udplite: 136,
  vrrp: 112,
};

/** The number of a protocol as a security group rule has it: a name, or a number as text. */
export const protocolNumber = (protocol: string): number => PROTOCOL_NUMBERS[protocol] ?? Number(protocol);
