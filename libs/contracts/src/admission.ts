/**
 * What an operator may admit a node to (docs/adr/0006, section 4). A node says of itself which agents it runs and which physical networks it maps to which
 * bridges; what counts is what it says and was admitted to.
 *
 * Roles are words: a role that a reader does not know admits to nothing there.
 */
import { z } from 'zod';
import { AGENT_KINDS, AGENTS, type AgentDeclaration, type AgentKind } from './agents.js';
import type { Admission } from './objects.js';

/** `compute`: instances' ports are bound there. `network`: it carries routers, and ports of the cloud's own services. */
export const NodeRole = z.enum(['compute', 'network']);
export type NodeRole = z.infer<typeof NodeRole>;
export const NODE_ROLES: readonly NodeRole[] = NodeRole.options;

const ROLES_OF: Readonly<Record<AgentDeclaration['runsOn'], readonly NodeRole[]>> = {
  'every-node': NODE_ROLES,
  'network-node': ['network'],
};

/** Kinds of agents that a node with these roles runs: the subjects that its login may publish on, and the reports that are used. */
export const agentsAdmitted = (roles: readonly string[]): readonly AgentKind[] =>
  AGENT_KINDS.filter((kind) => ROLES_OF[AGENTS[kind].runsOn].some((role) => roles.includes(role)));

/** Roles with which a node runs agents of this kind. */
export const rolesFor = (kind: AgentKind): readonly NodeRole[] => ROLES_OF[AGENTS[kind].runsOn];

/** Whether a node may map the physical network to this bridge; `bridge` null: to any. */
export const mayMap = (
  { physicalNetworks, bridges }: Pick<Admission, 'physicalNetworks' | 'bridges'>,
  physicalNetwork: string,
  bridge: string | null,
): boolean => {
  if (!physicalNetworks.includes(physicalNetwork)) return false;
  const only = Object.hasOwn(bridges, physicalNetwork) ? bridges[physicalNetwork] : undefined;
  return only === undefined || bridge === null || only === bridge;
};

/** Of the mappings that a node says it has, those that it was not admitted to. `admission` undefined: it was admitted to nothing. */
export const unadmittedMappings = (
  admission: Pick<Admission, 'physicalNetworks' | 'bridges'> | undefined,
  said: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(said).filter(([network, bridge]) => !admission || !mayMap(admission, network, bridge)),
  );
