/**
 * Binding: a port belongs to a host. The host's agent must enforce the port's security: otherwise the binding is refused, unless the operator allows unenforced
 * security groups for all hosts.
 */
import type { Port } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { portSecurityNotEnforced } from './errors.js';

export type Binding = Readonly<{ host: string; vnicType: string; profile: Readonly<Record<string, unknown>> }>;

/** Hosts that enforce port security and security groups; null: the operator allows bindings without enforcement. */
export type BindingPolicy = Readonly<{ enforcing: ReadonlySet<string> | null }>;

export const UNBOUND: Binding = { host: '', vnicType: 'normal', profile: {} };

/** Ports of the cloud's own services are trusted: no security group applies to them (Networking API, device owners `network:*`). */
export const isTrusted = (deviceOwner: string): boolean => deviceOwner.startsWith('network:');

type Secured = Readonly<{ host: string; deviceOwner: string; portSecurityEnabled: boolean }>;

/** The host that has to enforce the port's security; '' when none has to. */
const enforcerOf = ({ host, deviceOwner, portSecurityEnabled }: Secured): string =>
  portSecurityEnabled && !isTrusted(deviceOwner) ? host : '';

/** Refuses a change after which a host would have to enforce the port's security and does not. */
export function mustBeEnforced(before: Secured | null, after: Secured, { enforcing }: BindingPolicy): void {
  const host = enforcerOf(after);
  if (host === '' || (before && host === enforcerOf(before))) return;
  if (enforcing && !enforcing.has(host)) throw portSecurityNotEnforced(host);
}

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
