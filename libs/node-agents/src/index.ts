/**
 * The agents of a node: for each kind declared in contracts its settings, its backend and its part of `plumb replay`. An agent's program imports its own folder
 * (`@plumbline/node-agents/l3`), so that it loads no other agent's drivers; code that works on a whole node imports this.
 */
import type { AgentKind } from '@plumbline/contracts';
import { readSettings } from '@plumbline/agent-runtime';
import type { HostView } from '@plumbline/topology';
import { DHCP_AGENT } from './dhcp/index.js';
import { dhcpSettings } from './dhcp/settings.js';
import { dnsOf } from './dhcp/terms.js';
import { L3_AGENT } from './l3/index.js';
import { METADATA_AGENT } from './metadata/index.js';
import type { NodeAccess, NodeAgent } from './node-agent.js';
import { OVS_AGENT } from './ovs/index.js';
import { factsOf, ovsSettings } from './ovs/settings.js';
import { openThings, type ThingsHere } from './here.js';
import { type PrintOptions, printRebuildBy, rebuildBy, type Rebuilt } from './replay.js';

/** Does not compile while a kind that contracts declares is missing here. */
export const NODE_AGENTS = {
  ovs: OVS_AGENT,
  l3: L3_AGENT,
  dhcp: DHCP_AGENT,
  metadata: METADATA_AGENT,
} as const satisfies Readonly<Record<AgentKind, NodeAgent>>;

/** Applies the view to this node. Idempotent: a node that is right already is not touched. Rejects when the node cannot be reached or the log does not know it. */
export const rebuild = (view: HostView, access: NodeAccess): Promise<Rebuilt> => rebuildBy(NODE_AGENTS, view, access);

/** Prints what `rebuild` would run, in order; resolves with the number of commands. Changes nothing. */
export const printRebuild = (view: HostView, options: PrintOptions): Promise<number> =>
  printRebuildBy(NODE_AGENTS, view, options);

/** The facts that this node's agents would report, read from this environment. Throws BadAgentConfig, which names everything that is wrong. */
export const nodeFacts = (environment: Readonly<Record<string, string | undefined>>) =>
  factsOf(readSettings(environment, ovsSettings));

/** What a DHCP agent of this environment would make of names. Throws as nodeFacts does. */
export const nodeDns = (environment: Readonly<Record<string, string | undefined>>) =>
  dnsOf(readSettings(environment, dhcpSettings));

/** What the agents of this node would answer to the question `things`, by a view; until it is closed. Rejects when the node cannot be reached. Changes nothing. */
export const thingsHere = (view: HostView, access: NodeAccess): Promise<ThingsHere> =>
  openThings(NODE_AGENTS, view, access);

export { type Mappings, mappingsOnSwitch, mappingsText, parseMappings, setMappingsOnSwitch } from './ovs/mappings.js';
export { type LooksHere, openLooks as looksHere, type ThingsHere } from './here.js';
export { bindLog, boundLog } from './switch-log.js';
export type { NodeAccess, NodeAgent, NodeConnection, Opened, Printout, PluggedPort, ReplayPart } from './node-agent.js';
export type { PrintOptions, Rebuilt } from './replay.js';
