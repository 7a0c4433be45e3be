/** Errors of port security and bindings, with the reference's names and texts, and one of our own. */
import { badRequest, DomainError } from '../errors.js';

const bad = (type: string, message: string) => new DomainError(type, 'bad-request', message);
const conflict = (type: string, message: string) => new DomainError(type, 'conflict', message);

export const securityGroupsNeedPortSecurity = () =>
  bad(
    'PortSecurityAndIPRequiredForSecurityGroups',
    'Port security must be enabled and port must have an IP address in order to use security groups.',
  );
export const portHasSecurityGroup = () =>
  conflict(
    'PortSecurityPortHasSecurityGroup',
    'Port has security group associated. Cannot disable port security or IP address until security group is removed.',
  );
export const addressPairsNeedPortSecurity = () =>
  conflict(
    'AddressPairAndPortSecurityRequired',
    'Port Security must be enabled in order to have allowed address pairs on a port.',
  );
export const duplicateAddressPair = (macAddress: string | null, ipAddress: string) =>
  bad(
    'DuplicateAddressPairInRequest',
    `Request contains duplicate address pair: mac_address ${macAddress ?? 'None'} ip_address ${ipAddress}.`,
  );
export const tooManyAddressPairs = (most: number) =>
  bad('AllowedAddressPairExhausted', `The number of allowed address pair exceeds the maximum ${most}.`);
export const addressPairWithoutIp = () =>
  bad('AllowedAddressPairsMissingIP', 'AllowedAddressPair must contain ip_address');

/** Not in the reference: its nodes always enforce. */
export const portSecurityNotEnforced = (host: string) =>
  conflict(
    'PortSecurityNotEnforced',
    `Host ${host} does not enforce security groups and port security, so a port with port security enabled is not bound there: its rules would hold nothing back. Create or update the port with port_security_enabled=false, or see that the host's OVS agent enforces them: it is of this release and has no PLUMB_FIREWALL=none.`,
  );

export const bindingNotFound = (portId: string, host: string) =>
  new DomainError(
    'PortBindingNotFound',
    'not-found',
    `Binding for port ${portId} for host ${host} could not be found.`,
  );
export const bindingExists = (portId: string, host: string) =>
  conflict('PortBindingAlreadyExists', `Binding for port ${portId} on host ${host} already exists.`);
export const bindingAlreadyActive = (portId: string, host: string) =>
  conflict('PortBindingAlreadyActive', `Binding for port ${portId} on host ${host} is already active.`);
export const bindingNotPossible = (portId: string, host: string, reason: string) =>
  conflict(
    'PortBindingError',
    `Binding for port ${portId} on host ${host} could not be created or updated: ${reason}.`,
  );
export const notAComputePort = (portId: string) =>
  badRequest('port', `Invalid port ${portId}. Operation only valid on compute ports`);
