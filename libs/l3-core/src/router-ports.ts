/**
 * Reads a host's view: which routers are on this host, and of each router its ports (its interfaces and its gateway) with their networks and subnets. The
 * objects arrive one by one, so something may still be missing.
 */
import { FloatingIp, ObjectKey, Port, PortForwarding, Router, Subnet, versionOf } from '@plumbline/contracts';
import { HostView, objectIn, objectsOf } from '@plumbline/topology';
import { Forwarding } from './forwardings.js';
import { gatewayDevice, interfaceDevice } from './marks.js';

export type RouterPortAddress = Readonly<{ ip: string; version: 4 | 6; subnet: Subnet }>;
/** A port of a router: one of its interfaces, or its gateway. */
export type RouterPort = Readonly<{
  role: 'interface' | 'gateway';
  device: string;
  port: Port;
  mtuBytes: number;
  networkId: string;
  addresses: readonly RouterPortAddress[];
  /** Position of the event that made this port the router's or last set its addresses. */
  position: number;
}>;

/** A router on this host with all it needs to be rendered. */
export type Gathered = Readonly<{
  router: Router;
  /** Interfaces by device name, then the gateway. */
  ports: readonly RouterPort[];
  gateway: RouterPort | null;
  enableSnat: boolean;
  /** Associated ones, by address. */
  floatingIps: readonly (FloatingIp & { association: NonNullable<FloatingIp['association']> })[];
  /** By id. Those of floating IPs and those of the router's own address. */
  forwardings: readonly Forwarding[];
  /** Subnets of the gateway's network. */
  outsideSubnets: readonly Subnet[];
  /** Every object that this router's state is computed from. */
  keys: ReadonlySet<ObjectKey>;
}>;

/**
 * An object that this router needs is not in the view. The router is reported and left as it is: half a router could let packets through that must not pass.
 */
export class Incomplete extends Error {
  override readonly name = 'Incomplete';
  /** `keys`: the objects that were looked for, the missing one among them. */
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
export const outsideIpv4 = (gateway: RouterPort | null): string | null =>
  gateway?.addresses.find((address) => address.version === 4)?.ip ?? null;

const missing = (kind: 'port' | 'network' | 'subnet', id: string, ofPort?: string): string =>
  `the control plane has not told this node of ${kind} ${id}${ofPort === undefined ? '' : ` of router port ${ofPort}`}, so the router is left as it is; ` +
  'if this stays, an operator must look at the API';

/** `floatingIps`, `forwardings`: of this router; `outsideSubnets`: of its gateway's network. Throws Incomplete when an object this router needs is not in the view. */
export function gather(
  view: HostView,
  router: Router,
  floatingIps: readonly FloatingIp[],
  forwardings: readonly PortForwarding[],
  outsideSubnets: readonly Subnet[],
): Gathered {
  const keys = new Set<ObjectKey>([`router/${router.id}`]);
  const routerPort = (portId: string, networkId: string, role: RouterPort['role'], facet: string): RouterPort => {
    keys.add(`port/${portId}`).add(`network/${networkId}`);
    const port = objectIn(view, 'port', portId);
    const network = objectIn(view, 'network', networkId);
    if (!port) throw new Incomplete(missing('port', portId), keys);
    if (!network) throw new Incomplete(missing('network', networkId, portId), keys);
    const addresses = port.fixedIps.map(({ subnetId, ipAddress }): RouterPortAddress => {
      keys.add(`subnet/${subnetId}`);
      const subnet = objectIn(view, 'subnet', subnetId);
      if (!subnet) throw new Incomplete(missing('subnet', subnetId, portId), keys);
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
    .map(([portId, { networkId }]) => routerPort(portId, networkId, 'interface', `interface:${portId}`))
    .sort((a, b) => (a.device < b.device ? -1 : 1));
  const gateway = router.gateway && routerPort(router.gateway.portId, router.gateway.networkId, 'gateway', 'gateway');
  const ours = floatingIps
    .filter((fip): fip is Gathered['floatingIps'][number] => fip.association?.routerId === router.id)
    .sort((a, b) => (a.floatingIpAddress < b.floatingIpAddress ? -1 : 1));
  for (const fip of ours) keys.add(`floatingip/${fip.id}`);
  for (const forwarding of forwardings) keys.add(`portforwarding/${forwarding.id}`);
  for (const subnet of outsideSubnets) keys.add(`subnet/${subnet.id}`);
  return {
    router,
    ports: gateway ? [...interfaces, gateway] : interfaces,
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
