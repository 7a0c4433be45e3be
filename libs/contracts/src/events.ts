/**
 * The event catalogue: every fact Plumbline can record. The schema is the type. A released event never changes its meaning: an optional field may be
 * added, anything else is a new version with an upcaster (invariant 14). Events are self-contained: a reader looks nothing up to understand one.
 *
 * Each event changes exactly one object: `changesOf` says of which kind and by which field it is found (`subjectOf`). In which stream it is written is
 * declared with its kind (`libs/topology/src/kinds`).
 */
import { z } from 'zod';
import {
  AddressPair,
  ExtraDhcpOpt,
  FixedIp,
  HostRoute,
  Id,
  IpAddress,
  Position,
  Time,
  VlanId,
  Word,
} from './primitives.js';
import { HostName } from './host-names.js';
import {
  AddressGroup,
  AddressScope,
  Admission,
  FloatingIp,
  Kind,
  Network,
  Node,
  ObjectKey,
  PacketLog,
  Port,
  PortForwarding,
  Quota,
  RbacPolicy,
  Router,
  SecurityGroupRule,
  Subnet,
  SubnetPool,
} from './objects.js';

/**
 * Makes the event schemas of one kind of object. `field`: of their data, the id of the one object that each of them changes; an event without it does not
 * compile.
 */
const changesOf =
  <K extends Kind, F extends string>(kind: K, field: F) =>
  <T extends string, D extends z.ZodRawShape & Record<F, z.ZodType<string>>>(type: T, data: D) =>
    Object.assign(z.object({ type: z.literal(type), version: z.literal(1), data: z.object(data) }), {
      subject: { kind, field },
    });

const ofNetwork = changesOf('network', 'networkId');
const ofSubnet = changesOf('subnet', 'subnetId');
const ofPort = changesOf('port', 'portId');
const ofRouter = changesOf('router', 'routerId');
const ofFloatingIp = changesOf('floatingip', 'floatingIpId');
const ofForwarding = changesOf('portforwarding', 'portForwardingId');
const ofSecurityGroup = changesOf('securitygroup', 'securityGroupId');
const ofSecurityGroupRule = changesOf('securitygrouprule', 'securityGroupRuleId');
const ofAddressGroup = changesOf('addressgroup', 'addressGroupId');
const ofPacketLog = changesOf('packetlog', 'packetLogId');
const ofAddressScope = changesOf('addressscope', 'addressScopeId');
const ofSubnetPool = changesOf('subnetpool', 'subnetPoolId');
const ofRbacPolicy = changesOf('rbacpolicy', 'rbacPolicyId');
const ofQuota = changesOf('quota', 'quotaProjectId');
const ofPlacement = changesOf('placement', 'networkId');
const ofNode = changesOf('node', 'host');
const ofAdmission = changesOf('admission', 'host');

const named = { projectId: z.string(), name: z.string(), description: z.string() };
const pick = <S extends z.ZodRawShape>(shape: S) => shape;

/** Fields that later releases added. In older events they are absent; `evolve` gives the default. */
const tags = z.array(z.string()).optional();
const networkLater = pick({ dnsDomain: z.string().optional(), tags });
const subnetLater = pick({ serviceTypes: z.array(z.string()).optional(), tags });
const portLater = pick({
  securityGroupIds: z.array(Id).optional(),
  allowedAddressPairs: z.array(AddressPair).optional(),
  extraDhcpOpts: z.array(ExtraDhcpOpt).optional(),
  dnsName: z.string().optional(),
  tags,
});
const routerLater = pick({ availabilityZoneHints: z.array(z.string()).optional(), tags });
const dnsLater = pick({ dnsName: z.string().optional(), dnsDomain: z.string().optional() });

