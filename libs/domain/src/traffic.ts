/**
 * To which ports traffic from outside may be led: one rule for everything that rewrites a destination to a port's address. That is floating IPs, port forwardings
 * of floating IPs and port forwardings of a router's own gateway address.
 *
 * Owning a network is not enough: an instance of another project on a shared network is reached from outside only when its own project says so. And a port of
 * the network's own services (`network:*`: DHCP, routers, floating IPs) is no destination, since no security group guards it. The rule looks at the port; that
 * port is a precondition of the decision, so a port that changes at the same moment is noticed. A port that is a destination already does not become one of the
 * network's own (`refuseDestination`).
 *
 * Not here: extra routes of routers and host routes of subnets. They name an address as the next hop on a network of their owner and rewrite no packet, so an
 * instance drops what is not meant for it. Allowed address pairs are about what a port may send, and are for the network's owner.
 */
import type { Port } from '@plumbline/contracts';
import type { Draft } from './draft.js';
import { badRequest } from './errors.js';
import { isTrusted } from './ports/binding.js';

/** What leads traffic: its name in messages, and the project that it belongs to. */
export type Leader = Readonly<{ resource: 'floatingip' | 'port_forwarding'; projectId: string }>;

type Rule = Readonly<{
  forbids(port: Port, leader: Leader): boolean;
  /** Administrators may do it all the same. */
  exceptAdmin: boolean;
  reason(port: Port): string;
}>;

const WHAT: Readonly<Record<Leader['resource'], string>> = {
  floatingip: 'floating IP association',
  port_forwarding: 'port forwarding',
};

/** All of them hold. The first text is the reference implementation's. */
const RULES: readonly Rule[] = [
  {
    forbids: (port, { projectId }) => port.projectId !== projectId,
    exceptAdmin: true,
    reason: () => 'since that port is owned by a different tenant',
  },
  {
    forbids: ({ deviceOwner }) => isTrusted(deviceOwner),
    exceptAdmin: false,
    reason: ({ deviceOwner }) => `since a port of device owner '${deviceOwner}' serves the network itself`,
  },
];

/** Refuses to lead traffic to the port where a rule forbids it. The port becomes a precondition. */
export function mayLeadTo(draft: Draft, port: Port, leader: Leader): void {
  const isAdmin = draft.context.actor.role === 'admin';
  const broken = RULES.find((rule) => !(rule.exceptAdmin && isAdmin) && rule.forbids(port, leader));
  if (broken) {
    const { resource } = leader;
    throw badRequest(resource, `Cannot process ${WHAT[resource]} with Port ${port.id}, ${broken.reason(port)}`);
  }
  draft.dependOn(`port/${port.id}`);
}

/** Refuses to make the port one of the network's own (`what`) while traffic is led to it. That nothing begins to lead there meanwhile is a precondition. */
export function refuseDestination(draft: Draft, port: Port, resource: 'router' | 'port', what: string): void {
  const isDestination =
    draft.find('floatingip', `associated/${port.id}`).length > 0 ||
    draft.find('portforwarding', `port/${port.id}`).length > 0;
  if (isDestination)
    throw badRequest(resource, `Port ${port.id} cannot be ${what} while a floating IP or port forwarding leads to it`);
  draft.expectNone(`association/${port.id}/`);
  draft.expectNone(`forwarded-to/${port.id}/`);
}
