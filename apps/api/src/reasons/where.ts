/** On which hosts an object is, by the log. */
import { type AnyObject, isRouterPort } from '@plumbline/contracts';
import type { Topology } from '@plumbline/topology';

export function hostsOf(topology: Pick<Topology, 'get'>, object: AnyObject): readonly string[] {
  const ofRouter = (id: string | undefined): readonly string[] => {
    const host = id === undefined ? null : topology.get('router', id)?.host;
    return host ? [host] : [];
  };
  switch (object.kind) {
    case 'port':
      return isRouterPort(object) ? ofRouter(object.deviceId) : object.binding.host === '' ? [] : [object.binding.host];
    case 'router':
      return ofRouter(object.id);
    case 'floatingip':
      return ofRouter(object.association?.routerId);
    case 'portforwarding':
      return ofRouter(object.routerId);
    case 'network':
    case 'placement':
      return Object.keys(topology.get('placement', object.id)?.hosts ?? {});
    case 'subnet':
      return Object.keys(topology.get('placement', object.networkId)?.hosts ?? {});
    case 'node':
    case 'admission':
      return [object.id];
    default:
      return [];
  }
}