const networkFacts = pick({
  name: Network.shape.name,
  description: Network.shape.description,
  adminStateUp: Network.shape.adminStateUp,
  mtuBytes: Network.shape.mtuBytes,
  shared: Network.shape.shared,
  external: Network.shape.external,
  isDefault: Network.shape.isDefault,
  portSecurityEnabled: Network.shape.portSecurityEnabled,
});
const subnetFacts = pick({
  name: Subnet.shape.name,
  description: Subnet.shape.description,
  gatewayIp: Subnet.shape.gatewayIp,
  allocationPools: Subnet.shape.allocationPools,
  dnsNameservers: Subnet.shape.dnsNameservers,
  hostRoutes: Subnet.shape.hostRoutes,
  enableDhcp: Subnet.shape.enableDhcp,
});
const portFacts = pick({
  name: Port.shape.name,
  description: Port.shape.description,
  adminStateUp: Port.shape.adminStateUp,
  deviceId: Port.shape.deviceId,
  deviceOwner: Port.shape.deviceOwner,
  macAddress: Port.shape.macAddress,
  portSecurityEnabled: Port.shape.portSecurityEnabled,
});
const routerFacts = pick({
  name: Router.shape.name,
  description: Router.shape.description,
  adminStateUp: Router.shape.adminStateUp,
});

export const NetworkCreated = ofNetwork('NetworkCreated', {
  networkId: Id,
  ...named,
  ...networkFacts,
  ...networkLater,
  networkType: Network.shape.networkType,
  physicalNetwork: Network.shape.physicalNetwork,
  segmentationId: Network.shape.segmentationId,
});
/** Attributes that a client set on a network; an absent one did not change. */
export const NetworkAttributesSet = ofNetwork('NetworkAttributesSet', {
  networkId: Id,
  set: z.object({ ...networkFacts, ...networkLater }).partial(),
});
export const NetworkDeleted = ofNetwork('NetworkDeleted', { networkId: Id });

export const SubnetCreated = ofSubnet('SubnetCreated', {
  subnetId: Id,
  networkId: Id,
  ...named,
  ...subnetFacts,
  ...subnetLater,
  subnetPoolId: Id.nullable().optional(),
  ipVersion: Subnet.shape.ipVersion,
  cidr: Subnet.shape.cidr,
  ipv6RaMode: Subnet.shape.ipv6RaMode,
  ipv6AddressMode: Subnet.shape.ipv6AddressMode,
});
export const SubnetAttributesSet = ofSubnet('SubnetAttributesSet', {
  subnetId: Id,
  networkId: Id,
  /** `subnetPoolId`: a subnet with a prefix of its own was taken over by a pool. */
  set: z.object({ ...subnetFacts, ...subnetLater, subnetPoolId: Id.nullable() }).partial(),
});
export const SubnetDeleted = ofSubnet('SubnetDeleted', { subnetId: Id, networkId: Id });

export const PortCreated = ofPort('PortCreated', {
  portId: Id,
  networkId: Id,
  ...named,
  ...portFacts,
  ...portLater,
  /** For a port that is bound later, or by a caller who only knows its id. */
  vnicType: z.string().optional(),
  profile: z.record(z.string(), z.unknown()).optional(),
  fixedIps: z.array(FixedIp),
  /** As `Port.servesDhcp`. */
  servesDhcp: z.boolean().optional(),
});
export const PortAttributesSet = ofPort('PortAttributesSet', {
  portId: Id,
  set: z.object({ ...portFacts, ...portLater }).partial(),
});
/** All addresses of the port after a client changed them. */
export const PortFixedIpsSet = ofPort('PortFixedIpsSet', { portId: Id, networkId: Id, fixedIps: z.array(FixedIp) });
/** The port belongs to a host now. Binding again to another host is a move. */
export const PortBound = ofPort('PortBound', {
  portId: Id,
  networkId: Id,
  host: HostName,
  vnicType: z.string(),
  profile: z.record(z.string(), z.unknown()),
});
export const PortUnbound = ofPort('PortUnbound', { portId: Id, networkId: Id, host: HostName });
/** How the port shall be plugged, set while it is bound to no host. */
export const PortBindingAttributesSet = ofPort('PortBindingAttributesSet', {
  portId: Id,
  vnicType: z.string(),
  profile: z.record(z.string(), z.unknown()),
});
/** The port has a further binding, to a host where nothing of it passes until the binding is activated; or that binding is another now. */
export const PortInactiveBindingSet = ofPort('PortInactiveBindingSet', {
  portId: Id,
  networkId: Id,
  host: HostName,
  vnicType: z.string(),
  profile: z.record(z.string(), z.unknown()),
});
export const PortInactiveBindingRemoved = ofPort('PortInactiveBindingRemoved', {
  portId: Id,
  networkId: Id,
  host: HostName,
});
/** The inactive binding to `host` is the active one now, and the one that was active is inactive. */
export const PortBindingActivated = ofPort('PortBindingActivated', {
  portId: Id,
  networkId: Id,
  host: HostName,
  /** Of the binding that was active; '' when none was. */
  previousHost: z.union([HostName, z.literal('')]),
});
export const PortDeleted = ofPort('PortDeleted', { portId: Id, networkId: Id });

