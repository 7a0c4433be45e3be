/**
 * The objects a log describes, as they stand at one position. One shape serves the API's memory, the read models, the host views that agents keep
 * and the snapshots on their disks (CATALOGUE_VERSION says which version wrote it).
 *
 * `setAt` maps each facet of an object to the position of the event that last set it, so that a rule on a node can say why it exists.
 */
import { z } from 'zod';
import {
  AddressPair,
  AllocationPool,
  Cidr,
  ExtraDhcpOpt,
  FixedIp,
  ForwardedProtocol,
  HostRoute,
  Id,
  IpAddress,
  Ipv4,
  IpVersion,
  Ipv6Mode,
  LinkName,
  Mac,
  NetworkType,
  PhysicalNetwork,
  PortRange,
  Time,
  VlanId,
  Word,
} from './primitives.js';
import { HostName } from './host-names.js';
import { type Firewall, FIREWALLS } from './settings.js';

/** Raised whenever an object gets a field or an event gets more meaning. A reader with another number folds again, or says what it cannot do. */
export const CATALOGUE_VERSION = 9;

const common = {
  id: Id,
  projectId: z.string(),
  name: z.string(),
  description: z.string(),
  /** Tags that a client set, sorted. Defaults here and below are for snapshots of an older catalogue. */
  tags: z.array(z.string()).default([]),
  createdAt: Time,
  updatedAt: Time,
  /** Number of events that changed this object since its creation, its parts apart. The API's `revision_number` counts those too (`revisionOf`). */
  revision: z.number().int().nonnegative(),
  /** Facet -> position of the event that last set it. Negative inside an uncommitted command: -1 is that command's first event. */
  setAt: z.record(z.string(), z.number().int()),
};

/** Facets: `network`. */
export const Network = z.object({
  kind: z.literal('network'),
  ...common,
  adminStateUp: z.boolean(),
  mtuBytes: z.number().int(),
  shared: z.boolean(),
  external: z.boolean(),
  isDefault: z.boolean(),
  networkType: NetworkType,
  physicalNetwork: PhysicalNetwork.nullable(),
  segmentationId: z.number().int().nullable(),
  portSecurityEnabled: z.boolean(),
  dnsDomain: z.string().default(''),
});

/** Facets: `subnet`. */
export const Subnet = z.object({
  kind: z.literal('subnet'),
  ...common,
  networkId: Id,
  ipVersion: IpVersion,
  cidr: Cidr,
  gatewayIp: IpAddress.nullable(),
  allocationPools: z.array(AllocationPool),
  dnsNameservers: z.array(IpAddress),
  hostRoutes: z.array(HostRoute),
  enableDhcp: z.boolean(),
  ipv6RaMode: Ipv6Mode.nullable(),
  ipv6AddressMode: Ipv6Mode.nullable(),
  /** The pool its prefix was taken from. */
  subnetPoolId: Id.nullable().default(null),
  /** Device owners whose ports may have addresses here; empty: all. */
  serviceTypes: z.array(z.string()).default([]),
});

/**
 * Facets: `port`, `fixedIps`, `binding`, `binding:<host>` of each inactive binding, and `membership`: what decides the port's place in security groups beside its
 * fixed IPs, so its groups, address pairs and port security. A router's port has no binding of its own: it is on its router's host.
 */
