/** What security groups let in to a port: pure, from the log. */
import { cidrContains, type Port, protocolNumber, type SecurityGroupRule } from '@plumbline/contracts';
import type { Objects, Traffic } from './check.js';

type Ethertype = SecurityGroupRule['ethertype'];

export const rulesInto = (objects: Objects, port: Port, of: Ethertype = 'IPv4'): readonly SecurityGroupRule[] =>
  port.securityGroupIds
    .flatMap((id) => objects.find('securitygrouprule', `securitygroup/${id}`))
    .filter(({ direction, ethertype }) => direction === 'ingress' && ethertype === of);

/** Whether a rule is for packets from this address; null: from any that is not a member of a group. */
function isFrom(objects: Objects, rule: SecurityGroupRule, address: string | null): boolean {
  const isIpv6 = rule.ethertype === 'IPv6';
  const { remoteGroupId, remoteAddressGroupId, remoteIpPrefix } = rule;
  if (remoteGroupId !== null)
    return (
      address !== null &&
      objects
        .find('port', `securitygroup/${remoteGroupId}`)
        .some(({ fixedIps }) => fixedIps.some(({ ipAddress }) => ipAddress === address))
    );
  const prefixes =
    remoteAddressGroupId !== null
      ? (objects.get('addressgroup', remoteAddressGroupId)?.addresses ?? [])
      : [remoteIpPrefix ?? (isIpv6 ? '::/0' : '0.0.0.0/0')];
  return address === null
    ? prefixes.some((prefix) => prefix.includes(':') === isIpv6)
    : prefixes.some((prefix) => cidrContains(prefix, address));
}

const ANY_PROTOCOL = 0;
const numberOf = (protocol: string | null): number => (protocol === null ? ANY_PROTOCOL : protocolNumber(protocol));
const NUMBERS = { icmp: 1, tcp: 6, udp: 17 } as const;
/** Of IPv6: its number, and the type of an echo request. */
const ICMPV6 = { numbers: [1, 58], echo: 128 } as const;
const ECHO = 8;

function isFor({ ethertype, protocol, portRangeMin, portRangeMax }: SecurityGroupRule, traffic: Traffic): boolean {
  const number = numberOf(protocol);
  const isPing6 = ethertype === 'IPv6' && traffic.protocol === 'icmp';
  if (number === ANY_PROTOCOL) return true;
  if (isPing6 ? !ICMPV6.numbers.some((each) => each === number) : number !== NUMBERS[traffic.protocol]) return false;
  const value = isPing6 ? ICMPV6.echo : traffic.protocol === 'icmp' ? ECHO : traffic.port;
  if (traffic.protocol === 'icmp') return portRangeMin === null || portRangeMin === value;
  return portRangeMin === null || (value >= portRangeMin && value <= (portRangeMax ?? portRangeMin));
}

/** Whether rules let in what is asked for; `traffic` null: anything at all. */
export const letsIn = (
  objects: Objects,
  port: Port,
  from: string | null,
  traffic: Traffic | null,
  of: Ethertype = 'IPv4',
): boolean =>
  !port.portSecurityEnabled ||
  rulesInto(objects, port, of).some(
    (rule) => isFrom(objects, rule, from) && (traffic === null || isFor(rule, traffic)),
  );

const USUAL_PORTS = [22, 80, 443];
const MOST_PORTS = 5;

/** TCP ports by which a guest is likely to answer: those that rules name, then usual ones. */
export function likelyPorts(objects: Objects, port: Port): readonly number[] {
  const named = rulesInto(objects, port).flatMap(({ protocol, portRangeMin }) =>
    numberOf(protocol) === NUMBERS.tcp && portRangeMin !== null ? [portRangeMin] : [],
  );
  return [...new Set([...named, ...USUAL_PORTS])].slice(0, MOST_PORTS);
}