export const RouterCreated = ofRouter('RouterCreated', { routerId: Id, ...named, ...routerFacts, ...routerLater });
export const RouterAttributesSet = ofRouter('RouterAttributesSet', {
  routerId: Id,
  set: z.object({ ...routerFacts, ...routerLater }).partial(),
});
export const RouterGatewaySet = ofRouter('RouterGatewaySet', {
  routerId: Id,
  portId: Id,
  networkId: Id,
  fixedIps: z.array(FixedIp),
  enableSnat: z.boolean(),
});
export const RouterGatewayCleared = ofRouter('RouterGatewayCleared', { routerId: Id, portId: Id, networkId: Id });
export const RouterInterfaceAdded = ofRouter('RouterInterfaceAdded', {
  routerId: Id,
  portId: Id,
  networkId: Id,
  fixedIps: z.array(FixedIp),
});
export const RouterInterfaceRemoved = ofRouter('RouterInterfaceRemoved', { routerId: Id, portId: Id, networkId: Id });
export const RouterRoutesSet = ofRouter('RouterRoutesSet', { routerId: Id, routes: z.array(HostRoute) });
export const RouterScheduled = ofRouter('RouterScheduled', { routerId: Id, host: HostName });
/** `heldOff`: an administrator did it; the router is not scheduled again automatically. */
export const RouterUnscheduled = ofRouter('RouterUnscheduled', {
  routerId: Id,
  host: HostName,
  heldOff: z.boolean().optional(),
});
export const RouterDeleted = ofRouter('RouterDeleted', { routerId: Id });

export const FloatingIpCreated = ofFloatingIp('FloatingIpCreated', {
  floatingIpId: Id,
  ...named,
  ...dnsLater,
  floatingNetworkId: Id,
  floatingIpAddress: IpAddress,
  floatingPortId: Id,
});
export const FloatingIpAssociated = ofFloatingIp('FloatingIpAssociated', {
  floatingIpId: Id,
  floatingIpAddress: IpAddress,
  portId: Id,
  fixedIpAddress: IpAddress,
  subnetId: Id,
  routerId: Id,
});
export const FloatingIpDisassociated = ofFloatingIp('FloatingIpDisassociated', {
  floatingIpId: Id,
  floatingIpAddress: IpAddress,
  portId: Id,
  fixedIpAddress: IpAddress,
  routerId: Id,
});
export const FloatingIpAttributesSet = ofFloatingIp('FloatingIpAttributesSet', {
  floatingIpId: Id,
  set: z.object({ description: FloatingIp.shape.description, ...dnsLater, tags }).partial(),
});
export const FloatingIpDeleted = ofFloatingIp('FloatingIpDeleted', { floatingIpId: Id });

