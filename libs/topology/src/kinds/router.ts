import type { Router } from '@plumbline/contracts';
import type { KindDeclaration } from './kind.js';

const routedBy = ({ host, interfaces }: Router): readonly string[] =>
  host ? [...new Set(Object.values(interfaces).map(({ networkId }) => networkId))].sort() : [];

/** Hosts: the network node it is scheduled to. */
export const router: KindDeclaration<'router'> = {
  stream: 'own',
  claims: (object) => {
    const { host, interfaces, gateway } = object;
    if (!host) return [];
    const ports = Object.entries(interfaces).map(([portId, { networkId }]) => ({ portId, networkId }));
    if (gateway) ports.push(gateway);
    return [
      ...ports.map(({ portId, networkId }) => `bound/${networkId}/${host}/${portId}`),
      ...routedBy(object).map((network) => `routed/${network}/${object.id}`),
    ];
  },
  relations: {
    host: { to: 'node', ids: ({ host }) => (host ? [host] : []) },
    /** Networks that it has an interface on, while it is on a host. */
    routes: { to: 'network', ids: routedBy, claimedUnder: (network) => `routed/${network}/` },
    /** Those of its ports, on a host or not. */
    network: {
      to: 'network',
      ids: ({ interfaces, gateway }) => [
        ...new Set([...Object.values(interfaces), ...(gateway ? [gateway] : [])].map(({ networkId }) => networkId)),
      ],
    },
  },
  terms: () => [],
  scope: [['host']],
  access: {},
  table: 'routers',
  /** Some 1,500 interfaces. */
  mostBytes: 256 * 1024,
};
