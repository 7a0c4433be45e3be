/**
 * Takes tasks through their stages, in batches. The contract is in types.ts (Order, Failure, Idempotence).
 *
 * Road not taken: a batch for each owner from the start. That is a process and a commit for each of a thousand ports.
 */
import { Run } from './run.js';
import { Agent, asError, SIDE_BY_SIDE, Stage, StepsRefused, Task } from './types.js';

/** `suspects`: owners that were refused the last time. */
export async function applyStages<Found, Step>(
  agent: Agent<Found, Step>,
  run: Run,
  tasks: readonly Task<Step>[],
  suspects: ReadonlySet<string>,
): Promise<void> {
  const byStage = groupBy(tasks, (task) => task.stage);
  const batches = new Batches(agent, run, suspects);
  const beside: Promise<void>[] = [];
  const { stages } = agent;
  const walk = async (): Promise<void> => {
    for (let at = 0; at < stages.length;) {
      const stage = stages[at] as Stage;
      let end = at + 1;
      const mine = byStage.get(stage.name) ?? [];
      if (stage.batch === 'unit') {
        while (stages[end]?.batch === 'unit') end += 1;
        await lane(batches, stages.slice(at, end), byStage);
      } else if (stage.beside) beside.push(settled(batches.apply(stage, mine)));
      else {
        await Promise.all(beside);
        await batches.apply(stage, mine);
      }
      at = end;
    }
  };
  const [walked] = await Promise.allSettled([walk()]);
  const broken = [walked, ...(await Promise.allSettled(beside))].find((each) => each?.status === 'rejected');
  if (broken?.status === 'rejected') throw broken.reason;
}

/** The rejection is handled later: until then Node must not count it as unhandled. */
function settled(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined);
  return promise;
}

/** Neighbouring stages unit by unit. */
async function lane<Found, Step>(
  batches: Batches<Found, Step>,
  stages: readonly Stage[],
  byStage: ReadonlyMap<string, readonly Task<Step>[]>,
): Promise<void> {
  const units = new Map<string, Task<Step>[]>();
  for (const stage of stages)
    for (const task of byStage.get(stage.name) ?? []) {
      const unit = units.get(task.unit);
      if (unit) unit.push(task);
      else units.set(task.unit, [task]);
    }
  await sideBySide([...units.values()], SIDE_BY_SIDE, async (tasks) => {
    const mine = groupBy(tasks, (task) => task.stage);
    for (const stage of stages) await batches.apply(stage, mine.get(stage.name) ?? []);
  });
}

class Batches<Found, Step> {
  constructor(
    private readonly agent: Agent<Found, Step>,
    private readonly run: Run,
    private readonly suspects: ReadonlySet<string>,
  ) {}

  async apply(stage: Stage, tasks: readonly Task<Step>[]): Promise<void> {
    if (tasks.length === 0) return;
    const owners = byOwner(tasks);
    if (stage.alone) return sideBySide([...owners.values()], owners.size, async (mine) => this.attempt(stage, mine));
    const late = new Set<string>();
    for (const [owner, mine] of owners)
      if (this.suspects.has(owner) || mine.some(({ needs }) => needs?.some((need) => late.has(need)))) late.add(owner);
    if (late.size === 0) return this.attempt(stage, tasks);
    await this.attempt(
      stage,
      tasks.filter(({ owner }) => !late.has(owner)),
    );
    for (const owner of late) await this.attempt(stage, owners.get(owner) ?? []);
  }

  /** One batch; in parts while it is refused. */
  private async attempt(stage: Stage, tasks: readonly Task<Step>[]): Promise<void> {
    const open = this.run.open(tasks);
    if (open.length === 0) return;
    try {
      await this.agent.apply(open.map(({ step }) => step));
      if (!stage.optional) this.run.applied += open.length;
    } catch (reason) {
      if (this.agent.isFatal?.(reason)) throw reason;
      if (stage.optional) return;
      if (this.failRefused(open, reason)) return this.attempt(stage, open);
      const owners = byOwner(open);
      if (owners.size === 1) return this.fail(open, asError(reason));
      const half = Math.ceil(owners.size / 2);
      const inOrder = [...owners.values()];
      await this.attempt(stage, inOrder.slice(0, half).flat());
      await this.attempt(stage, inOrder.slice(half).flat());
    }
  }

  /** True when the driver said which steps were refused: their owners have then failed. */
  private failRefused(open: readonly Task<Step>[], reason: unknown): boolean {
    if (!(reason instanceof StepsRefused)) return false;
    let known = false;
    for (const { at, reason: why } of reason.refused) {
      const task = open[at];
      if (!task) continue;
      this.fail([task], new Error(why, { cause: reason }));
      known = true;
    }
    return known;
  }

  private fail(tasks: readonly Task<Step>[], error: Error): void {
    const [first] = tasks;
    if (!first) return;
    const reason = this.agent.refusal(first.owner, tasks.length === 1 ? first.step : null, error);
    this.run.fail(first.owner, { unit: first.unit, reason, kind: 'refused' });
  }
}

/** By owner, in the order of each one's first task. */
const byOwner = <Step>(tasks: readonly Task<Step>[]): Map<string, Task<Step>[]> => groupBy(tasks, (task) => task.owner);

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

/** At most `atOnce` of them at a time, begun in order. All that were begun have ended when it rejects with the first rejection. */
async function sideBySide<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  let broken: { reason: unknown } | null = null;
  const worker = async (): Promise<void> => {
    while (next < items.length && !broken)
      try {
        await work(items[next++] as T);
      } catch (reason) {
        broken ??= { reason };
      }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (broken) throw (broken as { reason: unknown }).reason;
}