const forwardingFacts = pick({
  description: PortForwarding.shape.description,
  protocol: PortForwarding.shape.protocol,
  externalPorts: PortForwarding.shape.externalPorts,
  internalPorts: PortForwarding.shape.internalPorts,
  internalPortId: Id,
  internalIpAddress: PortForwarding.shape.internalIpAddress,
  internalSubnetId: Id,
});
const forwarding = pick({
  portForwardingId: Id,
  routerId: Id,
  floatingIpId: PortForwarding.shape.floatingIpId,
  externalIpAddress: PortForwarding.shape.externalIpAddress,
});
export const PortForwardingCreated = ofForwarding('PortForwardingCreated', {
  ...forwarding,
  ...named,
  ...forwardingFacts,
});
/** The port forwarding from now on: connections made by what it was before are ended. `routerId` may have changed. */
export const PortForwardingChanged = ofForwarding('PortForwardingChanged', { ...forwarding, ...forwardingFacts });
export const PortForwardingDeleted = ofForwarding('PortForwardingDeleted', forwarding);

export const SecurityGroupCreated = ofSecurityGroup('SecurityGroupCreated', {
  securityGroupId: Id,
  ...named,
  stateful: z.boolean(),
  isDefault: z.boolean(),
});
export const SecurityGroupAttributesSet = ofSecurityGroup('SecurityGroupAttributesSet', {
  securityGroupId: Id,
  set: z.object({ name: z.string(), description: z.string(), stateful: z.boolean(), tags }).partial(),
});
export const SecurityGroupDeleted = ofSecurityGroup('SecurityGroupDeleted', { securityGroupId: Id });
export const SecurityGroupRuleCreated = ofSecurityGroupRule('SecurityGroupRuleCreated', {
  securityGroupRuleId: Id,
  ...named,
  ...pick({
    securityGroupId: Id,
    direction: SecurityGroupRule.shape.direction,
    ethertype: SecurityGroupRule.shape.ethertype,
    protocol: SecurityGroupRule.shape.protocol,
    portRangeMin: SecurityGroupRule.shape.portRangeMin,
    portRangeMax: SecurityGroupRule.shape.portRangeMax,
    remoteGroupId: SecurityGroupRule.shape.remoteGroupId,
    remoteAddressGroupId: SecurityGroupRule.shape.remoteAddressGroupId,
    remoteIpPrefix: SecurityGroupRule.shape.remoteIpPrefix,
  }),
});
export const SecurityGroupRuleDeleted = ofSecurityGroupRule('SecurityGroupRuleDeleted', {
  securityGroupRuleId: Id,
  securityGroupId: Id,
});

export const AddressGroupCreated = ofAddressGroup('AddressGroupCreated', {
  addressGroupId: Id,
  ...named,
  addresses: AddressGroup.shape.addresses,
});
export const AddressGroupAttributesSet = ofAddressGroup('AddressGroupAttributesSet', {
  addressGroupId: Id,
  set: z.object({ name: z.string(), description: z.string(), addresses: AddressGroup.shape.addresses }).partial(),
});
export const AddressGroupDeleted = ofAddressGroup('AddressGroupDeleted', { addressGroupId: Id });

export const PacketLogCreated = ofPacketLog('PacketLogCreated', {
  packetLogId: Id,
  ...named,
  enabled: z.boolean(),
  resourceType: PacketLog.shape.resourceType,
  event: PacketLog.shape.event,
  securityGroupId: Id.nullable(),
  portId: Id.nullable(),
});
export const PacketLogAttributesSet = ofPacketLog('PacketLogAttributesSet', {
  packetLogId: Id,
  set: z.object({ name: z.string(), description: z.string(), enabled: z.boolean() }).partial(),
});
export const PacketLogDeleted = ofPacketLog('PacketLogDeleted', { packetLogId: Id });

export const AddressScopeCreated = ofAddressScope('AddressScopeCreated', {
  addressScopeId: Id,
  ...named,
  ipVersion: AddressScope.shape.ipVersion,
  shared: z.boolean(),
});
export const AddressScopeAttributesSet = ofAddressScope('AddressScopeAttributesSet', {
  addressScopeId: Id,
  set: z.object({ name: z.string(), shared: z.boolean() }).partial(),
});
export const AddressScopeDeleted = ofAddressScope('AddressScopeDeleted', { addressScopeId: Id });

