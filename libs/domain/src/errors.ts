/**
 * Refusals. `type` is the reference implementation's exception name and `message` its text: clients match on the first and show the second. The domain only
 * says of what kind a refusal is; the API maps that to status codes.
 */
export type ErrorKind = 'not-found' | 'conflict' | 'bad-request' | 'forbidden' | 'precondition-failed' | 'exhausted';

export class DomainError extends Error {
  override readonly name = 'DomainError';
  constructor(
    /** The reference's exception name. */
    readonly type: string,
    readonly kind: ErrorKind,
    message: string,
    /** Which input was wrong, if the message itself does not name it. */
    readonly detail: string = '',
  ) {
    super(message);
  }
}

const notFound = (type: string) => (what: string) => new DomainError(type, 'not-found', what);
const conflict = (type: string, message: string) => new DomainError(type, 'conflict', message);

/** `Bad <resource> request: <reason>.` */
export const badRequest = (resource: string, reason: string) =>
  new DomainError('BadRequest', 'bad-request', `Bad ${resource} request: ${reason}.`);
/** `Invalid input for operation: <reason>.` */
export const invalidInput = (reason: string, detail = '') =>
  new DomainError('InvalidInput', 'bad-request', `Invalid input for operation: ${reason}.`, detail);

/** `rule`: the policy rule's name, as `create_network:shared`. */
export const notAuthorized = (rule: string) =>
  new DomainError('PolicyNotAuthorized', 'forbidden', `rule:${rule} is disallowed by policy`);
export const revisionDiffers = (wanted: number, now: number) =>
  new DomainError(
    'RevisionNumberConstraintFailed',
    'precondition-failed',
    `Constrained to ${wanted}, but current revision is ${now}`,
  );
export const overQuota = (resources: readonly string[]) =>
  conflict('OverQuota', `Quota exceeded for resources: [${resources.map((name) => `'${name}'`).join(', ')}].`);
export const tagNotFound = (tag: string) => notFound('TagNotFound')(`Tag ${tag} could not be found.`);

export const networkNotFound = (id: string) => notFound('NetworkNotFound')(`Network ${id} could not be found.`);
export const subnetNotFound = (id: string) => notFound('SubnetNotFound')(`Subnet ${id} could not be found.`);
export const portNotFound = (id: string) => notFound('PortNotFound')(`Port ${id} could not be found.`);
export const routerNotFound = (id: string) => notFound('RouterNotFound')(`Router ${id} could not be found`);
export const floatingIpNotFound = (id: string) =>
  notFound('FloatingIPNotFound')(`Floating IP ${id} could not be found`);
export const routerInterfaceNotFound = (router: string, port: string) =>
  notFound('RouterInterfaceNotFound')(`Router ${router} does not have an interface with id ${port}`);
export const routerInterfaceNotFoundForSubnet = (router: string, subnet: string) =>
  notFound('RouterInterfaceNotFoundForSubnet')(`Router ${router} has no interface on subnet ${subnet}`);
export const externalGatewayForFloatingIpNotFound = (network: string, subnet: string, port: string) =>
  notFound('ExternalGatewayForFloatingIPNotFound')(
    `External network ${network} is not reachable from subnet ${subnet}.  Therefore, cannot associate Port ${port} with a Floating IP.`,
  );

export const flatNetworkInUse = (physical: string) =>
  conflict('FlatNetworkInUse', `Unable to create the flat network. Physical network ${physical} is in use.`);
export const vlanIdInUse = (vlan: number, physical: string) =>
  conflict('VlanIdInUse', `Unable to create the network. The VLAN ${vlan} on physical network ${physical} is in use.`);
export const tunnelIdInUse = (id: number) =>
  conflict('TunnelIdInUse', `Unable to create the network. The tunnel ID ${id} is in use.`);
export const noNetworkAvailable = () =>
  new DomainError(
    'NoNetworkAvailable',
    'exhausted',
    'Unable to create the network. No tenant network is available for allocation.',
  );
export const networkInUse = (network: string, ports: readonly string[]) =>
  conflict(
    'NetworkInUse',
    `Unable to complete operation on network ${network}. There are one or more ports still in use on the network, id for these ports is: ${ports.join(',')}.`,
  );
export const externalNetworkInUse = (network: string) =>
  conflict(
    'ExternalNetworkInUse',
    `External network ${network} cannot be updated to be made non-external, since it has existing gateway ports.`,
  );
export const defaultExternalNetworkExists = (network: string) =>
  conflict('DefaultExternalNetworkExists', `A default external network already exists: ${network}.`);

export const subnetInUse = (subnet: string) =>
  conflict(
    'SubnetInUse',
    `Unable to complete operation on subnet ${subnet}: One or more ports have an IP allocation from this subnet.`,
  );
export const gatewayConflictsWithPools = (address: string, pool: string) =>
  conflict('GatewayConflictWithAllocationPools', `Gateway ip ${address} conflicts with allocation pool ${pool}.`);
export const gatewayIpInUse = (address: string, port: string) =>
  conflict('GatewayIpInUse', `Current gateway ip ${address} already in use by port ${port}. Unable to update.`);
export const overlappingPools = (one: string, other: string, cidr: string) =>
  conflict('OverlappingAllocationPools', `Found overlapping allocation pools: ${one} ${other} for subnet ${cidr}.`);
export const outOfBoundsPool = (pool: string, cidr: string) =>
  new DomainError(
    'OutOfBoundsAllocationPool',
    'bad-request',
    `The allocation pool ${pool} spans beyond the subnet cidr ${cidr}.`,
  );
export const invalidPool = (pool: string) =>
  new DomainError('InvalidAllocationPool', 'bad-request', `The allocation pool ${pool} is not valid.`);

