/**
 * A project's topology that is created on first use: a network with a subnet of each default pool, and a router from it to the default external network. The
 * caller gives the ids, the same for a project each time: two requests at the same time create it once, and it is found again whatever its name is.
 */
import type { Topology } from '@plumbline/topology';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { DhcpFleet } from '../dhcp/scheduling.js';
import type { Draft } from '../draft.js';
import { DomainError } from '../errors.js';
import { createNetworks, deleteNetwork } from '../networks/networks.js';
import type { SegmentPolicy } from '../networks/segments.js';
import { isExternalForAll } from '../rbac-policies/opening.js';
import { addRouterInterface, removeRouterInterface } from '../routers/interfaces.js';
import { createRouters, deleteRouter } from '../routers/routers.js';
import type { Fleet } from '../routers/scheduling.js';
import { defaultPool } from '../subnet-pools/allocation.js';
import { createSubnets } from '../subnets/subnets.js';
import { inOrder, Run } from './in-order.js';

/** The ids for one project. */
export type TopologyIds = Readonly<{ networkId: string; routerId: string }>;

export const autoAllocationFailure = (reason: string) =>
  new DomainError('AutoAllocationFailure', 'conflict', `Deployment error: ${reason}.`);

type Requirements = Readonly<{
  externalNetworkId: string;
  pools: readonly Readonly<{ id: string; ipVersion: 4 | 6 }>[];
}>;

/** The default external network and the default pools, at least one. Throws AutoAllocationFailure when something is missing. */
export const autoAllocationRequirements: Decide<Requirements> = deciding((draft) => {
  const [network] = draft.find('network', 'default').filter((each) => isExternalForAll(draft, each));
  if (!network) throw autoAllocationFailure('No default router:external network');
  const pools = ([4, 6] as const).flatMap((version) => defaultPool(draft, version) ?? []);
  if (pools.length === 0) throw autoAllocationFailure('No default subnetpools defined');
  stand(draft, network.id, pools);
  return { externalNetworkId: network.id, pools: pools.map(({ id, ipVersion }) => ({ id, ipVersion })) };
});

function stand(draft: Draft, networkId: string, pools: readonly Readonly<{ id: string }>[]): void {
  draft.dependOn(`network/${networkId}`);
  for (const { id } of pools) draft.dependOn(`subnetpool/${id}`);
}

/** The id of the project's network, which is created if it does not exist. */
export const autoAllocate = (
  projectId: string,
  ids: TopologyIds,
  around: Readonly<{ fleet: Fleet; dhcp: DhcpFleet; segments: SegmentPolicy }>,
): Decide<string> =>
  inOrder((run, topology) => {
    if (topology.get('network', ids.networkId)) return ids.networkId;
    const { externalNetworkId, pools } = run(autoAllocationRequirements);
    const subnets = instead('Unable to provide tenant private network', () =>
      privateNetwork(run, projectId, ids.networkId, pools, around),
    );
    instead('Unable to provide external connectivity', () =>
      connect(run, projectId, ids.routerId, { externalNetworkId, subnets, fleet: around.fleet }),
    );
    return ids.networkId;
  });

function privateNetwork(
  run: Run,
  projectId: string,
  networkId: string,
  pools: Requirements['pools'],
  { segments, dhcp }: Readonly<{ segments: SegmentPolicy; dhcp: DhcpFleet }>,
): string[] {
  const named = { projectId, name: 'auto_allocated_network', description: '' };
  const flags = { adminStateUp: true, shared: false, external: false, isDefault: false, portSecurityEnabled: true };
  const segment = { networkType: null, physicalNetwork: null, segmentationId: null };
  run(createNetworks([{ ...named, ...flags, ...segment, mtuBytes: 0 }], segments), networkId);
  const requests = pools.map(({ id, ipVersion }) => ({
    ...named,
    name: `auto_allocated_subnet_v${ipVersion}`,
    networkId,
    ipVersion,
    subnetPoolId: id,
    dnsNameservers: [],
    hostRoutes: [],
    enableDhcp: true,
  }));
  return run(createSubnets(requests, dhcp));
}

function connect(
  run: Run,
  projectId: string,
  routerId: string,
  { externalNetworkId, subnets, fleet }: { externalNetworkId: string; subnets: readonly string[]; fleet: Fleet },
): void {
  const named = { projectId, name: 'auto_allocated_router', description: '' };
  run(createRouters([{ ...named, adminStateUp: true, gateway: { networkId: externalNetworkId } }], fleet), routerId);
  for (const subnetId of subnets) run(addRouterInterface(routerId, { subnetId }, fleet));
}

/** What a step refuses as wrong or missing becomes an AutoAllocationFailure. Quotas and exhausted pools keep their names. */
function instead<T>(reason: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const told = ['bad-request', 'not-found'].includes(error.kind) || error.type === 'SubnetAllocationError';
    throw told ? autoAllocationFailure(reason) : error;
  }
}

/** Removes the router, and the network if nothing else uses it. What no longer exists is skipped. */
export const deleteAutoAllocated = (ids: TopologyIds): Decide<void> =>
  inOrder((run, topology) => {
    removeRouter(run, topology, ids.routerId);
    if (topology.get('network', ids.networkId)) run(deleteNetwork(ids.networkId));
  });

function removeRouter(run: Run, topology: Topology, routerId: string): void {
  const router = topology.get('router', routerId);
  if (!router) return;
  for (const portId of Object.keys(router.interfaces)) run(removeRouterInterface(routerId, { portId }));
  run(deleteRouter(routerId));
}