const subnetPoolFacts = pick({
  name: z.string(),
  description: z.string(),
  prefixes: SubnetPool.shape.prefixes,
  defaultPrefixLength: z.number().int(),
  minPrefixLength: z.number().int(),
  maxPrefixLength: z.number().int(),
  defaultQuota: SubnetPool.shape.defaultQuota,
  addressScopeId: SubnetPool.shape.addressScopeId,
  isDefault: z.boolean(),
});
export const SubnetPoolCreated = ofSubnetPool('SubnetPoolCreated', {
  subnetPoolId: Id,
  ...named,
  ...subnetPoolFacts,
  ipVersion: SubnetPool.shape.ipVersion,
  shared: z.boolean(),
});
export const SubnetPoolAttributesSet = ofSubnetPool('SubnetPoolAttributesSet', {
  subnetPoolId: Id,
  /** `shared`: only ever false, when a policy takes the place of an older log's flag. */
  set: z.object({ ...subnetPoolFacts, shared: z.boolean(), tags }).partial(),
});
export const SubnetPoolDeleted = ofSubnetPool('SubnetPoolDeleted', { subnetPoolId: Id });

const rbac = pick({
  rbacPolicyId: Id,
  objectType: RbacPolicy.shape.objectType,
  objectId: Id,
  action: RbacPolicy.shape.action,
  targetProject: z.string(),
  /** In which stream the policy is written; absent in events of earlier releases. */
  withObject: z.boolean().optional(),
});
export const RbacPolicyCreated = ofRbacPolicy('RbacPolicyCreated', { ...rbac, ...named });
export const RbacPolicyTargetSet = ofRbacPolicy('RbacPolicyTargetSet', rbac);
export const RbacPolicyDeleted = ofRbacPolicy('RbacPolicyDeleted', rbac);

/** All of a project's own limits. */
export const QuotaSet = ofQuota('QuotaSet', { quotaProjectId: z.string(), limits: Quota.shape.limits });
/** The project has no limits of its own any more: the defaults apply. */
export const QuotaReset = ofQuota('QuotaReset', { quotaProjectId: z.string() });

/** A network is needed on a host from now on. The local VLAN is chosen here, once, so that a wiped node comes back with the same tag. */
export const NetworkPlacedOnHost = ofPlacement('NetworkPlacedOnHost', {
  networkId: Id,
  host: HostName,
  localVlanId: VlanId,
});
export const NetworkWithdrawnFromHost = ofPlacement('NetworkWithdrawnFromHost', { networkId: Id, host: HostName });
/** A network's placements end with the network. */
export const NodeRegistered = ofNode('NodeRegistered', {
  host: HostName,
  tunnelIp: Node.shape.tunnelIp,
  bridgeMappings: Node.shape.bridgeMappings,
  bfd: Node.shape.bfd,
  /** Absent: `none`. */
  firewall: Word.optional(),
});
export const NodeRemoved = ofNode('NodeRemoved', { host: HostName });

/** All that this node may do; a later one replaces an earlier one as a whole. */
export const NodeAdmitted = ofAdmission('NodeAdmitted', {
  host: HostName,
  roles: Admission.shape.roles,
  physicalNetworks: Admission.shape.physicalNetworks,
  /** Absent: each of its physical networks to any bridge. */
  bridges: Admission.shape.bridges.optional(),
});
/** Nothing new for this node. */
export const NodeAdmissionEnded = ofAdmission('NodeAdmissionEnded', { host: HostName });

