/**
 * The status of a router and of a port, from what the agents that have a part in it report. ACTIVE means that each of them has read its part back from the node
 * (invariant 11); where one has said nothing yet, or is not there, the word of the other is not enough.
 *
 *   a router on a host       its L3 agent, since the router came there          BUILD when the agent is silent or not in sync and has not said ACTIVE before;
 *                                                                               while it works, ACTIVE from the start: it has it within a moment, or says ERROR
 *   a router on no host      nobody                                             ACTIVE if nothing of it is to be on a node (no gateway, no interface), else BUILD
 *   a port of a router       the OVS agent (it is wired) and the L3 agent       DOWN until both say ACTIVE
 *                            (link and addresses are there)
 *   any other port           the OVS agent of its host, since it was bound      DOWN until it says ACTIVE
 *
 * Each is ERROR when one of them says so; a router that is administratively down is DOWN. An agent that stops leaves the statuses that it reported: what it made
 * is still on the node.
 */
import {
  both,
  cases,
  columnOf,
  type Computed,
  either,
  isNull,
  isOneOf,
  jsonOf,
  textOf,
  UNREAD,
  word,
} from './computed.js';
import { IS_ALIVE } from '../alive.js';

const says = (alias: string, status: 'ACTIVE' | 'ERROR'): Computed => isOneOf(columnOf(alias, 'status'), status);

/** True when no port of a router is an interface of this one, which is on no host. Of a router made just now none is. */
const NO_INTERFACE: Computed = {
  sql: (tables) =>
    `NOT EXISTS (SELECT FROM ${tables.of('port')} i WHERE i.doc @> jsonb_build_object('deviceId', o.id, 'deviceOwner', 'network:router_interface'))`,
  known: () => true,
};
/** `a`: the L3 agent of the router's host. */
const AGENT_WORKS: Computed = {
  sql: () => `coalesce(a.${IS_ALIVE} AND a.sync = 'in-sync', false)`,
  known: (memory) => (memory.row('a') === null ? false : UNREAD),
};
const NOTHING_TO_MAKE = both(isNull(jsonOf('o', 'host')), isNull(jsonOf('o', 'gateway')), NO_INTERFACE);

/** `s`: what the L3 agent of its host reports since the router came there. */
export const ROUTER_STATUS = cases(
  [
    [says('s', 'ERROR'), word('ERROR')],
    [isOneOf(textOf('o', 'adminStateUp'), 'false'), word('DOWN')],
    [either(says('s', 'ACTIVE'), AGENT_WORKS, NOTHING_TO_MAKE), word('ACTIVE')],
  ],
  word('BUILD'),
);

const DEVICE_OWNER = textOf('o', 'deviceOwner');
export const IS_OF_ROUTER = isOneOf(DEVICE_OWNER, 'network:router_interface', 'network:router_gateway');

/** `s`: what the OVS agent of its host reports; `l`: of a router's port, what the L3 agent of the router's host does. */
export const PORT_STATUS = cases(
  [
    [isOneOf(DEVICE_OWNER, 'network:floatingip'), word('N/A')],
    [either(says('s', 'ERROR'), says('l', 'ERROR')), word('ERROR')],
    [both(IS_OF_ROUTER, says('s', 'ACTIVE'), says('l', 'ACTIVE')), word('ACTIVE')],
    [IS_OF_ROUTER, word('DOWN')],
    [says('s', 'ACTIVE'), word('ACTIVE')],
  ],
  word('DOWN'),
);
export const PORT_REASON = cases([[says('s', 'ERROR'), columnOf('s', 'reason')]], columnOf('l', 'reason'));
