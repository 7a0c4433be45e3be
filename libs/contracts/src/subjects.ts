/**
 * NATS subjects. A node's login allows: subscribe feed and beacon of its host, publish replay and report of its host, nothing else. A host's name is encoded in
 * them (host-names.ts).
 */
import type { AgentKind } from './agents.js';
import { decodeHost, encodeHost } from './host-names.js';
import { AnyAgentKind } from './messages.js';

export const subjects = {
  feed: (host: string) => `plumb.v1.feed.${encodeHost(host)}`,
  beacon: (host: string) => `plumb.v1.beacon.${encodeHost(host)}`,
  replay: (host: string, agent: AgentKind) => `plumb.v1.replay.${encodeHost(host)}.${agent}`,
  report: (host: string, agent: AgentKind) => `plumb.v1.report.${encodeHost(host)}.${agent}`,
  /** What the API publishes to: any host. */
  allFeeds: 'plumb.v1.feed.*',
  allBeacons: 'plumb.v1.beacon.*',
  /** What the API subscribes to. */
  allReplays: 'plumb.v1.replay.*.*',
  allReports: 'plumb.v1.report.*.*',
} as const;

/**
 * Host and agent from a replay or report subject: the broker checked who may publish there, so this is who asks. The agent may be of a kind that this
 * release does not know. Null for a subject that is neither, or whose host is the encoding of no name.
 */
export function senderOf(subject: string): { host: string; agent: string } | null {
  const [plumb, v1, verb, encoded = '', agent, ...rest] = subject.split('.');
  const host = decodeHost(encoded);
  const parsed = AnyAgentKind.safeParse(agent);
  if (
    plumb !== 'plumb' ||
    v1 !== 'v1' ||
    (verb !== 'replay' && verb !== 'report') ||
    host === null ||
    rest.length > 0 ||
    !parsed.success
  )
    return null;
  return { host, agent: parsed.data };
}
