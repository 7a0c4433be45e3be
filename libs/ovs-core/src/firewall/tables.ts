/**
 * br-int with `firewall: openflow`: every table and register, and the flows that are always there. No packet is given to NORMAL: a port gets a packet only by a
 * flow that names it, so a port that nobody named neither sends nor is flooded to, in any VLAN.
 *
 *   reg5  the receiver, by number; 0 while the packet is still on its way from its sender       reg6  local VLAN = conntrack zone
 *   reg7  the class of the port that is judged: all ports with the same groups are one class (group-flows.ts); 0: judged on a bridge of its own (../hybrid)
 *
 *   0 who sends        port with port security, untagged ─► 71        trusted port, untagged ─► tag ─► 61, 62        patch ports ─► 59 ─► 60        the rest ─► drop
 *
 *   from a port        71 its MAC, with one of its addresses? ─► 72            ARP with sender (probe: target) its own ─► 90      ::, DHCP from 0.0.0.0 ─► 75, 90
 *                      72 DHCP server, RA, redirect ─► drop    DHCP client, MLD, RS ─► 90    ND ─► 73, 74 ─► 90    stateless ─► 86    its bridge judged ─► 90    the rest ─► ct ─► 78
 *                      78 invalid ─► drop      reply ─► 85      else ─► 84
 *   rules              84 from the port, 85 to the port; by the packet that opened the connection      86, 87 the same by the packet itself; else ─► drop
 *   90 allowed         reg5 = 0 ─► tag ─► 62        new ─► commit ─► 94        else ─► 94
 *
 *   switching          60 learn (tag stays), 61 learn (tag goes) ─► 62      62 MAC of a port with port security ─► reg5, reg7 ─► 81     multicast ─► 66     else ─► 63
 *     (tagged)         63 new ─► commit; ─► 64        64 MAC of a trusted port, or learned ─► output        65 unknown ─► edge, learning ports
 *                      66 multicast ─► edge, trusted ports, and for each class ─► 81
 *
 *   to a port          81 ARP, ND, RA, DHCP answer ─► 94     stateless ─► 87     its bridge judges ─► 90     untracked ─► ct ─► 82     else ─► 82
 *                      82 invalid ─► drop      reply ─► 84      else ─► 85
 *   94 reg5 ─► output
 *
 * A reply is judged by the rules for the direction in which its connection was opened, at each end that is here. So a rule that goes stops its connections at once,
 * both ways, whoever speaks. A connection is committed when every end that is here has accepted it: what one end refused is no connection to the other.
 *
 * Roads not taken: flows for established and for new packets (twice the flows, and replies go on when a rule is gone); NORMAL with no-flood ports (the switch forgets
 * port settings when it restarts, and MAC learning would still deliver past the rules).
 */
import { type Flow, keyOfFlow, type Owner } from '../flow.js';
import { DEAD_VLAN, LEARNED_COOKIE, PATCH_TUN } from '../marks.js';
import { portText } from '../flow.js';

/** How OpenFlow calls an IP family. */
export type Family = 'ip' | 'ipv6';
export type Direction = 'egress' | 'ingress';
export type Mode = 'stateful' | 'stateless';

export const TABLE = {
  classify: 0,
  canary: 23,
  transient: 59,
  learnTagged: 60,
  learnAccess: 61,
  switching: 62,
  leaving: 63,
  known: 64,
  unknown: 65,
  multicast: 66,
  identity: 71,
  beforeRulesFrom: 72,
  ndOption: 73,
  ndTarget: 74,
  unspecified: 75,
  trackedFrom: 78,
  beforeRulesTo: 81,
  trackedTo: 82,
  allowed: 90,
  deliver: 94,
} as const;

/** The table with the rules of a direction. */
export const RULES: Readonly<Record<Mode, Readonly<Record<Direction, number>>>> = {
  stateful: { egress: 84, ingress: 85 },
  stateless: { egress: 86, ingress: 87 },
};

