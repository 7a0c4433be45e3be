import { absurd, type AnyObject, type Network } from '@plumbline/contracts';
import type { Steps } from './declaration.js';
import type { KindDeclaration } from './kind.js';

/** From a network to the hosts that serve DHCP on it. */
export const toDhcpHosts: Steps<AnyObject> = [{ from: 'port', by: 'serves' }, 'host'];

/** From a network to the hosts whose routers have an interface on it: they answer its guests for metadata. */
export const toRouterHosts: Steps<AnyObject> = [{ from: 'router', by: 'routes' }, 'host'];

/** Hosts: those on which it is placed, since their switches carry it. Those that serve DHCP on it are among them. */
export const network: KindDeclaration<'network'> = {
  stream: 'own',
  claims: (object) => [...segment(object), ...(object.isDefault ? ['default-network/'] : [])],
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
  scope: [['placement', 'host'], toDhcpHosts],
  /** `shared` and `external` are of logs that are older than the policies which say so today. */
  access: {
    everybody: ({ shared, external }) => shared || external,
    sharedWithAll: ({ shared }) => shared,
    byPolicy: true,
  },
  table: 'networks',
};

/** What the network has of the wire, alone. */
function segment({ networkType, physicalNetwork, segmentationId }: Network): readonly string[] {
  switch (networkType) {
    case 'vxlan':
      return [`segment/vxlan/${segmentationId}`];
    case 'vlan':
      return [`segment/vlan/${physicalNetwork}/${segmentationId}`];
    case 'flat':
      return [`segment/flat/${physicalNetwork}`];
    case 'local':
      return [];
    default:
      return absurd(networkType);
  }
}