/** Every event schema by type: the catalogue that docs, samples and the unknown-event rule read. */
export const EVENTS = {
  NetworkCreated,
  NetworkAttributesSet,
  NetworkDeleted,
  SubnetCreated,
  SubnetAttributesSet,
  SubnetDeleted,
  PortCreated,
  PortAttributesSet,
  PortFixedIpsSet,
  PortBound,
  PortUnbound,
  PortBindingAttributesSet,
  PortInactiveBindingSet,
  PortInactiveBindingRemoved,
  PortBindingActivated,
  PortDeleted,
  RouterCreated,
  RouterAttributesSet,
  RouterGatewaySet,
  RouterGatewayCleared,
  RouterInterfaceAdded,
  RouterInterfaceRemoved,
  RouterRoutesSet,
  RouterScheduled,
  RouterUnscheduled,
  RouterDeleted,
  FloatingIpCreated,
  FloatingIpAssociated,
  FloatingIpDisassociated,
  FloatingIpAttributesSet,
  FloatingIpDeleted,
  PortForwardingCreated,
  PortForwardingChanged,
  PortForwardingDeleted,
  SecurityGroupCreated,
  SecurityGroupAttributesSet,
  SecurityGroupDeleted,
  SecurityGroupRuleCreated,
  SecurityGroupRuleDeleted,
  AddressGroupCreated,
  AddressGroupAttributesSet,
  AddressGroupDeleted,
  PacketLogCreated,
  PacketLogAttributesSet,
  PacketLogDeleted,
  AddressScopeCreated,
  AddressScopeAttributesSet,
  AddressScopeDeleted,
  SubnetPoolCreated,
  SubnetPoolAttributesSet,
  SubnetPoolDeleted,
  RbacPolicyCreated,
  RbacPolicyTargetSet,
  RbacPolicyDeleted,
  QuotaSet,
  QuotaReset,
  NetworkPlacedOnHost,
  NetworkWithdrawnFromHost,
  NodeRegistered,
  NodeRemoved,
  NodeAdmitted,
  NodeAdmissionEnded,
} as const;

export type EventType = keyof typeof EVENTS;
export type PlumbEvent = { [T in EventType]: Readonly<z.infer<(typeof EVENTS)[T]>> }[EventType];
export type EventOf<T extends EventType> = Extract<PlumbEvent, { type: T }>;

/** Characters of a request's body that are kept. */
export const MOST_REQUEST_BODY = 2_000;

/**
 * What a client sent, as the API saw it, for people who ask why something is as it is. `body`: JSON text, without what may be secret, cut behind MOST_REQUEST_BODY
 * characters; absent: there was none.
 */
export const RequestMade = z.object({ method: z.string(), path: z.string(), body: z.string().optional() });
export type RequestMade = Readonly<z.infer<typeof RequestMade>>;

/**
 * Who asked for it, and when. Stored with each event. `request`: with the first event of a command alone, and never sent to hosts; absent also in events of releases before
 * it, and of what the control plane decided by itself.
 */
export const Meta = z.object({
  requestId: z.string(),
  userId: z.string(),
  projectId: z.string(),
  time: Time,
  request: RequestMade.optional(),
});
export type Meta = Readonly<z.infer<typeof Meta>>;

/** An event as stored: `event` is unknown to the type system until `known` has recognised it. */
export const Recorded = z.object({
  position: Position,
  stream: z.string(),
  event: z.object({ type: z.string(), version: z.number().int(), data: z.record(z.string(), z.unknown()) }),
  meta: Meta,
});
export type Recorded = Readonly<z.infer<typeof Recorded>>;

/** The typed event when type and version are in the catalogue, else null. Stored events were validated when written: only the name is checked. */
export function known(event: Recorded['event']): PlumbEvent | null {
  return Object.hasOwn(EVENTS, event.type) && event.version === 1 ? (event as unknown as PlumbEvent) : null;
}

/** The one object an event changes. */
export function subjectOf(event: PlumbEvent): Readonly<{ kind: Kind; id: string; key: ObjectKey }> {
  const { kind, field } = EVENTS[event.type].subject;
  const id = String((event.data as Record<string, unknown>)[field]);
  return { kind, id, key: `${kind}/${id}` };
}

/** Events that change objects of one kind. */
export type EventOfKind<K extends Kind> = {
  [T in EventType]: (typeof EVENTS)[T]['subject']['kind'] extends K ? EventOf<T> : never;
}[EventType];
