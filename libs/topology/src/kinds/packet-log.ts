import type { KindDeclaration } from './kind.js';
import { NO_TERMS } from './declaration.js';
import { toPortsHosts } from './security-group.js';

/** Hosts: that of its port, and those of its group's ports. */
export const packetlog: KindDeclaration<'packetlog'> = {
  stream: 'own',
  claims: ({ id, securityGroupId, portId }) =>
    [securityGroupId, portId].flatMap((logged) => (logged === null ? [] : [`logged/${logged}/${id}`])),
  relations: {
    securitygroup: {
      to: 'securitygroup',
      ids: ({ securityGroupId }) => (securityGroupId === null ? [] : [securityGroupId]),
      fixed: true,
    },
    port: { to: 'port', ids: ({ portId }) => (portId === null ? [] : [portId]), fixed: true },
  },
  terms: NO_TERMS,
  scope: [
    ['port', 'host'],
    ['securitygroup', ...toPortsHosts],
  ],
  access: {},
  table: 'packet_logs',
};
