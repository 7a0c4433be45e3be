/**
 * Every table, register and cookie bit. Shapes and numbers are the reference implementation's (docs/design/ovs-dataplane.md lists what differs);
 * registers are not used. Cookie bits: marks.ts.
 *
 * br-int
 *            table 0                                     24 ARP/ND            25 MAC          30,31
 *   in ──► 65535 dl_vlan=4095 ─► drop
 *          10 ND advertisement, port P ────────────────► target is P's ─► 59
 *          10 ARP, port P ─────────────────────────────► sender is P's ──► dl_src is P's ──► ► 59 ─► 60 NORMAL
 *          9  port P ────────────────────────────────────────────────────► dl_src is P's ──► ┘
 *          3  int-<bridge>, outer tag of a network ─► its local tag ─────────────────────────► 59
 *          2  int-<bridge>, or a port without placement ─► drop
 *          0  the rest (patch-tun, router ports, ports without port security) ───────────────► 59
 *   23: drop, never reached: the canary. A switch without it was restarted.      62 NORMAL: accepted egress, for a later firewall.
 *   P: ports with port security. What leaves to a port is untagged by its access tag; NORMAL learns and forwards by local tag.
 *
 * br-<provider>
 *   4 phy-<bridge>, local tag of a network ─► its outer tag (none for flat) ─► NORMAL
 *   2 phy-<bridge> ─► drop
 *   1 the rest ─► NORMAL
 *
 * br-tun
 *   0: 1 patch-int ─► 2        2: 1 who has ...? (ARP, ND) ─► 21           22: 1 dl_vlan ─► strip, set tun_id, output to the hosts that share it
 *      1 vxlan-*   ─► 4           0 multicast, broadcast ─► 22                 0 drop
 *      0 drop                     0 unicast ─► 20
 *   20: 3 MAC of a port elsewhere that nobody else may have ─► strip, set tun_id, output to its host      20, 21: forwarding/flows.ts
 *         of a port here ─► drop
 *       2 learned ─► the same
 *       1 MAC of a port elsewhere that is not checked, or that others may have ─► the same
 *       0 the rest ─► 22
 *   21: 3 ND without the sender's MAC (it looks whether it is alone) ─► 22
 *       2 a port here about its own address ─► 22
 *       1 an address of a port elsewhere ─► answer, back to patch-int          1 an address of a port here ─► drop: it is asked on br-int
 *       0 the rest ─► 22                                                       26: 1 the answer to an ND question ─► its MAC, back to patch-int
 *   4: 1 tun_id ─► local tag ─► 10          10: learn into 20, output patch-int: what comes from a tunnel never goes into one
 *   3, 6 (gre, geneve in the reference): drop
 */
import type { ObjectKey } from '@plumbline/contracts';
import { goto, MULTICAST, NO_OPTION, TABLE as FIREWALL_TABLE } from './firewall/tables.js';
import { Flow, keyOfFlow, Owner, portText } from './flow.js';
import { DEAD_VLAN, intPatch, LEARNED_COOKIE, PATCH_INT, phyPatch } from './marks.js';

export const TABLE = {
  classify: 0,
  fromPatch: 2,
  gre: 3,
  vxlan: 4,
  geneve: 6,
  learn: 10,
  unicast: 20,
  answer: 21,
  flood: 22,
  advertise: 26,
  canary: 23,
  arpSpoofing: 24,
  macSpoofing: 25,
  packetRate: 30,
  bandwidthRate: 31,
  transient: 59,
  transientEnd: 60,
  acceptedEgress: 62,
} as const;

/** Priorities of table 20: an entry of the log that the wire cannot correct, what the wire showed, an entry that it can. */
export const UNICAST = { certain: 3, learned: 2, uncertain: 1 } as const;

type Made = Readonly<{ position: number; owner: Owner }>;

const flow = (
  made: Made,
  table: number,
  priority: number,
  match: string,
  actions: string,
  ports: readonly string[] = [],
): Flow => ({ key: keyOfFlow(table, priority, match), actions, ports, position: made.position, owner: made.owner });

/** VLAN_VID_PRESENT (0x1000) is part of the field in OpenFlow 1.2 and later. */
const setVlan = (vlanId: number): string => `set_field:${0x1000 + vlanId}->vlan_vid`;
const pushVlan = (vlanId: number): string => `push_vlan:0x8100,${setVlan(vlanId)}`;
const UNTAGGED = 'vlan_tci=0x0000/0x1fff';

