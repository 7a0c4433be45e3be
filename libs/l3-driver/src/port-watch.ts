/**
 * Watches the switch's database for our devices. When somebody deletes a namespace, its devices are gone, and ovs-vswitchd records that at once. The same holds
 * for a port that was taken off the bridge, and for a bridge that was deleted, even when the OVS agent has made it again within the same update.
 *
 * Only changes for the worse are reported, so a reconcile does not trigger the next one. What the database does not show (a rule, an address, a route) is found
 * by the full check on the timer.
 */
import { INTEGRATION_BRIDGE, OWNER, OWNER_KEY } from '@plumbline/l3-core';
import type { InterfaceRow, OvsdbMirror } from '@plumbline/ovsdb';

/** The part of the mirror that is needed. */
export type WatchedSwitch = Pick<OvsdbMirror, 'inSync' | 'bridge' | 'onChange'>;

/** Worse: the device is gone or down, the port is gone, or it claims to be another. */
function isWorse(before: InterfaceRow, after: InterfaceRow | undefined): boolean {
  if (!after) return true;
  const ids = ['iface-id', 'attached-mac', OWNER_KEY] as const;
  return (
    ((before.ifindex ?? 0) > 0 && !((after.ifindex ?? 0) > 0)) ||
    ((before.ofport ?? -1) > 0 && !((after.ofport ?? -1) > 0)) ||
    (before.admin_state === 'up' && after.admin_state !== 'up') ||
    (before.link_state === 'up' && after.link_state !== 'up') ||
    ids.some((id) => before.external_ids[id] !== after.external_ids[id])
  );
}

/**
 * Calls `look` with the owner's ports to check, or with `all` when the integration bridge appeared or was replaced, or when the switch's database can be reached
 * again; until the returned function is called.
 */
export function watchPorts(
  mirror: WatchedSwitch,
  look: (ports: ReadonlySet<string> | 'all') => void,
  owner: string = OWNER,
): () => void {
  const isOurs = (row: InterfaceRow): boolean => row.external_ids[OWNER_KEY] === owner;
  const bridgeNow = (): string | null => (mirror.inSync ? (mirror.bridge(INTEGRATION_BRIDGE)?.uuid ?? null) : null);
  let bridge = bridgeNow();
  return mirror.onChange((changes) => {
    const was = bridge;
    bridge = bridgeNow();
    // Without a bridge there is nothing to plug into; its return is reported.
    if (bridge === null) return;
    if (bridge !== was) return look('all');
    const ports = new Set<string>();
    for (const { table, before, after } of changes)
      if (table === 'Interface' && before && isOurs(before) && isWorse(before, after))
        ports.add(before.external_ids['iface-id'] ?? '');
    if (ports.size > 0) look(ports);
  });
}
