/** The walk's moves on port forwardings: of a floating IP, of a router's own address, changed, deleted. */
import { PortForwarding } from '@plumbline/contracts';
import { portForwardingChanged, portForwardingCreated, portForwardingDeleted } from './events.js';
import { instancePorts, pick, pickKind, routersBetween, type Move } from './reach.js';
import type { Walk } from './walk.js';

const PROTOCOLS: readonly PortForwarding['protocol'][] = ['tcp', 'udp', 'sctp', 'icmp'];

type Facts = Pick<
  PortForwarding,
  'protocol' | 'externalPorts' | 'internalPorts' | 'internalPortId' | 'internalIpAddress' | 'internalSubnetId'
>;
type Way = Readonly<{ routerId: string; facts: Facts }>;

/** To an instance behind a router with a gateway on this network, or behind this router. */
function wayTo(walk: Walk, to: { networkId: string } | { routerId: string }, a: number, b: number): Way | undefined {
  const reachable = instancePorts(walk).flatMap((port) => {
    const [fixedIp] = port.fixedIps;
    if (!fixedIp || walk.topology.has(`associated/${port.id}`)) return [];
    const routers = routersBetween(walk, fixedIp.subnetId).filter((router) =>
      'routerId' in to ? router.id === to.routerId : router.gateway?.networkId === to.networkId,
    );
    return routers.slice(0, 1).map(({ id }) => ({ routerId: id, port, fixedIp }));
  });
  const chosen = pick(reachable, a);
  if (!chosen) return undefined;
  const protocol = PROTOCOLS[b % PROTOCOLS.length] ?? 'tcp';
  const range = (first: number) => (protocol === 'icmp' ? null : { first, last: first + (b % 3) });
  return {
    routerId: chosen.routerId,
    facts: {
      protocol,
      externalPorts: range(1000 + (b % 60) * 10),
      internalPorts: range(20 + (b % 100) * 10),
      internalPortId: chosen.port.id,
      internalIpAddress: chosen.fixedIp.ipAddress,
      internalSubnetId: chosen.fixedIp.subnetId,
    },
  };
}

const meets = (one: Facts, other: Facts): boolean =>
  one.protocol === other.protocol &&
  (!one.externalPorts ||
    !other.externalPorts ||
    (one.externalPorts.first <= other.externalPorts.last && other.externalPorts.first <= one.externalPorts.last));

/** Nothing when it would meet another, or when the floating IP's others are on another router. */
function create(walk: Walk, outside: Pick<PortForwarding, 'floatingIpId' | 'externalIpAddress'>, way: Way): void {
  const term = outside.floatingIpId === null ? `gateway/${way.routerId}` : `floatingip/${outside.floatingIpId}`;
  const others = walk.topology.find('portforwarding', term);
  if (others.some((other) => other.routerId !== way.routerId || meets(other, way.facts))) return;
  walk.emit(
    portForwardingCreated({ portForwardingId: walk.newId(), routerId: way.routerId, ...outside, ...way.facts }),
  );
}

const ofFloatingIp: Move = (walk, { a, b, c }) => {
  const floatingIp = pick(
    walk.topology.all('floatingip').filter(({ association }) => !association),
    a,
  );
  const way = floatingIp && wayTo(walk, { networkId: floatingIp.floatingNetworkId }, b, c);
  if (!way) return;
  create(walk, { floatingIpId: floatingIp.id, externalIpAddress: floatingIp.floatingIpAddress }, way);
};

const ofGateway: Move = (walk, { a, b, c }) => {
  const router = pick(
    walk.topology.all('router').filter((each) => each.gateway),
    a,
  );
  const way = router && wayTo(walk, { routerId: router.id }, b, c);
  if (way) create(walk, { floatingIpId: null, externalIpAddress: null }, way);
};

const change: Move = (walk, { a, b, c }) => {
  const forwarding = pickKind(walk, 'portforwarding', a);
  const way = forwarding && wayTo(walk, { routerId: forwarding.routerId }, b, c);
  if (!way) return;
  const { id: portForwardingId, routerId, floatingIpId, externalIpAddress, protocol, externalPorts } = forwarding;
  // Where it is reached stays: what it would meet there is the API's to refuse.
  const long = externalPorts && externalPorts.last - externalPorts.first;
  const inside = long === null ? null : { first: 30 + (c % 100), last: 30 + (c % 100) + long };
  walk.emit(
    portForwardingChanged({
      ...{ portForwardingId, routerId, floatingIpId, externalIpAddress },
      ...{ ...way.facts, protocol, externalPorts, internalPorts: inside, description: `text ${b}` },
    }),
  );
};

/** Deletes one. */
export function unforward(walk: Walk, forwarding: PortForwarding): void {
  const { id: portForwardingId, routerId, floatingIpId, externalIpAddress } = forwarding;
  walk.emit(portForwardingDeleted({ portForwardingId, routerId, floatingIpId, externalIpAddress }));
}

const remove: Move = (walk, { a }) => {
  const forwarding = pickKind(walk, 'portforwarding', a);
  if (forwarding) unforward(walk, forwarding);
};

export const FORWARDING_MOVES: readonly Move[] = [ofFloatingIp, ofFloatingIp, ofGateway, ofGateway, change, remove];
