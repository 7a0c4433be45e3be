import { placeId, type Router, type RouterPlace, routerOfPlace } from '@plumbline/contracts';
import type { KindDeclaration } from './kind.js';

/** Where a router's ports are: on the one node that carries it. Hosts: as of a forwarding entry. A router that stood ready on several nodes would have none. */
export const routerplace: KindDeclaration<'routerplace'> = {
  derived: {
    from: 'router',
    of: (source) => (source.kind === 'router' ? placesOf(source) : []),
    source: routerOfPlace,
    by: { network: 'network' },
  },
  relations: {
    network: { to: 'network', ids: ({ networkId }) => [networkId], fixed: true },
  },
  scope: [['network', 'mesh', 'host']],
  access: {},
};

function placesOf({ id, projectId, host, setAt, interfaces, gateway }: Router): RouterPlace[] {
  if (host === null) return [];
  const place = (portId: string, networkId: string, facet: string): RouterPlace => ({
    ...{ kind: 'routerplace', id: placeId(id, portId), projectId, networkId, host },
    setAt: { host: setAt['host'] ?? 0, [facet]: setAt[facet] ?? 0 },
  });
  return [
    ...Object.entries(interfaces).map(([portId, { networkId }]) => place(portId, networkId, `interface:${portId}`)),
    ...(gateway ? [place(gateway.portId, gateway.networkId, 'gateway')] : []),
  ];
}
