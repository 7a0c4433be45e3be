/** The moves of the walk: each makes one command, or nothing when there is nothing it could apply to. */
import { DEVICE_OWNER } from '@plumbline/contracts';
import {
  networkCreated,
  nodeRegistered,
  portBound,
  portCreated,
  routerCreated,
  routerGatewaySet,
  routerInterfaceAdded,
  routerScheduled,
  subnetCreated,
} from './events.js';
import { addressOn, HOST_NAMES, hostOf, instancePorts, pick, pickKind, type Move } from './reach.js';
import type { Walk } from './walk.js';
import { FLOATING_IP_MOVES } from './floating-ip-moves.js';
import { FORWARDING_MOVES, unforward } from './forwarding-moves.js';
import { SECURITY_GROUP_MOVES } from './security-group-moves.js';

const portsOf = (walk: Walk, networkId: string) => walk.topology.find('port', `network/${networkId}`);

const registerNode: Move = (walk, { a, b, c }) => {
  const tunnelIp = c % 5 === 0 ? null : `172.16.${b % 3}.${1 + (a % HOST_NAMES.length)}`;
  const firewall = [undefined, 'openflow', 'hybrid', 'none', 'of-tomorrow'][b % 5];
  walk.emit(nodeRegistered(hostOf(a), tunnelIp, c % 2 === 0 ? { physnet1: 'br-ex' } : {}, firewall));
};

const removeNode: Move = (walk, { a, b }) => {
  const node = pickKind(walk, 'node', a);
  if (node && !node.removed && b % 4 === 0) walk.emit({ type: 'NodeRemoved', version: 1, data: { host: node.id } });
};

const createNetwork: Move = (walk, { a, b, c }) => {
  const networkId = walk.newId();
  const number = walk.topology.position + 1;
  const external = c % 3 === 0;
  if (a % 3 === 0)
    walk.emit(
      networkCreated({
        networkId,
        external,
        networkType: 'flat',
        physicalNetwork: `physnet${number}`,
        segmentationId: null,
      }),
    );
  else if (a % 3 === 1)
    walk.emit(
      networkCreated({
        networkId,
        external,
        networkType: 'vlan',
        physicalNetwork: 'physnet1',
        segmentationId: number % 4094,
      }),
    );
  else walk.emit(networkCreated({ networkId, external, networkType: 'vxlan', segmentationId: number }));
  if (b % 2 === 0)
    walk.emit(
      subnetCreated({
        subnetId: walk.newId(),
        networkId,
        cidr: `10.${b % 200}.0.0/24`,
        gatewayIp: `10.${b % 200}.0.1`,
      }),
    );
};

const setNetwork: Move = (walk, { a, b }) => {
  const network = pickKind(walk, 'network', a);
  if (network)
    walk.emit({
      type: 'NetworkAttributesSet',
      version: 1,
      data: { networkId: network.id, set: { name: `network-${b}`, adminStateUp: b % 2 === 0 } },
    });
};

const deleteNetwork: Move = (walk, { a }) => {
  const network = walk.topology.all('network').filter((each) => portsOf(walk, each.id).length === 0);
  const gone = pick(network, a);
  if (!gone) return;
  for (const subnet of walk.topology.find('subnet', `network/${gone.id}`))
    walk.emit({ type: 'SubnetDeleted', version: 1, data: { subnetId: subnet.id, networkId: gone.id } });
  walk.settle(gone.id);
  walk.emit({ type: 'NetworkDeleted', version: 1, data: { networkId: gone.id } });
};

const createSubnet: Move = (walk, { a, b }) => {
  const network = pickKind(walk, 'network', a);
  if (!network) return;
  const cidr = `10.${200 + (b % 50)}.${walk.topology.position % 250}.0/24`;
  if (walk.topology.find('subnet', `network/${network.id}`).some((subnet) => subnet.cidr === cidr)) return;
  walk.emit(subnetCreated({ subnetId: walk.newId(), networkId: network.id, cidr }));
};

const changeSubnet: Move = (walk, { a, b }) => {
  const subnet = pickKind(walk, 'subnet', a);
  if (!subnet) return;
  const used = portsOf(walk, subnet.networkId).some((port) => port.fixedIps.some((ip) => ip.subnetId === subnet.id));
  const named = { subnetId: subnet.id, networkId: subnet.networkId };
  if (!used && b % 2 === 0) walk.emit({ type: 'SubnetDeleted', version: 1, data: named });
  else
    walk.emit({
      type: 'SubnetAttributesSet',
      version: 1,
      data: { ...named, set: { dnsNameservers: [`9.9.9.${b % 250}`] } },
    });
};

