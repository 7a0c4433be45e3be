/**
 * What a node's switch is to be, bridge by bridge and line by line, from the objects of the log alone: written from docs/design/ovs-dataplane.md and the drawing in
 * pipeline.ts, without the renderer and without anything that a node keeps. Without a firewall it says every flow; with one, br-int is said but for its flows.
 */
import { canonicalAddress, cidrContains, isRouterPort, type Network, type Port } from '@plumbline/contracts';
import type { Topology } from '@plumbline/topology';

export type NodeSetting = Readonly<{ bridgeMappings: Readonly<Record<string, string>>; firewall: 'none' | 'openflow' }>;
/** An interface of br-int that somebody plugged. `portId`: what it says to be the interface of. */
export type Plugged = Readonly<{ device: string; portId: string }>;

/** `ports`: `<name> <type> <tag>`, of every bridge; `flows`: as the switch prints them, without their cookies. Sorted. */
export type SwitchText = Readonly<{ ports: Record<string, string[]>; flows: Record<string, string[]> }>;

const DEAD = 4095;
const tunnelOf = (ip: string): string =>
  `vxlan-${ip
    .split('.')
    .map((byte) => Number(byte).toString(16).padStart(2, '0'))
    .join('')}`;
const hex = (n: number): string => `0x${n.toString(16)}`;
/** As switches print names of ports: in quotes, unless they are letters and digits that begin with a letter. */
const name = (port: string): string => (/^[a-zA-Z][a-zA-Z0-9]*$/.test(port) ? port : `"${port}"`);
const linkLocal = (mac: string): string => {
  const bytes = mac.split(':').map((byte) => parseInt(byte, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
  const text = (high: number, low: number) => ((high << 8) | low).toString(16);
  return canonicalAddress(`fe80::${text(a ^ 2, b)}:${text(c, 0xff)}:${text(0xfe, d)}:${text(e, f)}`);
};

const INTEGRATION = [
  'priority=65535,dl_vlan=4095 actions=drop',
  'priority=0 actions=goto_table:59',
  'table=23, priority=0 actions=drop',
  'table=24, priority=0 actions=drop',
  'table=30, priority=0 actions=goto_table:59',
  'table=31, priority=0 actions=goto_table:59',
  'table=59, priority=0 actions=goto_table:60',
  'table=60, priority=3 actions=NORMAL',
  'table=62, priority=3 actions=NORMAL',
];
const MULTICAST = '01:00:00:00:00:00/01:00:00:00:00:00';
const TUNNEL = [
  'priority=1,in_port="patch-int" actions=goto_table:2',
  'priority=0 actions=drop',
  'table=2, priority=0,dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:20',
  `table=2, priority=0,dl_dst=${MULTICAST} actions=goto_table:22`,
  'table=2, priority=1,arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1 actions=goto_table:21',
  `table=2, priority=1,icmp6,dl_dst=${MULTICAST},icmp_type=135 actions=goto_table:21`,
  'table=3, priority=0 actions=drop',
  'table=4, priority=0 actions=drop',
  'table=6, priority=0 actions=drop',
  'table=10, priority=1 actions=learn(table=20,hard_timeout=300,priority=2,cookie=0x504c800000000000,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0->NXM_OF_VLAN_TCI[],load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[],output:OXM_OF_IN_PORT[]),output:"patch-int"',
  'table=20, priority=0 actions=goto_table:22',
  'table=21, priority=0 actions=goto_table:22',
  'table=21, priority=3,icmp6,icmp_type=135,nd_sll=00:00:00:00:00:00 actions=goto_table:22',
  'table=22, priority=0 actions=drop',
  'table=26, priority=1,icmp6,icmp_type=136 actions=move:NXM_OF_ETH_SRC[]->NXM_NX_ND_TLL[],IN_PORT',
];

export class NetworkModel {
  constructor(
    private readonly topology: Topology,
    /** Host -> its tunnel end. */
    private readonly ends: ReadonlyMap<string, string>,
  ) {}

  /** The local tag of a network on a host; undefined: it is not there. */
  tag(network: string, host: string): number | undefined {
    return this.topology.get('placement', network)?.hosts[host]?.localVlanId;
  }

  /** Where a port is: it is bound there, or its router is there. */
  hostOf(port: Port): string | null {
    if (isRouterPort(port)) return this.topology.get('router', port.deviceId)?.host ?? null;
    return port.binding.host || null;
  }

  /** By which bridge a network leaves a node, `br-tun` or '' where that is none; null: something is missing, and its ports are closed. */
  private edge(network: Network, { bridgeMappings }: NodeSetting): string | null {
    if (network.networkType === 'local') return '';
    if (network.networkType === 'vxlan') return 'br-tun';
    return bridgeMappings[network.physicalNetwork ?? ''] ?? null;
  }

  /** Whether packets pass by the port's interface on this host, if it is the only one. */
  isWired(port: Port, host: string, setting: NodeSetting): boolean {
    const network = this.topology.get('network', port.networkId);
    if (!network || this.hostOf(port) !== host || this.tag(network.id, host) === undefined) return false;
    return port.adminStateUp && network.adminStateUp && this.edge(network, setting) !== null;
  }

  private networksOn(host: string): Network[] {
    return this.topology.all('network').filter(({ id }) => this.tag(id, host) !== undefined);
  }

  private peersOf(network: string, host: string): string[] {
    const hosts = Object.keys(this.topology.get('placement', network)?.hosts ?? {});
    return hosts.filter((other) => other !== host && this.topology.get('node', other)?.removed === false);
  }

  /** Ports that bindings or routers place, of a network. */
  private locatedOf(network: string): Port[] {
    return this.topology.find('port', `network/${network}`).filter((port) => this.hostOf(port) !== null);
  }

  private allows(
    network: string,
    except: string,
    what: (pair: Port['allowedAddressPairs'][number]) => boolean,
  ): boolean {
    return this.locatedOf(network).some(
      (port) => port.id !== except && !isRouterPort(port) && port.allowedAddressPairs.some(what),
    );
  }

  /** Addresses of a port that nobody else may have: who asks for one is answered by the log, and no other node is asked. */
  certain(port: Port): string[] {
    if (!this.isChecked(port)) return [];
    return port.fixedIps
      .map(({ ipAddress }) => ipAddress)
      .filter((address) => {
        const allowed = (pair: string) => cidrContains(pair.includes('/') ? pair : `${pair}/32`, address);
        return !this.allows(port.networkId, port.id, ({ ipAddress }) => allowed(ipAddress));
      });
  }

  private isChecked(port: Port): boolean {
    return isRouterPort(port) || port.portSecurityEnabled;
  }

  of(host: string, setting: NodeSetting, plugged: readonly Plugged[]): SwitchText {
    const ports: Record<string, string[]> = {
      'br-int': ['br-int internal -', 'patch-tun patch -'],
      'br-tun': ['br-tun internal -', 'patch-int patch -'],
    };
    const flows: Record<string, string[]> = { 'br-int': [...INTEGRATION], 'br-tun': [...TUNNEL] };
    const mapped = [...new Set(Object.values(setting.bridgeMappings))];
    for (const bridge of mapped) {
      ports['br-int']?.push(`int-${bridge} patch -`);
      flows['br-int']?.push(`priority=2,in_port="int-${bridge}" actions=drop`);
      ports[bridge] = [`phy-${bridge} patch -`];
      flows[bridge] = ['priority=1 actions=NORMAL', `priority=2,in_port="phy-${bridge}" actions=drop`];
    }
    const tunnels = new Set<string>();
    for (const network of this.networksOn(host)) {
      const edge = this.edge(network, setting);
      if (edge === null || edge === '') continue;
      if (edge !== 'br-tun') {
        const made = this.provider(network, edge, this.tag(network.id, host) ?? 0);
        flows['br-int']?.push(made.inward);
        flows[edge]?.push(made.outward);
        continue;
      }
      for (const peer of this.peersOf(network.id, host)) tunnels.add(tunnelOf(this.ends.get(peer) ?? ''));
      flows['br-tun']?.push(...this.tunnelled(network, host));
    }
    for (const tunnel of tunnels) {
      ports['br-tun']?.push(`${tunnel} vxlan -`);
      flows['br-tun']?.push(`priority=1,in_port="${tunnel}" actions=goto_table:4`);
    }
    for (const each of plugged) {
      const made = this.plugged(each, host, setting);
      ports['br-int']?.push(`${each.device} - ${made.tag}`);
      flows['br-int']?.push(...made.flows);
    }
    for (const each of [...Object.values(ports), ...Object.values(flows)]) each.sort();
    return { ports, flows };
  }

  private provider({ networkType, segmentationId }: Network, bridge: string, tag: number) {
    const inner = `set_field:${4096 + tag}->vlan_vid,goto_table:59`;
    const [isFlat, wire] = [networkType === 'flat', segmentationId ?? 0];
    const from = isFlat ? 'vlan_tci=0x0000/0x1fff actions=push_vlan:0x8100,' : `dl_vlan=${wire} actions=`;
    const to = isFlat ? 'pop_vlan' : `set_field:${4096 + wire}->vlan_vid`;
    return {
      inward: `priority=3,in_port="int-${bridge}",${from}${inner}`,
      outward: `priority=4,in_port="phy-${bridge}",dl_vlan=${tag} actions=${to},NORMAL`,
    };
  }

  private tunnelled(network: Network, host: string): string[] {
    const tag = this.tag(network.id, host) ?? 0;
    const vni = hex(network.segmentationId ?? 0);
    const lines = [
      `table=4, priority=1,tun_id=${vni} actions=push_vlan:0x8100,set_field:${4096 + tag}->vlan_vid,goto_table:10`,
    ];
    const peers = this.peersOf(network.id, host);
    const ends = peers.map((peer) => `output:"${tunnelOf(this.ends.get(peer) ?? '')}"`).sort();
    const strip = `actions=pop_vlan,set_field:${vni}->tun_id`;
    if (ends.length > 0) lines.push(`table=22, priority=1,dl_vlan=${tag} ${strip},${ends.join(',')}`);
    for (const port of this.locatedOf(network.id)) lines.push(...this.entry(port, host, tag, strip));
    return lines;
  }

  /** Where a port is, for the frames of this host. */
  private entry(port: Port, host: string, tag: number, strip: string): string[] {
    const { macAddress: mac, id, networkId } = port;
    const at = this.hostOf(port) ?? '';
    const certain = this.certain(port);
    const isAlone = this.isChecked(port) && !this.allows(networkId, id, ({ macAddress }) => macAddress === mac);
    const asks = (address: string) =>
      address.includes(':')
        ? `icmp6,dl_vlan=${tag},icmp_type=135,nd_target=${address}`
        : `arp,dl_vlan=${tag},arp_tpa=${address}`;
    if (at === host)
      return [
        ...(isAlone ? [`table=20, priority=3,dl_vlan=${tag},dl_dst=${mac} actions=drop`] : []),
        ...certain.map((address) => `table=21, priority=1,${asks(address)} actions=drop`),
        ...certain
          .filter((address) => !address.includes(':'))
          .map(
            (address) =>
              `table=21, priority=2,arp,dl_vlan=${tag},dl_src=${mac},arp_tpa=${address} actions=goto_table:22`,
          ),
      ];
    if (!this.peersOf(networkId, host).includes(at)) return [];
    const turned = `move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:${mac}->eth_src`;
    const answer = (address: string) =>
      address.includes(':')
        ? `${turned},move:NXM_NX_IPV6_SRC[]->NXM_NX_IPV6_DST[],set_field:${address}->ipv6_src,set_field:2->nd_options_type,set_field:1610612736->nd_reserved,set_field:136->icmpv6_type,goto_table:26`
        : `${turned},set_field:2->arp_op,move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],set_field:${mac}->arp_sha,set_field:${address}->arp_spa,IN_PORT`;
    return [
      `table=20, priority=${isAlone ? 3 : 1},dl_vlan=${tag},dl_dst=${mac} ${strip},output:"${tunnelOf(this.ends.get(at) ?? '')}"`,
      ...certain.map((address) => `table=21, priority=1,${asks(address)} actions=${answer(address)}`),
    ];
  }

  private plugged({ device, portId }: Plugged, host: string, setting: NodeSetting): { tag: number; flows: string[] } {
    const port = this.topology.get('port', portId);
    const from = `in_port=${name(device)}`;
    if (!port || !this.isWired(port, host, setting)) return { tag: DEAD, flows: [`priority=2,${from} actions=drop`] };
    const tag = this.tag(port.networkId, host) ?? DEAD;
    if (!port.portSecurityEnabled || isRouterPort(port)) return { tag, flows: [] };
    const addresses = port.fixedIps.map(({ ipAddress }) => ipAddress);
    const six = [...addresses.filter((each) => each.includes(':')), linkLocal(port.macAddress)];
    return {
      tag,
      flows: [
        `priority=10,arp,${from} actions=goto_table:24`,
        `priority=10,icmp6,${from},icmp_type=136 actions=goto_table:24`,
        `priority=9,${from} actions=goto_table:25`,
        ...addresses
          .filter((each) => !each.includes(':'))
          .map((each) => `table=24, priority=2,arp,${from},arp_spa=${each} actions=goto_table:25`),
        ...six.map(
          (each) => `table=24, priority=2,icmp6,${from},icmp_type=136,nd_target=${each} actions=goto_table:59`,
        ),
        `table=25, priority=2,${from},dl_src=${port.macAddress} actions=goto_table:30`,
      ],
    };
  }
}
