/** Errors of creating subnets and choosing addresses, with the reference's names and texts. */
import { DomainError } from '../errors.js';

export const allocationOnAutoAddressSubnet = (address: string, subnet: string) =>
  new DomainError(
    'AllocationOnAutoAddressSubnet',
    'bad-request',
    `IPv6 address ${address} cannot be directly assigned to a port on subnet ${subnet} as the subnet is configured for automatic addresses`,
  );
export const noServiceSubnet = (network: string, deviceOwner: string) =>
  new DomainError(
    'IpAddressGenerationFailureNoMatchingSubnet',
    'conflict',
    `No valid service subnet for the given device owner, network ${network}, service type ${deviceOwner}.`,
  );
export const invalidServiceType = (type: string) =>
  new DomainError(
    'InvalidSubnetServiceType',
    'bad-request',
    `Subnet service type ${type} does not correspond to a valid device owner.`,
    'service_types',
  );
export const tooManyNameservers = (subnet: string, most: number) =>
  new DomainError(
    'DNSNameServersExhausted',
    'bad-request',
    `Unable to complete operation for ${subnet}. The number of DNS nameservers exceeds the limit ${most}.`,
  );
export const tooManyHostRoutes = (subnet: string, most: number) =>
  new DomainError(
    'HostRoutesExhausted',
    'bad-request',
    `Unable to complete operation for ${subnet}. The number of host routes exceeds the limit ${most}.`,
  );
export const tooManyPortsAtOnce = (network: string, ports: number, most: number) =>
  new DomainError(
    'TooManyPortsAtOnce',
    'conflict',
    `Network ${network} has ${ports} ports, whose addresses would all change at once; that is done for up to ${most}. Give them their addresses one by one on a subnet without automatic addresses, or use another network.`,
  );
export const networkSubnetPoolAffinity = () =>
  new DomainError(
    'NetworkSubnetPoolAffinityError',
    'bad-request',
    'Subnets hosted on the same network must be allocated from the same subnet pool.',
  );
export const networkAddressScopeAffinity = () =>
  new DomainError(
    'NetworkAddressScopeAffinityError',
    'bad-request',
    'Subnets of the same address family hosted on the same network must all be allocated from the same address scope.',
  );
