/**
 * Says which ports a node still enforces the way that was its before: a firewall moves from flows of br-int to bridges of instances, or back, when the instance is
 * plugged in anew, which is not ours to do.
 */
import type { OvsNodeConfig } from '@plumbline/ovs-core';

const SHOWN = 10;

/** One sentence while there are any. */
export function leftOverTroubles(ports: readonly string[], { firewall }: OvsNodeConfig): string[] {
  if (ports.length === 0) return [];
  const more = ports.length > SHOWN ? ` and ${ports.length - SHOWN} more` : '';
  const way = firewall === 'hybrid' ? 'by flows of br-int' : 'on bridges of their own';
  return [
    `the rules of ${ports.length} ports are enforced ${way}, not as PLUMB_FIREWALL=${firewall} says, until their instances are plugged in anew (hard reboot, or migrate them): ${ports.slice(0, SHOWN).join(', ')}${more}`,
  ];
}
