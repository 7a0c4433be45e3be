/**
 * Several decisions as one: each is made on the result of those before it, and all or nothing is stored. For combinations of requests that a client could also
 * make one by one, so that their code is not repeated. Within one aggregate a `Draft` does the same with less code.
 */
import type { ObjectKey } from '@plumbline/contracts';
import { claimsOf, Future, Topology } from '@plumbline/topology';
import type { Context, Decide } from '../context.js';

/** Makes the next decision. `firstId`: the first new id that it gets. */
export type Run = <R>(decide: Decide<R>, firstId?: string) => R;

/** Restores the topology afterwards, also when the decision is refused. */
export const inOrder =
  <T>(steps: (run: Run, topology: Topology) => T): Decide<T> =>
  (topology, context) => {
    const future = new Future(topology, context.now);
    const [reads, none, retake] = [new Set<ObjectKey>(), new Set<string>(), new Set<string>()];
    const exempt = new Set<ObjectKey>();
    const [taken, released] = [new Set<string>(), new Set<string>()];
    const held = (claim: string) => taken.has(claim) || (!released.has(claim) && context.held(claim));
    const run: Run = (decide, firstId) => {
      const ids = firstId === undefined ? [] : [firstId];
      const own: Context = { ...context, held, newId: () => ids.pop() ?? context.newId() };
      const decision = decide(topology, own);
      for (const event of decision.events) {
        const { key, before, after } = future.record(event);
        for (const claim of claimsOf(before)) if (!taken.delete(claim)) released.add(claim);
        for (const claim of claimsOf(after)) if (!released.delete(claim)) taken.add(claim);
        topology.put(key, after);
      }
      for (const key of decision.reads) reads.add(key);
      for (const prefix of decision.none) none.add(prefix);
      for (const claim of decision.retake ?? []) retake.add(claim);
      for (const key of decision.exempt ?? []) exempt.add(key);
      return decision.result;
    };
    try {
      const result = steps(run, topology);
      // An object that was created here and is a later step's precondition needs no expected version of its own: its stream is written.
      for (const claim of [...taken]) retake.delete(claim);
      const fences = retake.size > 0 ? { retake: [...retake] } : {};
      return {
        ...{ events: future.events, reads: [...reads], none: [...none], exempt: [...exempt] },
        ...{ ...fences, future, result },
      };
    } finally {
      for (const { key, before } of future.changes()) topology.put(key, before);
    }
  };
