/** What packets of a subject pass: objects, hosts, and the agents that make what they need there. Pure, from the log. */
import {
  type AgentKind,
  carrierOf,
  DEVICE_OWNER,
  type FloatingIp,
  isRouterPort,
  type Network,
  NODE_AGENT,
  own,
  type Port,
  type Router,
  type Subnet,
} from '@plumbline/contracts';
import type { Objects, SubjectSort } from './subject.js';

export type Subject =
  | Readonly<{ sort: 'floating-ip'; floatingIp: FloatingIp }>
  | Readonly<{ sort: 'port'; port: Port }>
  | Readonly<{ sort: 'network'; network: Network }>
  | Readonly<{ sort: 'node'; host: string }>
  | Readonly<{ sort: 'all' }>;

export type Scene = Readonly<{
  sort: SubjectSort;
  floatingIps: readonly FloatingIp[];
  /** Instances' ports, and those that stand for an address. */
  ports: readonly Port[];
  routers: readonly Router[];
  networks: readonly Network[];
  hosts: readonly string[];
  agents: readonly Readonly<{ host: string; kind: AgentKind }>[];
  /** Networks on the hosts where packets of the scene pass them. */
  placements: readonly Readonly<{ network: Network; host: string }>[];
  tunnels: readonly Readonly<{ from: string; to: string; network: Network }>[];
  /** Things that are too many to be looked at, by what they are. */
  leftOut: readonly string[];
}>;

/** Of one sort in one question. */
const MOST = { floatingIps: 50, ports: 50, routers: 50, networks: 50, hosts: 32, tunnels: 100 } as const;

/** Ports of instances, and such as stand for an address; not the cloud's own. */
const isGuest = (port: Port): boolean => !port.deviceOwner.startsWith('network:');

/** Routers may have their gateway there: by a policy, or in older logs by the network's own word. */
export const isExternal = (objects: Objects, network: Network): boolean =>
  network.external ||
  objects.find('rbacpolicy', `object/${network.id}`).some(({ action }) => action === 'access_as_external');

export const hostOfPort = (objects: Objects, port: Port): string =>
  isRouterPort(port) ? (objects.get('router', port.deviceId)?.host ?? '') : port.binding.host;

export const subnetsOf = (objects: Objects, networkId: string): readonly Subnet[] =>
  objects.find('subnet', `network/${networkId}`);

/** The ports of servers of ours that serve DHCP on the network. */
export const serversOf = (objects: Objects, networkId: string): readonly Port[] =>
  objects.find('port', `serves/${networkId}`);

/** The router's port that has the subnet's gateway address. */
export function gatewayPortOf(objects: Objects, subnet: Subnet): Port | undefined {
  if (subnet.gatewayIp === null) return undefined;
  return objects
    .find('port', `address/${subnet.networkId}/${subnet.gatewayIp}`)
    .find(({ deviceOwner }) => deviceOwner === DEVICE_OWNER.routerInterface);
}

const routersOf = (objects: Objects, port: Port): readonly Router[] =>
  port.fixedIps.flatMap(({ subnetId }) => {
    const subnet = objects.get('subnet', subnetId);
    const found = subnet && gatewayPortOf(objects, subnet);
    const router = found && objects.get('router', found.deviceId);
    return router ? [router] : [];
  });

const networkIdsOf = (router: Router): readonly string[] => [
  ...Object.values(router.interfaces).map(({ networkId }) => networkId),
  ...(router.gateway ? [router.gateway.networkId] : []),
];

/** Ports that may have an address which is another port's: those that its pairs name. */
const holdersOf = (objects: Objects, port: Port): readonly Port[] =>
  objects
    .find('port', `network/${port.networkId}`)
    .filter(
      ({ id, allowedAddressPairs, binding }) =>
        id !== port.id &&
        binding.host !== '' &&
        allowedAddressPairs.some(({ ipAddress }) => port.fixedIps.some((fixed) => fixed.ipAddress === ipAddress)),
    );

const isVirtual = (port: Port): boolean => port.binding.host === '' && port.deviceId === '';

type Chosen = Readonly<{
  floatingIps?: readonly FloatingIp[];
  ports?: readonly Port[];
  routers?: readonly Router[];
  networks?: readonly Network[];
  hosts?: readonly string[];
}>;

function chosenBy(objects: Objects, subject: Subject): Chosen {
  switch (subject.sort) {
    case 'floating-ip': {
      const { floatingIp } = subject;
      const { association, floatingNetworkId } = floatingIp;
      const port = association && objects.get('port', association.portId);
      const router = association && objects.get('router', association.routerId);
      const external = objects.get('network', floatingNetworkId);
      return {
        floatingIps: [floatingIp],
        ports: port ? [port, ...(isVirtual(port) ? holdersOf(objects, port) : [])] : [],
        routers: router ? [router] : [],
        networks: external ? [external] : [],
      };
    }
    case 'port': {
      const { port } = subject;
      if (isRouterPort(port)) {
        const router = objects.get('router', port.deviceId);
        return {
          routers: router ? [router] : [],
          networks: objects.all('network').filter(({ id }) => id === port.networkId),
        };
      }
      return {
        ports: [port],
        routers: routersOf(objects, port),
        floatingIps: objects.find('floatingip', `associated/${port.id}`),
      };
    }
    case 'network': {
      const { network } = subject;
      const ports = objects.find('port', `network/${network.id}`).filter(isGuest);
      const placed = objects.get('placement', network.id);
      return {
        networks: [network],
        ports: ports.filter(({ binding }) => binding.host !== ''),
        hosts: Object.keys(placed?.hosts ?? {}),
      };
    }
    case 'node': {
      const { host } = subject;
      return {
        hosts: [host],
        ports: objects.find('port', `host/${host}`).filter(isGuest),
        routers: objects.find('router', `host/${host}`),
      };
    }
    case 'all':
      return {
        floatingIps: objects.all('floatingip'),
        routers: objects.all('router'),
        networks: objects.all('network'),
        ports: objects.all('port').filter((port) => isGuest(port) && port.binding.host !== ''),
        hosts: objects.all('node').flatMap(({ id, removed }) => (removed ? [] : [id])),
      };
  }
}

