/** What a decision is, and what it may use besides the topology. */
import type { Decision, Topology } from '@plumbline/topology';
import type { Actor } from './actor.js';

/** What a decision may use besides the topology: ids, random numbers and time are given to it. */
export type Context = Readonly<{
  newId(): string;
  /** Uniform in [0, below). `below` is at most 2^47. */
  randomInt(below: number): number;
  /** RFC 3339, UTC. */
  now: string;
  /** True when a claim is held in the log, or by a command of this process that is still being stored. */
  held(claim: string): boolean;
  /** On whose behalf. */
  actor: Actor;
}>;

/** Pure and synchronous. Throws DomainError. Called again on a newer topology after a conflict. */
export type Decide<T> = (topology: Topology, context: Context) => Decision & { readonly result: T };
