/**
 * Which network node carries a router. A router is scheduled when it gets its first leg, to a live L3 host that reaches the physical networks of all its
 * legs; the one with the fewest routers, by lot among equals. Which hosts are alive is observed, not in the log: it comes in as an argument.
 */
import { Network, Node, Router } from '@plumbline/contracts';
import { Decide, deciding, Draft } from '../draft.js';

/** Hosts whose L3 agent is alive and enabled. */
export type Fleet = Readonly<{ l3Hosts: readonly string[] }>;

/** True when a node can carry the network: VXLAN anywhere, others where the physical network is mapped to a bridge. */
export function reaches(node: Node | undefined, network: Network | undefined): boolean {
  if (!node || node.removed || !network) return false;
  return network.physicalNetwork === null || network.physicalNetwork in node.bridgeMappings;
}

const legsOf = (router: Router): string[] => [
  ...(router.gateway ? [router.gateway.networkId] : []),
  ...Object.values(router.interfaces).map((leg) => leg.networkId),
];

/**
 * Appends RouterScheduled when the router has a leg and no host, or a host that does not reach one of its networks while another does. Without a host
 * to go to it stays as it is: `schedulePending` tries again when a host comes.
 */
export function schedule(draft: Draft, routerId: string, fleet: Fleet): void {
  const router = draft.get('router', routerId);
  if (!router) return;
  const networks = legsOf(router).map((id) => draft.get('network', id));
  if (networks.length === 0) return;
  const carries = (host: string) => {
    const node = draft.get('node', host);
    return networks.every((network) => reaches(node, network));
  };
  if (router.host !== null && carries(router.host)) {
    draft.standOn(`node/${router.host}`);
    return;
  }
  const host = leastLoaded(draft, fleet.l3Hosts.filter(carries));
  if (host === null || host === router.host) return;
  draft.standOn(`node/${host}`);
  draft.record({ type: 'RouterScheduled', version: 1, data: { routerId, host } });
}

function leastLoaded(draft: Draft, hosts: readonly string[]): string | null {
  const loads = hosts.map((host) => ({ host, routers: draft.find('router', `host/${host}`).length }));
  const least = Math.min(...loads.map(({ routers }) => routers));
  const equals = loads.filter(({ routers }) => routers === least);
  return equals[equals.length > 1 ? draft.context.randomInt(equals.length) : 0]?.host ?? null;
}

/** Routers that have a leg and no host. */
export const unscheduled = (routers: readonly Router[]): Router[] =>
  routers.filter((router) => router.host === null && legsOf(router).length > 0);

/** Schedules up to `atMost` of the routers that wait for a host, passing over those that no host can carry. Returns how many found one. */
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
