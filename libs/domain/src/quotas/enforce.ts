/**
 * Quotas: how many objects of a kind a project may have. Judged here on the topology, and once more by the log under its head lock (`limits` of the decision,
 * counted by the log's own tallies), so that two processes cannot both give away the last one; and it stands on the project's quota being what it was.
 */
import { Kind, PlumbEvent, subjectOf } from '@plumbline/contracts';
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

/** Resource -> most objects of a project; -1: no bound. */
export type Limits = Readonly<Record<string, number>>;

const RESOURCE_OF = new Map<Kind, QuotaResource>(
  Object.entries(QUOTA_RESOURCES).map(([name, kind]) => [kind, name as QuotaResource]),
);

/** What holds for a project: its own limits over the defaults. */
export const limitsOf = (topology: Pick<Topology, 'get'>, projectId: string, defaults: Limits): Limits => ({
  ...defaults,
  ...topology.get('quota', projectId)?.limits,
});

/** Objects of a resource that a project has. */
export const used = (topology: Pick<Topology, 'count'>, projectId: string, resource: QuotaResource): number =>
  topology.count(QUOTA_RESOURCES[resource], `project/${projectId}`);

/** The decision, unless it would make more of something than its project may have: then OverQuota, naming every resource that is too much. */
export const withinQuotas =
  <T>(decide: Decide<T>, defaults: Limits): Decide<T> =>
  (topology, context) => {
    const decision = decide(topology, context);
    const made = createdBy(decision.events);
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

function createdBy(events: readonly PlumbEvent[]): Map<string, Made> {
  const made = new Map<string, Made>();
  for (const event of events) {
    if (!event.type.endsWith('Created')) continue;
    const { kind } = subjectOf(event);
    const { projectId } = event.data as { projectId?: string };
    if (!projectId || !RESOURCE_OF.has(kind)) continue;
    const key = `${kind}/${projectId}`;
    const sum = made.get(key);
    if (sum) sum.count += 1;
    else made.set(key, { kind, projectId, count: 1 });
  }
  return made;
}
