/** Errors of packet logs, with names and texts of the reference's `logging` extension. */
import { DomainError } from '../errors.js';

export const packetLogNotFound = (id: string) =>
  new DomainError('LogResourceNotFound', 'not-found', `Log resource ${id} could not be found.`);
export const invalidResourceType = (type: string) =>
  new DomainError('InvalidLogResourceType', 'bad-request', `Invalid log resource_type: ${type.slice(0, 100)}.`);
export const resourceNotFound = (id: string) =>
  new DomainError('ResourceNotFound', 'not-found', `Resource ${id} could not be found.`);
export const targetNotFound = (id: string) =>
  new DomainError('TargetResourceNotFound', 'not-found', `Target resource ${id} could not be found.`);
export const portWithoutGroup = (groupId: string, portId: string) =>
  new DomainError(
    'InvalidResourceConstraint',
    'bad-request',
    `Invalid resource constraint between resource (security_group: ${groupId}) and target resource (port: ${portId}).`,
  );
export const nothingToLog = () =>
  new DomainError(
    'InvalidInput',
    'bad-request',
    'Invalid input for operation: resource_id (a security group) or target_id (a port) must be given: all ports of a project are not logged at once.',
  );
