/** How a move finds what it applies to. */
import { AnyObject, DEVICE_OWNER, FixedIp, Kind, Port, Router } from '@plumbline/contracts';
import type { Walk } from './walk.js';

/** One step of a walk: which move, and three numbers it picks its objects with. */
export type Choice = Readonly<{ move: number; a: number; b: number; c: number }>;

export type Move = (walk: Walk, choice: Choice) => void;

export const HOST_NAMES = ['net1', 'cmp1', 'cmp2', 'cmp3'];
export const hostOf = (number: number): string => HOST_NAMES[number % HOST_NAMES.length] as string;

export function pick<T>(list: readonly T[], number: number): T | undefined {
  return list.length === 0 ? undefined : list[number % list.length];
}
export const pickKind = <K extends Kind>(
  walk: Walk,
  kind: K,
  number: number,
): Extract<AnyObject, { kind: K }> | undefined => pick(walk.topology.all(kind), number);

/** An address of the network's first subnet with room; none when it has no such subnet. */
export function addressOn(walk: Walk, networkId: string): FixedIp[] {
  for (const subnet of walk.topology.find('subnet', `network/${networkId}`)) {
    const ipAddress = walk.freeAddress(networkId, subnet.cidr);
    if (ipAddress) return [{ subnetId: subnet.id, ipAddress }];
  }
  return [];
}

export const instancePorts = (walk: Walk): Port[] =>
  walk.topology.all('port').filter((port) => !Object.values(DEVICE_OWNER).includes(port.deviceOwner as never));

/** Routers with a gateway and an interface on this subnet. */
export const routersBetween = (walk: Walk, subnetId: string): Router[] =>
  walk.topology
    .all('router')
    .filter(
      (router) =>
        router.gateway &&
        walk.topology
          .routerPorts(router.id)
          .some((port) => port.id !== router.gateway?.portId && port.fixedIps.some((ip) => ip.subnetId === subnetId)),
    );
