/** Errors of address groups, with names and texts of the reference's `address-group` extension. */
import { DomainError } from '../errors.js';

const listed = (addresses: readonly string[]): string => `[${addresses.map((each) => `'${each}'`).join(', ')}]`;

export const addressGroupNotFound = (id: string) =>
  new DomainError('AddressGroupNotFound', 'not-found', `Address group ${id} could not be found.`);
export const addressGroupInUse = (id: string) =>
  new DomainError(
    'AddressGroupInUse',
    'conflict',
    `Address group ${id} is in use on one or more security group rules.`,
  );
export const addressesNotFound = (addresses: readonly string[], id: string) =>
  new DomainError(
    'AddressesNotFound',
    'not-found',
    `Addresses ${listed(addresses)} not found in the address group ${id}.`,
  );
export const addressesAlreadyExist = (addresses: readonly string[], id: string) =>
  new DomainError(
    'AddressesAlreadyExist',
    'bad-request',
    `Addresses ${listed(addresses)} already exist in the address group ${id}.`,
  );
export const tooManyAddresses = (most: number) =>
  new DomainError(
    'InvalidInput',
    'bad-request',
    `Invalid input for operation: more than ${most} addresses in a group.`,
  );