/** What a match on fields of the connection needs. */
export const TRACKED = 'ct_state=-inv+trk';
export const MULTICAST = 'dl_dst=01:00:00:00:00:00/01:00:00:00:00:00';
export const UNTAGGED = 'vlan_tci=0x0000/0x1fff';
/** The class of ports whose rules are on a bridge of their own: the switch only looks at who sends, and at what passes before any rule. */
export const BRIDGE_CLASS = 0;
const JUDGED_ON_BRIDGE = ['ip', 'ipv6'].map((family) => `${family},reg7=${BRIDGE_CLASS}`);
export const NO_OPTION = '00:00:00:00:00:00';

export const goto = (table: number): string => `goto_table:${table}`;
export const resubmit = (table: number): string => `resubmit(,${table})`;
const ZONE = 'zone=NXM_NX_REG6[0..15]';
const track = (next: number): string => `ct(table=${next},${ZONE})`;
const commit = (next: number): string => `ct(commit,${ZONE}),${goto(next)}`;
/** VLAN_VID_PRESENT (0x1000) is part of the field in OpenFlow 1.2 and later. */
export const pushVlan = (vlanId: number): string => `push_vlan:0x8100,set_field:${0x1000 + vlanId}->vlan_vid`;

export type Made = Readonly<{ position: number; owner: Owner }>;

export const flow = (
  made: Made,
  table: number,
  priority: number,
  match: string,
  actions: string,
  ports: readonly string[] = [],
): Flow => ({ key: keyOfFlow(table, priority, match), actions, ports, position: made.position, owner: made.owner });

const learn = (strip: boolean): string =>
  [
    `learn(table=${TABLE.known},hard_timeout=300,priority=1,cookie=${LEARNED_COOKIE}`,
    'NXM_OF_VLAN_TCI[0..11]',
    'NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]',
    ...(strip ? ['load:0->NXM_OF_VLAN_TCI[]'] : []),
    `output:OXM_OF_IN_PORT[]),${goto(TABLE.switching)}`,
  ].join(',');

/** What table 90 does with a packet of a port here: on to who gets it. */
export const acceptedFrom = `push_vlan:0x8100,move:NXM_NX_REG6[0..11]->OXM_OF_VLAN_VID[],${resubmit(TABLE.switching)}`;
/** What it does with the first packet that a port here is to get. */
export const acceptedTo = commit(TABLE.deliver);

/** The flows of br-int before there is any network or port. */
export function firewallBase(position: number, tunnels: boolean): Flow[] {
  const made: Made = { position, owner: '' };
  const put = (table: number, priority: number, match: string, actions: string): Flow =>
    flow(made, table, priority, match, actions);
  const both = (table: number, priority: number, match: string, actions: string): Flow[] =>
    ['ip', 'ipv6'].map((family) => put(table, priority, match ? `${match},${family}` : family, actions));
  return [
    put(TABLE.canary, 0, '', 'drop'),
    put(TABLE.classify, 65535, `dl_vlan=${DEAD_VLAN}`, 'drop'),
    ...(tunnels
      ? [flow(made, TABLE.classify, 1, `in_port=${portText(PATCH_TUN)}`, goto(TABLE.transient), [PATCH_TUN])]
      : []),
    put(TABLE.classify, 0, '', 'drop'),
    put(TABLE.transient, 0, '', goto(TABLE.learnTagged)),
    put(TABLE.learnTagged, 3, '', learn(false)),
    put(TABLE.learnAccess, 3, '', learn(true)),
    put(TABLE.switching, 10, MULTICAST, goto(TABLE.multicast)),
    put(TABLE.switching, 0, '', goto(TABLE.leaving)),
    ...both(TABLE.leaving, 10, 'ct_state=+new+trk', commit(TABLE.known)),
    put(TABLE.leaving, 0, '', goto(TABLE.known)),
    put(TABLE.known, 0, '', goto(TABLE.unknown)),
    put(TABLE.unknown, 0, '', 'drop'),
    put(TABLE.multicast, 0, '', 'drop'),
    put(TABLE.identity, 0, '', 'drop'),
    ...beforeRulesFrom(put),
    ...JUDGED_ON_BRIDGE.map((match) => put(TABLE.beforeRulesFrom, 70, match, goto(TABLE.allowed))),
    ...both(TABLE.beforeRulesFrom, 60, '', track(TABLE.trackedFrom)),
    put(TABLE.beforeRulesFrom, 0, '', 'drop'),
    put(TABLE.trackedFrom, 50, 'ct_state=+inv+trk', 'drop'),
    put(TABLE.trackedFrom, 40, 'ct_state=+rpl+trk', goto(RULES.stateful.ingress)),
    put(TABLE.trackedFrom, 0, '', goto(RULES.stateful.egress)),
    ...beforeRulesTo(put),
    ...JUDGED_ON_BRIDGE.map((match) => put(TABLE.beforeRulesTo, 90, match, goto(TABLE.allowed))),
    put(TABLE.beforeRulesTo, 80, 'ct_state=+trk', goto(TABLE.trackedTo)),
    ...both(TABLE.beforeRulesTo, 60, '', track(TABLE.trackedTo)),
    put(TABLE.beforeRulesTo, 0, '', 'drop'),
    put(TABLE.trackedTo, 50, 'ct_state=+inv+trk', 'drop'),
    put(TABLE.trackedTo, 40, 'ct_state=+rpl+trk', goto(RULES.stateful.egress)),
    put(TABLE.trackedTo, 0, '', goto(RULES.stateful.ingress)),
    ...Object.values(RULES).flatMap((of) => Object.values(of).map((table) => put(table, 0, '', 'drop'))),
    put(TABLE.allowed, 30, 'reg5=0', acceptedFrom),
    put(TABLE.allowed, 20, MULTICAST, goto(TABLE.deliver)),
    ...both(TABLE.allowed, 10, 'ct_state=+new+trk', acceptedTo),
    put(TABLE.allowed, 0, '', goto(TABLE.deliver)),
    put(TABLE.deliver, 0, '', 'drop'),
  ];
}

