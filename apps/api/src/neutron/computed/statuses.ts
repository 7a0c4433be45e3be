/**
 * The status of a router and of a port, from what the agents that have a part in it report. ACTIVE means that each of them has read its part back from the node
 * (invariant 11); where one has said nothing yet, or is not there, the word of the other is not enough. A word from before the object came to its host does not
 * count: an agent that has died is still thought to be alive for some seconds, and what comes to it then is made by nobody.
 *
 *   a router on a host       its L3 agent, since the router came there          BUILD until it says something; ACTIVE comes with its first report
 *                            the OVS agent, about the router's ports            ERROR when one of them cannot work
 *   a router on no host      nobody                                             ACTIVE if nothing of it is to be on a node (no gateway, no interface), else BUILD
 *   a port of a router       the OVS agent (it is wired) and the L3 agent       DOWN until both say ACTIVE
 *                            (link and addresses are there)
 *   any other port           the OVS agent of its host, since it was bound      DOWN until it says ACTIVE
 *
 * Each is ERROR when one of them says so; a router that is administratively down is DOWN. An agent that stops leaves the statuses that it reported: what it made
 * is still on the node.
 */
import { decidingAgent } from '@plumbline/contracts';
import type { Tables } from '../tables.js';
import {
  both,
  cases,
  columnOf,
  type Computed,
  either,
  isNull,
  isOneOf,
  isThere,
  jsonOf,
  textOf,
  word,
} from './computed.js';
import { latestOf } from './joins.js';

const says = (alias: string, status: 'ACTIVE' | 'ERROR'): Computed => isOneOf(columnOf(alias, 'status'), status);

/** True when no port of a router is an interface of this one, which is on no host. Of a router made just now none is. */
const NO_INTERFACE: Computed = {
  sql: (tables) =>
    `NOT EXISTS (SELECT FROM ${tables.of('port')} i WHERE i.doc @> jsonb_build_object('deviceId', o.id, 'deviceOwner', 'network:router_interface'))`,
  known: () => true,
};
const NOTHING_TO_MAKE = both(isNull(jsonOf('o', 'host')), isNull(jsonOf('o', 'gateway')), NO_INTERFACE);

/**
 * What the OVS agent says of the ports by which a router's packets come and go, as one row: `failed` with `reason`, and whether its gateway is `wired`. `router`: the
 * alias of the router's row; `network`: SQL of the one network that matters beside the gateway's, absent: all its networks do.
 */
export const routerPorts = (tables: Tables, router: string, network?: string): string => `
      SELECT bool_or(y.status = 'ERROR') AS failed, min(y.reason) FILTER (WHERE y.status = 'ERROR') AS reason,
        bool_or(y.status = 'ACTIVE' AND k.is_gateway) AS wired
      FROM (
        SELECT e.key AS id, false AS is_gateway FROM jsonb_each(${router}.doc -> 'interfaces') e${network ? ` WHERE e.value ->> 'networkId' = ${network}` : ''}
        UNION ALL SELECT ${router}.doc #>> '{gateway,portId}', true
      ) k CROSS JOIN LATERAL (
        SELECT status, reason FROM ${tables.objectStatus} WHERE object_kind = 'port' AND object_id = k.id AND agent_kind = '${decidingAgent.port}'
          AND host = ${router}.doc ->> 'host' AND position >= ${latestOf([[router, 'host']])} LIMIT 1
      ) y`;
/** Of what `report` is about, once the agent has said anything of it: before, nobody has made it, and what it would need is no matter. */
export const failedWith = (report: string, ports: string): Computed =>
  either(says(report, 'ERROR'), both(isThere(columnOf(report, 'status')), columnOf(ports, 'failed')));

/** `s`: what the L3 agent of its host reports since the router came there; `e`: `routerPorts`. */
export const ROUTER_STATUS = cases(
  [
    [failedWith('s', 'e'), word('ERROR')],
    [isOneOf(textOf('o', 'adminStateUp'), 'false'), word('DOWN')],
    [either(says('s', 'ACTIVE'), NOTHING_TO_MAKE), word('ACTIVE')],
  ],
  word('BUILD'),
);
export const ROUTER_REASON = cases([[says('s', 'ERROR'), columnOf('s', 'reason')]], columnOf('e', 'reason'));

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
