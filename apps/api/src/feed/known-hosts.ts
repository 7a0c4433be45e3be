/** Which hosts have agents, and which are gone. */
import type { AgentKind } from '@plumbline/contracts';
import type { Follower } from '@plumbline/ledger';

/** Which agents have reported, by host. */
export interface Known {
  /** Kinds of agent on this host of which no full report is stored. */
  missing(host: string): readonly AgentKind[];
  hosts(): Iterable<string>;
}

/** Hosts with a feed whose node is not in the log any more, and that have no agent as far as is known. */
export function goneHosts({ feeds, topology }: Pick<Follower, 'feeds' | 'topology'>, known: Known): string[] {
  const reporting = new Set(known.hosts());
  return feeds.hosts().filter((host) => {
    const node = topology.get('node', host);
    return (!node || node.removed) && !reporting.has(host);
  });
}
