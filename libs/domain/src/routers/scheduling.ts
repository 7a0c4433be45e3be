/**
 * Which network node carries a router. A router is scheduled when it gets its first interface or gateway, to a live L3 host that was admitted as a network node
 * and has the physical networks of all of them, admitted too, in one of its availability zone hints; to the host with the fewest routers, at random among equals. Which hosts are alive is observed and not in the
 * log, so it is an argument. An administrator may put a router on a host and take it off.
 */
import { Network, Node, Router } from '@plumbline/contracts';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { refusalOf } from '../nodes/admitted.js';
import {
  availabilityZoneNotFound,
  routerHostedByL3Agent,
  routerNotHostedByL3Agent,
  routerSchedulingFailed,
} from './errors.js';
import { theRouter } from './router-ports.js';

/** Zone of an agent that reports none. */
export const DEFAULT_ZONE = 'nova';

export type Fleet = Readonly<{
  /** Hosts whose L3 agent is alive and enabled. */
  l3Hosts: readonly string[];
  /** Availability zone of every host with an L3 agent, alive or not. Absent: all are in the default zone. */
  zones?: ReadonlyMap<string, string>;
}>;

const zoneOf = (fleet: Fleet, host: string): string => fleet.zones?.get(host) ?? DEFAULT_ZONE;

/** Refuses a zone that no L3 agent is in. */
export function knownZones(fleet: Fleet, hints: readonly string[]): void {
  const zones = new Set(fleet.zones ? fleet.zones.values() : fleet.l3Hosts.map((host) => zoneOf(fleet, host)));
  const unknown = hints.find((zone) => !zones.has(zone));
  if (unknown !== undefined) throw availabilityZoneNotFound(unknown);
}

/** True when a node can carry the network: VXLAN anywhere, others where the physical network is mapped to a bridge. */
export function reaches(node: Node | undefined, network: Network | undefined): boolean {
  if (!node || node.removed || !network) return false;
  return network.physicalNetwork === null || Object.hasOwn(node.bridgeMappings, network.physicalNetwork);
}

const networkIdsOf = (router: Router): string[] => [
  ...(router.gateway ? [router.gateway.networkId] : []),
  ...Object.values(router.interfaces).map(({ networkId }) => networkId),
];

/**
 * Appends RouterScheduled when the router has an interface or gateway and no host, or when its host lacks one of its networks and another host has all. If no
 * host is suitable, the router stays as it is; `schedulePending` tries again later.
 */
export function schedule(draft: Draft, routerId: string, fleet: Fleet): void {
  const router = draft.get('router', routerId);
  if (!router) return;
  const networks = networkIdsOf(router).map((id) => draft.get('network', id));
  if (networks.length === 0) return;
  const carries = (host: string) => {
    const node = draft.get('node', host);
    return networks.every((network) => reaches(node, network) && refusalOf(draft, host, 'network', network) === null);
  };
  if (router.host !== null && carries(router.host)) {
    dependOnHost(draft, router.host);
    return;
  }
  const { availabilityZoneHints: hints } = router;
  const inZone = (host: string) => hints.length === 0 || hints.includes(zoneOf(fleet, host));
  const host = leastLoaded(
    draft,
    fleet.l3Hosts.filter((each) => inZone(each) && carries(each)),
  );
  if (host === null || host === router.host) return;
  dependOnHost(draft, host);
  draft.record({ type: 'RouterScheduled', version: 1, data: { routerId, host } });
}

function dependOnHost(draft: Draft, host: string): void {
  draft.dependOn(`node/${host}`);
  draft.dependOn(`admission/${host}`);
}

function leastLoaded(draft: Draft, hosts: readonly string[]): string | null {
  const loads = hosts.map((host) => ({ host, routers: draft.find('router', `host/${host}`).length }));
  const least = Math.min(...loads.map(({ routers }) => routers));
  const equals = loads.filter(({ routers }) => routers === least);
  return equals[equals.length > 1 ? draft.context.randomInt(equals.length) : 0]?.host ?? null;
}

/** Routers with an interface or gateway and no host, which no administrator took off a host. */
export const unscheduled = (routers: readonly Router[]): Router[] =>
  routers.filter((router) => router.host === null && !router.heldOff && networkIdsOf(router).length > 0);

/** Schedules up to `atMost` of the routers that wait for a host, and skips those that no host can carry. Returns how many were scheduled. */
export const schedulePending = (fleet: Fleet, atMost: number): Decide<number> =>
  deciding((draft) => {
    let scheduled = 0;
    for (const { id } of unscheduled(draft.all('router'))) {
      if (scheduled === atMost) break;
      schedule(draft, id, fleet);
      if (draft.get('router', id)?.host) scheduled += 1;
    }
    return scheduled;
  });

/** An L3 agent, as an administrator names it. */
export type L3Agent = Readonly<{ id: string; host: string }>;

/** Puts a router without a host on the agent's host. No event when it is there already. `agentOn`: the agent on the host that has it. */
export const assignRouter = (routerId: string, agent: L3Agent, agentOn: (host: string) => string): Decide<void> =>
  deciding((draft) => {
    const router = theRouter(draft, routerId);
    if (router.host === agent.host) return;
    if (router.host !== null) throw routerHostedByL3Agent(routerId, agentOn(router.host));
    const node = draft.get('node', agent.host);
    const lacking = networkIdsOf(router).find((id) => !reaches(node, draft.get('network', id)));
    if (lacking !== undefined)
      throw routerSchedulingFailed(routerId, agent.id, `Host ${agent.host} does not reach network ${lacking}.`);
    for (const id of networkIdsOf(router)) {
      const reason = refusalOf(draft, agent.host, 'network', draft.get('network', id));
      if (reason !== null)
        throw routerSchedulingFailed(routerId, agent.id, `Nothing new may come to host ${agent.host}: ${reason}.`);
    }
    dependOnHost(draft, agent.host);
    draft.record({ type: 'RouterScheduled', version: 1, data: { routerId, host: agent.host } });
  });

/** Takes a router off an agent's host. It stays off until somebody puts it on a host, or its owner changes its interfaces or gateway. */
export const unassignRouter = (routerId: string, agent: L3Agent): Decide<void> =>
  deciding((draft) => {
    const router = theRouter(draft, routerId);
    if (router.host !== agent.host) throw routerNotHostedByL3Agent(routerId, agent.id);
    draft.record({ type: 'RouterUnscheduled', version: 1, data: { routerId, host: agent.host, heldOff: true } });
  });