type Put = (table: number, priority: number, match: string, actions: string) => Flow;

/** MLD: report of version 1, done, report of version 2, and the query of a multicast router (RFC 2710, 3810). */
const MLD = [130, 131, 132, 143];
const [RS, RA, NS, NA, REDIRECT] = [133, 134, 135, 136, 137] as const;

/** What an instance may send, and what it may not, whatever its rules say. Its addresses were checked before. */
function beforeRulesFrom(put: Put): Flow[] {
  const table = TABLE.beforeRulesFrom;
  const allowed = goto(TABLE.allowed);
  return [
    put(table, 100, 'udp,tp_src=68,tp_dst=67', allowed),
    put(table, 100, 'udp6,tp_src=546,tp_dst=547', allowed),
    // A client takes an answer from any port: what goes to a client's port comes from a server.
    put(table, 90, 'udp,tp_dst=68', 'drop'),
    put(table, 90, 'udp6,tp_dst=546', 'drop'),
    ...[RA, REDIRECT].map((type) => put(table, 90, `icmp6,icmp_type=${type}`, 'drop')),
    ...[RS, ...MLD].map((type) => put(table, 90, `icmp6,icmp_type=${type}`, allowed)),
    ...[NS, NA].map((type) => put(table, 90, `icmp6,icmp_type=${type}`, goto(TABLE.ndOption))),
    put(TABLE.ndOption, 10, `icmp6,icmp_type=${NS},nd_sll=${NO_OPTION}`, allowed),
    put(TABLE.ndOption, 10, `icmp6,icmp_type=${NA},nd_tll=${NO_OPTION}`, goto(TABLE.ndTarget)),
    put(TABLE.ndOption, 0, '', 'drop'),
    put(TABLE.ndTarget, 0, '', 'drop'),
    ...[131, RS, 143].map((type) => put(TABLE.unspecified, 10, `icmp6,icmp_type=${type}`, allowed)),
    put(TABLE.unspecified, 0, '', 'drop'),
  ];
}

/** What an instance gets whatever its rules say: it could not work without. */
function beforeRulesTo(put: Put): Flow[] {
  const table = TABLE.beforeRulesTo;
  const deliver = goto(TABLE.deliver);
  return [
    put(table, 100, 'arp', deliver),
    ...[...MLD, RA, NS, NA].map((type) => put(table, 100, `icmp6,icmp_type=${type}`, deliver)),
    put(table, 100, 'udp,tp_src=67,tp_dst=68', deliver),
    put(table, 100, 'udp6,tp_src=547,tp_dst=546', deliver),
  ];
}
