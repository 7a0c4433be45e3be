/**
 * Placement: on which hosts a network is needed, and with which local VLAN. It follows from the other objects: each port with a claim
 * `bound/<network>/<host>/<port>` (a bound port, a port of a scheduled router) needs the network on that host. The local VLAN is chosen here, once,
 * and is in the log: a wiped node comes back with the same one (invariant 8).
 *
 * What comes to a host anew must be admitted there (nodes/admitted.ts); what is there stays.
 *
 * Races: a command that needs a network which is placed already has the placement as a precondition; a command that withdraws it requires that no
 * such claim is left.
 */
import { AnyObject, type NodeRole, own } from '@plumbline/contracts';
import { claimsOf } from '@plumbline/topology';
import type { Draft } from './draft.js';
import { DomainError } from './errors.js';
import { hostNotAdmitted, refusalOf, roleFor } from './nodes/admitted.js';

const LAST_VLAN = 4094;

/** `role`: what its host must be for it; null: any. */
type Need = Readonly<{ networkId: string; host: string; role: NodeRole | null }>;

/** Adds NetworkPlacedOnHost and NetworkWithdrawnFromHost where the draft's changes newly need a network on a host, or no longer need it. */
export function settlePlacements(draft: Draft): void {
  const gained = new Map<string, Need>();
  const lost = new Map<string, Need>();
  for (const { before, after } of draft.changes()) {
    const had = needsOf(before);
    const has = needsOf(after);
    for (const [claim, need] of has) {
      if (had.has(claim)) continue;
      mustBeAdmitted(draft, need);
      gained.set(`${need.networkId}/${need.host}`, need);
    }
    for (const [claim, need] of had) if (!has.has(claim)) lost.set(`${need.networkId}/${need.host}`, need);
  }
  for (const need of gained.values()) place(draft, need);
  for (const [name, need] of lost) if (!gained.has(name)) withdraw(draft, need);
}

function mustBeAdmitted(draft: Draft, { networkId, host, role }: Need): void {
  const reason = refusalOf(draft, host, role, draft.get('network', networkId));
  if (reason !== null) throw hostNotAdmitted(host, reason);
  draft.dependOn(`admission/${host}`);
}

function needsOf(object: AnyObject | undefined): ReadonlyMap<string, Need> {
  const needs = new Map<string, Need>();
  const role = object?.kind === 'port' ? roleFor(object.deviceOwner) : 'network';
  for (const claim of claimsOf(object)) {
    const [relation, networkId = '', host = ''] = claim.split('/');
    if (relation === 'bound') needs.set(claim, { networkId, host, role });
  }
  return needs;
}

const isPlaced = (draft: Draft, networkId: string, host: string): boolean =>
  own(draft.get('placement', networkId)?.hosts ?? {}, host) !== undefined;

function place(draft: Draft, { networkId, host }: Need): void {
  if (isPlaced(draft, networkId, host)) {
    draft.dependOn(`placement/${networkId}`);
    return;
  }
  for (let localVlanId = 1; localVlanId <= LAST_VLAN; localVlanId += 1) {
    if (draft.held(`local-vlan/${host}/${localVlanId}`)) continue;
    draft.record({ type: 'NetworkPlacedOnHost', version: 1, data: { networkId, host, localVlanId } });
    return;
  }
  throw new DomainError(
    'NoLocalVlanAvailable',
    'exhausted',
    `Host ${host} carries ${LAST_VLAN} networks already, one for each local VLAN; network ${networkId} finds no room there. Use another host.`,
  );
}

function withdraw(draft: Draft, { networkId, host }: Need): void {
  if (!isPlaced(draft, networkId, host) || stillNeeded(draft, networkId, host)) return;
  draft.expectNone(`bound/${networkId}/${host}/`);
  draft.record({ type: 'NetworkWithdrawnFromHost', version: 1, data: { networkId, host } });
}

function stillNeeded(draft: Draft, networkId: string, host: string): boolean {
  return (
    draft.find('port', `host/${host}`).some((port) => port.networkId === networkId) ||
    draft
      .find('router', `host/${host}`)
      .some(
        (router) =>
          router.gateway?.networkId === networkId ||
          Object.values(router.interfaces).some((each) => each.networkId === networkId),
      )
  );
}