export const addressesExhausted = (network: string) =>
  conflict('IpAddressGenerationFailure', `No more IP addresses available on network ${network}.`);
export const addressesExhaustedInSubnet = (subnet: string) =>
  conflict('IpAddressGenerationFailureForSubnet', `No more IP addresses available on subnet ${subnet}.`);
export const addressAllocated = (address: string, subnet: string) =>
  conflict('IpAddressAlreadyAllocated', `IP address ${address} already allocated in subnet ${subnet}`);
export const addressNotOnNetwork = (address: string) =>
  new DomainError(
    'InvalidIpForNetwork',
    'bad-request',
    `IP address ${address} is not a valid IP for any of the subnets on the specified network.`,
  );
export const addressNotOnSubnet = (address: string) =>
  new DomainError(
    'InvalidIpForSubnet',
    'bad-request',
    `IP address ${address} is not a valid IP for the specified subnet.`,
  );
export const macInUse = (network: string, mac: string) =>
  conflict('MacAddressInUse', `Unable to complete operation for network ${network}. The mac address ${mac} is in use.`);
export const macsExhausted = (network: string) =>
  new DomainError('MacAddressGenerationFailure', 'exhausted', `Unable to generate unique mac on network ${network}.`);
export const servicePortInUse = (port: string, reason: string) =>
  conflict('ServicePortInUse', `Port ${port} cannot be deleted directly via the port API: ${reason}.`);
export const servicePortFixed = (port: string, what: string, owner: string) =>
  conflict('ServicePortInUse', `Port ${port}: ${what} cannot be changed via the port API: has device owner ${owner}.`);
export const portBound = (port: string, host: string, oldMac: string, newMac: string) =>
  conflict(
    'PortBound',
    `Unable to complete operation on port ${port}, port is already bound, port type: ovs, host: ${host}, old_mac ${oldMac}, new_mac ${newMac}.`,
  );
export const portInUse = (port: string, network: string, device: string) =>
  conflict(
    'PortInUse',
    `Unable to complete operation on port ${port} for network ${network}. Port already has an attached device ${device}.`,
  );

export const routerInUse = (router: string, ports: readonly string[]) =>
  conflict('RouterInUse', `Router ${router} has ports still attached: ${ports.join(', ')}`);
export const routerInterfaceInUseByFloatingIp = (router: string, subnet: string) =>
  conflict(
    'RouterInterfaceInUseByFloatingIP',
    `Router interface for subnet ${subnet} on router ${router} cannot be deleted, as it is required by one or more floating IPs.`,
  );
export const routerInterfaceInUseByRoute = (router: string, subnet: string) =>
  conflict(
    'RouterInterfaceInUseByRoute',
    `Router interface for subnet ${subnet} on router ${router} cannot be deleted, as it is required by one or more routes.`,
  );
export const gatewayInUseByFloatingIp = (router: string, network: string) =>
  conflict(
    'RouterExternalGatewayInUseByFloatingIp',
    `Gateway cannot be updated for router ${router}, since a gateway to external network ${network} is required by one or more floating IPs.`,
  );
export const subnetMismatchForPort = (port: string, subnet: string) =>
  conflict('SubnetMismatchForPort', `Subnet on port ${port} does not match the requested subnet ${subnet}.`);
export const invalidRoutes = (routes: string, reason: string) =>
  new DomainError('InvalidRoutes', 'bad-request', `Invalid format for routes: ${routes}, ${reason}`);

export const floatingIpPortAlreadyAssociated = (
  f: Readonly<{ address: string; id: string; port: string; fixedIp: string; network: string }>,
) =>
  conflict(
    'FloatingIPPortAlreadyAssociated',
    `Cannot associate floating IP ${f.address} (${f.id}) with port ${f.port} using fixed IP ${f.fixedIp}, as that fixed IP already has a floating IP on external network ${f.network}.`,
  );
export const tunnelEndInUse = (host: string, address: string) =>
  conflict(
    'TunnelEndInUse',
    `Node ${host} cannot have the tunnel address ${address}: another node has it. Give each node an address of its own.`,
  );

export const rbacPolicyNotFound = (id: string) => notFound('RbacPolicyNotFound')(`RBAC policy with ID ${id} not found`);
/** With the text of the kind's own "not found". */
export function rbacObjectNotFound(objectType: string, id: string): DomainError {
  switch (objectType) {
    case 'network':
      return networkNotFound(id);
    case 'security_group':
      return notFound('SecurityGroupNotFound')(`Security group ${id} does not exist`);
    case 'address_scope':
      return notFound('AddressScopeNotFound')(`Address scope ${id} could not be found`);
    case 'subnetpool':
      return notFound('SubnetPoolNotFound')(`Subnet pool ${id} could not be found.`);
    default:
      return notFound('AddressGroupNotFound')(`Address group ${id} could not be found.`);
  }
}
export const duplicateRbacPolicy = () =>
  conflict('DuplicateRbacPolicy', 'An RBAC policy already exists with those values.');
export const rbacPolicyInUse = (objectId: string, details: string) =>
  conflict(
    'RbacPolicyInUse',
    `RBAC policy on object ${objectId} cannot be removed because other objects depend on it.\nDetails: ${details}`,
  );
export const invalidActionForType = (action: string, objectType: string, valid: readonly string[]) =>
  new DomainError(
    'InvalidActionForType',
    'bad-request',
    `Invalid action '${action}' for object type '${objectType}'. Valid actions: ${valid.join(', ')}`,
  );
export const quotaNotFound = (project: string) =>
  notFound('TenantQuotaNotFound')(`Quota for tenant ${project} could not be found.`);
export const limitBelowUsage = (resources: readonly string[]) =>
  badRequest('quota', `the limit is below what the project has already of ${resources.join(', ')}`);
