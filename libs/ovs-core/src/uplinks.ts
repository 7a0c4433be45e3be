/**
 * Whether packets leave the machine by a provider bridge: pure, from what the switch's database shows.
 *
 * Goals: a bridge whose uplink is gone, down, without carrier or taken off is seen, and what depends on it is in error with who can mend it; a bridge that never
 * had an uplink (its address is the machine's own, or it only joins ports here) is as it is meant to be. Design: an uplink is a device, or a bond of devices, that
 * somebody else put into the bridge, or into a bridge that others' patch ports join to it. A plugged instance is none, nor is an internal port. As long as one
 * uplink works, the bridge works: which of them a packet would take is not known. Which uplinks a bridge had is written in the switch's own record, which stays when
 * the bridge is deleted: an agent without memory must know an uplink that is gone from the database.
 * Road not taken: naming uplinks in the settings. Every node would have to be told what its switch says already.
 */
import { own } from '@plumbline/contracts';
import type { DeviceFault, ObservedPort, ObservedSwitch } from './driver.js';
import { BR_INT, BR_TUN, UPLINKS_KEY } from './marks.js';

export type Uplinks = Readonly<{
  /** Names of its uplinks, or of those it had while it has none; '' when it never had one. To be written down. */
  known: string;
  /** Why no packet leaves by this bridge; null: one may. */
  cut: string | null;
  /** Uplinks that do not work while others do: what is wrong with each. */
  failing: readonly Readonly<{ name: string; reason: string }>[];
  /** Devices that the switch must open anew. */
  stale: readonly Readonly<{ bridge: string; device: string }>[];
}>;

export function uplinksOf(bridge: string, observed: ObservedSwitch): Uplinks {
  const ports = uplinkPorts(bridge, observed, new Set([BR_INT, BR_TUN])).sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = ports.map(({ name }) => name);
  const broken = ports.filter(({ uplink }) => uplink && uplink.faults.length >= uplink.devices);
  const stale = ports.flatMap((port) =>
    (port.uplink?.faults ?? [])
      .filter(({ fault }) => fault === 'replaced')
      .map(({ device }) => ({ bridge: port.bridge, device })),
  );
  if (names.length === 0) {
    const known = own(observed.get(BR_INT)?.knownUplinks ?? {}, bridge) ?? '';
    return { known, cut: known === '' ? null : takenOff(bridge, known.split(','), observed), failing: [], stale };
  }
  const known = names.join(',');
  const reasons = (port: ObservedPort): string => (port.uplink?.faults ?? []).map(textOf).join('; ');
  if (broken.length === ports.length)
    return { known, cut: `no packet leaves by ${bridge}: ${ports.map(reasons).join('; ')}`, failing: [], stale };
  const failing = ports
    .filter(({ uplink }) => uplink && uplink.faults.length > 0)
    .map((port) => ({ name: port.name, reason: `${reasons(port)}; ${bridge} has another that works` }));
  return { known, cut: null, failing, stale };
}

/** Of the bridge, and of the bridges that others joined to it. */
function uplinkPorts(bridge: string, observed: ObservedSwitch, seen: Set<string>): ObservedPort[] {
  if (seen.has(bridge)) return [];
  seen.add(bridge);
  return [...(observed.get(bridge)?.ports.values() ?? [])].flatMap((port) => {
    if (port.uplink) return [port];
    if (port.type !== 'patch' || port.mark !== null) return [];
    const peer = port.options['peer'] ?? '';
    const far = [...observed.values()].find(({ ports }) => ports.get(peer)?.options['peer'] === port.name);
    return far ? uplinkPorts(far.name, observed, seen) : [];
  });
}

const textOf = ({ device, fault, error }: DeviceFault): string => {
  switch (fault) {
    case 'gone':
      return `the device of its uplink ${device} is gone from this node: an operator must make it again, or see why its driver does not`;
    case 'down':
      return `its uplink ${device} is set down: an operator must set it up (ip link set ${device} up)`;
    case 'no-carrier':
      return `its uplink ${device} has no carrier: an operator must look at its cable and at what is at the other end`;
    case 'replaced':
      return `its uplink ${device} was made anew, and the switch still holds the one that is gone: if this stays, an operator must take it off and put it on again (ovs-vsctl del-port, add-port)`;
    case 'error':
      return `the switch cannot open its uplink ${device}${error ? `: ${error}` : ''}: an operator must mend the device (see ovs-vsctl show)`;
  }
};

function takenOff(bridge: string, names: readonly string[], observed: ObservedSwitch): string {
  const [first = ''] = names;
  const home = [...observed.values()].find(({ ports }) => ports.has(first))?.name;
  const where = home === undefined ? `was taken off` : `is on ${home}, to which nothing leads from`;
  const what = names.length === 1 ? `its uplink ${first}` : `each of its uplinks ${names.join(', ')}`;
  const again = home === undefined ? '' : `ovs-vsctl del-port ${first}, then `;
  return `no packet leaves by ${bridge}: ${what} ${where} ${home === undefined ? 'it' : bridge}; an operator must put one on again (${again}ovs-vsctl add-port ${bridge} ${first}), or say that it is to have none (ovs-vsctl remove Open_vSwitch . external_ids ${UPLINKS_KEY}${bridge})`;
}
