import type { KindDeclaration } from './kind.js';

/** Hosts: the network node it is scheduled to. */
export const router: KindDeclaration<'router'> = {
  stream: 'own',
  claims: ({ host, interfaces, gateway }) => {
    if (!host) return [];
    const ports = Object.entries(interfaces).map(([portId, { networkId }]) => ({ portId, networkId }));
    if (gateway) ports.push(gateway);
    return ports.map(({ portId, networkId }) => `bound/${networkId}/${host}/${portId}`);
  },
  relations: { host: { to: 'node', ids: ({ host }) => (host ? [host] : []) } },
  terms: () => [],
  scope: [['host']],
  access: {},
  table: 'routers',
  /** Some 1,500 interfaces. */
  mostBytes: 256 * 1024,
};
