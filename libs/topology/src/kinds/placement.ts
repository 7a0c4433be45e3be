import { NO_TERMS } from './declaration.js';
import type { KindDeclaration } from './kind.js';

/** Has its network's id. Hosts: those it names, since each must know its own local VLAN and which others have the network. */
export const placement: KindDeclaration<'placement'> = {
  stream: 'own',
  claims: ({ hosts }) => Object.entries(hosts).map(([host, { localVlanId }]) => `local-vlan/${host}/${localVlanId}`),
  relations: {
    network: { to: 'network', sameId: true },
    host: { to: 'node', ids: ({ hosts }) => Object.keys(hosts), claimedUnder: (host) => `local-vlan/${host}/` },
  },
  terms: NO_TERMS,
  scope: [['host']],
  access: {},
  table: 'placements',
  /** Some 8,000 hosts. It grows by what the operator has, not by what a client sends. */
  mostBytes: 1024 * 1024,
};
