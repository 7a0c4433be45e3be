/**
 * Three nodes with their agents on real switches, two provider networks that join them, and the log: what a walk of networks moves and breaks. The third node has a
 * firewall.
 */
import { isRouterPort, type Network, type PlumbEvent, type Port, type Recorded } from '@plumbline/contracts';
import { run } from '@plumbline/exec';
import { makeNetns, type ScratchNetns } from '@plumbline/exec/testing';
import { Instance, joinByHub, RealSwitch, TunnelCapture } from '@plumbline/ovs-driver/testing';
import * as made from '@plumbline/topology/testing';
import { drawing } from '../drawing.js';
import { NetworkModel, type NodeSetting } from '../network-model.js';
import { SwitchAgent, until } from '../switch-agent.js';

const { id } = made;
export const HOSTS = ['cmp1', 'cmp2', 'cmp3'] as const;
export type Host = (typeof HOSTS)[number];
export const END: Readonly<Record<Host, string>> = { cmp1: '192.0.2.1', cmp2: '192.0.2.2', cmp3: '192.0.2.3' };
export const FIREWALL: Readonly<Record<Host, 'none' | 'openflow'>> = { cmp1: 'none', cmp2: 'none', cmp3: 'openflow' };
/** Bridge -> its uplink. They are there before any agent. */
export const PROVIDERS = { 'br-one': 'up-one', 'br-two': 'up-two' } as const;
export const MAPPINGS: readonly Readonly<Record<string, string>>[] = [
  { physnet1: 'br-one', physnet2: 'br-two' },
  { physnet1: 'br-one', physnet2: 'br-two' },
  { physnet1: 'br-two', physnet2: 'br-one' },
  { physnet2: 'br-two' },
  {},
];
/** Groups: lets everything pass, and nothing. */
export const [OPEN, SHUT] = [id(901), id(902)];
export const ROUTERS = [id(801), id(802)];
/** Of others, on br-int. */
export const FOREIGN_FLOW = 'table=60, priority=9,dl_dst=02:00:00:00:00:99 actions=drop';
export const FOREIGN_PORT = 'other0';

/** An interface that is plugged in: of port `n`, whether there is such a port or not. */
export type Plug = { readonly n: number; host: Host; readonly instance: Instance };

export type Cloud = ReturnType<typeof newCloud>;

