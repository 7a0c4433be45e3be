import type { KindDeclaration } from './kind.js';

/**
 * Written in the stream of its floating IP, or else of its router, since port forwardings of one address must not overlap. One of a floating IP may change its
 * router and stays in its stream. Hosts: the host of the router that carries it.
 */
export const portforwarding: KindDeclaration<'portforwarding'> = {
  stream: ({ floatingIpId, routerId }) => (floatingIpId === null ? `router-${routerId}` : `floatingip-${floatingIpId}`),
  claims: ({ id, floatingIpId, routerId, internalPortId, internalIpAddress, internalSubnetId }) => [
    floatingIpId === null ? `gateway-forwarding/${routerId}/${id}` : `forwarded/${floatingIpId}/${id}`,
    `forwarded-to/${internalPortId}/${internalIpAddress}/${id}`,
    `carried/${routerId}/${internalSubnetId}/${id}`,
  ],
  relations: {
    router: { to: 'router', ids: ({ routerId }) => [routerId] },
    port: { to: 'port', ids: ({ internalPortId }) => [internalPortId] },
    floatingip: { to: 'floatingip', ids: ({ floatingIpId }) => (floatingIpId === null ? [] : [floatingIpId]) },
  },
  terms: ({ floatingIpId, routerId }) => (floatingIpId === null ? [`gateway/${routerId}`] : []),
  scope: [['router', 'host']],
  access: {},
  table: 'port_forwardings',
};
