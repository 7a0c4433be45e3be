import type { Network } from '@plumbline/contracts';
import type { KindDeclaration } from './kind.js';

/** Hosts: those on which it is placed, since their switches carry it. */
export const network: KindDeclaration<'network'> = {
  stream: 'own',
  claims: (object) => [segment(object), ...(object.isDefault ? ['default-network/'] : [])],
  relations: {
    placement: { to: 'placement', sameId: true },
    /** Only where its hosts are each other's tunnel ends. A network's type never changes. */
    mesh: { to: 'placement', sameId: true, when: ({ networkType }) => networkType === 'vxlan' },
  },
  terms: ({ external, isDefault, shared }) => [
    ...(external ? ['external'] : []),
    ...(isDefault ? ['default'] : []),
    ...(shared ? ['shared'] : []),
  ],
  scope: [['placement', 'host']],
  access: { everybody: ({ shared, external }) => shared || external, byPolicy: true },
  table: 'networks',
};

function segment({ networkType, physicalNetwork, segmentationId }: Network): string {
  if (networkType === 'vxlan') return `segment/vxlan/${segmentationId}`;
  if (networkType === 'vlan') return `segment/vlan/${physicalNetwork}/${segmentationId}`;
  return `segment/flat/${physicalNetwork}`;
}
