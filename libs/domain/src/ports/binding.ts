/**
 * Binding: a port belongs to a host. The host must enforce the port's security, and says so when it registers (`Node.firewall`): otherwise the binding is refused.
 * Ports that are bound to a host which stops enforcing stay there.
 */
import { firewallOf, own, type Port } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { portSecurityNotEnforced } from './errors.js';

export type Binding = Readonly<{ host: string; vnicType: string; profile: Readonly<Record<string, unknown>> }>;

export const UNBOUND: Binding = { host: '', vnicType: 'normal', profile: {} };

/** Ports of the cloud's own services are trusted: no security group applies to them (Networking API, device owners `network:*`). */
export const isTrusted = (deviceOwner: string): boolean => deviceOwner.startsWith('network:');

type Secured = Readonly<{ host: string; deviceOwner: string; portSecurityEnabled: boolean }>;

/** The host that has to enforce the port's security; '' when none has to. */
const enforcerOf = ({ host, deviceOwner, portSecurityEnabled }: Secured): string =>
  portSecurityEnabled && !isTrusted(deviceOwner) ? host : '';

/** Refuses a change after which a host would have to enforce the port's security and does not. That it does becomes a precondition. */
export function mustBeEnforced(draft: Draft, before: Secured | null, after: Secured): void {
  const host = enforcerOf(after);
  if (host === '' || (before && host === enforcerOf(before))) return;
  draft.dependOn(`node/${host}`);
  if (firewallOf(draft.get('node', host)) === 'none') throw portSecurityNotEnforced(host);
}

/** Why a host cannot carry ports of a network; null when it can, as far as the log knows. */
export function whyNotCarried(draft: Draft, host: string, networkId: string): string | null {
  const node = draft.get('node', host);
  if (!node || node.removed) return uncarriedText('');
  const physical = draft.get('network', networkId)?.physicalNetwork ?? null;
  if (physical === null || own(node.bridgeMappings, physical) !== undefined) return null;
  return uncarriedText(physical);
}

/** `physical`: the physical network that a host does not map; '': the host is not registered at all. */
export const uncarriedText = (physical: string): string =>
  physical === '' ? 'no OVS agent has registered it' : `its bridge_mappings do not name physical network ${physical}`;

/** Appends the events that bind, move or unbind the port, or change how it is plugged. */
export function bind(draft: Draft, port: Port, { host, vnicType, profile }: Binding): void {
  const { id: portId, networkId, binding: now } = port;
  const same = vnicType === now.vnicType && JSON.stringify(profile) === JSON.stringify(now.profile);
  if (host !== '') {
    if (same && host === now.host) return;
    draft.record({ type: 'PortBound', version: 1, data: { portId, networkId, host, vnicType, profile } });
    return;
  }
  if (now.host !== '') draft.record({ type: 'PortUnbound', version: 1, data: { portId, networkId, host: now.host } });
  if (!same) draft.record({ type: 'PortBindingAttributesSet', version: 1, data: { portId, vnicType, profile } });
}
