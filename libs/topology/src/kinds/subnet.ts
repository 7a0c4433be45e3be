import { prefixBits } from '@plumbline/contracts';
import type { KindDeclaration } from './kind.js';

/** Written in its network's stream, since subnets of one network must not overlap. Hosts: its network's. */
export const subnet: KindDeclaration<'subnet'> = {
  stream: ({ networkId }) => `network-${networkId}`,
  claims: ({ networkId, id, subnetPoolId, cidr }) => [
    `subnet/${networkId}/${id}`,
    ...(subnetPoolId ? [`pool/${subnetPoolId}/${prefixBits(cidr)}/`] : []),
  ],
  relations: {
    network: { to: 'network', ids: ({ networkId }) => [networkId], fixed: true },
    subnetpool: { to: 'subnetpool', ids: ({ subnetPoolId }) => (subnetPoolId ? [subnetPoolId] : []) },
  },
  terms: () => [],
  scope: [['network', 'placement', 'host']],
  access: { seenWith: 'network', changedByOwnerOf: 'network' },
  table: 'subnets',
};
