/**
 * Helpers over a host's view: the routers on this host, and each router's legs (its ports with their networks and subnets), gathered from the objects
 * that arrive one by one.
 */
import { FloatingIp, ObjectKey, Port, PortForwarding, Router, Subnet, versionOf } from '@plumbline/contracts';
import { HostView, objectIn, objectsOf } from '@plumbline/topology';
import { Forwarding } from './forwardings.js';
import { gatewayDevice, interfaceDevice } from './marks.js';

export type LegAddress = Readonly<{ ip: string; version: 4 | 6; subnet: Subnet }>;
export type Leg = Readonly<{
  role: 'interface' | 'gateway';
  device: string;
  port: Port;
  mtuBytes: number;
  networkId: string;
  addresses: readonly LegAddress[];
  /** Of the event that made this leg or last set its addresses. */
  position: number;
}>;

/** A router on this host with all it needs to be rendered. */
export type Gathered = Readonly<{
  router: Router;
  /** Interfaces by device name, then the gateway. */
  legs: readonly Leg[];
  gateway: Leg | null;
  enableSnat: boolean;
  /** Associated ones, by address. */
  floatingIps: readonly (FloatingIp & { association: NonNullable<FloatingIp['association']> })[];
  /** By id. Those of floating IPs and those of the router's own address. */
  forwardings: readonly Forwarding[];
  /** Subnets of the gateway's network. */
  outsideSubnets: readonly Subnet[];
  /** Every object this router's state follows from. */
  keys: ReadonlySet<ObjectKey>;
}>;

/** The view lacks something this router needs: it is reported and left alone, since half a router could open a path. */
export class Incomplete extends Error {
  override readonly name = 'Incomplete';
  /** `keys`: of what was looked for until then, what is missing among it. */
  constructor(
    message: string,
    readonly keys: ReadonlySet<ObjectKey>,
  ) {
    super(message);
  }
}

/** Routers scheduled to the view's host, sorted by id; those that are administratively down too. */
export const routersHere = (view: HostView): Router[] =>
  objectsOf(view, 'router').filter((router) => router.host === view.host);

/** The router's own IPv4 address outside: the first of its gateway port. */
export const outsideIpv4 = (gateway: Leg | null): string | null =>
  gateway?.addresses.find((address) => address.version === 4)?.ip ?? null;

/** `floatingIps`, `forwardings`: of this router; `outsideSubnets`: of its gateway's network. Throws Incomplete when an object this router needs is not in the view. */
export function gather(
  view: HostView,
  router: Router,
  floatingIps: readonly FloatingIp[],
  forwardings: readonly PortForwarding[],
  outsideSubnets: readonly Subnet[],
): Gathered {
  const keys = new Set<ObjectKey>([`router/${router.id}`]);
  const leg = (portId: string, networkId: string, role: Leg['role'], facet: string): Leg => {
    keys.add(`port/${portId}`).add(`network/${networkId}`);
    const port = objectIn(view, 'port', portId);
    const network = objectIn(view, 'network', networkId);
    if (!port) throw new Incomplete(`port ${portId} of router ${router.id} is not in this host's view`, keys);
    if (!network)
      throw new Incomplete(`network ${networkId} of router port ${portId} is not in this host's view`, keys);
    const addresses = port.fixedIps.map(({ subnetId, ipAddress }): LegAddress => {
      keys.add(`subnet/${subnetId}`);
      const subnet = objectIn(view, 'subnet', subnetId);
      if (!subnet) throw new Incomplete(`subnet ${subnetId} of router port ${portId} is not in this host's view`, keys);
      return { ip: ipAddress, version: versionOf(ipAddress), subnet };
    });
    return {
      role,
      device: role === 'gateway' ? gatewayDevice(portId) : interfaceDevice(portId),
      port,
      mtuBytes: network.mtuBytes,
      networkId,
      addresses,
      position: Math.max(router.setAt[facet] ?? 0, port.setAt['fixedIps'] ?? 0),
    };
  };
  const interfaces = Object.entries(router.interfaces)
    .map(([portId, { networkId }]) => leg(portId, networkId, 'interface', `interface:${portId}`))
    .sort((a, b) => (a.device < b.device ? -1 : 1));
  const gateway = router.gateway && leg(router.gateway.portId, router.gateway.networkId, 'gateway', 'gateway');
  const ours = floatingIps
    .filter((fip): fip is Gathered['floatingIps'][number] => fip.association?.routerId === router.id)
    .sort((a, b) => (a.floatingIpAddress < b.floatingIpAddress ? -1 : 1));
  for (const fip of ours) keys.add(`floatingip/${fip.id}`);
  for (const forwarding of forwardings) keys.add(`portforwarding/${forwarding.id}`);
  for (const subnet of outsideSubnets) keys.add(`subnet/${subnet.id}`);
  return {
    router,
    legs: gateway ? [...interfaces, gateway] : interfaces,
    gateway,
    enableSnat: router.gateway?.enableSnat ?? false,
    floatingIps: ours,
    forwardings: [...forwardings]
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .map((object) => ({
        object,
        address: object.externalIpAddress ?? outsideIpv4(gateway),
        position: object.setAt['portforwarding'] ?? 0,
      })),
    outsideSubnets,
    keys,
  };
}
