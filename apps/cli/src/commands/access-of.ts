/** What the options of access.ts say: read when the node is reached. */
import { nodeDns, type NodeAccess } from '@plumbline/node-agents';
import type { AccessOptions } from './access.js';

/** What the node is to be made by, apart from the log. */
export const settingsOf = (options: AccessOptions) => ({
  datapathType: options.datapath,
  firewall: options.firewall,
  foreignPorts: options.foreignPorts.split(',').filter(Boolean),
  answersMetadata: (options.metadata ?? (process.env['PLUMB_METADATA'] || 'off')) !== 'off',
  dns: nodeDns({ PLUMB_DNS_DOMAIN: options.dnsDomain, PLUMB_DNS_RESOLVERS: options.dnsResolvers }),
});

export const accessOf = (options: AccessOptions): NodeAccess => ({
  ovsdb: options.ovsdb,
  ...settingsOf(options),
  runDir: options.runDir,
});
