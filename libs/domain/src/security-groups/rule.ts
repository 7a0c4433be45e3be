/**
 * One rule: what a client may send, the one form in which it is stored, and what it means. Two rules that mean the same are the same rule, however they are
 * spelt: `tcp` and `6`, `icmp` and `ipv6-icmp` for IPv6, all ports and no ports, no prefix and 0.0.0.0/0, host bits set or not.
 */
import { canonicalCidr, SecurityGroupRule, versionOf } from '@plumbline/contracts';
import {
  ethertypeConflictsWithPrefix,
  ethertypeConflictsWithProtocol,
  invalidIcmpValue,
  invalidPortRange,
  invalidPortValue,
  missingIcmpType,
  noPortsOfProtocol,
  protocolRequiredWithPorts,
  severalRemotes,
} from './errors.js';
import { hasPorts, inEthertype, isIcmp, isOfIpv6, numberOf, WITH_PORTS } from './protocols.js';

/** What a rule matches, besides its group. */
export type Match = Pick<
  SecurityGroupRule,
  | 'direction'
  | 'ethertype'
  | 'protocol'
  | 'portRangeMin'
  | 'portRangeMax'
  | 'remoteGroupId'
  | 'remoteAddressGroupId'
  | 'remoteIpPrefix'
>;

export const ANYTHING: Omit<Match, 'direction' | 'ethertype'> = {
  protocol: null,
  portRangeMin: null,
  portRangeMax: null,
  remoteGroupId: null,
  remoteAddressGroupId: null,
  remoteIpPrefix: null,
};

const ALL_PORTS = [1, 65535] as const;
const MOST_ICMP = 255;

/** The rule as it is stored. Throws if it is invalid. Idempotent. */
export function normalised(request: Match): Match {
  const rule = { ...request, protocol: inEthertype(request.protocol, request.ethertype) };
  checkPorts(rule);
  if (rule.remoteIpPrefix !== null && `IPv${versionOf(rule.remoteIpPrefix)}` !== rule.ethertype)
    throw ethertypeConflictsWithPrefix(rule.ethertype, rule.remoteIpPrefix);
  if (rule.ethertype === 'IPv4' && rule.protocol !== null && isOfIpv6(rule.protocol))
    throw ethertypeConflictsWithProtocol(rule.ethertype, rule.protocol);
  const remotes = [rule.remoteGroupId, rule.remoteAddressGroupId, rule.remoteIpPrefix];
  if (remotes.filter((remote) => remote !== null).length > 1) throw severalRemotes();
  return coversAllPorts(rule) ? { ...rule, portRangeMin: null, portRangeMax: null } : rule;
}

function checkPorts({ protocol, portRangeMin: min, portRangeMax: max }: Match): void {
  if (min === null && max === null) return;
  if (protocol === null) throw protocolRequiredWithPorts();
  if (hasPorts(protocol)) {
    if (min === 0 || max === 0) throw invalidPortValue(0);
    if (min === null || max === null || min > max) throw invalidPortRange();
  } else if (isIcmp(protocol)) {
    if (min !== null && min > MOST_ICMP) throw invalidIcmpValue('type', 'port_range_min', min);
    if (max !== null && max > MOST_ICMP) throw invalidIcmpValue('code', 'port_range_max', max);
    if (min === null && max !== null) throw missingIcmpType(max);
  } else throw noPortsOfProtocol(numberOf(protocol), WITH_PORTS);
}

const coversAllPorts = ({ protocol, portRangeMin, portRangeMax }: Match): boolean =>
  protocol !== null && hasPorts(protocol) && portRangeMin === ALL_PORTS[0] && portRangeMax === ALL_PORTS[1];

/** Equal for two normalised rules exactly when they mean the same. */
export function meaningOf(rule: Match): string {
  const prefix = rule.remoteIpPrefix === null ? null : canonicalCidr(rule.remoteIpPrefix);
  return JSON.stringify([
    rule.direction,
    rule.ethertype,
    rule.protocol === null ? null : numberOf(rule.protocol),
    rule.portRangeMin,
    rule.portRangeMax,
    rule.remoteGroupId,
    rule.remoteAddressGroupId,
    prefix?.endsWith('/0') ? null : prefix,
  ]);
}
