/**
 * Makes a node what its view says, by the engine of @plumbline/reconcile: render, observe, plan, apply, read back. Level-triggered: it does not matter which
 * events came, or how many.
 *
 * Design: a unit is a router; tasks.ts says which step needs which, so that a refused step harms only what needs it (invariant 9). What was changed is read back:
 * a status says what is on the node, not what was asked of it. While the view is unverified, outside addresses that are not on the node yet are left out, probed,
 * and then added.
 */
import { ObjectKey, ObjectStatus } from '@plumbline/contracts';
import { Agent, applyStages, asError, digest, Memory, Plan, Refusal, Run, settle } from '@plumbline/reconcile';
import { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';
import { L3Driver, L3Step, Probe, ProbeAnswer } from './driver.js';
import { Gathered } from './router-ports.js';
import { INTEGRATION_BRIDGE, netnsOf, outsideOf, routerOfProgram } from './marks.js';
import { impossibleOf } from './impossible.js';
import { Members } from './members.js';
import { orphanPorts, planRemoval, planRouter, RouterPlan } from './plan.js';
import { Held, heldAfter, heldObjects, heldUntilAsked, unproven, withhold } from './probation.js';
import { advertisingTasks, FoundPrograms } from './radvd.js';
import { NodeFacts, Rendered, renderRouter, renderRouters } from './render.js';
import { stateText } from './rule-lines.js';
import { L3State } from './state.js';
import { concernedBy, Lack, statusesOf } from './status.js';
import { L3_STAGES, L3Task, linkOf, namespaceOf, rulesOwner, tasksOf } from './tasks.js';
import { refusalText, stuckText } from './words.js';

/** What an agent remembers from one converge to the next: what belongs to which router, and what the engine remembers. What losing it costs is said there. */
export class L3Memory {
  readonly members = new Members();
  readonly engine = new Memory();
  /** Routers whose connections are known to be translated as their rules say. Of others they are looked at: after a restart, and after what failed. */
  readonly translated = new Set<string>();
}

/** Contract: Convergence. Rejects only when the node cannot be observed at all. */
export async function converge(
  view: HostView,
  driver: L3Driver,
  options: ConvergeOptions,
  memory: L3Memory = new L3Memory(),
): Promise<Convergence> {
  const { touched, mayRemove } = options;
  const survey = await lookAt(view, driver, touched, options, memory);
  if (!survey) return { applied: 0, drift: 0, statuses: [], failed: [] };
  const { found, rendered, work } = survey;

  const run = new Run();
  const agent = agentFor(work, driver);
  const terms = { mayRemove };
  await settle(agent, memory.engine, run, found, new Set(work.keys()), terms);
  const probed = [...work.values()].filter((each) => each.canBeProbed(run));
  if (probed.length > 0) {
    await probe(probed, driver);
    await settle(agent, memory.engine, run, null, new Set(probed.map(({ id }) => id)), terms);
  }
  const failed: { key: string; reason: string }[] = [];
  const orphans = touched === 'all' && mayRemove ? orphansIn(view, found, rendered) : [];
  let { applied } = run;
  if (orphans.length > 0)
    await driver.apply(orphans).then(
      () => (applied += orphans.length),
      (error) => failed.push({ key: `node/${view.host}`, reason: asError(error).message }),
    );

  memory.engine.conclude(run, new Map([...work.values()].map((each) => [each.id, each.wanted])), mayRemove);
  const failing = new Set([...run.failures.values()].map(({ unit }) => unit));
  const blame = new Map<string, Set<string>>();
  for (const [owner, { unit, reason }] of run.failures) {
    const key = work.get(unit)?.blameFor(owner) ?? `router/${unit}`;
    blame.set(key, (blame.get(key) ?? new Set()).add(reason));
  }
  for (const [key, reasons] of blame) failed.push({ key, reason: [...reasons].join('; ') });
  const statuses: ObjectStatus[] = [];
  for (const each of work.values()) {
    // The router is as wanted, and nothing of it is left to remove: from now on only the objects that it is made of now lead to it.
    if (mayRemove && !failing.has(each.id))
      memory.members.followers.keepOnly(each.id, each.rendered?.keys ?? new Set());
    const older = found.routers.get(each.id);
    if (failing.has(each.id) || each.rendered?.kind !== 'present') memory.translated.delete(each.id);
    else if (mayRemove && older?.connections !== null) memory.translated.add(each.id);
    if (each.rendered?.kind === 'incomplete') failed.push({ key: `router/${each.id}`, reason: each.rendered.reason });
    failed.push(...each.heldBack());
    if (each.rendered) statuses.push(...statusesOf(each.rendered, view.position, each.lacks(run), each.held));
  }
  return { applied, drift: run.drift, statuses, failed };
}

/**
 * Applies what converge would apply first, and does not read back: for a driver that prints, whose node stays as it is. Rejects with the first reason
 * why a router cannot be planned.
 */
export async function applyOnce(view: HostView, driver: L3Driver, mayRemove = true): Promise<void> {
  const memory = new L3Memory();
  const survey = await lookAt(view, driver, 'all', { mayRemove, unverified: false }, memory);
  if (!survey) return;
  const { found, rendered, work } = survey;
  const run = new Run();
  const agent = agentFor(work, driver);
  const { tasks, refused } = agent.plan(found, new Set(work.keys()));
  for (const { owner, unit, reason } of refused) run.fail(owner, { unit, reason, kind: 'planned' });
  await applyStages(agent, run, tasks, new Set());
  if (mayRemove) await driver.apply(orphansIn(view, found, rendered));
  for (const each of work.values())
    if (each.rendered?.kind === 'incomplete') throw new Error(`router ${each.id}: ${each.rendered.reason}`);
  for (const { unit, reason } of run.failures.values()) throw new Error(`router ${unit}: ${reason}`);
}

type Survey = Readonly<{ found: L3State; rendered: ReadonlyMap<string, Rendered>; work: ReadonlyMap<string, Work> }>;

/** Looks at the routers that were touched; null when there are none. */
async function lookAt(
  view: HostView,
  driver: L3Driver,
  touched: ConvergeOptions['touched'],
  { mayRemove, unverified }: Pick<ConvergeOptions, 'mayRemove' | 'unverified'>,
  { members, translated }: L3Memory,
): Promise<Survey | null> {
  members.update(view, touched);
  const scope = touched === 'all' ? 'all' : members.routersTouched(view, touched);
  if (scope !== 'all' && scope.size === 0) return null;
  const outsides = scope === 'all' ? [] : members.outsidesOf(view, scope);
  const found = await driver.observe(scope, outsides, (id) => mayRemove && !translated.has(id));
  const ids = new Set(
    scope === 'all'
      ? [
          ...hereIn(view),
          ...found.routers.keys(),
          ...found.unreadable.keys(),
          ...found.damaged,
          ...routersOfPrograms(found.programs),
        ]
      : scope,
  );
  const sorted = [...ids].sort();
  const rendered = renderRouters(view, found, members, sorted);
  const work = new Map(sorted.map((id) => [id, new Work(id, rendered.get(id), view, mayRemove)]));
  if (unverified) for (const each of work.values()) each.holdBack(found);
  return { found, rendered, work };
}

/** What is left over too: units of programs that no router is behind. */
const routersOfPrograms = (programs: FoundPrograms | null): string[] =>
  programs
    ? [...programs.found.processes.map(({ name }) => name), ...programs.found.folders.keys()].map(routerOfProgram)
    : [];

function* hereIn(view: HostView): Iterable<string> {
  for (const object of view.objects.values())
    if (object.kind === 'router' && object.host === view.host) yield object.id;
}

/** `Found` null: each router as it was seen last. */
const agentFor = (work: ReadonlyMap<string, Work>, driver: L3Driver): Agent<L3State | null, L3Step> => ({
  stages: L3_STAGES,
  plan: (found, units) => {
    const plans = [...units].flatMap((unit) => work.get(unit)?.look(found) ?? []);
    return { tasks: plans.flatMap(({ tasks }) => tasks), refused: plans.flatMap(({ refused }) => refused) };
  },
  apply: (steps) => driver.apply(steps),
  observe: (units) =>
    driver.observe(
      units,
      [...units].flatMap((unit) => work.get(unit)?.outsides ?? []),
    ),
  wanted: (unit) => work.get(unit)?.wanted ?? null,
  refusal: (_owner, step, error) => (step ? refusalText(step, error) : error.message),
  stuck: (_owner, steps) => stuckText(steps),
});

/** Probes the addresses that these routers hold back, all at once. What could not be probed stays held back. */
async function probe(work: readonly Work[], driver: L3Driver): Promise<void> {
  const unknown = (error: unknown): ProbeAnswer[] =>
    work.flatMap((each) => each.probes.map(() => ({ kind: 'unknown', reason: asError(error).message })));
  const answers = [...(await driver.probe(work.flatMap((each) => each.probes)).catch(unknown))];
  for (const each of work) each.takeAnswers(answers.splice(0, each.probes.length));
}

/** Switch ports that belong to no router. None while some router is left as it is: which ports are its own is not known then. */
function orphansIn(view: HostView, found: L3State, rendered: ReadonlyMap<string, Rendered>): L3Step[] {
  const all = [...rendered.values()];
  if (view.frozen.size > 0 || found.unreadable.size > 0 || all.some(({ kind }) => kind === 'incomplete')) return [];
  const wanted = all.flatMap((each) => (each.kind === 'present' ? each.state.links.map((link) => link.outside) : []));
  return orphanPorts(found, new Set(wanted));
}

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
  /** Outside addresses to probe before they are added. */
  probes: readonly Probe[] = [];
  held: Held = new Map();
  private found: L3State | null = null;
  /** The tasks of the last plan, those that cannot be done yet among them. */
  private needed: readonly L3Task[] = [];
  /** Owner -> its first step of any plan. */
  private readonly steps = new Map<string, L3Step>();
  private text: string | null | undefined;

  constructor(
    readonly id: string,
    public rendered: Rendered | undefined,
    private readonly view: HostView,
    private readonly mayRemove: boolean,
  ) {}

  /** Digest of what is wanted; null when nothing is, or it is not known. */
  get wanted(): string | null {
    if (this.text === undefined)
      this.text = this.rendered?.kind === 'present' ? digest(stateText(this.rendered.state)) : null;
    return this.text;
  }

  /** Outer ends of the links that are wanted. */
  get outsides(): readonly string[] {
    return this.rendered?.kind === 'present' ? this.rendered.state.links.map(({ outside }) => outside) : [];
  }

  /** Leaves out the outside addresses that must be probed first. */
  holdBack(found: L3State): void {
    if (this.rendered?.kind !== 'present') return;
    const { gathered, state } = this.rendered;
    this.probes = unproven(gathered, state, found);
    this.hold(heldUntilAsked(this.probes), found);
  }

  /** Whether the devices to probe from are there. */
  canBeProbed(run: Run): boolean {
    const owners = [namespaceOf(this.id), ...this.probes.map(({ outside }) => linkOf(this.id, outside))];
    return this.probes.length > 0 && owners.every((owner) => run.why(owner) === undefined);
  }

  /** `answers`: one for each probe, in order. Plan anew after it. */
  takeAnswers(answers: readonly ProbeAnswer[]): void {
    if (this.rendered?.kind === 'present' && this.found)
      this.hold(heldAfter(this.rendered.gathered, this.probes, answers), this.found);
  }

  private hold(held: Held, facts: NodeFacts): void {
    this.held = held;
    this.text = undefined;
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

  /** Plans from what was found; null: from what was found last. */
  look(found: L3State | null): Plan<L3Step> {
    this.found = found ?? this.found;
    if (!this.found) return { tasks: [], refused: [] };
    const unreadable = this.found.unreadable.get(this.id);
    if (unreadable !== undefined) return this.cannotRead(unreadable);
    const wanted = this.rendered?.kind === 'present' ? this.rendered.state : null;
    const programs = this.isLeftAsItIs ? null : this.found.programs;
    const advertising = advertisingTasks(this.id, wanted?.advertising ?? [], programs, !this.rendered, (device) => [
      namespaceOf(this.id),
      linkOf(this.id, outsideOf(device)),
      rulesOwner(this.id, 6),
    ]);
    const ending = advertising.tasks.flatMap(({ removes, owner }) => (removes ? [owner] : []));
    const all = [...tasksOf(this.planFrom(this.found), wanted, ending), ...advertising.tasks];
    const impossible = [
      ...(wanted ? impossibleOf(wanted, all, this.found.routers.get(this.id)) : []),
      ...advertising.impossible,
    ];
    const never = new Set(impossible.map(({ task }) => task));
    const tasks = never.size > 0 ? all.filter((task) => !never.has(task)) : all;
    this.needed = [...tasks.filter(({ stage }) => stage !== 'announce'), ...never];
    for (const { owner, step } of this.needed) if (!this.steps.has(owner)) this.steps.set(owner, step);
    const refused = impossible.map(({ task, reason }): Refusal => ({ unit: this.id, owner: task.owner, reason }));
    if (this.found.bridge) return { tasks, refused };
    const unplugged = tasks.filter(({ step }) => step.op === 'add-port');
    const reason = `bridge ${INTEGRATION_BRIDGE} does not exist yet: the OVS agent makes it, then the ports are plugged`;
    return {
      tasks: tasks.filter(({ step }) => step.op !== 'add-port'),
      refused: [...refused, ...unplugged.map(({ owner }): Refusal => ({ unit: this.id, owner, reason }))],
    };
  }

  /** What the last plan still needs, with the reason why it is not done. */
  lacks(run: Run): Lack[] {
    return this.needed.flatMap(({ step, owner }) => {
      const failure = run.why(owner);
      return failure ? [{ step, reason: failure.reason }] : [];
    });
  }

  /** The object whose status an owner's failure is reported in. */
  blameFor(owner: string): ObjectKey {
    const step = this.steps.get(owner);
    const gathered = this.gathered;
    return (step && gathered && concernedBy(step, gathered)[0]) ?? `router/${this.id}`;
  }

  private get gathered(): Gathered | null {
    return this.rendered?.kind === 'present' || this.rendered?.kind === 'down' ? this.rendered.gathered : null;
  }

  private cannotRead(why: string): Plan<L3Step> {
    const owner = namespaceOf(this.id);
    const netns = netnsOf(this.id);
    this.needed = [{ step: { op: 'add-netns', netns }, stage: 'build', unit: this.id, owner }];
    return {
      tasks: [],
      refused: [
        {
          unit: this.id,
          owner,
          reason: `namespace ${netns} cannot be read: ${why}; an operator must look at this node`,
        },
      ],
    };
  }

  /** It is not known what is wanted, or what is not wanted may not be removed. */
  private get isLeftAsItIs(): boolean {
    switch (this.rendered?.kind) {
      case 'present':
        return false;
      case 'frozen':
      case 'incomplete':
        return true;
      case 'down':
      case undefined:
        return !this.mayRemove || this.view.frozen.has(`router/${this.id}`);
    }
  }

  private planFrom(found: L3State): RouterPlan {
    if (this.isLeftAsItIs) return { routerId: this.id, ...NOTHING };
    if (this.rendered?.kind === 'present') return planRouter(this.rendered.state, found, this.mayRemove);
    return planRemoval(this.id, found, this.view.elsewhere.has(`router/${this.id}`));
  }
}