export const Port = z.object({
  kind: z.literal('port'),
  ...common,
  networkId: Id,
  macAddress: Mac,
  adminStateUp: z.boolean(),
  deviceId: z.string(),
  deviceOwner: z.string(),
  fixedIps: z.array(FixedIp),
  portSecurityEnabled: z.boolean(),
  /** Sorted. */
  securityGroupIds: z.array(Id).default([]),
  /** Addresses or prefixes, each with a MAC, from which the port may also send. */
  allowedAddressPairs: z.array(AddressPair).default([]),
  extraDhcpOpts: z.array(ExtraDhcpOpt).default([]),
  dnsName: z.string().default(''),
  /** The port of a DHCP server of this cloud: it is on the node that serves its network. Others of device owner `network:dhcp` are their makers' own. */
  servesDhcp: z.boolean().default(false),
  binding: z.object({
    /** '' when unbound. */
    host: z.union([HostName, z.literal('')]),
    vnicType: z.string(),
    profile: z.record(z.string(), z.unknown()),
  }),
  /** Host -> a further binding of the port: nothing passes there until it is activated, as when an instance is being moved. */
  inactiveBindings: z
    .record(z.string(), z.object({ vnicType: z.string(), profile: z.record(z.string(), z.unknown()) }))
    .default({}),
});

/** Facets: `router`, `gateway`, `interface:<port id>`, `routes`, `host`. */
export const Router = z.object({
  kind: z.literal('router'),
  ...common,
  adminStateUp: z.boolean(),
  gateway: z.object({ portId: Id, networkId: Id, enableSnat: z.boolean() }).nullable(),
  /** By port id. */
  interfaces: z.record(z.string(), z.object({ networkId: Id })),
  routes: z.array(HostRoute),
  /** The network node that carries it. */
  host: HostName.nullable(),
  /** True: an administrator took it off its node. It is scheduled again by hand or by its owner's next change, not automatically. */
  heldOff: z.boolean().default(false),
  availabilityZoneHints: z.array(z.string()).default([]),
});

/** Facets: `floatingip`, `association`. `portId` is the port that holds the outside address; `association.portId` the instance's. */
export const FloatingIp = z.object({
  kind: z.literal('floatingip'),
  ...common,
  floatingNetworkId: Id,
  floatingIpAddress: IpAddress,
  floatingPortId: Id,
  association: z.object({ portId: Id, fixedIpAddress: IpAddress, subnetId: Id, routerId: Id }).nullable(),
  dnsName: z.string().default(''),
  dnsDomain: z.string().default(''),
});

/**
 * Forwards a range of ports of an outside address to ports of an inside address. The outside address is a floating IP's, or, with `floatingIpId` null, the
 * router's own gateway address. Facets: `portforwarding`.
 */
export const PortForwarding = z.object({
  kind: z.literal('portforwarding'),
  ...common,
  /** The router that carries it. */
  routerId: Id,
  floatingIpId: Id.nullable(),
  /** The floating IP's address; null: the router's gateway address. */
  externalIpAddress: Ipv4.nullable(),
  protocol: ForwardedProtocol,
  /** Null for a protocol without ports. As many ports as `internalPorts`, or `internalPorts` is one port. */
  externalPorts: PortRange.nullable(),
  internalPorts: PortRange.nullable(),
  internalPortId: Id,
  internalIpAddress: Ipv4,
  internalSubnetId: Id,
});

/** Facets: `securitygroup`. */
export const SecurityGroup = z.object({
  kind: z.literal('securitygroup'),
  ...common,
  /** False: rules match each packet separately, without connection tracking. */
  stateful: z.boolean(),
  /** The one group `default` that each project has. */
  isDefault: z.boolean(),
});

/** Null matches everything. At most one of the three remote fields is set. Facets: `securitygrouprule`. */
export const SecurityGroupRule = z.object({
  kind: z.literal('securitygrouprule'),
  ...common,
  securityGroupId: Id,
  direction: z.enum(['ingress', 'egress']),
  ethertype: z.enum(['IPv4', 'IPv6']),
  /** A name from the Networking API's list, or an IANA protocol number as text. */
  protocol: z.string().nullable(),
  /** Ports; with ICMP type and code. */
  portRangeMin: z.number().int().nullable(),
  portRangeMax: z.number().int().nullable(),
  remoteGroupId: Id.nullable(),
  remoteAddressGroupId: Id.nullable(),
  remoteIpPrefix: Cidr.nullable(),
});

