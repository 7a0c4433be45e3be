/** What the log and whoever plugs do: networks of every type, ports, second bindings, routers, mappings and moves. */
import { isRouterPort, type Network, type PlumbEvent, type Port } from '@plumbline/contracts';
import * as made from '@plumbline/topology/testing';
import { type Cloud, END, FIREWALL, type Host, HOSTS, MAPPINGS, OPEN, ROUTERS, SHUT } from './cloud.js';

const { id } = made;
const TYPES = ['vxlan', 'vxlan', 'vxlan', 'vlan', 'vlan', 'flat', 'local'] as const;
const [MOST_NETWORKS, MOST_PORTS] = [7, 9];

export type Move = readonly [name: string, share: number, does: () => unknown];

/** `port` and `interface` (of a router): for the beginning; `any`: one that is drawn. */
export function movesOf(
  cloud: Cloud,
): Readonly<{ port: () => Promise<void>; interface: () => Promise<void>; any: () => Move }> {
  const { draw, chance, pick, agent, settings, plugs, topology, numbers, command, commit, settle } = cloud;
  const { ports, instancePorts, numberOf, setPort, addressOf, plug, unplug, move, plugsOf, others } = cloud;

  const newNetwork = (): void => {
    const networkType = pick(TYPES);
    const physicalNetwork = networkType === 'vlan' || networkType === 'flat' ? pick(['physnet1', 'physnet2']) : null;
    const isTaken = topology
      .all('network')
      .some((each) => each.networkType === 'flat' && each.physicalNetwork === physicalNetwork);
    if (topology.all('network').length >= MOST_NETWORKS || (networkType === 'flat' && isTaken)) return;
    const n = (numbers.network += 1);
    const segmentationId = networkType === 'vxlan' || networkType === 'vlan' ? n : null;
    commit(made.networkCreated({ networkId: id(n), networkType, physicalNetwork, segmentationId }));
  };
  const deleteNetwork = (): void => {
    const network = pick(topology.all('network').filter((each) => !topology.has(`network/${each.id}`)));
    if (network) commit({ type: 'NetworkDeleted', version: 1, data: { networkId: network.id } });
  };
  const created = (network: Network, more: object = {}): PlumbEvent => {
    const n = (numbers.port += 1);
    const third = numberOf(network) - 500;
    const fixedIps = [`10.0.${third}.${n % 250}`, `2001:db8:${third}::${n}`].map((ipAddress) => ({
      subnetId: id(7),
      ipAddress,
    }));
    const facts = { portId: id(n), networkId: network.id, deviceOwner: 'compute:nova', fixedIps };
    return made.portCreated({ ...facts, securityGroupIds: [chance(0.8) ? OPEN : SHUT], ...more }, n);
  };
  const newPort = async (): Promise<void> => {
    if (ports().length >= MOST_PORTS) return deletePort();
    const [network, host] = [pick(topology.all('network')), pick(HOSTS)];
    if (!network) return newNetwork();
    command((emit) => {
      emit(created(network));
      emit(made.portBound(id(numbers.port), network.id, host));
      settle(network.id, emit);
    });
    await plug(topology.get('port', id(numbers.port)) as Port, host);
  };
  const deletePort = async (): Promise<void> => {
    const port = pick(instancePorts());
    if (!port) return;
    command((emit) => {
      emit({ type: 'PortDeleted', version: 1, data: { portId: port.id, networkId: port.networkId } });
      settle(port.networkId, emit);
    });
    // One that stays plugged in may reach nothing.
    for (const each of plugsOf(port)) if (chance(0.7)) await unplug(each);
  };
  const movePort = async (): Promise<void> => {
    const port = pick(instancePorts().filter((each) => Object.keys(each.inactiveBindings).length === 0));
    const [which] = port ? plugsOf(port) : [];
    if (!port || !which) return;
    const to = pick(others(port.binding.host));
    const bind = () =>
      command((emit) => {
        emit(made.portBound(port.id, port.networkId, to));
        settle(port.networkId, emit);
      });
    // Whoever moves it may be faster or slower than the API.
    if (chance(0.5)) bind();
    await move(which, to);
    if (topology.get('port', port.id)?.binding.host !== to) bind();
  };
  const withSecond = (): Port | undefined =>
    pick(instancePorts().filter((each) => Object.keys(each.inactiveBindings).length > 0));
  const secondBinding = async (): Promise<void> => {
    const port = pick(instancePorts().filter((each) => Object.keys(each.inactiveBindings).length === 0));
    if (!port) return;
    const host = pick(others(port.binding.host));
    const data = { portId: port.id, networkId: port.networkId, host, vnicType: 'normal', profile: {} };
    command((emit) => {
      emit({ type: 'PortInactiveBindingSet', version: 1, data });
      settle(port.networkId, emit);
    });
    if (chance(0.8)) await plug(port, host);
  };
  const activate = (): void => {
    const port = withSecond();
    if (!port) return;
    const host = pick(Object.keys(port.inactiveBindings));
    const data = { portId: port.id, networkId: port.networkId, host, previousHost: port.binding.host };
    commit({ type: 'PortBindingActivated', version: 1, data });
  };
  const removeSecond = async (): Promise<void> => {
    const port = withSecond();
    if (!port) return;
    const host = pick(Object.keys(port.inactiveBindings));
    command((emit) => {
      emit({
        type: 'PortInactiveBindingRemoved',
        version: 1,
        data: { portId: port.id, networkId: port.networkId, host },
      });
      settle(port.networkId, emit);
    });
    for (const each of plugsOf(port)) if (each.host === host) await unplug(each);
  };
  /** What its address pairs allow a port: another one's address, a range, or another one's MAC. */
  const pairsFor = (port: Port): Port['allowedAddressPairs'] => {
    const other = pick(ports().filter(({ networkId }) => networkId === port.networkId));
    const own = { macAddress: port.macAddress };
    return pick([
      [],
      [],
      [{ ...own, ipAddress: addressOf(other) }],
      [{ ...own, ipAddress: `${addressOf(other).replace(/\d+$/, '0')}/28` }],
      [{ macAddress: other.macAddress, ipAddress: '10.0.240.1' }],
    ]);
  };
  const secure = (): void => {
    const port = pick(instancePorts());
    if (!port) return;
    if (chance(0.3)) setPort(port, { portSecurityEnabled: false, securityGroupIds: [], allowedAddressPairs: [] });
    else {
      const securityGroupIds = [chance(0.8) ? OPEN : SHUT];
      setPort(port, { portSecurityEnabled: true, securityGroupIds, allowedAddressPairs: pairsFor(port) });
    }
  };
  const routerPorts = (): Port[] => ports().filter(isRouterPort);
  const addInterface = async (): Promise<void> => {
    const routerId = pick(ROUTERS);
    const network = pick(topology.all('network').filter(({ networkType }) => networkType === 'vxlan'));
    if (!network || ports().length >= MOST_PORTS || routerPorts().length > 2) return;
    const own = { deviceOwner: 'network:router_interface', deviceId: routerId };
    command((emit) => {
      emit(created(network, { ...own, portSecurityEnabled: false, securityGroupIds: [] }));
      emit(made.routerInterfaceAdded(routerId, id(numbers.port), network.id, []));
      settle(network.id, emit);
    });
    const { host } = topology.get('router', routerId) ?? {};
    await plug(topology.get('port', id(numbers.port)) as Port, (host as Host | null) ?? pick(HOSTS));
  };
  const removeInterface = async (): Promise<void> => {
    const port = pick(routerPorts());
    if (!port) return;
    const data = { routerId: port.deviceId, portId: port.id, networkId: port.networkId };
    command((emit) => {
      emit({ type: 'RouterInterfaceRemoved', version: 1, data });
      emit({ type: 'PortDeleted', version: 1, data: { portId: port.id, networkId: port.networkId } });
      settle(port.networkId, emit);
    });
    // The L3 agent takes its device off, or is dead: then the port is closed after a while.
    if (chance(0.7)) for (const each of plugsOf(port)) await unplug(each);
  };
  const moveRouter = async (): Promise<void> => {
    const routerId = pick(ROUTERS);
    const from = topology.get('router', routerId)?.host ?? '';
    const to = chance(0.8) ? pick(others(from)) : null;
    const its = topology.routerPorts(routerId);
    command((emit) => {
      if (to) emit(made.routerScheduled(routerId, to));
      else if (from) emit({ type: 'RouterUnscheduled', version: 1, data: { routerId, host: from } });
      for (const networkId of new Set(its.map((port) => port.networkId))) settle(networkId, emit);
    });
    if (to) for (const port of its) for (const each of plugsOf(port)) await move(each, to);
  };
  const setMappings = async (): Promise<void> => {
    const host = pick(HOSTS);
    const bridgeMappings = pick(MAPPINGS);
    await agent(host).kill();
    agent(host).node.config = { ...agent(host).node.config, bridgeMappings };
    settings.set(host, { bridgeMappings, firewall: FIREWALL[host] });
    commit(made.nodeRegistered(host, END[host], bridgeMappings, FIREWALL[host]));
    await agent(host).start();
  };
  const setNetworks = (adminStateUp: boolean, some: readonly Network[]): void => {
    for (const { id: networkId } of some)
      commit({ type: 'NetworkAttributesSet', version: 1, data: { networkId, set: { adminStateUp } } });
  };

  const MOVES: readonly Move[] = [
    ['a network comes', 2, newNetwork],
    ['a network without ports goes', 2, deleteNetwork],
    ['a port comes', 5, newPort],
    ['a port goes', 2, deletePort],
    ['a port moves', 5, movePort],
    ['a port has a second binding', 3, secondBinding],
    ['a second binding is activated', 3, activate],
    ['a second binding goes', 2, removeSecond],
    ['a port has other security', 3, secure],
    ['a port is set down', 1, () => ports().length > 0 && setPort(pick(ports()), { adminStateUp: false })],
    ['all ports are set up', 1, () => ports().forEach((port) => setPort(port, { adminStateUp: true }))],
    ['a network is set down', 1, () => setNetworks(false, [pick(topology.all('network'))].filter(Boolean))],
    ['all networks are set up', 2, () => setNetworks(true, topology.all('network'))],
    ['a router gets an interface', 2, addInterface],
    ['a router loses an interface', 1, removeInterface],
    ['a router moves', 2, moveRouter],
    ['a node has other mappings', 2, setMappings],
    [
      'what was left plugged in is unplugged',
      1,
      async () => {
        for (const each of plugs.filter(({ n }) => !topology.get('port', id(n)))) await unplug(each);
      },
    ],
  ];
  const total = MOVES.reduce((sum, [, share]) => sum + share, 0);
  const any = (): Move => {
    let at = draw() * total;
    return MOVES.find(([, share]) => (at -= share) < 0) ?? (MOVES[0] as Move);
  };
  return { port: newPort, interface: addInterface, any };
}
