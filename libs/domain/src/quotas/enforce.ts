/**
 * Quotas: how many objects of a kind a project may have. Checked here on the topology, and again by the log under its head lock (`limits` of the decision against
 * the log's own counters), so two processes cannot both hand out the last one. The project's quota is a precondition.
 */
import { Kind, ObjectKey, PlumbEvent, subjectOf } from '@plumbline/contracts';
import type { Topology } from '@plumbline/topology';
import type { Decide } from '../context.js';
import { overQuota } from '../errors.js';

/** Kinds that are counted, by the API's name of the resource, in the order clients are used to. */
export const QUOTA_RESOURCES = {
  network: 'network',
  subnet: 'subnet',
  subnetpool: 'subnetpool',
  port: 'port',
  router: 'router',
  floatingip: 'floatingip',
  rbac_policy: 'rbacpolicy',
  security_group: 'securitygroup',
  security_group_rule: 'securitygrouprule',
} as const satisfies Record<string, Kind>;
export type QuotaResource = keyof typeof QUOTA_RESOURCES;

/** Resource -> maximum number of objects of a project; -1: no limit. */
export type Limits = Readonly<Record<string, number>>;

const RESOURCE_OF = new Map<Kind, QuotaResource>(
  Object.entries(QUOTA_RESOURCES).map(([name, kind]) => [kind, name as QuotaResource]),
);

/** The limits of a project: its own where set, otherwise the defaults. */
export const limitsOf = (topology: Pick<Topology, 'get'>, projectId: string, defaults: Limits): Limits => ({
  ...defaults,
  ...topology.get('quota', projectId)?.limits,
});

/** Number of objects of a resource that a project has. */
export const used = (topology: Pick<Topology, 'count'>, projectId: string, resource: QuotaResource): number =>
  topology.count(QUOTA_RESOURCES[resource], `project/${projectId}`);

/** The decision, unless a project would have more of something than it may: then throws OverQuota, which names every such resource. */
export const withinQuotas =
  <T>(decide: Decide<T>, defaults: Limits): Decide<T> =>
  (topology, context) => {
    const decision = decide(topology, context);
    const made = createdBy(decision.events, new Set(decision.exempt));
    if (made.size === 0) return decision;
    const limits: Record<string, number> = {};
    const exceeded: string[] = [];
    const reads = new Set(decision.reads);
    for (const { kind, projectId, count } of made.values()) {
      const resource = RESOURCE_OF.get(kind) as QuotaResource;
      reads.add(`quota/${projectId}`);
      const limit = limitsOf(topology, projectId, defaults)[resource] ?? -1;
      if (limit < 0) continue;
      if (used(topology, projectId, resource) + count > limit) exceeded.push(resource);
      limits[`${kind}/${projectId}`] = limit;
    }
    if (exceeded.length > 0) throw overQuota(exceeded);
    return { ...decision, reads: [...reads], limits };
  };

type Made = { kind: Kind; projectId: string; count: number };

function createdBy(events: readonly PlumbEvent[], exempt: ReadonlySet<ObjectKey>): Map<string, Made> {
  const made = new Map<string, Made>();
  for (const event of events) {
    if (!event.type.endsWith('Created')) continue;
    const { kind, key: object } = subjectOf(event);
    if (exempt.has(object)) continue;
    const { projectId } = event.data as { projectId?: string };
    if (!projectId || !RESOURCE_OF.has(kind)) continue;
    const key = `${kind}/${projectId}`;
    const sum = made.get(key);
    if (sum) sum.count += 1;
    else made.set(key, { kind, projectId, count: 1 });
  }
  return made;
}
