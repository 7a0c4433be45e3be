import type { KindDeclaration } from './kind.js';

/** Hosts: the host of the router that carries it. */
export const floatingip: KindDeclaration<'floatingip'> = {
  stream: 'own',
  claims: ({ id, floatingNetworkId, association }) =>
    association
      ? [
          `association/${association.portId}/${floatingNetworkId}/${association.fixedIpAddress}/`,
          `carried/${association.routerId}/${association.subnetId}/${id}`,
        ]
      : [],
  relations: {
    router: { to: 'router', ids: ({ association }) => (association ? [association.routerId] : []) },
    associated: { to: 'port', ids: ({ association }) => (association ? [association.portId] : []) },
  },
  terms: ({ floatingNetworkId, floatingIpAddress }) => [`address/${floatingNetworkId}/${floatingIpAddress}`],
  scope: [['router', 'host']],
  access: {},
  table: 'floating_ips',
};
