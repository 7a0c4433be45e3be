/**
 * The contract of the engine that makes a node what it should be. One engine serves every agent; what differs between agents is the `Agent` that each of them
 * gives it: data and some functions. If you write an agent, read this file; how the engine does it is in settle.ts (rounds) and stages.ts (batches).
 *
 *   view ──render──► wanted ─┐
 *                            ├─► plan ──► tasks ──► stages, batches ──► apply ──► the node
 *   node ──observe─► found ──┘     ▲                                                │
 *                                  └───────────────── read back ◄───────────────────┘
 *
 * Words
 *   task    one step and what the engine must know of it. The step itself is the agent's: a route, a flow, a file, a child process that should run.
 *   owner   what has failed when a task is refused: the smallest thing that can be wrong alone (one route, one address, one port's flows). Any text; equal
 *           text is the same owner in every converge. An owner belongs to one unit.
 *   unit    what is looked at, planned and remembered as one: a router, a network of the switch. A unit has one or many owners.
 *   stage   a place in the order. Tasks of an earlier stage are done before those of a later one begin.
 *
 * Order
 *   1. Stages run in the order of `Agent.stages`. Within a stage tasks keep the order in which `plan` gave them, except that the tasks of one owner are never
 *      parted by a split (they move to where its first one is), and that owners which were refused the last time, and what needs them, come last.
 *   2. A stage with `batch: 'all'` is one call of `apply` for all units. Neighbouring stages with `batch: 'unit'` are gone through unit by unit: each unit
 *      passes them in order with a call each, up to SIDE_BY_SIDE units at once. No unit waits for another.
 *   3. A stage with `beside` does not hold up the stages behind it; it has ended before the next stage with `batch: 'all'` begins and before anything is read.
 *
 * Failure
 *   4. A batch that is refused is tried again in parts until each owner at fault is in a batch of its own. If the driver says which steps were refused (StepsRefused) that
 *      takes one more batch for each owner at fault; if not, the batch is halved: with k owners at fault among n at most 2 k (1 + log2 n) + 1 batches.
 *   5. What was refused is not tried again in the same converge, and neither are later tasks of its owner, nor tasks that need it, directly or by others. All
 *      else goes on: exactly the owners at fault have failed, exactly what needs them is held back.
 *   6. A refused owner is tried again in each later converge of its unit, alone, so that it costs the others no split batch.
 *   7. An error that is `isFatal` means that nothing can be done at all: it ends the converge and is thrown. What was done until then stays done.
 *   8. The failure of a stage that is `optional` is reported for no owner.
 *
 * Idempotence
 *   9. A step may be applied again after it was done, half done or refused, and must then succeed or be refused for its own reasons, for a batch that is split is
 *      given to the driver anew. A step that must not be repeated (it adds to what it finds) goes into a stage with `alone`: there every owner is a batch of its
 *      own, all of a unit at once, and none is repeated.
 *
 * Read back
 *  10. After the stages have run, the units that had open tasks are observed and planned again. What is still needed is applied once more; then observed
 *      and planned for the last time. What is still needed then has no effect on this node: its owners have failed as `stuck`.
 *  11. A stuck owner is left alone until the plan of its unit is another one, because what is wanted or what is found changed, and for at least three looks at
 *      the unit; then it is applied again, and if that is in vain, after twice as many, 48 at most. Two programs do not fight without end, and what undid
 *      it for a moment only (a switch that closes a device while it is made anew) needs nobody. While it is left alone every converge reports it.
 *
 * Removal
 *  12. A task with `removes` takes away what is not wanted. It is never applied without `mayRemove`, whatever was planned.
 *
 * What is remembered (Memory), and what its loss costs
 *  13. Per unit: the digest of what was wanted when it was last settled with `mayRemove`, and the owners that were not well then. With it the engine
 *      tells a repair from a change that was asked for: a task is drift when its unit is wanted as before and its owner was well. After a restart nothing counts as drift until settled once.
 *  14. Per unit: what was refused, and what is stuck under which plan, for how many looks. After a restart both are tried anew.
 *      Nothing else: neither what is on the node nor which steps were applied. An agent that is killed at any moment goes on from what it finds.
 *
 * Supervised processes, files and the like are steps like any other: `observe` finds them, a step starts or writes one, and an agent's restart changes none that is right.
 */

