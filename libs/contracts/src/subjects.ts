/** NATS subjects. A node's login allows: subscribe feed and beacon of its host, publish replay and report of its host, nothing else. */
import type { AgentKind } from './agents.js';
import { AnyAgentKind } from './messages.js';

export const subjects = {
  feed: (host: string) => `plumb.v1.feed.${host}`,
  beacon: (host: string) => `plumb.v1.beacon.${host}`,
  replay: (host: string, agent: AgentKind) => `plumb.v1.replay.${host}.${agent}`,
  report: (host: string, agent: AgentKind) => `plumb.v1.report.${host}.${agent}`,
  /** What the API subscribes to. */
  allReplays: 'plumb.v1.replay.*.*',
  allReports: 'plumb.v1.report.*.*',
} as const;

/**
 * Host and agent from a replay or report subject: the broker checked who may publish there, so this is who asks. The agent may be of a kind that this
 * release does not know. Null for a subject that is neither.
 */
export function senderOf(subject: string): { host: string; agent: string } | null {
  const [plumb, v1, verb, host, agent, ...rest] = subject.split('.');
  const parsed = AnyAgentKind.safeParse(agent);
  if (
    plumb !== 'plumb' ||
    v1 !== 'v1' ||
    (verb !== 'replay' && verb !== 'report') ||
    !host ||
    rest.length > 0 ||
    !parsed.success
  )
    return null;
  return { host, agent: parsed.data };
}
