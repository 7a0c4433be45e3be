/** Errors of security groups, with names and texts of the reference's `securitygroup` extension. */
import { DomainError } from '../errors.js';

const bad = (type: string, message: string) => new DomainError(type, 'bad-request', message);
const conflict = (type: string, message: string) => new DomainError(type, 'conflict', message);
/** A client's value for use in a message: short, whatever it is. An object's own `toString` may be anything. */
const shown = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? Array.isArray(value)
      ? 'a list'
      : 'an object'
    : String(value).slice(0, 100);

export const securityGroupNotFound = (id: string) =>
  new DomainError('SecurityGroupNotFound', 'not-found', `Security group ${id} does not exist`);
export const securityGroupRuleNotFound = (id: string) =>
  new DomainError('SecurityGroupRuleNotFound', 'not-found', `Security group rule ${id} does not exist`);

export const securityGroupInUse = (id: string) => conflict('SecurityGroupInUse', `Security Group ${id} in use.`);
export const cannotRemoveDefault = () =>
  conflict('SecurityGroupCannotRemoveDefault', 'Insufficient rights for removing default security group.');
export const cannotUpdateDefault = () =>
  conflict('SecurityGroupCannotUpdateDefault', 'Updating default security group not allowed.');
export const defaultAlreadyExists = () =>
  conflict('SecurityGroupDefaultAlreadyExists', 'Default security group already exists.');

export const ruleExists = (ruleId: string) =>
  conflict('SecurityGroupRuleExists', `Security group rule already exists. Rule id is ${ruleId}.`);
export const duplicateRuleInPost = () =>
  conflict('DuplicateSecurityGroupRuleInPost', 'Duplicate Security Group Rule in POST.');
export const notOneGroup = () =>
  bad('SecurityGroupNotSingleGroupRules', 'Only allowed to update rules for one security profile at a time');
export const notOneProject = () =>
  bad('SecurityGroupRulesNotSingleTenant', 'Multiple tenant_ids in bulk security group rule create not allowed');

export const invalidProtocol = (protocol: unknown, names: readonly string[]) =>
  bad(
    'SecurityGroupRuleInvalidProtocol',
    `Security group rule protocol ${shown(protocol)} not supported. Only protocol values ['any', ${names.map((name) => `'${name}'`).join(', ')}] and integer representations [0 to 255] are supported.`,
  );
export const invalidEthertype = (ethertype: unknown) =>
  bad(
    'SecurityGroupRuleInvalidEtherType',
    `Security group rule for ethertype '${shown(ethertype)}' not supported. Allowed values are ['IPv4', 'IPv6'].`,
  );
export const invalidPortValue = (port: unknown) =>
  bad('SecurityGroupInvalidPortValue', `Invalid value for port ${shown(port)}`);
export const invalidIpPrefix = (prefix: unknown) =>
  bad('InvalidCIDR', `Invalid CIDR ${shown(prefix)} given as IP prefix.`);
export const invalidPortRange = () =>
  bad('SecurityGroupInvalidPortRange', 'For TCP/UDP protocols, port_range_min must be <= port_range_max');
export const protocolRequiredWithPorts = () =>
  bad('SecurityGroupProtocolRequiredWithPorts', 'Must also specify protocol if port range is given.');
export const noPortsOfProtocol = (protocol: number, withPorts: readonly string[]) =>
  bad(
    'SecurityGroupInvalidProtocolForPort',
    `Ports cannot be specified for protocol ${protocol}. Ports are only supported for ${withPorts.map((name) => name.toUpperCase()).join(', ')}.`,
  );
export const invalidIcmpValue = (field: 'type' | 'code', attribute: string, value: number) =>
  bad('SecurityGroupInvalidIcmpValue', `Invalid value for ICMP ${field} (${attribute}) ${value}. It must be 0 to 255.`);
export const missingIcmpType = (code: number) =>
  bad(
    'SecurityGroupMissingIcmpType',
    `ICMP code (port-range-max) ${code} is provided but ICMP type (port-range-min) is missing.`,
  );
export const ethertypeConflictsWithProtocol = (ethertype: string, protocol: string) =>
  bad('SecurityGroupEthertypeConflictWithProtocol', `Invalid ethertype ${ethertype} for protocol ${protocol}.`);
export const ethertypeConflictsWithPrefix = (ethertype: string, cidr: string) =>
  bad('SecurityGroupRuleParameterConflict', `Conflicting value ethertype ${ethertype} for CIDR ${cidr}`);
export const severalRemotes = () =>
  bad(
    'SecurityGroupMultipleRemoteEntites',
    'Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.',
  );
