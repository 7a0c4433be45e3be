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
 *                            a DHCP agent of its network, if one serves it      DOWN until one has said that its address is served
 *
 * A port waits for DHCP agents that are alive, have looked at their node, served a subnet of the port when it was bound, and only until one of them has said that it
 * serves it. So a port stays ACTIVE when its agent dies, starts anew, or hands the network on; and where none serves it, to be wired is enough.
 *
 * Each is ERROR when one of them says so; a router that is administratively down is DOWN. An agent that stops leaves the statuses that it reported: what it made
 * is still on the node.
 */
import { carrierOf, decidingAgent } from '@plumbline/contracts';
import { IS_ALIVE } from '../alive.js';
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
  read,
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

/**
 * Servers of one network that are looked at. The planner, which cannot tell how many claims there are below a prefix, then looks each of them up; in their order, which only the
 * index has: else it goes through all claims for each port where it has not counted them yet.
 */
const MOST_SERVERS = 100;
const KIND = carrierOf.network;
const READY = `a.kind = '${KIND}' AND a.${IS_ALIVE} AND NOT a.configurations ? 'unread'`;
/** True while DHCP agents serve the port's address and none of them has said that it has it. Where there are no such agents, no row is looked at. */
const WAITS_FOR_DHCP: Computed = read(
  (tables) => `EXISTS (SELECT FROM ${tables.agents} a WHERE ${READY})
    AND o.doc ->> 'deviceOwner' <> 'network:dhcp'
    AND NOT EXISTS (SELECT FROM ${tables.objectStatus} d
      WHERE d.object_kind = 'port' AND d.object_id = o.id AND d.agent_kind = '${KIND}' AND d.status = 'ACTIVE')
    AND EXISTS (SELECT FROM (
        SELECT split_part(c.key, '/', 3) COLLATE "C" AS id FROM ${tables.claims} c
        WHERE c.key > 'dhcp/' || (o.doc ->> 'networkId') || '/' AND c.key < 'dhcp/' || (o.doc ->> 'networkId') || '0'
        ORDER BY c.key LIMIT ${MOST_SERVERS}
      ) k JOIN ${tables.of('port')} v ON v.id = k.id
      JOIN ${tables.agents} a ON a.host = v.doc #>> '{binding,host}' AND ${READY}
      WHERE (v.set_at ->> 'binding')::bigint <= (o.set_at ->> 'binding')::bigint
        AND EXISTS (SELECT FROM jsonb_array_elements(v.doc -> 'fixedIps') i
          WHERE o.doc -> 'fixedIps' @> jsonb_build_array(jsonb_build_object('subnetId', i -> 'subnetId'))))`,
);

/** `s`: what the OVS agent of its host reports; `l`: of a router's port, what the L3 agent of the router's host does. */
export const PORT_STATUS = cases(
  [
    [isOneOf(DEVICE_OWNER, 'network:floatingip'), word('N/A')],
    [either(says('s', 'ERROR'), says('l', 'ERROR')), word('ERROR')],
    [both(IS_OF_ROUTER, says('s', 'ACTIVE'), says('l', 'ACTIVE')), word('ACTIVE')],
    [IS_OF_ROUTER, word('DOWN')],
    [both(says('s', 'ACTIVE'), WAITS_FOR_DHCP), word('DOWN')],
    [says('s', 'ACTIVE'), word('ACTIVE')],
  ],
  word('DOWN'),
);
/** Why it is ERROR; of one that is wired, what its agent says beyond that. */
export const PORT_REASON = cases(
  [
    [says('s', 'ERROR'), columnOf('s', 'reason')],
    [says('l', 'ERROR'), columnOf('l', 'reason')],
  ],
  columnOf('s', 'reason'),
);
