/**
 * One router on its way through a converge: what is wanted of it, what was found, what each plan still needs; and what is said of it at the end.
 */
import { ObjectKey } from '@plumbline/contracts';
import { digest, Plan, Refusal, Run, type Wanted } from '@plumbline/reconcile';
import { HostView } from '@plumbline/topology';
import { Announcement, L3Step, Probe, ProbeAnswer } from './driver.js';
import { impossibleOf } from './impossible.js';
import { INTEGRATION_BRIDGE, netnsOf, outsideOf } from './marks.js';
import { announcementsOf, planRemoval, planRouter, RouterPlan } from './plan.js';
import { Held, heldAfter, heldObjects, heldUntilAsked, unproven, withhold } from './probation.js';
import { advertisingTasks } from './radvd.js';
import { Rendered, renderRouter } from './render.js';
import { Gathered } from './router-ports.js';
import { stateText } from './rule-lines.js';
import { L3State, RouterState } from './state.js';
import { concernedBy, Lack } from './status.js';
import { L3Task, linkOf, namespaceOf, rulesOwner, tasksOf } from './tasks.js';

const NOTHING: Omit<RouterPlan, 'routerId'> = {
  build: [],
  quiet: [],
  plug: [],
  configure: [],
  unplug: [],
  remove: [],
  announce: [],
};

const digests = new WeakMap<RouterState, Wanted>();

/** Of a router with hundreds of floating IPs it takes milliseconds, and is asked for when something is repaired. */
function digestOf(state: RouterState): Wanted {
  let made = digests.get(state);
  if (!made) {
    let text: string | null = null;
    made = {
      get text() {
        return (text ??= digest(stateText(state)));
      },
    };
    digests.set(state, made);
  }
  return made;
}

/** One router on its way through a converge. */
export class Work {
  /** Outside addresses to probe before they are added. */
  probes: readonly Probe[] = [];
  held: Held = new Map();
  private found: L3State | null = null;
  /** The tasks of the last plan, those that cannot be done yet among them. */
  private needed: readonly L3Task[] = [];
  /** Owner -> its first step of any plan. */
  private readonly steps = new Map<string, L3Step>();
  private digest: Wanted | null | undefined;
  /** Device and address of what any plan announces. */
  private readonly announces = new Set<string>();

  constructor(
    readonly id: string,
    public rendered: Rendered | undefined,
    private readonly view: HostView,
    private readonly mayRemove: boolean,
    private readonly metadata: boolean,
  ) {}

  /** Digest of what is wanted; null when nothing is, or it is not known. */
  get wanted(): Wanted | null {
    if (this.digest === undefined)
      this.digest = this.rendered?.kind === 'present' ? digestOf(this.rendered.state) : null;
    return this.digest;
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

  private hold(held: Held, { userspace }: L3State): void {
    this.held = held;
    this.digest = undefined;
    if (this.rendered?.kind !== 'present') return;
    const facts = { userspace, metadata: this.metadata };
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
    for (const { step } of tasks) if (step.op === 'announce') this.announces.add(`${step.device} ${step.address}`);
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

  /** The addresses on the node that no plan announces. */
  unannounced(): Announcement[] {
    if (this.rendered?.kind !== 'present') return [];
    const { netns, links } = this.rendered.state;
    return links
      .flatMap((link) => announcementsOf(netns, link, link.addresses))
      .filter(({ device, address }) => !this.announces.has(`${device} ${address}`));
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
