/**
 * NATS subjects. A node's login allows: subscribe feed and beacon of its host, publish replay and report of its host, hear the questions to its agents and answer them,
 * and on network nodes ask for the data of instances and hear of it; nothing else. A host's name is encoded in them (host-names.ts).
 */
import type { AgentKind } from './agents.js';
import { decodeHost, encodeHost } from './host-names.js';
import { AnyAgentKind } from './messages.js';

export const subjects = {
  feed: (host: string) => `plumb.v1.feed.${encodeHost(host)}`,
  beacon: (host: string) => `plumb.v1.beacon.${encodeHost(host)}`,
  replay: (host: string, agent: AgentKind) => `plumb.v1.replay.${encodeHost(host)}.${agent}`,
  report: (host: string, agent: AgentKind) => `plumb.v1.report.${encodeHost(host)}.${agent}`,
  /** Data of the instances that the host serves (instances.ts): answers, and that something changed. */
  instances: (host: string) => `plumb.v1.instances.${encodeHost(host)}`,
  instanceAsk: (host: string) => `plumb.v1.instance-ask.${encodeHost(host)}`,
  /** Questions to an agent (questions.ts), and its answer to the process of the API that asked. */
  question: (host: string, agent: AgentKind) => `plumb.v1.question.${encodeHost(host)}.${agent}`,
  answer: (host: string, agent: AgentKind, asker: string) => `plumb.v1.answer.${encodeHost(host)}.${agent}.${asker}`,
  /** What an agent may publish its answers to. */
  answersOf: (host: string, agent: AgentKind) => `plumb.v1.answer.${encodeHost(host)}.${agent}.*`,
  /** What the process of the API that asks subscribes to. */
  answersTo: (asker: string) => `plumb.v1.answer.*.*.${asker}`,
  /** What the API publishes to: any host. */
  allFeeds: 'plumb.v1.feed.*',
  allBeacons: 'plumb.v1.beacon.*',
  allInstances: 'plumb.v1.instances.*',
  allQuestions: 'plumb.v1.question.*.*',
  /** What the API subscribes to. */
  allReplays: 'plumb.v1.replay.*.*',
  allReports: 'plumb.v1.report.*.*',
  allInstanceAsks: 'plumb.v1.instance-ask.*',
  allAnswers: 'plumb.v1.answer.*.*.*',
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

/** Host and agent that answer a question: the broker checked who may publish there. Null as for `senderOf`. */
export function answererOf(subject: string): { host: string; agent: string } | null {
  const [plumb, v1, verb, encoded = '', agent, _asker, ...rest] = subject.split('.');
  const host = decodeHost(encoded);
  const parsed = AnyAgentKind.safeParse(agent);
  if (plumb !== 'plumb' || v1 !== 'v1' || verb !== 'answer' || host === null || rest.length > 0 || !parsed.success)
    return null;
  return { host, agent: parsed.data };
}

/** The host whose node asks for the data of instances: the broker checked who may publish there. Null as for `senderOf`. */
export function askerOf(subject: string): string | null {
  const [plumb, v1, verb, encoded = '', ...rest] = subject.split('.');
  return plumb === 'plumb' && v1 === 'v1' && verb === 'instance-ask' && rest.length === 0 ? decodeHost(encoded) : null;
}
