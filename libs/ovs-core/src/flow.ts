/**
 * One OpenFlow flow as data, and as the text `ovs-ofctl -O OpenFlow14 --no-stats --names dump-flows` prints for it. Flows are compared as that text; a
 * node test proves for every shape in pipeline.ts that adding and dumping is the identity.
 */
import type { ObjectKey } from '@plumbline/contracts';
import { cookieOf } from './marks.js';

/** The owner of a part of the node: an object, a provider bridge, or '' for what everything needs. A failure affects one owner only. */
export type Owner =
  | ObjectKey
  | `bridge/${string}`
  /** What a network's ports share: its multicast (firewall/switching.ts). */
  | `fanout/${string}`
  /** One flow of rules that several rules, members or groups share (firewall/group-flows.ts). */
  | `firewall/${string}`
  | '';

export type Flow = Readonly<{
  /** What makes two flows the same entry of the switch: table, priority and match (`keyOfFlow`). */
  key: string;
  /** Canonical action text; with `floods`, what comes before the outputs. */
  actions: string;
  /** Ports the packet is copied to before `actions`; those the switch does not have are left out. */
  copies?: readonly string[];
  /** Ports the packet is copied to after `actions`; those the switch does not have are left out. */
  floods?: readonly string[];
  /** Ports named in match and actions: without one of them the flow cannot be written. */
  ports: readonly string[];
  /** Position of the event that last set this flow. */
  position: number;
  owner: Owner;
}>;

/**
 * True for a flow from a port number that no port of the bridge has: where there is a port, its name is written. Nothing matches such a flow, until another
 * port gets the number.
 */
export const isOfLostPort = (key: string): boolean => /\bin_port=\d+\b/.test(key);

/** Words that mean something else than a port of that name (ovs-fields(7), "in_port"). */
const RESERVED = /^(?:all|any|controller|drop|flood|in_port|local|max|none|normal|table|unset|\d+)$/i;

/** Port name in a flow, quoted where `ovs-ofctl` prints it so. Throws on a name that could become syntax. */
export function portText(name: string): string {
  if (!/^[A-Za-z0-9_.:@+-]{1,15}$/.test(name) || RESERVED.test(name))
    throw new RangeError(`interface name ${JSON.stringify(name)} cannot be written in a flow`);
  return /^[A-Za-z][A-Za-z0-9]*$/.test(name) ? name : `"${name}"`;
}

/** Whether a flow can name an interface that is called so. */
export function isFlowPort(name: string): boolean {
  try {
    return portText(name) !== '';
  } catch {
    return false;
  }
}

/** Table, priority and canonical match ('' for every packet) as dump-flows prints them: one entry of the switch (OpenFlow 1.4, 6.4). */
export const keyOfFlow = (table: number, priority: number, match: string): string =>
  `${table > 0 ? `table=${table}, ` : ''}priority=${priority}${match ? `,${match}` : ''}`;

/** Action text with the outputs to those ports that exist. Null when a flow that only copies has nowhere to copy to. */
export function actionsOn(flow: Flow, hasPort: (name: string) => boolean): string | null {
  if (!flow.floods) return flow.actions;
  const outputs = (names: readonly string[]) => names.filter(hasPort).map((name) => `output:${portText(name)}`);
  const [first, last] = [outputs(flow.copies ?? []), outputs(flow.floods)];
  const goesOn = flow.actions.includes('resubmit(');
  if (first.length + last.length === 0 && !goesOn) return null;
  return [...first, ...(last.length > 0 || goesOn ? [flow.actions, ...last] : [])].filter(Boolean).join(',');
}

/** The whole line, without leading space. */
export const flowLine = (key: string, position: number, actions: string): string =>
  `cookie=${cookieOf(position)}, ${key} actions=${actions}`;