/** Units of a lane that are worked on at the same time. */
export const SIDE_BY_SIDE = 4;
/** How many times a needed step is applied before its owner counts as stuck. */
export const APPLIES = 2;

export type Task<Step> = Readonly<{
  step: Step;
  /** Name of one of `Agent.stages`. */
  stage: string;
  unit: string;
  owner: string;
  /**
   * Owners that must not have failed. An owner that has no tasks, or does not exist, has not failed. Their tasks come earlier: in an earlier stage or before this one in
   * the plan; those of another unit in a stage with `batch: 'all'`, because units do not wait for each other. They must not lead in a circle.
   */
  needs?: readonly string[];
  /** Takes away what is not wanted. What makes room for something that is wanted is no removal. */
  removes?: boolean;
  /** Leaves nothing that could be read back (it ends connections, it announces an address): applied once in a converge it is done, and it is never stuck. */
  unseen?: boolean;
}>;

export type Stage = Readonly<{
  name: string;
  batch: 'all' | 'unit';
  /** Each owner is a batch of its own, all at once: for steps that must not be repeated. */
  alone?: boolean;
  /** The stages behind it do not wait for it. */
  beside?: boolean;
  /** Its failure is reported for no owner, and its tasks neither count as applied nor keep a unit from being settled. */
  optional?: boolean;
}>;

/** What the plan already knows to be impossible: reported, never applied. */
export type Refusal = Readonly<{ unit: string; owner: string; reason: string }>;
export type Plan<Step> = Readonly<{ tasks: readonly Task<Step>[]; refused: readonly Refusal[] }>;

/** One agent's part. `Found` is what it sees of a node, whole or of some units; the engine only hands it on. */
export interface Agent<Found, Step> {
  readonly stages: readonly Stage[];
  /**
   * What separates these units from what is wanted of them, as data. Pure. Of units that are as wanted: nothing. Tasks of a unit that was not asked for are
   * ignored.
   */
  plan(found: Found, units: ReadonlySet<string>): Plan<Step>;
  /**
   * Makes these steps true, in order, in as few processes and transactions as it can. All are of one stage. Rejects with StepsRefused when it knows which
   * were refused, else with any error; those before and batched with it may then be done, half done or not done.
   */
  apply(steps: readonly Step[]): Promise<void>;
  /** Looks at these units anew. Changes nothing. A rejection ends the converge. */
  observe(units: ReadonlySet<string>): Promise<Found>;
  /** Digest of what is wanted of a unit; null: nothing of it, or not known now. Equal text means wanted as before. */
  wanted(unit: string): Wanted | null;
  /** Why an owner failed, for whoever reads its status. `step`: null when several of its steps were one batch. */
  refusal(owner: string, step: Step | null, error: Error): string;
  /** Why an owner is stuck: the steps are what is still needed. Says what is wrong and who can mend it. */
  stuck(owner: string, steps: readonly Step[]): string;
  /** True for an error after which nothing can be done at all. Default: none is. */
  isFatal?(error: unknown): boolean;
  /** False for a task that is no drift whatever is remembered. Default: all may be. */
  isDrift?(task: Task<Step>): boolean;
}

/** A text, or one that is worked out when it is asked for: equal objects mean equal texts. */
export type Wanted = string | Readonly<{ text: string }>;

/** Why an owner is not as wanted. */
export type Failure = Readonly<{ unit: string; reason: string; kind: 'refused' | 'stuck' | 'planned' }>;

/** The driver knows which steps of a batch were refused, by index, and why. Of the others some, all or none are done. */
export class StepsRefused extends Error {
  override readonly name = 'StepsRefused';
  constructor(
    readonly refused: readonly Readonly<{ at: number; reason: string }>[],
    options?: ErrorOptions,
  ) {
    super(refused.map(({ reason }) => reason).join('; '), options);
  }
}

/** Whatever was thrown, as an Error. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
