/**
 * The event catalogue: every fact Plumbline can record. The schema is the type. A released event never changes its meaning: an optional field may be
 * added, anything else is a new version with an upcaster (invariant 14). Events are self-contained: a reader looks nothing up to understand one.
 *
 * Each event changes exactly one object (`subjectOf`) and is written to exactly one stream (`streamOf`). A subnet's events live in the stream of its
 * network, because subnets of one network must not overlap: the stream's version is what two concurrent writers collide on.
 */
import { z } from 'zod';
import {
  AddressPair,
  ExtraDhcpOpt,
  FixedIp,
  HostName,
  HostRoute,
  Id,
  IpAddress,
  Position,
  Time,
  VlanId,
} from './primitives.js';
import {
  AddressGroup,
  AddressScope,
  FloatingIp,
  Kind,
  KINDS,
  Network,
  Node,
  ObjectKey,
  Port,
  PortForwarding,
  Quota,
  RbacPolicy,
  Router,
  SecurityGroupRule,
  Subnet,
  SubnetPool,
} from './objects.js';

const event = <T extends string, D extends z.ZodRawShape>(type: T, data: D) =>
  z.object({ type: z.literal(type), version: z.literal(1), data: z.object(data) });

const named = { projectId: z.string(), name: z.string(), description: z.string() };
const pick = <S extends z.ZodRawShape>(shape: S) => shape;

/** What later releases added: absent in older events, and then what evolve says. */
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

export const NetworkCreated = event('NetworkCreated', {
  networkId: Id,
  ...named,
  ...networkFacts,
  ...networkLater,
  networkType: Network.shape.networkType,
  physicalNetwork: Network.shape.physicalNetwork,
  segmentationId: Network.shape.segmentationId,
});
/** Attributes a client set on a network; what is absent stays as it was. */
export const NetworkAttributesSet = event('NetworkAttributesSet', {
  networkId: Id,
  set: z.object({ ...networkFacts, ...networkLater }).partial(),
});
export const NetworkDeleted = event('NetworkDeleted', { networkId: Id });

