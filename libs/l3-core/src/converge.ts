/**
 * Makes a node what its view says: render, observe, plan, apply, read back. Level-triggered: it does not matter which events came, or how many.
 *
 * Design: what many routers need (namespaces, links, OVS ports) is applied in one batch for all; when that fails, once more router by router, so that a
 * bad one harms itself only (invariant 9). What is a router's own runs side by side, one chain a router. What was changed is read back: a status says
 * what is on the node, not what was asked of it. Steps that are still needed after a second apply are reported as `cannot converge` and not repeated
 * until something changes. While the view is unverified, outside addresses that are not on the node yet are left out, probed, and then added.
 */
import { ObjectKey, ObjectStatus } from '@plumbline/contracts';
import { asError, runChains } from '@plumbline/reconcile';
import { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';
import { routersTouched } from './dirty.js';
import { L3Driver, L3Step, Probe, ProbeAnswer } from './driver.js';
import { INTEGRATION_BRIDGE, netnsOf } from './marks.js';
import { isEmpty, orphanPorts, planRemoval, planRouter, RouterPlan, Stage, stepsOf } from './plan.js';
import { Held, heldAfter, heldObjects, heldUntilAsked, unproven, withhold } from './probation.js';
import { NodeFacts, Rendered, render, renderRouter } from './render.js';
import { stateText } from './rule-lines.js';
import { L3State } from './state.js';
import { statusesOf } from './status.js';

/** What an agent remembers from one converge to the next. Losing it costs nothing but the knowledge of what is drift. */
export class L3Memory {
  /** Router -> its wanted state, as text, when it was last read back complete. */
  readonly right = new Map<string, string>();
  /** Object -> routers that were rendered from it: it may leave the view before they are looked at again. */
  readonly routersOf = new Map<ObjectKey, Set<string>>();
  /** Router -> steps that two applies did not make true. */
  readonly stuck = new Map<string, string>();
}

/** Routers whose own steps run at the same time. */
const SIDE_BY_SIDE = 4;
const APPLIES = 2;

/** Contract: Convergence. Rejects only when the node cannot be observed at all. */
export async function converge(
  view: HostView,
  driver: L3Driver,
  options: ConvergeOptions,
  memory: L3Memory = new L3Memory(),
): Promise<Convergence> {
  const scope = options.touched === 'all' ? 'all' : routersTouched(view, options.touched, memory.routersOf);
  if (scope !== 'all' && scope.size === 0) return { applied: 0, drift: 0, statuses: [], failed: [] };
  const { found, rendered, work } = await survey(view, driver, scope, options, memory);

  let { applied, drift } = await applyRounds(work, found.bridge, driver, memory);
  const probed = work.filter((each) => each.error === null && each.probes.length > 0);
  if (probed.length > 0) {
    await probe(probed, driver);
    for (const each of probed) each.lookAgain(memory);
    const more = await applyRounds(probed, found.bridge, driver, memory);
    applied += more.applied;
    drift += more.drift;
  }
  const orphans = scope === 'all' && options.mayRemove ? orphansIn(view, found, rendered) : [];
  const failed: { key: string; reason: string }[] = [];
  if (orphans.length > 0)
    await driver.apply(orphans).then(
      () => (applied += orphans.length),
      (error) => failed.push({ key: `node/${view.host}`, reason: asError(error).message }),
    );
  const statuses: ObjectStatus[] = [];
  for (const each of work) {
    each.settle(memory);
    if (each.error !== null) failed.push({ key: `router/${each.id}`, reason: each.error });
    else failed.push(...each.heldBack());
    if (each.rendered)
      statuses.push(...statusesOf(each.rendered, view.position, stepsOf(each.plan), each.error, each.held));
  }
  return { applied, drift, statuses, failed };
}

/** Applies and reads back until nothing is left to do, twice at the most. */
async function applyRounds(
  work: readonly Work[],
  bridge: boolean,
  driver: L3Driver,
  memory: L3Memory,
): Promise<{ applied: number; drift: number }> {
  let applied = 0;
  let drift = 0;
  for (let round = 1; round <= APPLIES; round += 1) {
    const todo = work.filter((each) => each.open);
    if (todo.length === 0) break;
    if (round === 1) for (const each of todo) if (each.isRight(memory)) drift += stepCount(each.plan);
    applied += await applyAll(todo, bridge, driver);
    const now = await driver.observe(new Set(todo.map((each) => each.id)));
    for (const each of todo) each.look(now, memory);
  }
  return { applied, drift };
}

/** Asks for what these routers hold back, all at once. What could not be asked stays held back. */
async function probe(work: readonly Work[], driver: L3Driver): Promise<void> {
  const unknown = (error: unknown): ProbeAnswer[] =>
    work.flatMap((each) => each.probes.map(() => ({ kind: 'unknown', reason: asError(error).message })));
  const answers = [...(await driver.probe(work.flatMap((each) => each.probes)).catch(unknown))];
  for (const each of work) each.prove(answers.splice(0, each.probes.length));
}

function remember(memory: L3Memory, { id, keys }: Rendered): void {
  for (const key of keys) {
    const routers = memory.routersOf.get(key);
    if (routers) routers.add(id);
    else memory.routersOf.set(key, new Set([id]));
  }
}

/** What a router no longer follows from; once it is complete, since until then it must be found again by what it was made of. */
function forget(memory: L3Memory, id: string, kept: ReadonlySet<ObjectKey> = new Set()): void {
  for (const [key, routers] of memory.routersOf)
    if (!kept.has(key) && routers.delete(id) && routers.size === 0) memory.routersOf.delete(key);
}

/** Ports that no router asks for. None while some router is left as it is: what is its own is not known then. */
function orphansIn(view: HostView, found: L3State, rendered: ReadonlyMap<string, Rendered>): L3Step[] {
  const all = [...rendered.values()];
  if (view.frozen.size > 0 || found.unreadable.size > 0 || all.some(({ kind }) => kind === 'incomplete')) return [];
  const wanted = all.flatMap((each) => (each.kind === 'present' ? each.state.links.map((link) => link.outside) : []));
  return orphanPorts(found, new Set(wanted));
}

/** Looks at the node and plans, router by router. */
async function survey(
  view: HostView,
  driver: L3Driver,
  scope: ReadonlySet<string> | 'all',
  { mayRemove, unverified }: Pick<ConvergeOptions, 'mayRemove' | 'unverified'>,
  memory: L3Memory,
): Promise<{ found: L3State; rendered: Map<string, Rendered>; work: Work[] }> {
  const found = await driver.observe(scope);
  const rendered = render(view, found, scope === 'all' ? undefined : scope);
  const ids = new Set([
    ...rendered.keys(),
    ...(scope === 'all' ? [...found.routers.keys(), ...found.unreadable.keys(), ...found.damaged] : scope),
  ]);
  for (const each of rendered.values()) remember(memory, each);
  const work = [...ids].sort().map((id) => new Work(id, rendered.get(id), view, mayRemove));
  for (const each of work) {
    if (unverified) each.holdBack(found);
    each.look(found, memory);
  }
  return { found, rendered, work };
}

/**
 * Applies what converge would apply first, and does not read back: for a driver that prints, whose node stays as it is. Rejects with the first reason
 * why a router cannot be planned.
 */
export async function applyOnce(view: HostView, driver: L3Driver, mayRemove = true): Promise<void> {
  const { found, rendered, work } = await survey(view, driver, 'all', { mayRemove, unverified: false }, new L3Memory());
  await applyAll(
    work.filter((each) => each.open),
    found.bridge,
    driver,
  );
  if (mayRemove) await driver.apply(orphansIn(view, found, rendered));
  const failed = work.find((each) => each.error !== null);
  if (failed) throw new Error(`router ${failed.id}: ${failed.error}`);
}

/** Steps that change the node; an announcement does not. */
const stepCount = (plan: RouterPlan): number => stepsOf(plan).length - plan.announce.length;

const NOTHING: Omit<RouterPlan, 'routerId'> = {
  build: [],
  quiet: [],
  plug: [],
  configure: [],
  unplug: [],
  remove: [],
  announce: [],
};

/** One router on its way through a converge. */
class Work {
  plan: RouterPlan;
  error: string | null = null;
  /** Outside addresses to ask for before they are added. */
  probes: readonly Probe[] = [];
  held: Held = new Map();
  private found: L3State | null = null;
  private stuckBefore = false;
  private tried = false;

  constructor(
    readonly id: string,
    public rendered: Rendered | undefined,
    private readonly view: HostView,
    private readonly mayRemove: boolean,
  ) {
    this.plan = { routerId: id, ...NOTHING };
    if (rendered?.kind === 'incomplete') this.error = rendered.reason;
  }

  /** True while there is something to apply. */
  get open(): boolean {
    return !isEmpty(this.plan) && this.error === null && !this.stuckBefore;
  }

  /** Leaves out what must be asked for first. */
  holdBack(found: L3State): void {
    if (this.rendered?.kind !== 'present') return;
    const { gathered, state } = this.rendered;
    this.probes = unproven(gathered, state, found);
    this.hold(heldUntilAsked(this.probes), found);
  }

  /** `answers`: one for each probe, in order. Plan anew after it. */
  prove(answers: readonly ProbeAnswer[]): void {
    if (this.rendered?.kind === 'present' && this.found)
      this.hold(heldAfter(this.rendered.gathered, this.probes, answers), this.found);
  }

  private hold(held: Held, facts: NodeFacts): void {
    this.held = held;
    if (this.rendered?.kind !== 'present') return;
    this.rendered = { ...this.rendered, state: renderRouter(withhold(this.rendered.gathered, held), facts) };
  }

  /** What stays held back at the end, for `failed`: it is tried again. */
  heldBack(): { key: string; reason: string }[] {
    if (this.rendered?.kind !== 'present') return [];
    return heldObjects(this.rendered.gathered, this.held).map(({ kind, id, reason }) => ({
      key: `${kind}/${id}`,
      reason,
    }));
  }

  /** Plans anew from what was found last. */
  lookAgain(memory: L3Memory): void {
    if (this.found) this.look(this.found, memory);
  }

  /** Plans from what was found. */
  look(found: L3State, memory: L3Memory): void {
    this.found = found;
    const unreadable = found.unreadable.get(this.id);
    if (unreadable !== undefined) this.fail(`namespace ${netnsOf(this.id)} cannot be read: ${unreadable}`);
    this.plan = unreadable === undefined ? this.planFrom(found) : { routerId: this.id, ...NOTHING };
    if (!this.tried) this.stuckBefore = !isEmpty(this.plan) && memory.stuck.get(this.id) === textOf(this.plan);
  }

  isRight(memory: L3Memory): boolean {
    return this.rendered?.kind === 'present' && memory.right.get(this.id) === stateText(this.rendered.state);
  }

  fail(error: unknown): void {
    this.error ??= asError(error).message;
  }

  begin(): void {
    this.tried = true;
  }

  /** Ends the converge: what is still open could not be made true. */
  settle(memory: L3Memory): void {
    const { rendered } = this;
    if (isEmpty(this.plan) && this.error === null) {
      memory.stuck.delete(this.id);
      // Whether something is left that must go is not known yet, and what the router was made of leads back to it.
      if (!this.mayRemove) return;
      if (rendered?.kind === 'present') memory.right.set(this.id, stateText(rendered.state));
      else memory.right.delete(this.id);
      forget(memory, this.id, rendered?.keys);
      return;
    }
    memory.right.delete(this.id);
    if (this.error !== null) return;
    memory.stuck.set(this.id, textOf(this.plan));
    const what = stepsOf(this.plan).map((step) =>
      JSON.stringify(step, (key, value) => (key === 'edits' ? undefined : value)),
    );
    this.error = `cannot converge: after ${APPLIES} applies the node still differs: ${what.join(' ')}`;
  }

  private planFrom(found: L3State): RouterPlan {
    const none = { routerId: this.id, ...NOTHING };
    switch (this.rendered?.kind) {
      case 'present':
        return planRouter(this.rendered.state, found, this.mayRemove);
      case 'frozen':
      case 'incomplete':
        return none;
      case 'down':
      case undefined:
        return this.mayRemove && !this.view.frozen.has(`router/${this.id}`) ? planRemoval(this.id, found) : none;
    }
  }
}

const textOf = (plan: RouterPlan): string => JSON.stringify(stepsOf(plan));

/** Applies all plans, stage by stage; a router that fails in one is not taken to those that stand on it. */
async function applyAll(work: readonly Work[], bridge: boolean, driver: L3Driver): Promise<number> {
  let applied = 0;
  for (const each of work) each.begin();
  /** One batch for all; if it fails, a batch a router. A step that was done and is repeated is success (the driver's contract). */
  const together = async (stage: Stage, among: readonly Work[]): Promise<void> => {
    const some = among.filter((each) => each.plan[stage].length > 0);
    const steps = some.flatMap((each) => each.plan[stage]);
    if (steps.length === 0) return;
    try {
      await driver.apply(steps);
      applied += steps.length;
    } catch (error) {
      if (some.length === 1) some[0]?.fail(error);
      else
        for (const each of some)
          await driver.apply(each.plan[stage]).then(
            () => (applied += each.plan[stage].length),
            (why) => each.fail(why),
          );
    }
  };
  const healthy = (): Work[] => work.filter((each) => each.error === null);

  await together('build', healthy());
  await together('quiet', healthy());
  const built = healthy();
  // OVS takes its time to open devices; meanwhile the namespaces are filled.
  const unplugged = bridge ? [] : built.filter((each) => each.plan.plug.some((step) => step.op === 'add-port'));
  const plugged = together('plug', bridge ? built : built.filter((each) => !unplugged.includes(each)));
  const chains: L3Step[][][] = built.map((each) => (each.plan.configure.length > 0 ? [[...each.plan.configure]] : []));
  const outcome = await runChains(chains, (steps) => driver.apply(steps), { concurrency: SIDE_BY_SIDE });
  await plugged;
  for (const { chain, error } of outcome.failed) built[chain]?.fail(error);
  const failedChains = new Set(outcome.failed.map(({ chain }) => chain));
  for (const [chain, each] of built.entries()) if (!failedChains.has(chain)) applied += each.plan.configure.length;
  for (const each of unplugged)
    each.fail(`bridge ${INTEGRATION_BRIDGE} does not exist yet: the OVS agent makes it, then the ports are plugged`);
  await together('unplug', healthy());
  await together('remove', healthy());
  const announcements = work.flatMap((each) => each.plan.announce);
  // A neighbour that does not hear it learns by its own cache's end: no reason to call the router broken.
  if (announcements.length > 0) await driver.apply(announcements).catch(() => undefined);
  return applied;
}