/** The flows of br-int before there is any network or port. */
export function integrationBase(position: number): Flow[] {
  const made: Made = { position, owner: '' };
  return [
    flow(made, TABLE.canary, 0, '', 'drop'),
    flow(made, TABLE.classify, 65535, `dl_vlan=${DEAD_VLAN}`, 'drop'),
    flow(made, TABLE.classify, 0, '', goto(TABLE.transient)),
    flow(made, TABLE.arpSpoofing, 0, '', 'drop'),
    flow(made, TABLE.packetRate, 0, '', goto(TABLE.transient)),
    flow(made, TABLE.bandwidthRate, 0, '', goto(TABLE.transient)),
    flow(made, TABLE.transient, 0, '', goto(TABLE.transientEnd)),
    flow(made, TABLE.transientEnd, 3, '', 'NORMAL'),
    flow(made, TABLE.acceptedEgress, 3, '', 'NORMAL'),
  ];
}

/** What a port with port security may send: its own addresses in ARP and ND, its own MAC in everything. */
export function antiSpoofing(
  device: string,
  port: Readonly<{
    owner: ObjectKey;
    mac: string;
    ipv4: readonly string[];
    ipv6: readonly string[];
    /** Positions of the events that put the port here, set its MAC and its addresses. */
    placedAt: number;
    macAt: number;
    addressesAt: number;
  }>,
): Flow[] {
  const placed: Made = { position: port.placedAt, owner: port.owner };
  const mac: Made = { position: port.macAt, owner: port.owner };
  const addresses: Made = { position: Math.max(port.addressesAt, port.macAt), owner: port.owner };
  const from = `in_port=${portText(device)}`;
  const advertisement = `icmp6,${from},icmp_type=136`;
  return [
    flow(placed, TABLE.classify, 10, advertisement, goto(TABLE.arpSpoofing), [device]),
    flow(placed, TABLE.classify, 10, `arp,${from}`, goto(TABLE.arpSpoofing), [device]),
    flow(placed, TABLE.classify, 9, from, goto(TABLE.macSpoofing), [device]),
    ...port.ipv6.map((ip) =>
      flow(addresses, TABLE.arpSpoofing, 2, `${advertisement},nd_target=${ip}`, goto(TABLE.transient), [device]),
    ),
    ...port.ipv4.map((ip) =>
      flow(addresses, TABLE.arpSpoofing, 2, `arp,${from},arp_spa=${ip}`, goto(TABLE.macSpoofing), [device]),
    ),
    flow(mac, TABLE.macSpoofing, 2, `${from},dl_src=${port.mac}`, goto(TABLE.packetRate), [device]),
  ];
}

/** A port without placement (unknown, or administratively down) sends nothing. */
export const dead = (device: string, owner: ObjectKey, position: number): Flow =>
  flow({ position, owner }, TABLE.classify, 2, `in_port=${portText(device)}`, 'drop', [device]);

/** The flows between br-int and a provider bridge before any network uses it. `at`: for which of the two bridges. */
export function providerBase(bridge: string, position: number): { integration: Flow[]; provider: Flow[] } {
  const made: Made = { position, owner: `bridge/${bridge}` };
  const phy = phyPatch(bridge);
  const int = intPatch(bridge);
  return {
    integration: [flow(made, TABLE.classify, 2, `in_port=${portText(int)}`, 'drop', [int])],
    provider: [
      flow(made, TABLE.classify, 2, `in_port=${portText(phy)}`, 'drop', [phy]),
      flow(made, TABLE.classify, 1, '', 'NORMAL'),
    ],
  };
}

/** Translates between a provider network's tag on the wire (null: none, a flat network) and its local tag. */
export function providerNetwork(
  bridge: string,
  net: Readonly<{ owner: ObjectKey; wireVlanId: number | null; localVlanId: number; position: number }>,
): { integration: Flow; provider: Flow } {
  const phy = phyPatch(bridge);
  const int = intPatch(bridge);
  const inward =
    net.wireVlanId === null
      ? { match: UNTAGGED, tag: pushVlan(net.localVlanId) }
      : { match: `dl_vlan=${net.wireVlanId}`, tag: setVlan(net.localVlanId) };
  const outward = net.wireVlanId === null ? 'pop_vlan' : setVlan(net.wireVlanId);
  const match = `in_port=${portText(int)},${inward.match}`;
  return {
    integration: flow(net, TABLE.classify, 3, match, `${inward.tag},${goto(TABLE.transient)}`, [int]),
    provider: flow(net, TABLE.classify, 4, `in_port=${portText(phy)},dl_vlan=${net.localVlanId}`, `${outward},NORMAL`, [
      phy,
    ]),
  };
}

const LEARN = [
  `learn(table=${TABLE.unicast},hard_timeout=300,priority=${UNICAST.learned},cookie=${LEARNED_COOKIE}`,
  'NXM_OF_VLAN_TCI[0..11]',
  'NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]',
  'load:0->NXM_OF_VLAN_TCI[]',
  'load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[]',
  'output:OXM_OF_IN_PORT[])',
].join(',');

