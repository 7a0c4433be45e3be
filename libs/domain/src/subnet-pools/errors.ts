/** Errors of subnet pools and address scopes, with the reference's names and texts. */
import { DomainError } from '../errors.js';

const badRequest = (type: string, message: string) => new DomainError(type, 'bad-request', message);
const conflict = (type: string, message: string) => new DomainError(type, 'conflict', message);

export const subnetPoolNotFound = (id: string) =>
  new DomainError('SubnetPoolNotFound', 'not-found', `Subnet pool ${id} could not be found.`);
export const emptyPrefixList = () => badRequest('EmptySubnetPoolPrefixList', 'Empty subnet pool prefix list.');
export const prefixVersionMismatch = () =>
  badRequest('PrefixVersionMismatch', 'Cannot mix IPv4 and IPv6 prefixes in a subnet pool.');
export const illegalPrefixBounds = (type: string, length: number, baseType: string, base: number) =>
  badRequest('IllegalSubnetPoolPrefixBounds', `Illegal prefix bounds: ${type}=${length}, ${baseType}=${base}.`);
export const illegalPrefixUpdate = (reason: string) =>
  badRequest('IllegalSubnetPoolPrefixUpdate', `Illegal update to prefixes: ${reason}.`);
export const illegalSubnetPoolUpdate = (reason: string) =>
  badRequest('IllegalSubnetPoolUpdate', `Illegal subnetpool update : ${reason}.`);
export const subnetPoolDeleteError = () =>
  badRequest('SubnetPoolDeleteError', 'Unable to delete subnet pool: Subnet pool has existing allocations.');
export const defaultPoolExists = () =>
  badRequest(
    'InvalidInput',
    'Invalid input for operation: A default subnetpool for this IP family has already been set. Only one default may exist per IP family.',
  );

export const subnetAllocationError = (reason: string) =>
  conflict('SubnetAllocationError', `Failed to allocate subnet: ${reason}.`);
export const prefixTooShort = (length: number, least: number) =>
  badRequest(
    'MinPrefixSubnetAllocationError',
    `Unable to allocate subnet with prefix length ${length}, minimum allowed prefix is ${least}.`,
  );
export const prefixTooLong = (length: number, most: number) =>
  badRequest(
    'MaxPrefixSubnetAllocationError',
    `Unable to allocate subnet with prefix length ${length}, maximum allowed prefix is ${most}.`,
  );
export const subnetPoolQuotaExceeded = () =>
  conflict('SubnetPoolQuotaExceeded', 'Per-tenant subnet pool prefix quota exceeded.');

export const addressScopeNotFound = (id: string) =>
  new DomainError('AddressScopeNotFound', 'not-found', `Address scope ${id} could not be found`);
export const addressScopeInUse = (id: string) =>
  conflict(
    'AddressScopeInUse',
    `Unable to complete operation on address scope ${id}. There are one or more subnet pools in use on the address scope`,
  );
export const addressScopeUpdateError = (id: string, reason: string) =>
  badRequest('AddressScopeUpdateError', `Unable to update address scope ${id} : ${reason}`);
export const addressScopePrefixConflict = () =>
  conflict(
    'AddressScopePrefixConflict',
    'Failed to associate address scope: subnetpools within an address scope must have unique prefixes.',
  );
export const scopeNotSeen = (pool: string) =>
  badRequest(
    'InvalidInput',
    `Invalid input for operation: Failed to create RBAC policy on object ${pool} because target project doesn't have access to associated address scope.`,
  );
export const illegalScopeVersion = (pool: string, scope: string, version: number) =>
  badRequest(
    'IllegalSubnetPoolIpVersionAssociationToAddressScope',
    `Illegal subnetpool association: subnetpool ${pool} cannot associate with address scope ${scope} because subnetpool ip_version is not ${version}.`,
  );
