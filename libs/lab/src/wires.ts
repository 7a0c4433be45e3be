/**
 * The lab's cables: three Linux bridges in the place `mgmt`, and a veth from each to every place that is connected to it.
 *
 *     mgmt      172.31.250.0/24  NATS (on the bridge's own address), nodes' eth0; the host joins by the pair plumb-host / plumb-mgmt0
 *     tunnel    172.31.251.0/24  nodes' eth2: VXLAN
 *     external  10.255.253.0/24  nodes' eth1 (the uplink in br-ex), `outside`'s eth0
 *
 * They are in a namespace of their own, because a host with Docker sends bridged packets through its FORWARD chain and drops them there. Nothing forwards between
 * the three: ip_forward stays 0. The bridges learn addresses; STP and multicast snooping, which would delay the first packets, are off.
 */
import { run } from '@plumbline/exec';
import type { Place } from './place.js';
import { externalNetwork, managementNetwork, type LabSpec } from './spec.js';
import { makeHostLink } from './host-link-device.js';
import type { HostLinkAddresses } from './host-link.js';

const bridges = ['mgmt', 'tunnel', 'external'] as const;

/** Makes the bridges and the host's link. */
export async function layWires(spec: LabSpec, labId: string, mgmt: Place, link: HostLinkAddresses): Promise<void> {
  await ipBatch(mgmt, [
    ...bridges.flatMap((name) => [`link add ${name} type bridge stp_state 0 mcast_snooping 0`, `link set ${name} up`]),
    `address add ${managementNetwork.address}/${managementNetwork.prefix} dev mgmt`,
  ]);
  const peer = { name: 'plumb-mgmt0', pid: mgmt.keeperPid };
  await makeHostLink(spec.hostLink, peer, { labId, stateDir: spec.stateDir }, link);
  await ipBatch(mgmt, [`address add ${link.lab}/30 dev plumb-mgmt0`, 'link set plumb-mgmt0 up']);
}

/**
 * The node's three interfaces, eth0 with its management address.
 *
 * eth1 and eth2 become ports of the node's bridges. With a userspace datapath the kernel still receives what arrives there, and would answer ARP requests for
 * br-phy's address with the MAC of eth2, behind which no tunnel ends; a neighbour that gets both answers keeps the later one. So ARP is off on both.
 */
export async function wireNode(mgmt: Place, node: Place, managementIp: string): Promise<void> {
  const ends = [
    ['eth0', 'mgmt', 'm'],
    ['eth1', 'external', 'x'],
    ['eth2', 'tunnel', 't'],
  ] as const;
  await ipBatch(
    mgmt,
    ends.flatMap(([inner, bridge, letter]) => plug(node, inner, `${node.name}-${letter}`, bridge)),
  );
  await ipBatch(node, [
    `address add ${managementIp}/${managementNetwork.prefix} dev eth0`,
    ...['eth1', 'eth2'].map((uplink) => `link set ${uplink} arp off`),
    ...ends.map(([inner]) => `link set ${inner} up`),
  ]);
}

/** `outside`: a host on the external network, and its gateway. */
export async function wireOutside(mgmt: Place, outside: Place): Promise<void> {
  await ipBatch(mgmt, plug(outside, 'eth0', 'outside-x', 'external'));
  await ipBatch(outside, [
    `address add ${externalNetwork.gateway}/${externalNetwork.prefix} dev eth0`,
    'link set eth0 up',
  ]);
  await finishChecksums(outside, [], 'eth0');
}

/** Computes TCP and UDP checksums in software: a userspace switch passes on packets without the checksum that the (virtual) card should add, so TCP stalls while ping works. */
export async function finishChecksums(place: Place, prefix: readonly string[], device: string): Promise<void> {
  await run([...place.enter, ...prefix, 'ethtool', '-K', device, 'tx', 'off']);
}

/** Runs lines of ip(8) in a place. Rejects at the first line that fails. */
export async function ipBatch(place: Place, lines: readonly string[]): Promise<void> {
  await run([...place.enter, 'ip', '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
}

function plug(place: Place, inner: string, outer: string, bridge: (typeof bridges)[number]): string[] {
  return [
    `link add ${outer} type veth peer name ${inner} netns ${place.keeperPid}`,
    `link set ${outer} master ${bridge} up`,
  ];
}
