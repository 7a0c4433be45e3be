/**
 * Guests whose checksums nobody finishes.
 *
 * A virtio card offers its guest to leave checksums, and the cutting of segments into frames, to whoever carries its packets (virtio 1.2, 5.1.3: VIRTIO_NET_F_CSUM,
 * VIRTIO_NET_F_GUEST_CSUM). The kernel's datapath does it. The userspace datapath of Open vSwitch 3.1 does not, or with `userspace-tso-enable` it does and drops what
 * would go into a tunnel. The guest's own choice for what it sends cannot be seen from outside; that for what it receives is its device's (TUNSETOFFLOAD), and a card
 * that offers the one offers the other. A guest with a bridge of its own (hybrid) has its tap device there: what is plugged in is the end of a veth pair, on which the
 * packets come as they left the guest.
 */
import type { Runner } from '@plumbline/exec';
import { type ObservedBridge, tapBehind } from '@plumbline/ovs-core';

/**
 * Interfaces of guests that leave them to this switch, with their port numbers; null: the kernel does not tell now. Asks nothing where the kernel's datapath is, or no
 * device is plugged in. `where`: the namespace of the devices; absent: the runner's.
 */
export async function guestOffloads(
  { datapathType, ports }: ObservedBridge,
  runner: Pick<Runner, 'look' | 'readTxChecksum'>,
  where: Readonly<{ netns?: string }>,
): Promise<ReadonlyMap<string, number> | null> {
  const plugged = new Map(
    [...ports.values()].flatMap(({ name, ifaceId, type, ofport }) =>
      ifaceId !== null && (type === '' || type === 'system') && ofport !== null ? [[name, ofport] as const] : [],
    ),
  );
  const devices = new Map([...plugged.keys()].map((name) => [name, tapBehind(name) ?? name]));
  if (datapathType !== 'netdev' || plugged.size === 0) return new Map();
  const [seen] = await runner.look(
    { links: [...devices.values()] },
    where.netns === undefined ? undefined : [where.netns],
  );
  if (!seen || seen instanceof Error) return null;
  const taps = seen.links.flatMap(({ kind, name }) => (kind === 'tun' ? [name] : []));
  if (taps.length === 0) return new Map();
  const left = await runner.readTxChecksum(taps, where);
  return new Map([...plugged].filter(([name]) => left.get(devices.get(name) ?? name) === true));
}