const createPort: Move = (walk, { a, b, c }) => {
  const network = pickKind(walk, 'network', a);
  if (!network) return;
  const portId = walk.newId();
  walk.emit(
    portCreated({
      portId,
      networkId: network.id,
      macAddress: walk.newMac(),
      fixedIps: addressOn(walk, network.id),
      deviceId: `vm-${c}`,
      ...(c % 4 === 0 && { servesDhcp: true }),
    }),
  );
  if (b % 3 === 0) return;
  walk.emit(portBound(portId, network.id, hostOf(b)));
  walk.settle(network.id);
};

/** Binds, or moves when bound already. A lazy one leaves the old placement behind for a later command to withdraw. */
const bindPort: Move = (walk, { a, b, c }) => {
  const port = pick(instancePorts(walk), a);
  if (!port) return;
  walk.emit(portBound(port.id, port.networkId, hostOf(b)));
  walk.settle(port.networkId, c % 4 === 0);
};

const unbindPort: Move = (walk, { a }) => {
  const port = pick(
    instancePorts(walk).filter((each) => each.binding.host !== ''),
    a,
  );
  if (!port?.binding.host) return;
  walk.emit({
    type: 'PortUnbound',
    version: 1,
    data: { portId: port.id, networkId: port.networkId, host: port.binding.host },
  });
  walk.settle(port.networkId);
};

/** Adds a second binding, removes it, or activates it. */
const bindTwice: Move = (walk, { a, b, c }) => {
  const port = pick(instancePorts(walk), a);
  if (!port) return;
  const { id: portId, networkId, binding } = port;
  const inactive = pick(Object.keys(port.inactiveBindings), b);
  const host = hostOf(b);
  if (inactive === undefined) {
    if (host === binding.host) return;
    const data = { portId, networkId, host, vnicType: 'normal', profile: {} };
    walk.emit({ type: 'PortInactiveBindingSet', version: 1, data });
  } else if (c % 3 === 0)
    walk.emit({ type: 'PortInactiveBindingRemoved', version: 1, data: { portId, networkId, host: inactive } });
  else {
    const data = { portId, networkId, host: inactive, previousHost: binding.host };
    walk.emit({ type: 'PortBindingActivated', version: 1, data });
  }
  walk.settle(networkId, c % 4 === 0);
};

const changePort: Move = (walk, { a, b }) => {
  const port = pick(instancePorts(walk), a);
  if (!port) return;
  if (b % 2 === 0) {
    walk.emit({
      type: 'PortAttributesSet',
      version: 1,
      data: { portId: port.id, set: { name: `port-${b}`, deviceId: `vm-${b}` } },
    });
    return;
  }
  if (walk.topology.has(`associated/${port.id}`)) return;
  if (walk.topology.find('portforwarding', `port/${port.id}`).length > 0) return;
  walk.emit({
    type: 'PortFixedIpsSet',
    version: 1,
    data: { portId: port.id, networkId: port.networkId, fixedIps: addressOn(walk, port.networkId) },
  });
};

const deletePort: Move = (walk, { a }) => {
  const port = pick(instancePorts(walk), a);
  if (!port) return;
  for (const floatingIp of walk.topology.find('floatingip', `associated/${port.id}`)) {
    const { portId, fixedIpAddress, routerId } = floatingIp.association as NonNullable<typeof floatingIp.association>;
    const { id: floatingIpId, floatingIpAddress } = floatingIp;
    walk.emit({
      type: 'FloatingIpDisassociated',
      version: 1,
      data: { floatingIpId, floatingIpAddress, portId, fixedIpAddress, routerId },
    });
  }
  for (const forwarding of walk.topology.find('portforwarding', `port/${port.id}`)) unforward(walk, forwarding);
  walk.emit({ type: 'PortDeleted', version: 1, data: { portId: port.id, networkId: port.networkId } });
  walk.settle(port.networkId);
};

const createRouter: Move = (walk, { a, b }) => {
  const routerId = walk.newId();
  walk.emit(routerCreated({ routerId }));
  if (b % 2 === 0) walk.emit(routerScheduled(routerId, hostOf(a)));
};

const networkIdsOf = (walk: Walk, routerId: string): string[] => [
  ...new Set(walk.topology.routerPorts(routerId).map((port) => port.networkId)),
];

/** Schedules, or moves when scheduled already. */
const scheduleRouter: Move = (walk, { a, b }) => {
  const router = pickKind(walk, 'router', a);
  if (!router) return;
  if (router.host)
    walk.emit({ type: 'RouterUnscheduled', version: 1, data: { routerId: router.id, host: router.host } });
  if (!router.host || b % 3 !== 0) walk.emit(routerScheduled(router.id, hostOf(b)));
  for (const networkId of networkIdsOf(walk, router.id)) walk.settle(networkId, b % 5 === 0);
};

