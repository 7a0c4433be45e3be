/**
 * What security groups drop and accept, told to this node's agent, for the ports that a packet log names.
 *
 * The switch gives a copy of such a packet to the agent (`controller`), with the port and what became of it as `userdata`, so whoever gets it needs no memory.
 * A port that no log names costs nothing; one that is logged has four flows for what is dropped (two if it is stateless) and four for what is accepted.
 *
 *   dropped     in the tables of rules (84 to 87), above the flow that drops the rest: of the port (reg5 = 0), or for it (reg5 = its receiver number)
 *   accepted    in table 90, while the connection is not committed yet: its first packets
 *
 * Not told: what no group decides (forged addresses, invalid packets, ARP, ND, DHCP), what is for many, and what a stateless group accepts. What the rules on an
 * instance's own bridge do is told by NFLOG (../hybrid/logging.ts).
 * Road not taken: sampling (`sample`, IPFIX), which tells one packet of n and needs a collector; a meter for each log, which would be state of the switch to be
 * compared. One meter of the bridge limits all copies, in the datapath (libs/ovs-driver).
 */
import type { PacketLog, Port } from '@plumbline/contracts';
import { type Flow, portText } from '../flow.js';
import { hex } from './numbers.js';
import { acceptedFrom, acceptedTo, flow, type Made, type Mode, RULES, TABLE } from './tables.js';

/** The switch gives these copies to connections that say that they are this controller, and to no other: `PL`. */
export const LOG_CONTROLLER = 0x504c;
/** Bytes of each packet that are copied: all headers. */
export const LOGGED_BYTES = 128;

/** What became of a packet, and whether the port sent it or was to get it. */
export type Verdict = Readonly<{ verdict: 'DROP' | 'ACCEPT'; direction: 'egress' | 'ingress' }>;
export const VERDICTS: readonly Verdict[] = [
  { verdict: 'DROP', direction: 'egress' },
  { verdict: 'DROP', direction: 'ingress' },
  { verdict: 'ACCEPT', direction: 'egress' },
  { verdict: 'ACCEPT', direction: 'ingress' },
];

/** `portId`: whose packet it is. */
export type Told = Verdict & Readonly<{ portId: string }>;

/** What is logged of a port; `position` of the last event that made it so. */
export type Logged = Readonly<{ drop: boolean; accept: boolean; position: number }>;

/** The logs that name the port, alone or by a group that it has. */
export const logsOf = (
  logs: Iterable<PacketLog>,
  { id, securityGroupIds }: Pick<Port, 'id' | 'securityGroupIds'>,
): PacketLog[] =>
  [...logs].filter(
    (log) =>
      log.enabled &&
      (log.portId === null || log.portId === id) &&
      (log.securityGroupId === null || securityGroupIds.includes(log.securityGroupId)),
  );

export function loggedBy(logs: readonly PacketLog[]): Logged | null {
  if (logs.length === 0) return null;
  return {
    drop: logs.some(({ event }) => event !== 'ACCEPT'),
    accept: logs.some(({ event }) => event !== 'DROP'),
    position: Math.max(...logs.map(({ setAt }) => setAt['packetlog'] ?? 0)),
  };
}

/** The flows that tell of a guarded port. */
export function loggingFlows(
  device: string,
  port: Readonly<{ portId: string; receiver: number; mode: Mode; made: Made }>,
  { drop, accept }: Logged,
): Flow[] {
  const from = `reg5=0,in_port=${portText(device)}`;
  const to = `reg5=${hex(port.receiver)}`;
  const tell = (verdict: number): string => controller(port.portId, verdict);
  const put = (table: number, priority: number, match: string, actions: string): Flow =>
    flow(port.made, table, priority, match, actions, [device]);
  const { egress, ingress } = RULES[port.mode];
  // A reply is judged in the table of the other direction.
  const sent = port.mode === 'stateful' ? [egress, ingress] : [egress];
  const got = port.mode === 'stateful' ? [egress, ingress] : [ingress];
  const first = ['ip', 'ipv6'].map((family) => `ct_state=+new+trk,${family}`);
  return [
    ...(drop ? sent.map((table) => put(table, 1, from, tell(0))) : []),
    ...(drop ? got.map((table) => put(table, 1, to, tell(1))) : []),
    ...(accept ? first.map((match) => put(TABLE.allowed, 31, `${match},${from}`, `${tell(2)},${acceptedFrom}`)) : []),
    ...(accept ? first.map((match) => put(TABLE.allowed, 15, `${match},${to}`, `${tell(3)},${acceptedTo}`)) : []),
  ];
}

const controller = (portId: string, verdict: number): string => {
  const bytes = [...(portId.replaceAll('-', '').match(/../g) ?? []), `0${verdict}`];
  return `controller(max_len=${LOGGED_BYTES},id=${LOG_CONTROLLER},userdata=${bytes.join('.')})`;
};

/** Reads `userdata`; null: not by a flow of `loggingFlows`. */
export function readLogged(userdata: Uint8Array): Told | null {
  const verdict = VERDICTS[userdata[16] ?? -1];
  if (userdata.length !== 17 || !verdict) return null;
  const digits = [...userdata.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const portId = digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { ...verdict, portId };
}
