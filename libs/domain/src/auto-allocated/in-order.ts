/**
 * Several decisions as one: each is made on what those before it made, and all of it is stored or nothing. For compounds of what a client could ask for one by
 * one, so that they do not repeat how each is done. Within one aggregate a `Draft` says the same with less.
 */
import type { ObjectKey } from '@plumbline/contracts';
import { claimsOf, Future, Topology } from '@plumbline/topology';
import type { Context, Decide } from '../context.js';

/** Makes the next decision. `firstId`: what it gets for the first new id it asks for. */
export type Run = <R>(decide: Decide<R>, firstId?: string) => R;

/** The topology is as it was when the decision is made, and when it is refused. */
export const inOrder =
  <T>(steps: (run: Run, topology: Topology) => T): Decide<T> =>
  (topology, context) => {
    const future = new Future(topology, context.now);
    const [reads, none, renew] = [new Set<ObjectKey>(), new Set<string>(), new Set<string>()];
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
      for (const claim of decision.renew ?? []) renew.add(claim);
      return decision.result;
    };
    try {
      const result = steps(run, topology);
      // What was made here and stood on by a later step needs no version of its own: its stream is written.
      for (const claim of [...taken]) renew.delete(claim);
      const fences = renew.size > 0 ? { renew: [...renew] } : {};
      return { events: future.events, reads: [...reads], none: [...none], ...fences, future, result };
    } finally {
      for (const { key, before } of future.changes()) topology.put(key, before);
    }
  };