const addInterface: Move = (walk, { a, b }) => {
  const router = pickKind(walk, 'router', a);
  const network = pickKind(walk, 'network', b);
  if (!router || !network || network.external) return;
  const fixedIps = addressOn(walk, network.id);
  if (fixedIps.length === 0) return;
  const portId = walk.newId();
  walk.emit(
    portCreated({
      portId,
      networkId: network.id,
      macAddress: walk.newMac(),
      fixedIps,
      deviceId: router.id,
      deviceOwner: DEVICE_OWNER.routerInterface,
    }),
  );
  walk.emit(routerInterfaceAdded(router.id, portId, network.id, fixedIps));
  walk.settle(network.id);
};

const removeInterface: Move = (walk, { a, b }) => {
  const router = pickKind(walk, 'router', a);
  const attached = router && pick(Object.entries(router.interfaces), b);
  if (!router || !attached) return;
  const [portId, { networkId }] = attached;
  const carried = walk.topology.find('floatingip', `router/${router.id}`);
  const subnets = new Set(walk.topology.get('port', portId)?.fixedIps.map((ip) => ip.subnetId));
  if (carried.some((floatingIp) => subnets.has(floatingIp.association?.subnetId ?? ''))) return;
  const forwarded = walk.topology.find('portforwarding', `router/${router.id}`);
  if (forwarded.some((forwarding) => subnets.has(forwarding.internalSubnetId))) return;
  walk.emit({ type: 'RouterInterfaceRemoved', version: 1, data: { routerId: router.id, portId, networkId } });
  walk.emit({ type: 'PortDeleted', version: 1, data: { portId, networkId } });
  walk.settle(networkId);
};

const setGateway: Move = (walk, { a, b }) => {
  const router = pickKind(walk, 'router', a);
  const network = pick(
    walk.topology.all('network').filter((each) => each.external),
    b,
  );
  if (!router || router.gateway || !network) return;
  const portId = walk.newId();
  const fixedIps = addressOn(walk, network.id);
  walk.emit(
    portCreated({
      portId,
      networkId: network.id,
      macAddress: walk.newMac(),
      fixedIps,
      deviceId: router.id,
      deviceOwner: DEVICE_OWNER.routerGateway,
    }),
  );
  walk.emit(routerGatewaySet(router.id, portId, network.id, fixedIps));
  walk.settle(network.id);
};

/** True for a router with floating IPs or forwardings. */
const carries = ({ topology }: Walk, routerId: string): boolean =>
  topology.count('floatingip', `router/${routerId}`) + topology.count('portforwarding', `router/${routerId}`) > 0;

const clearGateway: Move = (walk, { a }) => {
  const router = pick(
    walk.topology.all('router').filter((each) => each.gateway),
    a,
  );
  if (!router?.gateway || carries(walk, router.id)) return;
  const { portId, networkId } = router.gateway;
  walk.emit({ type: 'RouterGatewayCleared', version: 1, data: { routerId: router.id, portId, networkId } });
  walk.emit({ type: 'PortDeleted', version: 1, data: { portId, networkId } });
  walk.settle(networkId);
};

const changeRouter: Move = (walk, { a, b }) => {
  const router = pickKind(walk, 'router', a);
  if (!router) return;
  if (b % 2 === 0)
    walk.emit({ type: 'RouterAttributesSet', version: 1, data: { routerId: router.id, set: { name: `router-${b}` } } });
  else
    walk.emit({
      type: 'RouterRoutesSet',
      version: 1,
      data: { routerId: router.id, routes: [{ destination: `192.168.${b % 250}.0/24`, nexthop: '10.0.0.9' }] },
    });
};

const deleteRouter: Move = (walk, { a }) => {
  const idle = walk.topology.all('router').filter((each) => !each.gateway && Object.keys(each.interfaces).length === 0);
  const router = pick(idle, a);
  if (router) walk.emit({ type: 'RouterDeleted', version: 1, data: { routerId: router.id } });
};

/** Withdraws what lazy moves left behind. */
const sweepPlacements: Move = (walk, { a }) => {
  const placement = pickKind(walk, 'placement', a);
  if (placement) walk.settle(placement.id);
};

export const MOVES: readonly Move[] = [
  registerNode,
  registerNode,
  removeNode,
  createNetwork,
  createNetwork,
  setNetwork,
  deleteNetwork,
  createSubnet,
  changeSubnet,
  createPort,
  createPort,
  createPort,
  bindPort,
  bindPort,
  unbindPort,
  bindTwice,
  bindTwice,
  changePort,
  deletePort,
  createRouter,
  createRouter,
  scheduleRouter,
  scheduleRouter,
  addInterface,
  addInterface,
  removeInterface,
  setGateway,
  setGateway,
  clearGateway,
  changeRouter,
  deleteRouter,
  sweepPlacements,
  ...FLOATING_IP_MOVES,
  ...FORWARDING_MOVES,
  ...SECURITY_GROUP_MOVES,
];
