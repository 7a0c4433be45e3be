/** What somebody may ask doctor about, and the log that it is in. */
import type { Topology } from '@plumbline/topology';

/** What somebody may ask about. */
export const SUBJECTS = ['floating-ip', 'port', 'network', 'node', 'all'] as const;
export type SubjectSort = (typeof SUBJECTS)[number];

export type Objects = Pick<Topology, 'get' | 'find' | 'all'>;
