/**
 * What the rules on an instance's own bridge drop and accept, told to this node's agent by NFLOG, for the ports that a packet log names: the same as what the switch
 * tells of ports that it judges (../firewall/logging.ts).
 *
 *   dropped     at the end of the port's chain, where what no rule accepted comes back to
 *   accepted    in table security, which comes after filter: packets of connections that are not committed yet, but for what is allowed whatever the rules say
 *
 * Each line tells of at most a thousand packets a second, so that a flood costs little; how many of them become lines of a log is the listener's.
 * Road not taken: the rate that an operator wants as the rate of these lines. It would be one a port, not one a node, and iptables prints other rates than it is given.
 */
import type { Logged, Told } from '../firewall/logging.js';
import { LOG_CONTROLLER, VERDICTS } from '../firewall/logging.js';
import { bridgeEnd, type Way } from './names.js';
import { line } from './rule-text.js';

/** The group of NFLOG that the agent listens to: the number by which the switch knows it. */
export const LOG_GROUP = LOG_CONTROLLER;

const ACTION = '-j NFLOG --nflog-prefix';
const RATE = '-m limit --limit 1000/sec --limit-burst 1000 ';
const PREFIX = /^plumb-(\d)-([0-9a-f-]{36})$/;

export const throughBridge = (portId: string, way: Way): string =>
  `-m physdev --physdev-${way === 'i' ? 'in' : 'out'} ${bridgeEnd(portId)} --physdev-is-bridged `;

/** In the port's chain, before what drops the rest. */
export const dropLines = (portId: string, { drop, position }: Logged): string[] =>
  drop ? both(portId, position, 'DROP', '') : [];

/** In the port's chain of table security; `never`: matches of what no rule decides. */
export const acceptLines = (portId: string, { position }: Logged, never: readonly string[]): string[] => [
  ...never.map((match) => line(match, position, '-j RETURN')),
  ...both(portId, position, 'ACCEPT', '-m conntrack ! --ctstatus CONFIRMED '),
];

/** What is for many is not told of those that were to get it: it would be a line for each. */
const both = (portId: string, position: number, verdict: Told['verdict'], match: string): string[] =>
  (['o', 'i'] as const).map((way) => {
    const direction = way === 'i' ? 'ingress' : 'egress';
    const number = VERDICTS.findIndex((each) => each.verdict === verdict && each.direction === direction);
    const one = way === 'i' ? '-m pkttype --pkt-type unicast ' : '';
    const matches = `${throughBridge(portId, way)}${match}${one}${RATE}`;
    return line(matches, position, `${ACTION} plumb-${number}-${portId} --nflog-group ${LOG_GROUP}`);
  });

/** Reads a prefix; null: not by a line of ours. */
export function readPrefix(prefix: string): Told | null {
  const [, number = '', portId = ''] = PREFIX.exec(prefix) ?? [];
  const verdict = VERDICTS[Number(number || NaN)];
  return verdict ? { ...verdict, portId } : null;
}