export const SubnetCreated = event('SubnetCreated', {
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
export const SubnetAttributesSet = event('SubnetAttributesSet', {
  subnetId: Id,
  networkId: Id,
  /** `subnetPoolId`: a subnet of its own prefix that came to belong to a pool. */
  set: z.object({ ...subnetFacts, ...subnetLater, subnetPoolId: Id.nullable() }).partial(),
});
export const SubnetDeleted = event('SubnetDeleted', { subnetId: Id, networkId: Id });

export const PortCreated = event('PortCreated', {
  portId: Id,
  networkId: Id,
  ...named,
  ...portFacts,
  ...portLater,
  /** Of a port that is bound later, or by somebody who only knows its id. */
  vnicType: z.string().optional(),
  profile: z.record(z.string(), z.unknown()).optional(),
  fixedIps: z.array(FixedIp),
});
export const PortAttributesSet = event('PortAttributesSet', {
  portId: Id,
  set: z.object({ ...portFacts, ...portLater }).partial(),
});
/** The port's addresses, all of them, after a client changed them. */
export const PortFixedIpsSet = event('PortFixedIpsSet', { portId: Id, networkId: Id, fixedIps: z.array(FixedIp) });
/** The port belongs to a host now. Binding again to another host is a move. */
export const PortBound = event('PortBound', {
  portId: Id,
  networkId: Id,
  host: HostName,
  vnicType: z.string(),
  profile: z.record(z.string(), z.unknown()),
});
export const PortUnbound = event('PortUnbound', { portId: Id, networkId: Id, host: HostName });
/** How the port shall be plugged, said while it is bound to no host. */
export const PortBindingAttributesSet = event('PortBindingAttributesSet', {
  portId: Id,
  vnicType: z.string(),
  profile: z.record(z.string(), z.unknown()),
});
export const PortDeleted = event('PortDeleted', { portId: Id, networkId: Id });

export const RouterCreated = event('RouterCreated', { routerId: Id, ...named, ...routerFacts, ...routerLater });
export const RouterAttributesSet = event('RouterAttributesSet', {
  routerId: Id,
  set: z.object({ ...routerFacts, ...routerLater }).partial(),
});
export const RouterGatewaySet = event('RouterGatewaySet', {
  routerId: Id,
  portId: Id,
  networkId: Id,
  fixedIps: z.array(FixedIp),
  enableSnat: z.boolean(),
});
export const RouterGatewayCleared = event('RouterGatewayCleared', { routerId: Id, portId: Id, networkId: Id });
export const RouterInterfaceAdded = event('RouterInterfaceAdded', {
  routerId: Id,
  portId: Id,
  networkId: Id,
  fixedIps: z.array(FixedIp),
});
export const RouterInterfaceRemoved = event('RouterInterfaceRemoved', { routerId: Id, portId: Id, networkId: Id });
export const RouterRoutesSet = event('RouterRoutesSet', { routerId: Id, routes: z.array(HostRoute) });
export const RouterScheduled = event('RouterScheduled', { routerId: Id, host: HostName });
/** `heldOff`: by hand; the router waits until somebody asks for it again. */
export const RouterUnscheduled = event('RouterUnscheduled', {
  routerId: Id,
  host: HostName,
  heldOff: z.boolean().optional(),
});
export const RouterDeleted = event('RouterDeleted', { routerId: Id });

export const FloatingIpCreated = event('FloatingIpCreated', {
  floatingIpId: Id,
  ...named,
  ...dnsLater,
  floatingNetworkId: Id,
  floatingIpAddress: IpAddress,
  floatingPortId: Id,
});
export const FloatingIpAssociated = event('FloatingIpAssociated', {
  floatingIpId: Id,
  floatingIpAddress: IpAddress,
  portId: Id,
  fixedIpAddress: IpAddress,
  subnetId: Id,
  routerId: Id,
});
export const FloatingIpDisassociated = event('FloatingIpDisassociated', {
  floatingIpId: Id,
  floatingIpAddress: IpAddress,
  portId: Id,
  fixedIpAddress: IpAddress,
  routerId: Id,
});
export const FloatingIpAttributesSet = event('FloatingIpAttributesSet', {
  floatingIpId: Id,
  set: z.object({ description: FloatingIp.shape.description, ...dnsLater, tags }).partial(),
});
export const FloatingIpDeleted = event('FloatingIpDeleted', { floatingIpId: Id });

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
export const PortForwardingCreated = event('PortForwardingCreated', { ...forwarding, ...named, ...forwardingFacts });
/** The forwarding as it is from here on: connections made by what it was before end. `routerId` may be another one now. */
export const PortForwardingChanged = event('PortForwardingChanged', { ...forwarding, ...forwardingFacts });
export const PortForwardingDeleted = event('PortForwardingDeleted', forwarding);

export const SecurityGroupCreated = event('SecurityGroupCreated', {
  securityGroupId: Id,
  ...named,
  stateful: z.boolean(),
  isDefault: z.boolean(),
});
export const SecurityGroupAttributesSet = event('SecurityGroupAttributesSet', {
  securityGroupId: Id,
  set: z.object({ name: z.string(), description: z.string(), stateful: z.boolean(), tags }).partial(),
});
export const SecurityGroupDeleted = event('SecurityGroupDeleted', { securityGroupId: Id });
export const SecurityGroupRuleCreated = event('SecurityGroupRuleCreated', {
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
export const SecurityGroupRuleDeleted = event('SecurityGroupRuleDeleted', {
  securityGroupRuleId: Id,
  securityGroupId: Id,
});

export const AddressGroupCreated = event('AddressGroupCreated', {
  addressGroupId: Id,
  ...named,
  addresses: AddressGroup.shape.addresses,
});
export const AddressGroupAttributesSet = event('AddressGroupAttributesSet', {
  addressGroupId: Id,
  set: z.object({ name: z.string(), description: z.string(), addresses: AddressGroup.shape.addresses }).partial(),
});
export const AddressGroupDeleted = event('AddressGroupDeleted', { addressGroupId: Id });

export const AddressScopeCreated = event('AddressScopeCreated', {
  addressScopeId: Id,
  ...named,
  ipVersion: AddressScope.shape.ipVersion,
  shared: z.boolean(),
});
export const AddressScopeAttributesSet = event('AddressScopeAttributesSet', {
  addressScopeId: Id,
  set: z.object({ name: z.string(), shared: z.boolean() }).partial(),
});
export const AddressScopeDeleted = event('AddressScopeDeleted', { addressScopeId: Id });

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
export const SubnetPoolCreated = event('SubnetPoolCreated', {
  subnetPoolId: Id,
  ...named,
  ...subnetPoolFacts,
  ipVersion: SubnetPool.shape.ipVersion,
  shared: z.boolean(),
});
export const SubnetPoolAttributesSet = event('SubnetPoolAttributesSet', {
  subnetPoolId: Id,
  set: z.object({ ...subnetPoolFacts, tags }).partial(),
});
export const SubnetPoolDeleted = event('SubnetPoolDeleted', { subnetPoolId: Id });

const rbac = pick({
  rbacPolicyId: Id,
  objectType: RbacPolicy.shape.objectType,
  objectId: Id,
  action: RbacPolicy.shape.action,
  targetProject: z.string(),
});
export const RbacPolicyCreated = event('RbacPolicyCreated', { ...rbac, ...named });
export const RbacPolicyTargetSet = event('RbacPolicyTargetSet', rbac);
export const RbacPolicyDeleted = event('RbacPolicyDeleted', rbac);

/** All limits of a project that are its own. */
export const QuotaSet = event('QuotaSet', { quotaProjectId: z.string(), limits: Quota.shape.limits });
/** The defaults hold again. */
export const QuotaReset = event('QuotaReset', { quotaProjectId: z.string() });

/** A network is needed on a host from here on; the local VLAN is chosen here, once, so that a wiped node comes back with the same tag. */
export const NetworkPlacedOnHost = event('NetworkPlacedOnHost', { networkId: Id, host: HostName, localVlanId: VlanId });
export const NetworkWithdrawnFromHost = event('NetworkWithdrawnFromHost', { networkId: Id, host: HostName });
/** A network's placements end with the network. */
export const NodeRegistered = event('NodeRegistered', {
  host: HostName,
  tunnelIp: Node.shape.tunnelIp,
  bridgeMappings: Node.shape.bridgeMappings,
});
export const NodeRemoved = event('NodeRemoved', { host: HostName });

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
} as const;

export type EventType = keyof typeof EVENTS;
export type PlumbEvent = { [T in EventType]: Readonly<z.infer<(typeof EVENTS)[T]>> }[EventType];
export type EventOf<T extends EventType> = Extract<PlumbEvent, { type: T }>;

/** Who asked, and when. Kept with each event; `plumb why` shows it. */
export const Meta = z.object({ requestId: z.string(), userId: z.string(), projectId: z.string(), time: Time });
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
  const schema = (EVENTS as Record<string, z.ZodType | undefined>)[event.type];
  return schema !== undefined && event.version === 1 ? (event as unknown as PlumbEvent) : null;
}

/** By the first words of an event's type; the longer ones first. */
const SUBJECT: Record<string, { kind: Kind; field: string }> = {
  PortForwarding: { kind: 'portforwarding', field: 'portForwardingId' },
  SecurityGroupRule: { kind: 'securitygrouprule', field: 'securityGroupRuleId' },
  SecurityGroup: { kind: 'securitygroup', field: 'securityGroupId' },
  AddressGroup: { kind: 'addressgroup', field: 'addressGroupId' },
  AddressScope: { kind: 'addressscope', field: 'addressScopeId' },
  SubnetPool: { kind: 'subnetpool', field: 'subnetPoolId' },
  RbacPolicy: { kind: 'rbacpolicy', field: 'rbacPolicyId' },
  Quota: { kind: 'quota', field: 'quotaProjectId' },
  Network: { kind: 'network', field: 'networkId' },
  Subnet: { kind: 'subnet', field: 'subnetId' },
  Port: { kind: 'port', field: 'portId' },
  Router: { kind: 'router', field: 'routerId' },
  FloatingIp: { kind: 'floatingip', field: 'floatingIpId' },
  Node: { kind: 'node', field: 'host' },
};

/** The one object an event changes. */
export function subjectOf(event: PlumbEvent): Readonly<{ kind: Kind; id: string; key: ObjectKey }> {
  const data = event.data as Record<string, unknown>;
  const of = (kind: Kind, field: string) => ({
    kind,
    id: String(data[field]),
    key: `${kind}/${String(data[field])}` as ObjectKey,
  });
  if (event.type === 'NetworkPlacedOnHost' || event.type === 'NetworkWithdrawnFromHost')
    return of('placement', 'networkId');
  const prefix = Object.keys(SUBJECT).find((name) => event.type.startsWith(name));
  const subject = SUBJECT[prefix ?? ''];
  if (!subject) throw new Error(`event type ${event.type} names no object`);
  return of(subject.kind, subject.field);
}

/**
 * The stream an event is written to: `<kind>-<id>`, but a part's is its whole's, so that two parts that must not collide are never made at once: a subnet's
 * its network's, a rule's its security group's, a forwarding's that of its floating IP, or else of its router.
 */
export function streamOf(event: PlumbEvent): string {
  switch (event.type) {
    case 'SubnetCreated':
    case 'SubnetAttributesSet':
    case 'SubnetDeleted':
      return `network-${event.data.networkId}`;
    case 'SecurityGroupRuleCreated':
    case 'SecurityGroupRuleDeleted':
      return `securitygroup-${event.data.securityGroupId}`;
    case 'PortForwardingCreated':
    case 'PortForwardingChanged':
    case 'PortForwardingDeleted':
      return forwardingStream(event.data);
    default:
  }
  const { kind, id } = subjectOf(event);
  return `${kind}-${id}`;
}

/** Stream of a forwarding's events. A forwarding of a floating IP may change its router and stays in its stream. */
export const forwardingStream = (of: Readonly<{ floatingIpId: string | null; routerId: string }>): string =>
  of.floatingIpId === null ? `router-${of.routerId}` : `floatingip-${of.floatingIpId}`;

/** The object a stream is named for: what an event of unknown type freezes. Null for a stream this catalogue cannot name. */
export function objectOfStream(stream: string): ObjectKey | null {
  const dash = stream.indexOf('-');
  const kind = stream.slice(0, dash);
  const id = stream.slice(dash + 1);
  return dash > 0 && (KINDS as readonly string[]).includes(kind) ? (`${kind}/${id}` as ObjectKey) : null;
}
