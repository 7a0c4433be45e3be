/** What the log says a router does with a packet, for a node that does not answer: translation, route, next hop; no rules of others, no neighbours. Pure. */
import {
  type AnswerOf,
  cidrContains,
  type Port,
  prefixLengthOf,
  type Router,
  type TracedConnection,
  type TracedPacket,
} from '@plumbline/contracts';
import type { Objects } from '../doctor/subject.js';

type Routing = AnswerOf<'routing'>;
/** `port` null: the router itself sends it. */
type Given = Readonly<{ packet: TracedPacket; connection: TracedConnection | null; port: Port | null }>;

const SAID = { there: true, rules: [], unjudged: [], neighbour: null, tracked: [] };

export function routedByLog(objects: Objects, router: Router, { packet, connection, port }: Given): Routing {
  const opened = packet;
  const inward = connection
    ? { ...packet, destination: connection.opened.source, destinationPort: connection.opened.sourcePort }
    : translatedIn(objects, router, packet);
  const portIds = [...Object.keys(router.interfaces), ...(router.gateway ? [router.gateway.portId] : [])];
  const ports = portIds.flatMap((id) => objects.get('port', id) ?? []);
  const isOwn = ports.some(({ fixedIps }) => fixedIps.some(({ ipAddress }) => ipAddress === inward.destination));
  if (isOwn && port)
    return {
      ...{ ...SAID, packet: inward, end: 'delivered', route: '', device: null, nextHop: null },
      connection: connection ?? { opened, sent: inward, mark: 0 },
    };
  const way = wayTo(objects, router, ports, inward.destination);
  if (!way)
    return {
      ...{ ...SAID, packet: inward, end: 'unroutable', route: 'no route by the log', device: null, nextHop: null },
      connection: null,
    };
  const { out, nextHop } = way;
  const sent = connection
    ? { ...inward, source: connection.opened.destination, sourcePort: connection.opened.destinationPort }
    : translatedOut(objects, router, { packet: inward, out, port, inwards: inward !== packet });
  const device = `${out.id === router.gateway?.portId ? 'qg' : 'qr'}-${out.id.slice(0, 11)}`;
  return {
    ...{ ...SAID, packet: sent, end: 'forwarded', device, nextHop },
    route: `to ${inward.destination} by ${device} (by the log)`,
    connection: connection ?? { opened, sent, mark: 0 },
  };
}

function translatedIn(objects: Objects, router: Router, packet: TracedPacket): TracedPacket {
  const { destination, destinationPort, protocol } = packet;
  const floating = objects
    .find('floatingip', `router/${router.id}`)
    .find(({ floatingIpAddress }) => floatingIpAddress === destination);
  if (floating?.association) return { ...packet, destination: floating.association.fixedIpAddress };
  const gateway = router.gateway && objects.get('port', router.gateway.portId);
  const forwarding = objects.find('portforwarding', `router/${router.id}`).find((each) => {
    const outside =
      each.externalIpAddress ?? gateway?.fixedIps.find(({ ipAddress }) => !ipAddress.includes(':'))?.ipAddress;
    const { externalPorts } = each;
    const isIn =
      externalPorts === null || (destinationPort >= externalPorts.first && destinationPort <= externalPorts.last);
    return outside === destination && each.protocol === protocol && isIn;
  });
  if (!forwarding) return packet;
  const { internalIpAddress, internalPorts, externalPorts } = forwarding;
  const isOne = internalPorts !== null && internalPorts.first === internalPorts.last;
  return {
    ...packet,
    destination: internalIpAddress,
    destinationPort:
      internalPorts && externalPorts
        ? internalPorts.first + (isOne ? 0 : destinationPort - externalPorts.first)
        : destinationPort,
  };
}

function translatedOut(
  objects: Objects,
  router: Router,
  { packet, out, port, inwards }: Readonly<{ packet: TracedPacket; out: Port; port: Port | null; inwards: boolean }>,
): TracedPacket {
  const { gateway } = router;
  const gatewayPort = gateway && objects.get('port', gateway.portId);
  const own = gatewayPort?.fixedIps.find(({ ipAddress }) => !ipAddress.includes(':'))?.ipAddress;
  if (packet.source.includes(':') || !gateway || own === undefined || (out.id !== gateway.portId && !inwards))
    return packet;
  const floating = objects
    .find('floatingip', `router/${router.id}`)
    .find(({ association }) => association?.fixedIpAddress === packet.source);
  if (floating) return { ...packet, source: floating.floatingIpAddress };
  const isHairpin = inwards && port?.id !== gateway.portId;
  return (out.id === gateway.portId && gateway.enableSnat) || isHairpin ? { ...packet, source: own } : packet;
}

function wayTo(
  objects: Objects,
  router: Router,
  ports: readonly Port[],
  destination: string,
): Readonly<{ out: Port; nextHop: string }> | null {
  const near = (address: string): Port | undefined =>
    ports.find(({ fixedIps }) =>
      fixedIps.some(({ subnetId }) => {
        const subnet = objects.get('subnet', subnetId);
        return subnet !== undefined && cidrContains(subnet.cidr, address);
      }),
    );
  const direct = near(destination);
  if (direct) return { out: direct, nextHop: destination };
  const [route] = router.routes
    .filter((each) => cidrContains(each.destination, destination))
    .sort((a, b) => prefixLengthOf(b.destination) - prefixLengthOf(a.destination));
  const far = route && near(route.nexthop);
  if (route && far) return { out: far, nextHop: route.nexthop };
  const out = router.gateway && objects.get('port', router.gateway.portId);
  const six = destination.includes(':');
  const nextHop = out?.fixedIps
    .flatMap(({ subnetId }) => objects.get('subnet', subnetId) ?? [])
    .find(({ ipVersion, gatewayIp }) => gatewayIp !== null && (ipVersion === 6) === six)?.gatewayIp;
  return out && nextHop ? { out, nextHop } : null;
}
