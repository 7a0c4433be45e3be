/** Nodes: what a machine reports about itself becomes an event once, and again whenever it changed, as long as an operator admits the machine (admission.ts). */
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import { DomainError, tunnelEndInUse } from '../errors.js';
import { withdrawAdmission } from './admission.js';
import { hostNotAdmitted } from './admitted.js';

export type NodeFacts = Readonly<{
  host: string;
  tunnelIp: string | null;
  bridgeMappings: Readonly<Record<string, string>>;
  bfd?: boolean | undefined;
  /** As `Node.firewall`. Absent: `none`. */
  firewall?: string | undefined;
}>;

const sorted = (mappings: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(mappings).sort(([a], [b]) => (a < b ? -1 : 1)));

/** No event when nothing changed. Refused for a host that was not admitted: what it says is shown (as observed) and not used. */
export const registerNode = (facts: NodeFacts): Decide<void> =>
  deciding((draft) => {
    const { host, tunnelIp, bfd, firewall = 'none' } = facts;
    const bridgeMappings = sorted(facts.bridgeMappings);
    const node = draft.get('node', host);
    const same =
      node &&
      !node.removed &&
      node.tunnelIp === tunnelIp &&
      node.bfd === bfd &&
      node.firewall === firewall &&
      JSON.stringify(sorted(node.bridgeMappings)) === JSON.stringify(bridgeMappings);
    if (same) return;
    if (!draft.get('admission', host)) throw hostNotAdmitted(host, 'it was not admitted');
    draft.dependOn(`admission/${host}`);
    if (tunnelIp !== null && node?.tunnelIp !== tunnelIp && draft.held(`tunnel-ip/${tunnelIp}`))
      throw tunnelEndInUse(host, tunnelIp);
    draft.record({
      type: 'NodeRegistered',
      version: 1,
      data: { host, tunnelIp, bridgeMappings, firewall, ...(bfd !== undefined && { bfd }) },
    });
  });

/** The node has no tunnel end and no bridges any more. What is bound to it stays bound; it stays admitted, and is registered again if it reports again. */
export const removeNode = (host: string): Decide<void> =>
  deciding((draft) => {
    const node = draft.get('node', host);
    if (!node) throw new DomainError('NodeNotFound', 'not-found', `Node ${host} could not be found.`);
    if (!node.removed) draft.record({ type: 'NodeRemoved', version: 1, data: { host } });
  });

/** The node is out of the log and not admitted any more. What is bound to it stays bound. No event when both are so. */
export const dismissNode = (host: string): Decide<void> =>
  deciding((draft) => {
    if (draft.get('node', host)?.removed === false) draft.record({ type: 'NodeRemoved', version: 1, data: { host } });
    withdrawAdmission(draft, host);
  });