/**
 * A port in a security group, as rules see it that name the group as remote. Derived from the port: no event is about it. Every port that has the group is a member,
 * bound or not, up or down, whatever its device: a rule lets in the addresses of a group, not what runs now. Facets: `membership`, `fixedIps` of the port; the
 * larger is the position of the event that last set what this says.
 */
export const SecurityGroupMember = z.object({
  kind: z.literal('securitygroupmember'),
  /** `memberId`. */
  id: z.string(),
  /** The port's project. */
  projectId: z.string(),
  setAt: common.setAt,
  securityGroupId: Id,
  portId: Id,
  /** Canonical prefixes of the port's fixed IPs and allowed address pairs, each once, sorted by text. Never empty. */
  addresses: z.array(Cidr),
});

const uuidLength = 36;
/** Id of a port's membership in a security group. */
export const memberId = (securityGroupId: string, portId: string): string => `${securityGroupId}_${portId}`;
/** The port of a membership. */
export const portOfMember = (id: string): string => id.slice(uuidLength + 1);
/** The group of a membership. */
export const groupOfMember = (id: string): string => id.slice(0, uuidLength);

/**
 * Where a port is, for the other hosts of its network. Derived from the port: no event is about it. Every port that is bound to a host has one; of a router's port,
 * which has no binding, two other objects say the same (`RouterEntry`, `RouterPlace`). Facets: `binding`, `fixedIps`, `membership` of the port; the largest is the position of the event that last set what this says.
 */
export const ForwardingEntry = z.object({
  kind: z.literal('forwardingentry'),
  /** The port's. */
  id: Id,
  /** The port's project. */
  projectId: z.string(),
  setAt: common.setAt,
  networkId: Id,
  host: HostName,
  macAddress: Mac,
  /** Fixed IPs, canonical, each once, sorted by text. */
  addresses: z.array(IpAddress),
  /** No other port has its MAC and fixed addresses: the port has port security, so what it sends is checked on its host, or it is our own DHCP server's. */
  secured: z.boolean(),
  /** Addresses and MACs that the port may have beside its own: they may be at another port by now. */
  pairs: z.array(AddressPair),
});

/**
 * What a router's port has on its network, for the hosts of that network; with the port's `RouterPlace` it is a forwarding entry. Derived from the port: no event
 * is about it. Facets: `fixedIps` of the port.
 */
export const RouterEntry = z.object({
  kind: z.literal('routerentry'),
  /** The port's. */
  id: Id,
  /** The port's project. */
  projectId: z.string(),
  setAt: common.setAt,
  networkId: Id,
  routerId: Id,
  macAddress: Mac,
  /** Fixed IPs, canonical, each once, sorted by text. */
  addresses: z.array(IpAddress),
});

/**
 * Where a router's port is, for the hosts of its network. Derived from the router: no event is about it. A router that is on no node, or would be ready on several,
 * has none. Facets: `host`, `gateway` and `interface:<port id>` of the router.
 */
export const RouterPlace = z.object({
  kind: z.literal('routerplace'),
  /** `placeId`. */
  id: z.string(),
  /** The router's project. */
  projectId: z.string(),
  setAt: common.setAt,
  networkId: Id,
  host: HostName,
});

/** Id of the place of a router's port. */
export const placeId = (routerId: string, portId: string): string => `${routerId}_${portId}`;
/** The router of a place. */
export const routerOfPlace = (id: string): string => id.slice(0, uuidLength);
/** The port of a place. */
export const portOfPlace = (id: string): string => id.slice(uuidLength + 1);

/** A named set of prefixes that rules may name. Facets: `addressgroup`. */
export const AddressGroup = z.object({
  kind: z.literal('addressgroup'),
  ...common,
  /** Canonical prefixes, sorted. */
  addresses: z.array(Cidr),
});

/**
 * Asks the hosts of some ports to log what security groups do to their packets: of one port, of the ports of one group, or of one port as long as it has that group.
 * Facets: `packetlog`.
 */
