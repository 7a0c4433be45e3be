/** A project's own limits, set by an administrator; the defaults apply to the rest. */
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import { limitBelowUsage, quotaNotFound } from '../errors.js';
import { type Limits, QUOTA_RESOURCES, type QuotaResource, used } from './enforce.js';

/** Sets some limits of a project, the others stay. `check`: refuses a limit that is exceeded already. */
export const setQuota = (projectId: string, limits: Limits, check: boolean): Decide<void> =>
  deciding((draft, topology) => {
    const now = draft.get('quota', projectId)?.limits ?? {};
    const wanted = { ...now, ...limits };
    if (check) {
      const tooLow = Object.entries(limits).flatMap(([name, limit]) => {
        const resource = name as QuotaResource;
        return limit >= 0 && used(topology, projectId, resource) > limit ? [resource] : [];
      });
      if (tooLow.length > 0) throw limitBelowUsage(tooLow);
    }
    if (JSON.stringify(wanted) === JSON.stringify(now)) return;
    const sorted = Object.fromEntries(
      Object.keys(QUOTA_RESOURCES).flatMap((name) =>
        Object.hasOwn(wanted, name) ? [[name, wanted[name] as number]] : [],
      ),
    );
    draft.record({ type: 'QuotaSet', version: 1, data: { quotaProjectId: projectId, limits: sorted } });
  });

/** Removes the project's own limits: the defaults apply again. */
export const resetQuota = (projectId: string): Decide<void> =>
  deciding((draft) => {
    if (!draft.get('quota', projectId)) throw quotaNotFound(projectId);
    draft.record({ type: 'QuotaReset', version: 1, data: { quotaProjectId: projectId } });
  });

export type Usage = Readonly<Record<QuotaResource, Readonly<{ limit: number; used: number }>>>;

/** Limits and usage of a project, as a decision without events: so it is read at the head of the log. */
export const usageOf =
  (projectId: string, defaults: Limits): Decide<Usage> =>
  (topology) => {
    const limits: Limits = { ...defaults, ...topology.get('quota', projectId)?.limits };
    const rows = Object.keys(QUOTA_RESOURCES).map((name) => {
      const resource = name as QuotaResource;
      return [resource, { limit: limits[resource] ?? -1, used: used(topology, projectId, resource) }];
    });
    return { events: [], reads: [], none: [], result: Object.fromEntries(rows) as Usage };
  };
