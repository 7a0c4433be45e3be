/** Routers: created with or without a gateway, changed, deleted when no interface is left. */
import { HostRoute, Router } from '@plumbline/contracts';
import { changedFields } from '../changes.js';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { routerInUse } from '../errors.js';
import { clearGateway, mayRequestGateway, setGateway, RequestedGateway } from './gateway.js';
import { theRouter } from './router-ports.js';
import { setRoutes } from './routes.js';
import { Fleet, knownZones, schedule } from './scheduling.js';

export type NewRouter = Readonly<{
  projectId: string;
  name: string;
  description: string;
  adminStateUp: boolean;
  gateway: RequestedGateway | null;
  /** Zones it may be scheduled in; none: any. */
  availabilityZoneHints?: readonly string[] | undefined;
}>;
export type RouterChanges = Readonly<{
  name?: string | undefined;
  description?: string | undefined;
  adminStateUp?: boolean | undefined;
  /** Null: none. Absent: as it is. */
  gateway?: RequestedGateway | null | undefined;
  routes?: readonly HostRoute[] | undefined;
}>;

/** All or none, in one command. Returns the ids in the order asked. */
export const createRouters = (requests: readonly NewRouter[], fleet: Fleet): Decide<string[]> =>
  deciding((draft) => requests.map((request) => createRouter(draft, request, fleet)));

function createRouter(draft: Draft, request: NewRouter, fleet: Fleet): string {
  const { gateway, availabilityZoneHints: hints = [], projectId, name, description, adminStateUp } = request;
  mayRequestGateway(draft, gateway, 'create');
  knownZones(fleet, hints);
  const routerId = draft.context.newId();
  draft.record({
    type: 'RouterCreated',
    version: 1,
    data: {
      routerId,
      projectId,
      name,
      description,
      adminStateUp,
      ...(hints.length > 0 && { availabilityZoneHints: [...hints] }),
    },
  });
  setGateway(draft, routerId, gateway);
  schedule(draft, routerId, fleet);
  return routerId;
}

export const updateRouter = (id: string, changes: RouterChanges, fleet: Fleet): Decide<void> =>
  deciding((draft) => {
    const router = theRouter(draft, id);
    const { gateway, routes, ...facts } = changes;
    mayRequestGateway(draft, gateway, 'update');
    const set = changedFields(router, facts as Partial<Router>);
    if (Object.keys(set).length > 0)
      draft.record({ type: 'RouterAttributesSet', version: 1, data: { routerId: id, set } });
    if (gateway !== undefined) {
      setGateway(draft, id, gateway);
      schedule(draft, id, fleet);
    }
    if (routes !== undefined) setRoutes(draft, theRouter(draft, id), routes);
  });

/** Deletes the router and its gateway's port. Interfaces must be removed before. */
export const deleteRouter = (id: string): Decide<void> =>
  deciding((draft) => {
    const router = theRouter(draft, id);
    const interfaces = Object.keys(router.interfaces);
    if (interfaces.length > 0) throw routerInUse(id, interfaces);
    clearGateway(draft, router);
    draft.record({ type: 'RouterDeleted', version: 1, data: { routerId: id } });
  });
