/**
 * What the switch's database tells of our devices: a namespace that somebody deleted takes its devices along, and ovs-vswitchd writes that down at once. So
 * does a port that was taken off the bridge, and a bridge that was deleted, even when the OVS agent has made it anew within the same update.
 *
 * Only what becomes worse is told: what an own converge makes does not wake the next one. What the database does not show (a rule, an address, a route) is
 * found by the full look on the timer.
 */
import { INTEGRATION_BRIDGE, OWNER, OWNER_KEY } from '@plumbline/l3-core';
import type { InterfaceRow, OvsdbMirror } from '@plumbline/ovsdb';

/** The part of the mirror that is needed. */
export type WatchedSwitch = Pick<OvsdbMirror, 'inSync' | 'bridge' | 'onChange'>;

const isOurs = (row: InterfaceRow): boolean => row.external_ids[OWNER_KEY] === OWNER;

/** Worse: the device is gone or down, the port is gone, or it says to be another. */
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
 * Calls `look` with the router ports to look at, or `all` when the integration bridge is there and was not, or is another one, or the switch's database can
 * be reached again. Until the answer is called.
 */
export function watchPorts(mirror: WatchedSwitch, look: (ports: ReadonlySet<string> | 'all') => void): () => void {
  const bridgeNow = (): string | null => (mirror.inSync ? (mirror.bridge(INTEGRATION_BRIDGE)?.uuid ?? null) : null);
  let bridge = bridgeNow();
  return mirror.onChange((changes) => {
    const was = bridge;
    bridge = bridgeNow();
    // Without a bridge there is nothing to plug into: its coming is told.
    if (bridge === null) return;
    if (bridge !== was) return look('all');
    const ports = new Set<string>();
    for (const { table, before, after } of changes)
      if (table === 'Interface' && before && isOurs(before) && isWorse(before, after))
        ports.add(before.external_ids['iface-id'] ?? '');
    if (ports.size > 0) look(ports);
  });
}
