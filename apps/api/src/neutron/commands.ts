/** What the Networking API needs of the command side: the ledger, in the process. */
import type { Meta } from '@plumbline/contracts';
import type { Actor, Decide } from '@plumbline/domain';
import type { Caller } from '@plumbline/identity/login';
import type { NamedRequest } from '../idempotency.js';
import type { Topology } from '@plumbline/topology';

export interface Commands {
  /** All objects; those of a command that was answered among them. */
  readonly topology: Topology;
  /** Counts how often what this process knows was read anew because the database had lost the end of its log. */
  readonly memory: number;
  execute<T>(
    decide: Decide<T>,
    meta: Meta,
    actor: Actor,
    once?: NamedRequest,
  ): Promise<Readonly<{ result: T; position: number }>>;
}

export const metaOf = ({ requestId, userId, projectId, request }: Caller): Meta => ({
  ...{ requestId, userId, projectId, time: new Date().toISOString() },
  ...(request && { request }),
});
