/**
 * Makes units of a node as they are wanted: plan, apply, read back, at most twice. The contract is in types.ts.
 *
 * An agent whose later plans need the result of earlier ones (flows name ports that the switch must have opened first) settles once for each, with one Run.
 */
import { Memory } from './memory.js';
import { Run } from './run.js';
import { applyStages } from './stages.js';
import { Agent, APPLIES, Task } from './types.js';

export type Terms = Readonly<{
  mayRemove: boolean;
  /** Whether repairs are counted as drift: only if `found` was read from the node, not from a copy in memory. Default true. */
  countsDrift?: boolean;
}>;

/**
 * `found`: these units as they were last observed. Resolves with what was observed last, which is `found` when nothing was applied. Owners that are not as
 * wanted are in `run`. Rejects when the node cannot be observed, or with an error that is fatal.
 */
export async function settle<Found, Step>(
  agent: Agent<Found, Step>,
  memory: Memory,
  run: Run,
  found: Found,
  units: ReadonlySet<string>,
  terms: Terms,
): Promise<Found> {
  const done = new Set<string>();
  const inScope = ({ unit, owner, removes, unseen }: Task<Step>): boolean =>
    units.has(unit) && (terms.mayRemove || !removes) && !(unseen && done.has(owner));
  const optional = new Set(agent.stages.filter((stage) => stage.optional).map(({ name }) => name));
  const planned = (of: Found, some: ReadonlySet<string>): readonly Task<Step>[] => {
    const { tasks, refused } = agent.plan(of, some);
    for (const { owner, unit, reason } of refused) run.fail(owner, { unit, reason, kind: 'planned' });
    return tasks.filter(inScope);
  };
  const needed = (tasks: readonly Task<Step>[]): readonly Task<Step>[] =>
    optional.size > 0 ? tasks.filter(({ stage }) => !optional.has(stage)) : tasks;

  let tasks: readonly Task<Step>[] = planned(found, units);
  for (const [unit, mine] of memory.hasStuck ? byUnit(tasks) : [])
    for (const [owner, reason] of memory.stuckUnder(unit, needed(mine)) ?? [])
      run.fail(owner, { unit, reason, kind: 'stuck' });

  let last = found;
  for (let round = 1; round <= APPLIES; round += 1) {
    const open = run.open(tasks);
    const steps = needed(open);
    if (steps.length === 0) break;
    const touched = new Set(steps.map(({ unit }) => unit));
    await applyStages(agent, run, open, memory.suspects(touched));
    // Behind the work, which it does not change: a digest of all that is wanted costs time.
    if (round === 1 && terms.countsDrift !== false)
      for (const task of steps)
        if (memory.wasWell(task.unit, task.owner, agent.wanted(task.unit)) && agent.isDrift?.(task) !== false)
          run.drift += 1;
    for (const { owner, unseen } of run.open(open)) if (unseen) done.add(owner);
    last = await agent.observe(touched);
    tasks = [...tasks.filter(({ unit }) => !touched.has(unit)), ...planned(last, touched)];
  }
  const left = byUnit(needed(tasks));
  for (const unit of units) {
    const mine = left.get(unit);
    if (!mine) {
      memory.setStuck(unit, [], NONE);
      continue;
    }
    for (const [owner, steps] of byOwner(run.open(mine)))
      run.fail(owner, { unit, reason: agent.stuck(owner, steps), kind: 'stuck' });
    const reasons = new Map<string, string>();
    for (const { owner } of mine) {
      const failure = run.failures.get(owner);
      if (failure?.kind === 'stuck') reasons.set(owner, failure.reason);
    }
    memory.setStuck(unit, mine, reasons);
  }
  return last;
}

const NONE: ReadonlyMap<string, string> = new Map();

function byUnit<Step>(tasks: readonly Task<Step>[]): Map<string, Task<Step>[]> {
  const units = new Map<string, Task<Step>[]>();
  for (const task of tasks) {
    const unit = units.get(task.unit);
    if (unit) unit.push(task);
    else units.set(task.unit, [task]);
  }
  return units;
}

function byOwner<Step>(tasks: readonly Task<Step>[]): Map<string, Step[]> {
  const owners = new Map<string, Step[]>();
  for (const { owner, step } of tasks) {
    const steps = owners.get(owner);
    if (steps) steps.push(step);
    else owners.set(owner, [step]);
  }
  return owners;
}
