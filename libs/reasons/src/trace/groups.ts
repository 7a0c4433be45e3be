/** Which rules of a port's security groups let a packet through, by the log. Pure. */
import {
  cidrContains,
  type Port,
  protocolNumber,
  type SecurityGroupRule,
  type TracedPacket,
} from '@plumbline/contracts';
import type { Objects } from '../doctor/subject.js';

export type Direction = SecurityGroupRule['direction'];

const ANY_PROTOCOL = 0;
/** ICMP of either family: rules for IPv6 name it by several names. */
const NUMBERS = { 4: { icmp: [1], tcp: [6], udp: [17] }, 6: { icmp: [58, 1], tcp: [6], udp: [17] } } as const;
const ECHO_TYPES = { 4: 8, 6: 128 } as const;

/** Rules that let the packet that opens a connection through, each with whether its group tracks connections. */
export function rulesFor(
  objects: Objects,
  port: Port,
  direction: Direction,
  packet: TracedPacket,
): readonly Readonly<{ rule: SecurityGroupRule; stateful: boolean }>[] {
  const version = packet.source.includes(':') ? 6 : 4;
  const remote = direction === 'ingress' ? packet.source : packet.destination;
  return port.securityGroupIds.flatMap((id) => {
    const stateful = objects.get('securitygroup', id)?.stateful ?? true;
    return objects
      .find('securitygrouprule', `securitygroup/${id}`)
      .filter(
        (rule) =>
          rule.direction === direction &&
          rule.ethertype === `IPv${version}` &&
          isWith(objects, rule, remote) &&
          isFor(rule, packet, version),
      )
      .map((rule) => ({ rule, stateful }));
  });
}

function isWith(objects: Objects, rule: SecurityGroupRule, remote: string): boolean {
  const { remoteGroupId, remoteAddressGroupId, remoteIpPrefix } = rule;
  const prefixes =
    remoteGroupId !== null
      ? objects.find('securitygroupmember', `group/${remoteGroupId}`).flatMap(({ addresses }) => addresses)
      : remoteAddressGroupId !== null
        ? (objects.get('addressgroup', remoteAddressGroupId)?.addresses ?? [])
        : remoteIpPrefix === null
          ? null
          : [remoteIpPrefix];
  return prefixes === null || prefixes.some((prefix) => cidrContains(prefix, remote));
}

function isFor(
  { protocol, portRangeMin, portRangeMax }: SecurityGroupRule,
  packet: TracedPacket,
  version: 4 | 6,
): boolean {
  const number = protocol === null ? ANY_PROTOCOL : protocolNumber(protocol);
  if (number === ANY_PROTOCOL) return true;
  if (!(NUMBERS[version][packet.protocol] as readonly number[]).includes(number)) return false;
  if (packet.protocol === 'icmp')
    return portRangeMin === null || (portRangeMin === ECHO_TYPES[version] && (portRangeMax ?? 0) === 0);
  return (
    portRangeMin === null ||
    (packet.destinationPort >= portRangeMin && packet.destinationPort <= (portRangeMax ?? portRangeMin))
  );
}
