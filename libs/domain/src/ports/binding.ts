/**
 * Binding: a port belongs to a host. What a port's security says must hold there: a host whose agent does not enforce it gets no such port, unless the operator
 * chose so for all.
 */
import type { Port } from '@plumbline/contracts';
import type { Draft } from '../draft.js';
import { portSecurityNotEnforced } from './errors.js';

export type Binding = Readonly<{ host: string; vnicType: string; profile: Readonly<Record<string, unknown>> }>;

/** Hosts that enforce port security and security groups; null: the operator does without. */
export type BindingPolicy = Readonly<{ enforcing: ReadonlySet<string> | null }>;

export const UNBOUND: Binding = { host: '', vnicType: 'normal', profile: {} };

/** Ports of the cloud's own services are trusted: no security group applies to them (Networking API, device owners `network:*`). */
export const isTrusted = (deviceOwner: string): boolean => deviceOwner.startsWith('network:');

type Secured = Readonly<{ host: string; deviceOwner: string; portSecurityEnabled: boolean }>;

/** The host that has to enforce the port's security; '' when none has to. */
const enforcerOf = ({ host, deviceOwner, portSecurityEnabled }: Secured): string =>
  portSecurityEnabled && !isTrusted(deviceOwner) ? host : '';

/** Refuses a port that comes to need a host to enforce its security, when that host does not. */
export function mustBeEnforced(before: Secured | null, after: Secured, { enforcing }: BindingPolicy): void {
  const host = enforcerOf(after);
  if (host === '' || (before && host === enforcerOf(before))) return;
  if (enforcing && !enforcing.has(host)) throw portSecurityNotEnforced(host);
}

/** Appends what binds the port, moves it or takes it from its host, and what is said of how it is plugged. */
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
