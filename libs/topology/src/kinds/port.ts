import { isRouterPort, type Port } from '@plumbline/contracts';
import { claimPart, type KindDeclaration } from './kind.js';

/** The host it is bound to; '' for none, and for a router's port. */
const hostOf = (port: Port): string => (isRouterPort(port) ? '' : port.binding.host);

/** Hosts: the one it is bound to; a router's port has no binding and is on its router's host. */
export const port: KindDeclaration<'port'> = {
  stream: 'own',
  claims: (object) => [
    `port/${object.networkId}/${claimPart(object.projectId)}/${object.id}`,
    ...object.securityGroupIds.map((group) => `member/${group}/${hostOf(object)}/${object.id}`),
    `mac/${object.networkId}/${object.macAddress}`,
    ...object.fixedIps.flatMap((ip) => [
      `address/${object.networkId}/${ip.ipAddress}`,
      `allocation/${ip.subnetId}/${ip.ipAddress}`,
    ]),
    ...(object.binding.host ? [`bound/${object.networkId}/${object.binding.host}/${object.id}`] : []),
  ],
  relations: {
    network: { to: 'network', ids: ({ networkId }) => [networkId], fixed: true },
    host: { to: 'node', ids: (object) => [hostOf(object)].filter((host) => host !== '') },
    router: { to: 'router', ids: (object) => (isRouterPort(object) ? [object.deviceId] : []) },
    securitygroup: {
      to: 'securitygroup',
      ids: ({ securityGroupIds }) => securityGroupIds,
      claimedUnder: (group) => `member/${group}/`,
      gather: 'host',
    },
  },
  terms: (object) => [
    `mac/${object.networkId}/${object.macAddress}`,
    ...(object.deviceId ? [`device/${object.deviceId}`] : []),
    ...object.fixedIps.map((ip) => `address/${object.networkId}/${ip.ipAddress}`),
    ...(isRouterPort(object) ? [`router-ports/${object.networkId}`] : []),
  ],
  scope: [['host'], ['router', 'host']],
  access: { seenByOwnerOf: 'network', deletedByOwnerOf: 'network' },
  table: 'ports',
};
