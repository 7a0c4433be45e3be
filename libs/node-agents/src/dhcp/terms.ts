/** What the DHCP of a node is made by, apart from the log. */
import type { DhcpTerms } from '@plumbline/dhcp-core';
import type { Settings } from '@plumbline/agent-runtime';
import { nodeResolvers } from './resolvers.js';
import type { dhcpSettings } from './settings.js';

/** `domain`: with the dot at its end. `resolvers`: null means those of the node, as they are at the moment. */
export type NodeDns = Readonly<{ domain: string; resolvers: readonly string[] | null }>;

export const dnsOf = (settings: Settings<typeof dhcpSettings>): NodeDns => ({
  domain: settings.PLUMB_DNS_DOMAIN,
  resolvers: settings.PLUMB_DNS_RESOLVERS ?? null,
});

export const dhcpTerms = (
  owner: string,
  { dns, answersMetadata }: Readonly<{ dns: NodeDns; answersMetadata: boolean }>,
): DhcpTerms => ({
  owner,
  dnsDomain: dns.domain,
  resolvers: dns.resolvers ?? nodeResolvers(),
  metadata: answersMetadata,
});