export const PacketLog = z.object({
  kind: z.literal('packetlog'),
  ...common,
  enabled: z.boolean(),
  /** Whose doing is logged. */
  resourceType: z.enum(['security_group']),
  /** What is logged: what the groups drop, the first packets of connections that they accept, or both. */
  event: z.enum(['DROP', 'ACCEPT', 'ALL']),
  /** At least one of these two is not null. */
  securityGroupId: Id.nullable(),
  portId: Id.nullable(),
});

/** A set of pools whose addresses do not overlap and may be routed to each other. Facets: `addressscope`. */
export const AddressScope = z.object({
  kind: z.literal('addressscope'),
  ...common,
  ipVersion: IpVersion,
  shared: z.boolean(),
});

/** Prefixes from which subnets are taken. Facets: `subnetpool`. */
export const SubnetPool = z.object({
  kind: z.literal('subnetpool'),
  ...common,
  ipVersion: IpVersion,
  /** Canonical, merged, sorted. */
  prefixes: z.array(Cidr),
  defaultPrefixLength: z.number().int(),
  minPrefixLength: z.number().int(),
  maxPrefixLength: z.number().int(),
  /** Maximum number of addresses (IPv4) or /64 prefixes (IPv6) that one project may have of it; null: no limit. */
  defaultQuota: z.number().int().nullable(),
  addressScopeId: Id.nullable(),
  shared: z.boolean(),
  isDefault: z.boolean(),
});

/** Lets another project (with '*': all projects) see or use an object. Facets: `rbacpolicy`. */
export const RbacPolicy = z.object({
  kind: z.literal('rbacpolicy'),
  ...common,
  objectType: z.enum(['network', 'security_group', 'address_scope', 'subnetpool', 'address_group']),
  objectId: Id,
  action: z.enum(['access_as_shared', 'access_as_external']),
  targetProject: z.string(),
  /** Its events are in the stream of its object, and so change the object's revision number. False: of a release that gave each policy its own. */
  withObject: z.boolean().default(false),
});

/** Limits of one project that differ from the defaults. Its id is the project's. Facets: `quota`. */
export const Quota = z.object({
  kind: z.literal('quota'),
  ...common,
  id: z.string(),
  /** Resource name of the API -> maximum number of objects; -1: no limit. */
  limits: z.record(z.string(), z.number().int().min(-1)),
});

/** The hosts on which a network is present, each with its local VLAN. Its id is the network's. Facets: `host:<host>`. */
export const Placement = z.object({
  kind: z.literal('placement'),
  ...common,
  hosts: z.record(z.string(), z.object({ localVlanId: VlanId })),
});

/** A machine that runs agents. Its id is the host name. Facets: `node`. */
export const Node = z.object({
  kind: z.literal('node'),
  ...common,
  id: HostName,
  /** VXLAN tunnel end (RFC 7348 VTEP); null: no tunnels on this node. */
  tunnelIp: IpAddress.nullable(),
  /** Physical network -> bridge. */
  bridgeMappings: z.record(z.string(), LinkName),
  /** Its tunnel ends send and answer BFD (RFC 5880), so that a silent one is known to be dead. Absent: its agent is of a release that does not say so. */
  bfd: z.boolean().optional(),
  /** How it enforces what its ports say (security groups, addresses): a FIREWALL, or a word that only a later release knows, which counts as `none`. */
  firewall: Word.default('none'),
  removed: z.boolean(),
});

/**
 * What an operator lets a node be, whatever it says of itself (ADR 6). Its id is the host name. It ends with its admission: a host without one may do nothing new.
 * Facets: `admission`.
 */
export const Admission = z.object({
  kind: z.literal('admission'),
  ...common,
  id: HostName,
  /** Words: `NodeRole`, or a role of a later release, which a reader ignores. Sorted. */
  roles: z.array(z.string()),
  /** Physical networks that it may map to a bridge. Sorted. */
  physicalNetworks: z.array(z.string()),
  /** Physical network -> the only bridge that it may map it to. One that is not here: any bridge. */
  bridges: z.record(z.string(), LinkName),
});

