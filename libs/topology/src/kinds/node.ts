import { NO_TERMS } from './declaration.js';
import type { KindDeclaration } from './kind.js';

/** Hosts: itself, and every host that shares a VXLAN network with it, since they are each other's tunnel ends. */
export const node: KindDeclaration<'node'> = {
  stream: 'own',
  claims: ({ tunnelIp }) => (tunnelIp ? [`tunnel-ip/${tunnelIp}`] : []),
  relations: {},
  terms: NO_TERMS,
  scope: [[], [{ from: 'placement', by: 'host' }, 'network', 'mesh', 'host']],
  access: {},
  table: 'nodes',
};
