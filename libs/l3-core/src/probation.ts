/**
 * Outside addresses while no control plane has confirmed the view (invariant 13). A node that boots alone knows what it had when it last heard of the log; since
 * then another node may have got an address. So an address that is on the gateway's device already stays, and one that is not there yet is probed first.
 *
 * Design: render does not see an address that is held back. So neither its rules nor the routes through it are wanted, by the same code that makes a router
 * without it. When nobody answered, the address is wanted like any other, in a second pass of the same converge. Interfaces are not probed: their addresses
 * are the tenant's, and no other node has them.
 * Road not taken: detection by the kernel. It does not cover IPv4, does not say who answered, and has the address on the device while it probes.
 */
import { canonicalAddress } from '@plumbline/contracts';
import { Probe, ProbeAnswer } from './driver.js';
import { Gathered } from './router-ports.js';
import { isWhole } from './plan.js';
import { L3State, RouterState } from './state.js';

/** Address -> why it is not on the node. */
export type Held = ReadonlyMap<string, string>;

const ipOf = (address: string): string => address.split('/')[0] ?? '';

/** Outside addresses of a router that are wanted and not on the node yet. None when the gateway port is down: then nothing is announced. */
export function unproven({ gateway }: Gathered, { netns, links }: RouterState, found: L3State): Probe[] {
  const link = links.find(({ device }) => device === gateway?.device);
  if (!link?.up) return [];
  const { device, outside, mac } = link;
  const now = found.routers.get(netns.slice(netns.indexOf('-') + 1))?.links.find((each) => each.device === device);
  const there = new Set(isWhole(device, now, found) ? now?.addresses.map(({ address }) => ipOf(address)) : []);
  return link.addresses
    .map(({ address }) => ipOf(address))
    .filter((address) => !there.has(address))
    .map((address) => ({ netns, device, outside, mac, address }));
}

/** The router without these addresses. */
export function withhold(gathered: Gathered, held: Held): Gathered {
  const { gateway } = gathered;
  if (!gateway || held.size === 0) return gathered;
  const less = { ...gateway, addresses: gateway.addresses.filter(({ ip }) => !held.has(canonicalAddress(ip))) };
  return {
    ...gathered,
    gateway: less,
    ports: gathered.ports.map((routerPort) => (routerPort === gateway ? less : routerPort)),
    floatingIps: gathered.floatingIps.filter((fip) => !held.has(canonicalAddress(fip.floatingIpAddress))),
    forwardings: gathered.forwardings.filter(({ address }) => address === null || !held.has(canonicalAddress(address))),
  };
}

const UNCONFIRMED = 'and no control plane has confirmed yet that it is ours';

/** All these addresses, held back until they have been probed. */
export const heldUntilAsked = (probes: readonly Probe[]): Held =>
  new Map(
    probes.map(({ address }) => [address, `${address} is held back until it is probed: ${UNCONFIRMED.slice(4)}`]),
  );

/** The addresses that stay held back after these answers. `answers` are in the order of `probes`. */
export function heldAfter(gathered: Gathered, probes: readonly Probe[], answers: readonly ProbeAnswer[]): Held {
  const held = new Map<string, string>();
  for (const [index, { address }] of probes.entries()) {
    const answer = answers[index] ?? { kind: 'unknown', reason: 'no answer came' };
    if (answer.kind === 'taken')
      held.set(address, `${address} is held back: ${answer.mac} answers for it, ${UNCONFIRMED}`);
    if (answer.kind === 'unknown')
      held.set(address, `${address} is held back: it cannot be probed (${answer.reason}), ${UNCONFIRMED}`);
  }
  // Floating IPs go out by the router's own address and its default route.
  const own = gathered.gateway?.addresses.filter(({ version }) => version === 4).map(({ ip }) => canonicalAddress(ip));
  if (own?.every((ip) => held.has(ip)))
    for (const { address } of probes)
      if (!held.has(address) && !address.includes(':'))
        held.set(address, `${address} is held back with the router's own outside address ${own.join(', ')}`);
  return held;
}

/** What is held back, by its object: the floating IP, the port forwarding, or the gateway's port. */
export function heldObjects(
  { gateway, floatingIps, forwardings }: Gathered,
  held: Held,
): { kind: 'port' | 'floatingip' | 'portforwarding'; id: string; reason: string }[] {
  if (held.size === 0) return [];
  const ofPort = gateway?.addresses.flatMap(({ ip }) => held.get(canonicalAddress(ip)) ?? []) ?? [];
  return [
    ...(gateway && ofPort.length > 0
      ? [{ kind: 'port' as const, id: gateway.port.id, reason: ofPort.join('; ') }]
      : []),
    ...floatingIps.flatMap((fip) => {
      const reason = held.get(canonicalAddress(fip.floatingIpAddress));
      return reason === undefined ? [] : [{ kind: 'floatingip' as const, id: fip.id, reason }];
    }),
    ...forwardings.flatMap(({ object, address }) => {
      const reason = address === null ? undefined : held.get(canonicalAddress(address));
      return reason === undefined ? [] : [{ kind: 'portforwarding' as const, id: object.id, reason }];
    }),
  ];
}
