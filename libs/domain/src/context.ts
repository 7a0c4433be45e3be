/** What a decision is, and what it may know beside the topology. */
import type { Decision, Topology } from '@plumbline/topology';
import type { Actor } from './actor.js';

/** What a decision may use beside the topology: ids, chance and time come in from outside. */
export type Context = Readonly<{
  newId(): string;
  /** Uniform in [0, below). `below` is at most 2^47. */
  randomInt(below: number): number;
  /** RFC 3339, UTC. */
  now: string;
  /** True when a claim is held in the log, or by a command of this process that is on its way. */
  held(claim: string): boolean;
  /** On whose behalf. */
  actor: Actor;
}>;

/** Pure and synchronous. Throws DomainError. Called again on a newer topology when it lost a race. */
export type Decide<T> = (topology: Topology, context: Context) => Decision & { readonly result: T };
