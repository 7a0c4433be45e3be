/**
 * What an entry of a network becomes on br-tun. A port elsewhere: what is for its MAC goes into the one tunnel to its host, and who asks for its address is answered
 * here. A port here: who asks for its address is not helped by the other hosts, so they are not asked; what it says of itself goes to them.
 *
 * An address is answered only where the log alone says who has it: it is a fixed one of a port with port security, and no pair of another port allows it. What
 * is for a MAC that others may have, or whose port is not checked, goes where the wire last showed it, and by the entry only while nothing did.
 *
 * Road not taken: answers on br-int. There the firewall would judge an answer as a frame of the port that asked; from br-tun it comes as a frame of another host.
 */
import { type ForwardingEntry, keyOf } from '@plumbline/contracts';
import { flow, goto, type Made } from '../firewall/tables.js';
import { type Flow, portText } from '../flow.js';
import { TABLE, UNICAST } from '../pipeline.js';

/** What the flows of a network's entries need to know of it. */
export type TunnelPlace = Readonly<{
  /** This node's. */
  host: string;
  localVlanId: number;
  vni: number;
  /** Of the event that last set one of these. */
  position: number;
  /** Host -> the tunnel port to it, and the position of the event that set that. */
  tunnels: ReadonlyMap<string, Readonly<{ name: string; position: number }>>;
}>;

/** What other ports of the network may have by their address pairs. */
export type Shared = Readonly<{ mac(mac: string): boolean; address(address: string): boolean }>;

/** Advertisements are of nodes that were asked (S), and replace what was known (O): RFC 4861, 4.4. */
const SOLICITED_OVERRIDE = 0x6000_0000;
const [ARP_REPLY, ADVERTISEMENT, TARGET_OPTION] = [2, 136, 2];

/** Empty where nothing leads to its host, or nothing of it is certain. */
export function entryFlows(entry: ForwardingEntry, place: TunnelPlace, shared: Shared): Flow[] {
  const { macAddress: mac, host, secured } = entry;
  const made: Made = { owner: keyOf(entry), position: Math.max(place.position, ...Object.values(entry.setAt)) };
  const certain = secured ? entry.addresses.filter((address) => !shared.address(address)) : [];
  const to = `dl_vlan=${place.localVlanId}`;
  const isAlone = secured && !shared.mac(mac);
  if (host === place.host) {
    const unsent = flow(made, TABLE.unicast, UNICAST.certain, `${to},dl_dst=${mac}`, 'drop');
    return [...(isAlone ? [unsent] : []), ...certain.flatMap((address) => own(made, to, mac, address))];
  }
  const tunnel = place.tunnels.get(host);
  if (!tunnel) return [];
  const unicast = flow(
    { ...made, position: Math.max(made.position, tunnel.position) },
    TABLE.unicast,
    isAlone ? UNICAST.certain : UNICAST.uncertain,
    `${to},dl_dst=${mac}`,
    `pop_vlan,set_field:0x${place.vni.toString(16)}->tun_id,output:${portText(tunnel.name)}`,
    [tunnel.name],
  );
  return [unicast, ...certain.map((address) => flow(made, TABLE.answer, 1, asks(to, address), answer(mac, address)))];
}

const asks = (to: string, address: string): string =>
  address.includes(':') ? `icmp6,${to},icmp_type=135,nd_target=${address}` : `arp,${to},arp_tpa=${address}`;

/** It announces itself, and looks whether it is alone, by asking for its own address (RFC 5227); the like of ND has no sender's option (pipeline.ts). */
function own(made: Made, to: string, mac: string, address: string): Flow[] {
  const unheard = flow(made, TABLE.answer, 1, asks(to, address), 'drop');
  if (address.includes(':')) return [unheard];
  return [flow(made, TABLE.answer, 2, `arp,${to},dl_src=${mac},arp_tpa=${address}`, goto(TABLE.flood)), unheard];
}

/** Makes of the question the answer that the port would give, and sends it back. The option of an advertisement is the one of the question with another type. */
function answer(mac: string, address: string): string {
  const turned = `move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:${mac}->eth_src`;
  const fields = address.includes(':')
    ? [
        'move:NXM_NX_IPV6_SRC[]->NXM_NX_IPV6_DST[]',
        `set_field:${address}->ipv6_src`,
        `set_field:${TARGET_OPTION}->nd_options_type`,
        `set_field:${SOLICITED_OVERRIDE}->nd_reserved`,
        `set_field:${ADVERTISEMENT}->icmpv6_type`,
        goto(TABLE.advertise), // what an advertisement says can be set only of what is one already
      ]
    : [
        `set_field:${ARP_REPLY}->arp_op`,
        'move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]',
        'move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[]',
        `set_field:${mac}->arp_sha`,
        `set_field:${address}->arp_spa`,
        'IN_PORT',
      ];
  return [turned, ...fields].join(',');
}
