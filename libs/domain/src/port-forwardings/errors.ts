/** Errors of port forwardings, with the reference implementation's names and texts. Those for a gateway address are our own. */
import { badRequest, DomainError } from '../errors.js';

export const badForwarding = (reason: string) => badRequest('port_forwarding', reason);

export const portForwardingNotFound = (id: string) =>
  new DomainError('PortForwardingNotFound', 'not-found', `Port Forwarding ${id} could not be found.`);

export const rangesCollide = (attribute: string, one: string, other: string) =>
  badForwarding(`There is a port collision with the ${attribute}. The following ranges collides: ${one} and ${other}`);

/** Two port forwardings of a protocol without ports on one address. */
export const protocolCollides = (protocol: string, other: string) =>
  badForwarding(`Protocol ${protocol} has no ports, and port forwarding ${other} of the same address has all of it`);

export const portHasFloatingIp = (
  of: Readonly<{ address: string; floatingIp: string; port: string; fixedIp: string }>,
) =>
  new DomainError(
    'PortHasBindingFloatingIP',
    'conflict',
    `Cannot create port forwarding to floating IP ${of.address} (${of.floatingIp}) with port ${of.port} using fixed IP ${of.fixedIp}, as that port already has a binding floating IP.`,
  );

export const floatingIpInUseByForwarding = (floatingIp: string) =>
  new DomainError(
    'FipInUseByPortForwarding',
    'conflict',
    `Floating IP ${floatingIp} in use by Port Forwarding resources.`,
  );

export const gatewayInUseByForwarding = (router: string, forwardings: readonly string[]) =>
  new DomainError(
    'RouterExternalGatewayInUseByPortForwarding',
    'conflict',
    `Gateway cannot be updated for router ${router}, since its address is required by one or more port forwardings: ${forwardings.join(', ')}. Delete those first.`,
  );

export const interfaceInUseByForwarding = (router: string, subnet: string) =>
  new DomainError(
    'RouterInterfaceInUseByPortForwarding',
    'conflict',
    `Router interface for subnet ${subnet} on router ${router} cannot be deleted, as it is required by one or more port forwardings of the router's gateway address.`,
  );