/** Everything that is drawn follows from the seed. `start` makes the nodes. */
export function newCloud(seed: number) {
  const draw = drawing(seed);
  const chance = (share: number): boolean => draw() < share;
  const pick = <T>(from: readonly T[]): T => from[Math.floor(draw() * from.length)] as T;

  const agents = new Map<Host, SwitchAgent>();
  const agent = (host: Host): SwitchAgent => agents.get(host) as SwitchAgent;
  const settings = new Map<Host, NodeSetting>();
  const settingOf = (host: Host): NodeSetting => settings.get(host) as NodeSetting;
  const plugs: Plug[] = [];
  const world = new made.World();
  const { topology } = world;
  const model = new NetworkModel(topology, new Map(Object.entries(END)));
  /** What others put on a node and must stay. */
  const foreign = new Map<Host, { flow: boolean; port: boolean }>(
    HOSTS.map((host) => [host, { flow: false, port: false }]),
  );
  /** The last numbers that a port, a network and an address of nobody got. */
  const numbers = { port: 10, network: 500, nobody: 0 };
  /** What has happened, for whoever must find out why a node is not as it should be. */
  const done: string[] = [];
  const story = (): string => `seed ${seed}\n${done.join('\n')}`;
  let hub: ScratchNetns;
  let wires: ScratchNetns;
  let capture: TunnelCapture;

  /** What `does` emits is one command. */
  const command = (does: (emit: (event: PlumbEvent) => void) => void): void => {
    const recorded: Recorded[] = [];
    does((event) => void recorded.push(world.append(event, made.metaOf(0))));
    if (recorded.length > 0) for (const { plane } of agents.values()) plane.commit(recorded);
  };
  const commit = (...events: PlumbEvent[]): void => command((emit) => events.forEach(emit));
  /** Places a network where it is needed, and withdraws it from where it is not, as each command of the API does. */
  const settle = (networkId: string, emit: (event: PlumbEvent) => void): void => {
    const needed = new Set<string>();
    for (const port of topology.find('port', `network/${networkId}`)) {
      const at = model.hostOf(port);
      for (const host of [...(at ? [at] : []), ...Object.keys(port.inactiveBindings)]) needed.add(host);
    }
    const placed = Object.keys(topology.get('placement', networkId)?.hosts ?? {});
    for (const host of needed) {
      if (placed.includes(host)) continue;
      const taken = topology.find('placement', `host/${host}`).map(({ hosts }) => hosts[host]?.localVlanId);
      let vlan = 1;
      while (taken.includes(vlan)) vlan += 1;
      emit(made.networkPlaced(networkId, host, vlan));
    }
    for (const host of placed)
      if (!needed.has(host)) emit({ type: 'NetworkWithdrawnFromHost', version: 1, data: { networkId, host } });
  };
  const ports = (): Port[] => topology.all('port');
  const instancePorts = (): Port[] => ports().filter((port) => !isRouterPort(port));
  const numberOf = (port: Pick<Port, 'id'>): number => parseInt(port.id.slice(-12), 16);
  const setPort = ({ id: portId }: Port, set: object): void =>
    commit({ type: 'PortAttributesSet', version: 1, data: { portId, set } } as PlumbEvent);
  const addressOf = (port: Port): string => port.fixedIps[0]?.ipAddress ?? '';
  const networkOf = (port: Port): Network => topology.get('network', port.networkId) as Network;
  const vsctl = (host: Host, ...argv: string[]) => {
    const { ovs } = agent(host).node;
    return ovs.tool(['ovs-vsctl', `--db=${ovs.remote}`, '--no-wait', ...argv]);
  };
  const ofctl = (host: Host, verb: string, bridge: string, flow: string) => {
    const { ovs } = agent(host).node;
    return ovs.tool(['ovs-ofctl', '-O', 'OpenFlow14', verb, `unix:${ovs.dir}/${bridge}.mgmt`, flow]);
  };
  const deviceOf = (n: number): string => `tap${n}`;
  const plug = async (port: Port, host: Host): Promise<void> => {
    const n = numberOf(port);
    const address = `${addressOf(port)}/16`;
    const of = { device: deviceOf(n), mac: port.macAddress, address, ifaceId: port.id, noWait: true };
    plugs.push({ n, host, instance: await Instance.plug(agent(host).node, of) });
  };
  const unplug = async (which: Plug): Promise<void> => {
    plugs.splice(plugs.indexOf(which), 1);
    await vsctl(which.host, '--if-exists', 'del-port', 'br-int', deviceOf(which.n));
    await which.instance.remove();
  };
  const move = async (which: Plug, host: Host): Promise<void> => {
    which.host = host;
    await which.instance.moveTo(agent(host).node, { ifaceId: id(which.n), device: deviceOf(which.n) });
  };
  const plugsOf = (port: Pick<Port, 'id'>): Plug[] => plugs.filter(({ n }) => n === numberOf(port));
  const others = (host: string): Host[] => HOSTS.filter((each) => each !== host);
  /** The nodes with their agents, the first networks, and what must be there for any move. */
  async function start(): Promise<void> {
    wires = await makeNetns('wires');
    for (const bridge of Object.keys(PROVIDERS)) {
      await run(['ip', '-n', wires.name, 'link', 'add', bridge, 'type', 'bridge']);
      await run(['ip', '-n', wires.name, 'link', 'set', bridge, 'up']);
    }
    for (const [index, host] of HOSTS.entries()) {
      const bridgeMappings = MAPPINGS[0] ?? {};
      const config = { bridgeMappings, datapathType: 'netdev', firewall: FIREWALL[host], tunnelIp: END[host] } as const;
      const node = await RealSwitch.start(config);
      settings.set(host, { bridgeMappings, firewall: FIREWALL[host] });
      agents.set(host, new SwitchAgent(host, node));
      for (const [bridge, uplink] of Object.entries(PROVIDERS)) {
        const near = `${uplink}${index}`;
        const peer = ['type', 'veth', 'peer', 'name', uplink, 'netns', node.ovs.netns];
        await run(['ip', '-n', wires.name, 'link', 'add', near, ...peer]);
        await run(['ip', '-n', wires.name, 'link', 'set', near, 'master', bridge, 'up']);
        await run(['ip', '-n', node.ovs.netns, 'link', 'set', uplink, 'up']);
        await vsctl(host, 'add-br', bridge, '--', 'set', 'Bridge', bridge, 'datapath_type=netdev');
        await vsctl(host, 'add-port', bridge, uplink);
      }
    }
    hub = await joinByHub(
      HOSTS.map((host) => agent(host).node),
      Object.values(END),
    );
    capture = await TunnelCapture.start(hub.name);
    commit(...HOSTS.map((host) => made.nodeRegistered(host, END[host], MAPPINGS[0], FIREWALL[host])));
    let rule = 1_000;
    for (const securityGroupId of [OPEN, SHUT]) commit(made.securityGroupCreated({ securityGroupId, name: 'x' }));
    for (const direction of ['ingress', 'egress'] as const)
      commit(made.securityGroupRuleCreated({ securityGroupRuleId: id((rule += 1)), securityGroupId: OPEN, direction }));
    for (const [at, routerId] of ROUTERS.entries())
      commit(made.routerCreated({ routerId }), made.routerScheduled(routerId, HOSTS[at] ?? 'cmp1'));
    for (const networkType of ['vxlan', 'vxlan', 'vlan', 'flat', 'local'] as const) {
      const n = (numbers.network += 1);
      const isProvider = networkType === 'vlan' || networkType === 'flat';
      const segment = {
        physicalNetwork: isProvider ? 'physnet1' : null,
        segmentationId: isProvider && networkType === 'flat' ? null : networkType === 'local' ? null : n,
      };
      commit(made.networkCreated({ networkId: id(n), networkType, ...segment }));
    }
    for (const { plane, session } of agents.values()) {
      plane.up();
      await session.start();
    }
    for (const { node } of agents.values()) await until(() => node.mirror.bridge('br-tun') !== undefined);
  }
  async function stop(): Promise<void> {
    await capture?.stop();
    for (const { instance } of plugs) await instance.remove();
    for (const each of agents.values()) await each.stop();
    for (const { node } of agents.values()) await node.stop();
    await hub?.remove();
    await wires?.remove();
  }

  return {
    ...{
      seed,
      draw,
      chance,
      pick,
      agents,
      agent,
      settings,
      settingOf,
      plugs,
      topology,
      model,
      foreign,
      numbers,
      done,
      story,
    },
    ...{ command, commit, settle, ports, instancePorts, numberOf, setPort, addressOf, networkOf },
    ...{ vsctl, ofctl, deviceOf, plug, unplug, move, plugsOf, others, start, stop, captured: () => capture },
  };
}
