/** Makes a decision from a draft, and adds what follows from any change. */
import type { Topology } from '@plumbline/topology';
import type { Decide } from './context.js';
import { settleDhcp } from './dhcp/addresses.js';
import { Draft } from './draft.js';
import { settlePlacements } from './placement.js';
import { settlePolicies } from './rbac-policies/settle.js';

/** Makes a decision of a function that works on a draft; adds network placements, addresses of DHCP servers and the end of policies that follow from its changes. */
export function deciding<T>(work: (draft: Draft, topology: Topology) => T): Decide<T> {
  return (topology, context) => {
    const draft = new Draft(topology, context);
    const result = work(draft, topology);
    settlePolicies(draft);
    settleDhcp(draft);
    settlePlacements(draft);
    return { ...draft.decision(), result };
  };
}
