import { isRouterPort, type Port } from '@plumbline/contracts';
import { claimPart, type KindDeclaration } from './kind.js';
import { toDhcpHosts, toRouterHosts } from './network.js';

/** The hosts it is bound to, the active binding's first. */
const boundTo = ({ binding: { host }, inactiveBindings }: Port): readonly string[] => [
  ...(host ? [host] : []),
  ...Object.keys(inactiveBindings),
];
/** Not of a router's port. */
const hostsOf = (port: Port): readonly string[] => (isRouterPort(port) ? [] : boundTo(port));
/** Under which hosts it claims its membership in groups: '' if it has none. */
const memberOn = (port: Port): readonly string[] => {
  const hosts = hostsOf(port);
  return hosts.length > 0 ? hosts : [''];
};

/** Hosts: those it is bound to; a router's port has no binding and is on its router's host. And those that serve DHCP on its network or route it, which must know who asks them for metadata. */
export const port: KindDeclaration<'port'> = {
  stream: 'own',
  claims: (object) => [
    `port/${object.networkId}/${claimPart(object.projectId)}/${object.id}`,
    ...object.securityGroupIds.flatMap((group) =>
      memberOn(object).map((host) => `member/${group}/${host}/${object.id}`),
    ),
    `mac/${object.networkId}/${object.macAddress}`,
    ...object.fixedIps.flatMap((ip) => [
      `address/${object.networkId}/${ip.ipAddress}`,
      `allocation/${ip.subnetId}/${ip.ipAddress}`,
    ]),
    ...(object.servesDhcp ? [`dhcp/${object.networkId}/${object.id}`] : []),
    ...boundTo(object).map((host) => `bound/${object.networkId}/${host}/${object.id}`),
  ],
  relations: {
    network: { to: 'network', ids: ({ networkId }) => [networkId], fixed: true },
    host: { to: 'node', ids: hostsOf },
    router: { to: 'router', ids: (object) => (isRouterPort(object) ? [object.deviceId] : []) },
    /** The network that it serves. Never another one, and never none. */
    serves: {
      to: 'network',
      ids: ({ servesDhcp, networkId }) => (servesDhcp ? [networkId] : []),
      fixed: true,
      claimedUnder: (network) => `dhcp/${network}/`,
    },
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
  scope: [['host'], ['router', 'host'], ['network', ...toDhcpHosts], ['network', ...toRouterHosts]],
  access: { seenByOwnerOf: 'network', deletedByOwnerOf: 'network' },
  table: 'ports',
};