const unique = <T extends Readonly<{ id: string }>>(list: readonly T[]): T[] => [
  ...new Map(list.map((each) => [each.id, each])).values(),
];

export function sceneOf(objects: Objects, subject: Subject): Scene {
  const chosen = chosenBy(objects, subject);
  const leftOut: string[] = [];
  const bounded = <T>(what: string, list: readonly T[], most: number): readonly T[] => {
    if (list.length > most) leftOut.push(`${list.length - most} ${what}`);
    return list.slice(0, most);
  };
  const floatingIps = bounded('floating IPs', chosen.floatingIps ?? [], MOST.floatingIps);
  const ports = bounded('ports', unique(chosen.ports ?? []), MOST.ports);
  const routers = bounded('routers', unique(chosen.routers ?? []), MOST.routers);
  const networkOf = (id: string): readonly Network[] => {
    const network = objects.get('network', id);
    return network ? [network] : [];
  };
  const networks = bounded(
    'networks',
    unique([
      ...(chosen.networks ?? []),
      ...ports.flatMap(({ networkId }) => networkOf(networkId)),
      ...(subject.sort === 'node'
        ? []
        : routers.flatMap(({ gateway }) => (gateway ? networkOf(gateway.networkId) : []))),
    ]),
    MOST.networks,
  );
  const served = networks.flatMap(({ id }) => serversOf(objects, id));
  const only = subject.sort === 'node' ? subject.host : null;
  const hosts = bounded(
    'nodes',
    [
      ...new Set([
        ...(chosen.hosts ?? []),
        ...ports.map(({ binding }) => binding.host),
        ...routers.map(({ host }) => host ?? ''),
        ...(subject.sort === 'network' || subject.sort === 'all' ? served.map(({ binding }) => binding.host) : []),
      ]),
    ].filter((host) => host !== '' && (only === null || host === only)),
    MOST.hosts,
  );
  const placements = placementsOf(objects, { ports, routers, networks, hosts });
  const tunnels = bounded('tunnels', tunnelsOf(objects, placements, subject), MOST.tunnels);
  const isHere = (host: string | null): host is string => host !== null && hosts.includes(host);
  const agents = [
    ...hosts.map((host) => ({ host, kind: NODE_AGENT })),
    ...routers
      .map(({ host }) => host)
      .filter(isHere)
      .map((host) => ({ host, kind: carrierOf.router })),
    ...served
      .map(({ binding }) => binding.host)
      .filter((host) => host !== '' && (only === null || host === only))
      .map((host) => ({ host, kind: carrierOf.network })),
  ];
  return {
    sort: subject.sort,
    ...{ floatingIps, ports, routers, networks, hosts, placements, tunnels, leftOut },
    agents: [...new Map(agents.map((each) => [`${each.host} ${each.kind}`, each])).values()],
  };
}

function placementsOf(
  objects: Objects,
  { ports, routers, networks, hosts }: Pick<Scene, 'ports' | 'routers' | 'networks' | 'hosts'>,
): Scene['placements'] {
  const pairs = [
    ...ports.map(({ networkId, binding }) => ({ networkId, host: binding.host })),
    ...routers.flatMap((router) => networkIdsOf(router).map((networkId) => ({ networkId, host: router.host ?? '' }))),
    ...networks.flatMap(({ id }) =>
      Object.keys(objects.get('placement', id)?.hosts ?? {}).map((host) => ({ networkId: id, host })),
    ),
  ].filter(({ host }) => hosts.includes(host));
  const distinct = new Map(pairs.map((pair) => [`${pair.networkId} ${pair.host}`, pair]));
  return [...distinct.values()].flatMap(({ networkId, host }) => {
    const network = objects.get('network', networkId);
    return network ? [{ network, host }] : [];
  });
}

/** Of each network that crosses nodes: from the node of its router, else from each, to each other one of the scene. */
function tunnelsOf(objects: Objects, placements: Scene['placements'], subject: Subject): Scene['tunnels'] {
  const found = new Map<string, Scene['tunnels'][number]>();
  for (const { network, host: from } of placements) {
    if (network.networkType !== 'vxlan') continue;
    const others =
      subject.sort === 'node'
        ? Object.keys(objects.get('placement', network.id)?.hosts ?? {})
        : placements.flatMap((each) => (each.network.id === network.id ? [each.host] : []));
    for (const to of others) {
      const isPlaced = own(objects.get('placement', network.id)?.hosts ?? {}, to) !== undefined;
      if (to !== from && isPlaced) found.set(`${from} ${to}`, found.get(`${from} ${to}`) ?? { from, to, network });
    }
  }
  return [...found.values()];
}
