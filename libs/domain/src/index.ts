export * from './errors.js';
export type { Actor, Role } from './actor.js';
export { SYSTEM } from './actor.js';
export type { Objects, Subject } from './access.js';
export { canChange, canSee, groundsToSee, guarded, isOf, policiesFor } from './access.js';
export type { Limits, QuotaResource } from './quotas/enforce.js';
export { limitsOf, QUOTA_RESOURCES, used, withinQuotas } from './quotas/enforce.js';
export type { Usage } from './quotas/quotas.js';
export { resetQuota, setQuota, usageOf } from './quotas/quotas.js';
export type { NewRbacPolicy } from './rbac-policies/rbac-policies.js';
export {
  createRbacPolicies,
  deleteRbacPolicy,
  RBAC_OBJECT_TYPES,
  retargetRbacPolicy,
} from './rbac-policies/rbac-policies.js';
export { adoptFlags } from './rbac-policies/opening.js';
export type { TaggedKind } from './tags.js';
export { changeTags, sortedTags } from './tags.js';
export type { Context, Decide } from './context.js';
export type { RequestedIp } from './allocation.js';
export type { SegmentPolicy, VlanRange } from './networks/segments.js';
export type { NetworkChanges, NewNetwork } from './networks/networks.js';
export { createNetworks, deleteNetwork, updateNetwork } from './networks/networks.js';
export { segmentsWithProvider } from './networks/errors.js';
export type { NewSubnet, SubnetChanges } from './subnets/subnets.js';
export { createSubnets, deleteSubnet, updateSubnet } from './subnets/subnets.js';
export { eui64Address } from './subnets/ipv6.js';
export type { NewSubnetPool, SubnetPoolChanges } from './subnet-pools/subnet-pools.js';
export {
  addPrefixes,
  createSubnetPools,
  deleteSubnetPool,
  onboardSubnets,
  removePrefixes,
  updateSubnetPool,
} from './subnet-pools/subnet-pools.js';
export { addressScopeNotFound, subnetPoolNotFound } from './subnet-pools/errors.js';
export type { AddressScopeChanges, NewAddressScope } from './address-scopes/address-scopes.js';
export { createAddressScopes, deleteAddressScope, updateAddressScope } from './address-scopes/address-scopes.js';
export type { TopologyIds } from './auto-allocated/auto-allocated.js';
export { autoAllocate, autoAllocationRequirements, deleteAutoAllocated } from './auto-allocated/auto-allocated.js';
export type { Binding } from './ports/binding.js';
export { uncarriedText } from './ports/binding.js';
export type { BindingChanges, ShownBinding } from './ports/bindings.js';
export { activateBinding, addBinding, bindingsOf, changeBinding, removeBinding } from './ports/bindings.js';
export type { NewPort, PortChanges } from './ports/ports.js';
export { createPorts, deletePort, updatePort } from './ports/ports.js';
export type { RequestedDhcpOption } from './ports/dhcp-options.js';
export type { RequestedPair } from './ports/security.js';
export { addressPairWithoutIp, bindingNotFound, duplicateAddressPair, tooManyAddressPairs } from './ports/errors.js';
export type { NewSecurityGroup, SecurityGroupChanges } from './security-groups/security-groups.js';
export {
  createSecurityGroups,
  deleteSecurityGroup,
  ensureDefaultGroup,
  updateSecurityGroup,
} from './security-groups/security-groups.js';
export type { NewSecurityGroupRule } from './security-groups/security-group-rules.js';
export { createSecurityGroupRules, deleteSecurityGroupRule } from './security-groups/security-group-rules.js';
export { toProtocol } from './security-groups/protocols.js';
export {
  invalidEthertype,
  invalidIpPrefix,
  invalidPortValue,
  securityGroupNotFound,
  securityGroupRuleNotFound,
} from './security-groups/errors.js';
export type { AddressGroupChanges, NewAddressGroup } from './address-groups/address-groups.js';
export {
  addAddresses,
  createAddressGroups,
  deleteAddressGroup,
  removeAddresses,
  updateAddressGroup,
} from './address-groups/address-groups.js';
export type { NewPacketLog, PacketLogChanges } from './packet-logs/packet-logs.js';
export { createPacketLogs, deletePacketLog, updatePacketLog } from './packet-logs/packet-logs.js';
export { packetLogNotFound } from './packet-logs/errors.js';
export { addressGroupNotFound } from './address-groups/errors.js';
export type { RequestedGateway } from './routers/gateway.js';
export type { NewRouter, RouterChanges } from './routers/routers.js';
export { createRouters, deleteRouter, updateRouter } from './routers/routers.js';
export type { InterfaceInfo, InterfaceName } from './routers/interfaces.js';
export { addRouterInterface, removeRouterInterface } from './routers/interfaces.js';
export type { Fleet, L3Agent } from './routers/scheduling.js';
export {
  assignRouter,
  DEFAULT_ZONE,
  reaches,
  schedulePending,
  unassignRouter,
  unscheduled,
} from './routers/scheduling.js';
export type { DhcpAgent, DhcpFleet, DhcpHost } from './dhcp/scheduling.js';
export { assignDhcp, dhcpPending, NO_DHCP, scheduleDhcp, unassignDhcp } from './dhcp/scheduling.js';
export { invalidDhcpAgent } from './dhcp/errors.js';
export { agentNotFound, invalidL3Agent } from './routers/errors.js';
export { addRoutes, MOST_ROUTES, removeRoutes } from './routers/routes.js';
export type { FloatingIpChanges, NewFloatingIp } from './floating-ips/floating-ips.js';
export { createFloatingIps, deleteFloatingIp, updateFloatingIp } from './floating-ips/floating-ips.js';
export type { Target } from './floating-ips/association.js';
export type { NewPortForwarding, OutsideKind, PortForwardingChanges } from './port-forwardings/port-forwardings.js';
export {
  createPortForwardings,
  deletePortForwarding,
  updatePortForwarding,
} from './port-forwardings/port-forwardings.js';
export { portForwardingNotFound } from './port-forwardings/errors.js';
export type { AdmissionRequest } from './nodes/admission.js';
export { admitNode, endAdmission } from './nodes/admission.js';
export type { NodeFacts } from './nodes/nodes.js';
export { dismissNode, registerNode, removeNode } from './nodes/nodes.js';