/** A node's firewall as this release understands it; of a node that is not there, or was removed, none. */
export const firewallOf = (node: Pick<z.infer<typeof Node>, 'firewall' | 'removed'> | undefined): Firewall =>
  (!node?.removed && FIREWALLS.find((each) => each === node?.firewall)) || 'none';

export const AnyObject = z.discriminatedUnion('kind', [
  Network,
  Subnet,
  Port,
  Router,
  FloatingIp,
  PortForwarding,
  SecurityGroup,
  SecurityGroupRule,
  SecurityGroupMember,
  ForwardingEntry,
  RouterEntry,
  RouterPlace,
  AddressGroup,
  PacketLog,
  AddressScope,
  SubnetPool,
  RbacPolicy,
  Quota,
  Admission,
  Placement,
  Node,
]);

export type Network = Readonly<z.infer<typeof Network>>;
export type Subnet = Readonly<z.infer<typeof Subnet>>;
export type Port = Readonly<z.infer<typeof Port>>;
export type Router = Readonly<z.infer<typeof Router>>;
export type FloatingIp = Readonly<z.infer<typeof FloatingIp>>;
export type Placement = Readonly<z.infer<typeof Placement>>;
export type Node = Readonly<z.infer<typeof Node>>;
export type Admission = Readonly<z.infer<typeof Admission>>;
export type PortForwarding = Readonly<z.infer<typeof PortForwarding>>;
export type SecurityGroup = Readonly<z.infer<typeof SecurityGroup>>;
export type SecurityGroupRule = Readonly<z.infer<typeof SecurityGroupRule>>;
export type SecurityGroupMember = Readonly<z.infer<typeof SecurityGroupMember>>;
export type ForwardingEntry = Readonly<z.infer<typeof ForwardingEntry>>;
export type RouterEntry = Readonly<z.infer<typeof RouterEntry>>;
export type RouterPlace = Readonly<z.infer<typeof RouterPlace>>;
export type PacketLog = Readonly<z.infer<typeof PacketLog>>;
export type AddressGroup = Readonly<z.infer<typeof AddressGroup>>;
export type AddressScope = Readonly<z.infer<typeof AddressScope>>;
export type SubnetPool = Readonly<z.infer<typeof SubnetPool>>;
export type RbacPolicy = Readonly<z.infer<typeof RbacPolicy>>;
export type Quota = Readonly<z.infer<typeof Quota>>;
export type AnyObject = Readonly<z.infer<typeof AnyObject>>;
/** An object that events are written of: any but a derived one. */
export type WrittenObject = Exclude<AnyObject, SecurityGroupMember | ForwardingEntry | RouterEntry | RouterPlace>;
export type WrittenKind = WrittenObject['kind'];
export type Kind = AnyObject['kind'];
export const KINDS: readonly Kind[] = AnyObject.options.map((schema) => schema.shape.kind.value);

/** `<kind>/<id>`: how maps, messages and quarantine name an object. */
export type ObjectKey = `${Kind}/${string}`;
export const keyOf = (object: Readonly<{ kind: Kind; id: string }>): ObjectKey => `${object.kind}/${object.id}`;

/** Device owners as clients know them (Networking API reference, "Ports"). */
export const DEVICE_OWNER = {
  routerInterface: 'network:router_interface',
  routerGateway: 'network:router_gateway',
  floatingIp: 'network:floatingip',
  dhcp: 'network:dhcp',
} as const;
/** True for ports in a router's namespace. */
export const isRouterPort = (port: Pick<Port, 'deviceOwner'>): boolean =>
  port.deviceOwner === DEVICE_OWNER.routerInterface || port.deviceOwner === DEVICE_OWNER.routerGateway;
