/** Nodes: what a machine reports about itself becomes an event once, and again whenever it changed. */
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import { DomainError, tunnelEndInUse } from '../errors.js';

export type NodeFacts = Readonly<{
  host: string;
  tunnelIp: string | null;
  bridgeMappings: Readonly<Record<string, string>>;
}>;

const sorted = (mappings: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(mappings).sort(([a], [b]) => (a < b ? -1 : 1)));

/** No event when nothing changed. */
export const registerNode = (facts: NodeFacts): Decide<void> =>
  deciding((draft) => {
    const { host, tunnelIp } = facts;
    const bridgeMappings = sorted(facts.bridgeMappings);
    const node = draft.get('node', host);
    const same =
      node &&
      !node.removed &&
      node.tunnelIp === tunnelIp &&
      JSON.stringify(sorted(node.bridgeMappings)) === JSON.stringify(bridgeMappings);
    if (same) return;
    if (tunnelIp !== null && node?.tunnelIp !== tunnelIp && draft.held(`tunnel-ip/${tunnelIp}`))
      throw tunnelEndInUse(host, tunnelIp);
    draft.record({ type: 'NodeRegistered', version: 1, data: { host, tunnelIp, bridgeMappings } });
  });

/** The node has no tunnel end and no bridges any more. What is bound to it stays bound. */
export const removeNode = (host: string): Decide<void> =>
  deciding((draft) => {
    const node = draft.get('node', host);
    if (!node) throw new DomainError('NodeNotFound', 'not-found', `Node ${host} could not be found.`);
    if (!node.removed) draft.record({ type: 'NodeRemoved', version: 1, data: { host } });
  });
