/**
 * The objects a log describes, as they stand at one position. One shape serves the API's memory, the read models, the host views that agents keep
 * and the snapshots on their disks (CATALOGUE_VERSION tells which generation wrote it).
 *
 * `setAt` maps each facet of an object to the position of the event that last set it: that is how a rule on a node can say why it exists.
 */
import { z } from 'zod';
import {
  AllocationPool,
  Cidr,
  FixedIp,
  HostName,
  HostRoute,
  Id,
  IpAddress,
  IpVersion,
  Ipv6Mode,
  LinkName,
  Mac,
  NetworkType,
  PhysicalNetwork,
  Time,
  VlanId,
} from './primitives.js';

/** Raised whenever an object's shape or an event's meaning grows; a reader with another number refolds or says what it cannot do. */
export const CATALOGUE_VERSION = 1;

const common = {
  id: Id,
  projectId: z.string(),
  name: z.string(),
  description: z.string(),
  createdAt: Time,
  updatedAt: Time,
  /** Number of events that changed this object since its creation; the API's `revision_number`. */
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
});

/** Facets: `port`, `fixedIps`, `binding`. A router's port has no binding of its own: it is where its router is. */
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
  binding: z.object({
    /** '' when unbound. */
    host: z.union([HostName, z.literal('')]),
    vnicType: z.string(),
    profile: z.record(z.string(), z.unknown()),
  }),
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
});

/** Facets: `floatingip`, `association`. `portId` is the port that holds the outside address; `association.portId` the instance's. */
export const FloatingIp = z.object({
  kind: z.literal('floatingip'),
  ...common,
  floatingNetworkId: Id,
  floatingIpAddress: IpAddress,
  floatingPortId: Id,
  association: z.object({ portId: Id, fixedIpAddress: IpAddress, subnetId: Id, routerId: Id }).nullable(),
});

/** On which hosts a network is present, and with which local VLAN. Its id is the network's. Facets: `host:<host>`. */
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
  removed: z.boolean(),
});

export const AnyObject = z.discriminatedUnion('kind', [Network, Subnet, Port, Router, FloatingIp, Placement, Node]);

export type Network = Readonly<z.infer<typeof Network>>;
export type Subnet = Readonly<z.infer<typeof Subnet>>;
export type Port = Readonly<z.infer<typeof Port>>;
export type Router = Readonly<z.infer<typeof Router>>;
export type FloatingIp = Readonly<z.infer<typeof FloatingIp>>;
export type Placement = Readonly<z.infer<typeof Placement>>;
export type Node = Readonly<z.infer<typeof Node>>;
export type AnyObject = Network | Subnet | Port | Router | FloatingIp | Placement | Node;
export type Kind = AnyObject['kind'];
export const KINDS: readonly Kind[] = ['network', 'subnet', 'port', 'router', 'floatingip', 'placement', 'node'];

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
/** True for ports that live in a router's namespace. */
export const isRouterPort = (port: Pick<Port, 'deviceOwner'>): boolean =>
  port.deviceOwner === DEVICE_OWNER.routerInterface || port.deviceOwner === DEVICE_OWNER.routerGateway;
