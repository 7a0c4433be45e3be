/**
 * Admission: what an operator lets a node do (docs/adr/0006, section 4). Without one, nothing new comes to a node. What is there already stays when an admission
 * shrinks or ends.
 * Who asks what a node may do: admitted.ts.
 */
import { type Admission, NODE_ROLES, type NodeRole, PhysicalNetwork } from '@plumbline/contracts';
import type { Decide } from '../context.js';
import { deciding } from '../deciding.js';
import type { Draft } from '../draft.js';
import { invalidInput } from '../errors.js';

export type AdmissionRequest = Readonly<{
  host: string;
  roles: readonly string[];
  physicalNetworks: readonly string[];
  /** Physical network -> the only bridge it may be mapped to. */
  bridges: Readonly<Record<string, string>>;
}>;

const sorted = (names: readonly string[]): string[] => [...new Set(names)].sort();

/** Replaces what the node was admitted to. No event when it is admitted to just that already. */
export const admitNode = ({ host, ...request }: AdmissionRequest): Decide<void> =>
  deciding((draft) => {
    const roles = sorted(request.roles);
    const unknown = roles.find((role) => !NODE_ROLES.includes(role as NodeRole));
    if (unknown !== undefined || roles.length === 0)
      throw invalidInput(`'${roles.join(',')}' are not roles of a node: they are ${NODE_ROLES.join(' and ')}`);
    const physicalNetworks = sorted(request.physicalNetworks);
    const misnamed = physicalNetworks.find((name) => !PhysicalNetwork.safeParse(name).success);
    if (misnamed !== undefined) throw invalidInput(`'${misnamed}' is not the name of a physical network`);
    const strange = Object.keys(request.bridges).find((name) => !physicalNetworks.includes(name));
    if (strange !== undefined) throw invalidInput(`'${strange}' has a bridge and is not among the physical networks`);
    const bridges = Object.fromEntries(Object.entries(request.bridges).sort(([a], [b]) => (a < b ? -1 : 1)));
    const data = { host, roles, physicalNetworks, bridges };
    const now = draft.get('admission', host);
    if (now && JSON.stringify(factsOf(now)) === JSON.stringify(data)) return;
    draft.record({ type: 'NodeAdmitted', version: 1, data });
  });

const factsOf = ({ id, roles, physicalNetworks, bridges }: Admission): AdmissionRequest => ({
  host: id,
  roles,
  physicalNetworks,
  bridges: Object.fromEntries(Object.entries(bridges).sort(([a], [b]) => (a < b ? -1 : 1))),
});

/** Nothing new comes to the node. No event when it has no admission. */
export const endAdmission = (host: string): Decide<void> => deciding((draft) => withdrawAdmission(draft, host));

export function withdrawAdmission(draft: Draft, host: string): void {
  if (draft.get('admission', host)) draft.record({ type: 'NodeAdmissionEnded', version: 1, data: { host } });
}
