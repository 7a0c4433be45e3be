/** Which routers an object matters to: what has to be looked at again when it changes. */
import { ObjectKey } from '@plumbline/contracts';
import { HostView, nameOf, objectIn } from '@plumbline/topology';
import { routersHere } from './legs.js';

/** Routers an object matters to now, by the view; `before`: those it mattered to when they were last rendered (it may have left the view since). */
export function routersTouched(
  view: HostView,
  touched: ReadonlySet<ObjectKey>,
  before: ReadonlyMap<ObjectKey, ReadonlySet<string>>,
): Set<string> {
  const routers = new Set<string>();
  const networks = new Set<string>();
  const ports = new Set<string>();
  for (const key of touched) {
    for (const id of before.get(key) ?? []) routers.add(id);
    const { kind, id } = nameOf(key);
    if (kind === 'router') routers.add(id);
    else if (kind === 'network') networks.add(id);
    else if (kind === 'subnet') networks.add(objectIn(view, 'subnet', id)?.networkId ?? '');
    else if (kind === 'port') ports.add(id);
    else if (kind === 'portforwarding') routers.add(objectIn(view, 'portforwarding', id)?.routerId ?? '');
    else if (kind === 'floatingip') routers.add(objectIn(view, 'floatingip', id)?.association?.routerId ?? '');
  }
  routers.delete('');
  if (networks.size + ports.size > 0)
    for (const router of routersHere(view)) {
      const legs = Object.entries(router.interfaces).map(([portId, { networkId }]) => ({ portId, networkId }));
      if (router.gateway) legs.push(router.gateway);
      if (legs.some((leg) => networks.has(leg.networkId) || ports.has(leg.portId))) routers.add(router.id);
    }
  return routers;
}
