/**
 * Several bindings of one port (Networking API, alias binding-extended), as a live migration makes them: one is ACTIVE, the others are INACTIVE. An inactive one
 * brings port and network to its host, so that all is there when it is activated; nothing of the port passes there until then. One event activates a binding
 * and makes the one that was active inactive: there is no moment in the log at which both or none are active.
 */
import { firewallOf, type Firewall, own, type Port } from '@plumbline/contracts';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { portNotFound } from '../errors.js';
import { bind, type Binding, mustBeEnforced, whyNotCarried } from './binding.js';
import { bindingAlreadyActive, bindingExists, bindingNotFound, bindingNotPossible, notAComputePort } from './errors.js';

export type BindingChanges = Partial<Omit<Binding, 'host'>>;

/** A binding as clients see it. */
export type ShownBinding = Binding &
  Readonly<{
    active: boolean;
    /** The port's. */
    projectId: string;
    /** Its host is registered and carries the port's network. */
    carried: boolean;
    firewall: Firewall;
  }>;

/** The first binding of a port is active, a further one is not. A host that could not carry the port is refused. */
export const addBinding = (portId: string, binding: Binding): Decide<void> =>
  deciding((draft) => {
    const port = computePort(draft, portId);
    const { host } = binding;
    if (bindingTo(port, host)) throw bindingExists(portId, host);
    const why = whyNotCarried(draft, host, port.networkId);
    if (why !== null) throw bindingNotPossible(portId, host, why);
    draft.dependOn(`node/${host}`);
    mustBeEnforced(draft, { ...port, host: port.binding.host }, { ...port, host });
    if (port.binding.host === '') bind(draft, port, binding);
    else recordInactive(draft, port, binding);
  });

export const changeBinding = (portId: string, host: string, changes: BindingChanges): Decide<void> =>
  deciding((draft) => {
    const port = computePort(draft, portId);
    const now = bindingTo(port, host);
    if (!now) throw bindingNotFound(portId, host);
    const binding = { ...now, ...changes };
    if (host === port.binding.host) bind(draft, port, binding);
    else if (JSON.stringify(now) !== JSON.stringify(binding)) recordInactive(draft, port, binding);
  });

export const activateBinding = (portId: string, host: string): Decide<void> =>
  deciding((draft) => {
    const port = computePort(draft, portId);
    const { id, networkId, binding } = port;
    if (host === binding.host) throw bindingAlreadyActive(portId, host);
    if (!bindingTo(port, host)) throw bindingNotFound(portId, host);
    mustBeEnforced(draft, { ...port, host: binding.host }, { ...port, host });
    const data = { portId: id, networkId, host, previousHost: binding.host };
    draft.record({ type: 'PortBindingActivated', version: 1, data });
  });

/** Without its active binding a port is unbound; inactive ones stay as they are. */
export const removeBinding = (portId: string, host: string): Decide<void> =>
  deciding((draft) => {
    const port = computePort(draft, portId);
    if (!bindingTo(port, host)) throw bindingNotFound(portId, host);
    const data = { portId, networkId: port.networkId, host };
    if (host === port.binding.host) draft.record({ type: 'PortUnbound', version: 1, data });
    else draft.record({ type: 'PortInactiveBindingRemoved', version: 1, data });
  });

/** The active one first, the others by host. Changes nothing. */
export const bindingsOf = (portId: string): Decide<ShownBinding[]> =>
  deciding((draft) => {
    const port = draft.get('port', portId);
    if (!port) throw portNotFound(portId);
    const { binding, inactiveBindings, networkId, projectId } = port;
    const hosts = [...(binding.host === '' ? [] : [binding.host]), ...Object.keys(inactiveBindings).sort()];
    return hosts.map((host) => ({
      ...(bindingTo(port, host) as Binding),
      active: host === binding.host,
      projectId,
      carried: whyNotCarried(draft, host, networkId) === null,
      firewall: firewallOf(draft.get('node', host)),
    }));
  });

function bindingTo({ binding, inactiveBindings }: Port, host: string): Binding | undefined {
  if (host === binding.host) return binding;
  const inactive = own(inactiveBindings, host);
  return inactive && { host, ...inactive };
}

function recordInactive(draft: Draft, { id, networkId }: Port, { host, vnicType, profile }: Binding): void {
  const data = { portId: id, networkId, host, vnicType, profile };
  draft.record({ type: 'PortInactiveBindingSet', version: 1, data });
}

/** Only ports of instances have several bindings, as in the reference. */
function computePort(draft: Draft, portId: string): Port {
  const port = draft.get('port', portId);
  if (!port) throw portNotFound(portId);
  if (!port.deviceOwner.startsWith('compute:')) throw notAComputePort(portId);
  return port;
}
