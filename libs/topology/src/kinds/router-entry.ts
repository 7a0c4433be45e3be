import { isRouterPort } from '@plumbline/contracts';
import { addressesOf } from './forwarding-entry.js';
import type { KindDeclaration } from './kind.js';

/** What a router's port has. Hosts: as of a forwarding entry. Where it is, says its router (`routerplace`), so that a router that moves sends none of these. */
export const routerentry: KindDeclaration<'routerentry'> = {
  derived: {
    from: 'port',
    of: (source) => {
      if (source.kind !== 'port' || !isRouterPort(source)) return [];
      const {
        id,
        projectId,
        networkId,
        deviceId: routerId,
        macAddress,
        setAt: { fixedIps = 0 },
      } = source;
      const addresses = addressesOf(source);
      return [{ kind: 'routerentry', id, projectId, setAt: { fixedIps }, networkId, routerId, macAddress, addresses }];
    },
    source: (id) => id,
    by: { network: 'network' },
  },
  relations: {
    network: { to: 'network', ids: ({ networkId }) => [networkId], fixed: true },
  },
  scope: [['network', 'mesh', 'host']],
  access: {},
};
