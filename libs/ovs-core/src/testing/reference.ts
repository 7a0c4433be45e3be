/**
 * The node of the reference implementation whose flows we have, and what of them differs here: every other flow is the same. Port numbers are replaced by names,
 * cookies left out.
 */
import { idOf, ViewBuilder } from './view.js';

const learning = (priority: number): string =>
  `table=10, priority=1 actions=learn(table=20,hard_timeout=300,priority=${priority},cookie=0x504c800000000000,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0->NXM_OF_VLAN_TCI[],load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[],output:OXM_OF_IN_PORT[]),output:"patch-int"`;

/** What the reference implementation had there, by bridge: a flat network (tag 3), a VXLAN network (tag 4), two ports of it. */
const REFERENCE: Readonly<Record<string, readonly string[]>> = {
  'br-int': [
    'priority=0 actions=goto_table:59',
    'priority=10,arp,in_port=tapa actions=goto_table:24',
    'priority=10,arp,in_port=tapb actions=goto_table:24',
    'priority=10,icmp6,in_port=tapa,icmp_type=136 actions=goto_table:24',
    'priority=10,icmp6,in_port=tapb,icmp_type=136 actions=goto_table:24',
    'priority=2,in_port="int-br-ex" actions=drop',
    'priority=2,in_port=tapa actions=drop',
    'priority=3,in_port="int-br-ex",vlan_tci=0x0000/0x1fff actions=push_vlan:0x8100,set_field:4099->vlan_vid,goto_table:59',
    'priority=65535,dl_vlan=4095 actions=drop',
    'priority=9,in_port=tapa actions=goto_table:25',
    'priority=9,in_port=tapb actions=goto_table:25',
    'table=23, priority=0 actions=drop',
    'table=24, priority=0 actions=drop',
    'table=24, priority=2,arp,in_port=tapa,arp_spa=192.168.7.37 actions=goto_table:25',
    'table=24, priority=2,arp,in_port=tapb,arp_spa=192.168.7.161 actions=goto_table:25',
    'table=24, priority=2,icmp6,in_port=tapa,icmp_type=136,nd_target=fe80::f816:3eff:fe28:6ea6 actions=goto_table:59',
    'table=24, priority=2,icmp6,in_port=tapb,icmp_type=136,nd_target=fe80::f816:3eff:fed1:d78a actions=goto_table:59',
    'table=25, priority=2,in_port=tapa,dl_src=fa:16:3e:28:6e:a6 actions=goto_table:30',
    'table=25, priority=2,in_port=tapb,dl_src=fa:16:3e:d1:d7:8a actions=goto_table:30',
    'table=30, priority=0 actions=goto_table:59',
    'table=31, priority=0 actions=goto_table:59',
    'table=59, priority=0 actions=goto_table:60',
    'table=60, priority=3 actions=NORMAL',
    'table=62, priority=3 actions=NORMAL',
  ],
  'br-tun': [
    'priority=0 actions=drop',
    'priority=1,in_port="patch-int" actions=goto_table:2',
    learning(1),
    'table=2, priority=0,dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:20',
    'table=2, priority=0,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=goto_table:22',
    'table=20, priority=0 actions=goto_table:22',
    'table=22, priority=0 actions=drop',
    'table=3, priority=0 actions=drop',
    'table=4, priority=0 actions=drop',
    'table=4, priority=1,tun_id=0xc278 actions=push_vlan:0x8100,set_field:4100->vlan_vid,goto_table:10',
    'table=6, priority=0 actions=drop',
  ],
  'br-ex': [
    'priority=0 actions=NORMAL',
    'priority=2,in_port="phy-br-ex" actions=drop',
    'priority=4,in_port="phy-br-ex",dl_vlan=3 actions=pop_vlan,NORMAL',
  ],
};

/** docs/design/ovs-dataplane.md says why. */
const ONLY_THERE: Readonly<Record<string, readonly string[]>> = {
  'br-int': ['priority=2,in_port=tapa actions=drop'], // left from a time before that port was wired: its checks win over it
  'br-ex': ['priority=0 actions=NORMAL'],
  'br-tun': [learning(1)],
};
const ONLY_HERE: Readonly<Record<string, readonly string[]>> = {
  'br-ex': ['priority=1 actions=NORMAL'],
  'br-tun': [
    learning(2),
    'table=2, priority=1,arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1 actions=goto_table:21',
    'table=2, priority=1,icmp6,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,icmp_type=135 actions=goto_table:21',
    'table=21, priority=0 actions=goto_table:22',
    'table=21, priority=3,icmp6,icmp_type=135,nd_sll=00:00:00:00:00:00 actions=goto_table:22',
    'table=26, priority=1,icmp6,icmp_type=136 actions=move:NXM_OF_ETH_SRC[]->NXM_NX_ND_TLL[],IN_PORT',
  ],
};

/** What the same node has here, sorted: `<match> actions=<actions>`. */
export function flowsOfReference(bridge: string): string[] {
  const kept = (REFERENCE[bridge] ?? []).filter((line) => !ONLY_THERE[bridge]?.includes(line));
  return [...kept, ...(ONLY_HERE[bridge] ?? [])].sort();
}

/** Its ports: device -> number of the port in the view. */
export const REFERENCE_PORTS: Readonly<Record<string, number>> = { tapa: 3, tapb: 7 };

/** What our log would have said of that node, `net1`. */
export function referenceNode(): ViewBuilder {
  const builder = new ViewBuilder('net1')
    .node('net1', { tunnelIp: '192.0.2.1' })
    .network(1, 'flat')
    .placed(1, { net1: 3 })
    .network(0xc278, 'vxlan')
    .placed(0xc278, { net1: 4 });
  const port = (n: number, macAddress: string, ipAddress: string) =>
    builder.port(n, 0xc278, { macAddress, fixedIps: [{ subnetId: idOf(2), ipAddress }] });
  port(3, 'fa:16:3e:28:6e:a6', '192.168.7.37');
  port(7, 'fa:16:3e:d1:d7:8a', '192.168.7.161');
  return builder;
}
