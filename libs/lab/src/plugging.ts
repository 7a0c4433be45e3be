/** How an instance's device gets into br-int: as libvirt does it, or where the port asks for it (`hybrid`) as os-vif does, by a Linux bridge that is joined to it. */
import { run } from '@plumbline/exec';
import type { Place } from './place.js';
import type { InstanceState } from './state.js';

const bridgeTimeoutSeconds = 20;

/** The device outside, named as Nova and the reference name it: 14 characters. */
export const tapName = (portId: string): string => `tap${portId.slice(0, 11)}`;
/** The bridge of a `hybrid` port, and the end of its pair that is in br-int. */
export const ownBridgeName = (portId: string): string => `qbr${portId.slice(0, 11)}`;
export const pairName = (portId: string): string => `qvo${portId.slice(0, 11)}`;

/** Lines of ip(8) that make the bridge and join it. It learns no address: both its ports get everything. */
export function ownBridge({ portId, mtuBytes }: InstanceState): string[] {
  const short = portId.slice(0, 11);
  return [
    `link add qbr${short} type bridge stp_state 0 forward_delay 0 ageing_time 0 mcast_snooping 0`,
    `link add qvb${short} type veth peer name qvo${short}`,
    `link set qvb${short} master qbr${short}`,
    ...['qvb', 'qvo', 'qbr'].map((device) => `link set ${device}${short} mtu ${mtuBytes} up`),
  ];
}

/** Waits for br-int, which an agent makes. */
export const waitForBridge = (place: Place): Promise<unknown> =>
  run([...place.enter, 'ovs-vsctl', `--timeout=${bridgeTimeoutSeconds}`, 'wait-until', 'Bridge', 'br-int']);

/** Puts a device into br-int as the port's, as libvirt and os-vif do. */
export async function addToBridge(place: Place, device: string, instance: InstanceState): Promise<void> {
  await waitForBridge(place);
  await run([
    ...[...place.enter, 'ovs-vsctl', `--timeout=${bridgeTimeoutSeconds}`],
    ...['--may-exist', 'add-port', 'br-int', device, '--', 'set', 'Interface', device],
    ...[`external_ids:iface-id=${instance.portId}`, `external_ids:attached-mac="${instance.mac}"`],
    ...['external_ids:iface-status=active', `external_ids:vm-id=${instance.name}`],
  ]);
}
