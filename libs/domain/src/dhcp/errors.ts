/** Errors of the DHCP agents' schedule, as clients of the Networking API know them. */
import { DomainError } from '../errors.js';

export const networkHostedByDhcpAgent = (networkId: string, agentId: string) =>
  new DomainError(
    'NetworkHostedByDHCPAgent',
    'conflict',
    `The network ${networkId} has been already hosted by the DHCP Agent ${agentId}.`,
  );
export const networkNotHostedByDhcpAgent = (networkId: string, agentId: string) =>
  new DomainError(
    'NetworkNotHostedByDhcpAgent',
    'conflict',
    `The network ${networkId} is not hosted by the DHCP agent ${agentId}.`,
  );
export const invalidDhcpAgent = (agentId: string) =>
  new DomainError('InvalidDHCPAgent', 'not-found', `Agent ${agentId} is not a valid DHCP Agent or has been disabled`);
export const dhcpSchedulingFailed = (networkId: string, agentId: string, reason: string) =>
  new DomainError(
    'DhcpSchedulingFailed',
    'conflict',
    `The DHCP agent ${agentId} cannot serve network ${networkId}: ${reason}`,
  );