/** The flows of br-tun before there is any tunnel. */
export function tunnelBase(position: number): Flow[] {
  const made: Made = { position, owner: '' };
  const patch = portText(PATCH_INT);
  return [
    flow(made, TABLE.classify, 1, `in_port=${patch}`, goto(TABLE.fromPatch), [PATCH_INT]),
    flow(made, TABLE.classify, 0, '', 'drop'),
    flow(made, TABLE.fromPatch, 0, 'dl_dst=00:00:00:00:00:00/01:00:00:00:00:00', goto(TABLE.unicast)),
    flow(made, TABLE.fromPatch, 0, MULTICAST, goto(TABLE.flood)),
    flow(made, TABLE.fromPatch, 1, 'arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1', goto(TABLE.answer)),
    flow(made, TABLE.fromPatch, 1, `icmp6,${MULTICAST},icmp_type=135`, goto(TABLE.answer)),
    flow(made, TABLE.gre, 0, '', 'drop'),
    flow(made, TABLE.vxlan, 0, '', 'drop'),
    flow(made, TABLE.geneve, 0, '', 'drop'),
    flow(made, TABLE.learn, 1, '', `${LEARN},output:${patch}`, [PATCH_INT]),
    flow(made, TABLE.unicast, 0, '', goto(TABLE.flood)),
    flow(made, TABLE.answer, 3, `icmp6,icmp_type=135,nd_sll=${NO_OPTION}`, goto(TABLE.flood)),
    flow(made, TABLE.answer, 0, '', goto(TABLE.flood)),
    flow(made, TABLE.advertise, 1, 'icmp6,icmp_type=136', 'move:NXM_OF_ETH_SRC[]->NXM_NX_ND_TLL[],IN_PORT'),
    flow(made, TABLE.flood, 0, '', 'drop'),
  ];
}

/** Packets from a tunnel. */
export const fromTunnel = (device: string, owner: ObjectKey, position: number): Flow =>
  flow({ position, owner }, TABLE.classify, 1, `in_port=${portText(device)}`, goto(TABLE.vxlan), [device]);

/** A VXLAN network: inward by its number, outward to the tunnels of the hosts that share it. */
export function tunnelNetwork(
  net: Readonly<{
    owner: ObjectKey;
    vni: number;
    localVlanId: number;
    tunnels: readonly string[];
    position: number;
    floodPosition: number;
  }>,
): Flow[] {
  const vni = `0x${net.vni.toString(16)}`;
  const inward = flow(net, TABLE.vxlan, 1, `tun_id=${vni}`, `${pushVlan(net.localVlanId)},${goto(TABLE.learn)}`);
  if (net.tunnels.length === 0) return [inward];
  const outward = flow(
    { owner: net.owner, position: net.floodPosition },
    TABLE.flood,
    1,
    `dl_vlan=${net.localVlanId}`,
    `pop_vlan,set_field:${vni}->tun_id`,
  );
  return [inward, { ...outward, floods: net.tunnels }];
}

/** What the switch learned for a local tag, or for one MAC with it. */
export type Learned = Readonly<{ localVlanId: number; mac?: string }>;

/**
 * What is not to be believed any more when this flow comes or goes; null: nothing. Of a local tag: by a flow of table 4, which gives it to packets from tunnels,
 * one of br-int (firewall/tables.ts) that gives it to packets of a port that may have any MAC, and, `removed`, the one without which the tag is no network's. Of a
 * MAC: by an entry that the wire may correct, since what the wire showed before is older than the entry. `actions`: of the flow as it was.
 */
export function learnedBefore(key: string, actions: string, removed: boolean): Learned | null {
  const [, tag, mac] = OF_MAC.exec(key) ?? [];
  if (mac !== undefined) return { localVlanId: Number(tag), mac };
  const gone = removed ? LAST_OF_TAG.exec(key) : null;
  if (gone) return { localVlanId: Number(gone[1]) };
  const learns = key.startsWith(`table=${TABLE.vxlan}, `) || actions.endsWith(LEARNS);
  const found = learns ? /set_field:(\d+)->vlan_vid/.exec(actions) : null;
  return found ? { localVlanId: Number(found[1]) - 0x1000 } : null;
}

/** Each once, sorted. */
export function eachLearned(all: Iterable<Learned>): Learned[] {
  const byText = new Map<string, Learned>();
  for (const each of all) byText.set(`${String(each.localVlanId).padStart(4, '0')} ${each.mac ?? ''}`, each);
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

const OF_MAC = new RegExp(`^table=${TABLE.unicast}, priority=${UNICAST.uncertain},dl_vlan=(\\d+),dl_dst=(.+)$`);

const LEARNS = goto(FIREWALL_TABLE.learnAccess);
const LAST_OF_TAG = new RegExp(`^table=${FIREWALL_TABLE.unknown}, priority=1,dl_vlan=(\\d+)$`);

/** Tunnel ports to flood to, each once; sorted, so that equal sets give equal text. */
export const sortedTunnels = (names: Iterable<string>): string[] => [...new Set(names)].sort();
