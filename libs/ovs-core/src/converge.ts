/**
 * Makes the switch what the view says, by the engine of @plumbline/reconcile: render, observe, plan, apply, in the three parts of plan.ts.
 *
 * Goals: one object that cannot be applied harms itself only; a switch that is right is not touched; an event costs what it changes; statuses say what
 * was read back. Design: wanted.ts keeps what is wanted unit by unit and says which units to look at. All are looked at on `all`, when a bridge or a port
 * of ours changed, and when the flows of a bridge had to be read anew: the copy in memory was not true any more. Ports that are wired for the first time come in
 * portions, so that what changes meanwhile waits for one of them and not for a thousand ports; everything else is in the first, since rules change in one bundle.
 */
import { isRouterPort, keyOf, KINDS, type ObjectKey, ObjectStatus } from '@plumbline/contracts';
import { Agent, Failure, Memory, Plan, Run, settle, Stage } from '@plumbline/reconcile';
import type { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';
import {
  ObservedBridge,
  ObservedFlows,
  ObservedPort,
  ObservedSwitch,
  OvsDriver,
  OvsStep,
  OvsUnavailable,
} from './driver.js';
import { RULES } from './firewall/tables.js';
import { keyOfFlow } from './flow.js';
import { announcementsOf, frameToItself } from './announcement.js';
import { BR_INT, BR_TUN, DEAD_VLAN } from './marks.js';
import { bridgesOfOurs, inFlowOrder, planBuild, planFlows, planOptions, PlanOptions, planRelease } from './plan.js';
import { BASE, deviceTrouble, enforces, type Guard, OvsNodeConfig, possibleWith, Refusal } from './render.js';
import { reportedFor, changeTask, DATABASE, flowStages, flowTasks, Piece, REST, stepOf, stuckText } from './steps.js';
import { uplinksOf } from './uplinks.js';
import { Desired, unitOf, WantedSwitch } from './wanted.js';

type Units = ReadonlySet<string> | 'all';
/** The database, and the flows of some bridges. */
type Found = Readonly<{ switch: ObservedSwitch; flows: ReadonlyMap<string, ObservedFlows> }>;
type OvsAgent = Agent<Found, Piece>;
type Announcement = Extract<OvsStep, { op: 'announce' }>['ports'][number];

/** Ports that one convergence wires for the first time, unless it looks at everything. A port is a tag in the database and about twenty flows. */
const MOST_ARRIVALS = 250;

const NO_FLOWS_SEEN: ReadonlyMap<string, ObservedFlows> = new Map();

/** One switch's convergences, one after another. Remembers what is wanted, and what it needs to tell drift from a change that was asked for; all of it can be lost. */
export class OvsConverger {
  private readonly wanted = new WantedSwitch();
  private readonly memory = new Memory();
  /** Of units that were not looked at since. */
  private failures = new Map<string, Failure>();
  /** Units of a convergence that was interrupted, or that was not allowed to remove. */
  private unfinished: Units = new Set();
  /** Bridge -> its flows as they were when last compared: another object means that they were read anew. */
  private readonly compared = new Map<string, ObservedFlows>();
  private readonly told = new Map<string, string>();
  /** Ports that were wired anew and have not been announced yet. */
  private readonly arriving = new Set<string>();
  /** Ports that are to be wired for the first time when it is their turn, in their order. */
  private waiting: ReadonlySet<string> = new Set();
  /** Whether the switch enforced rules that this agent did not write; null: not known yet. */
  private rulesInForce: boolean | null = null;

  constructor(
    private readonly driver: OvsDriver,
    private readonly config: () => OvsNodeConfig,
    private readonly mostArrivals = MOST_ARRIVALS,
  ) {}

  /** Before each `converge` of a node whose instances may have bridges of their own: all that have one. */
  setGuards(guards: ReadonlyMap<string, Guard | null>): void {
    this.wanted.setGuards(guards);
  }

  leftOver(): readonly string[] {
    return this.wanted.leftOver();
  }

  /** All that is wanted, as of the last convergence. For whoever looks. */
  get asked(): Pick<WantedSwitch, 'desired' | 'servedBy'> {
    return this.wanted;
  }

  /**
   * Never throws for one bad object; throws OvsUnavailable when nothing can be done. Not to be called while a call is under way. `touched` empty: what the switch
   * itself shows to have changed.
   */
  async converge(view: HostView, options: Omit<ConvergeOptions, 'unverified'>): Promise<Convergence> {
    const { touched } = options;
    const isDone = sizeOf(this.unfinished) === 0 && this.waiting.size === 0;
    if (touched !== 'all' && touched.size > 0 && isDone && !this.wanted.concerns(view, touched))
      return { applied: 0, drift: 0, statuses: [], failed: this.failed(new Set()) };
    const fresh = touched === 'all';
    const plan = planOptions(view, options.mayRemove);
    const [observed, dirty] = await this.lookAndRender(view, touched, plan.mayRemove);
    let units = this.portion(observed, join(join(dirty, this.unfinished), this.waiting));
    await this.shutWaiting(view, observed);
    if (sizeOf(units) === 0) return { applied: 0, drift: 0, statuses: [], failed: this.failed(new Set()) };
    this.unfinished = units;

    this.noteArrivals(observed, units);
    const run = new Run();
    const tagsLast = units !== 'all' && possibleWith(view, this.config()).firewall === 'openflow';
    let built = await this.build(run, observed, units, plan, fresh, tagsLast ? withoutTags : undefined);
    const flows = await this.flowsOf(run, built, units, fresh);
    const isPartial = units !== 'all';
    let anew = isPartial && [...flows].some(([name, found]) => this.compared.get(name) !== found);
    let reread = !anew && (await this.applyFlows(run, { switch: built, flows }, units, plan, fresh));
    anew ||= reread && isPartial;
    if (anew) {
      // They were read anew, before these were written or meanwhile: the copy of that bridge in memory was not true any more.
      this.unfinished = units = 'all';
      this.waiting = new Set();
      built = await this.build(run, built, units, plan, fresh);
      const whole = await this.flowsOf(run, built, units, fresh);
      reread = await this.applyFlows(run, { switch: built, flows: whole }, units, plan, fresh);
    } else if (tagsLast) built = await this.build(run, built, units, plan, fresh, tagsOfOpened);
    const after = units === 'all' ? await this.release(run, built, plan) : built;
    this.wanted.settle(after);
    // What a full comparison found but was not allowed to remove, or could not, is on no list: everything is compared again, once removal is allowed.
    const isLeft = [...run.failures.values()].some(({ unit, kind }) => unit === REST && kind === 'refused');
    // So it is after flows that a port that got another number made be read anew in the middle: they were compared with the switch as it was before.
    const isOfBefore = reread && !fresh;
    this.unfinished = units === 'all' && (isLeft || isOfBefore || !plan.mayRemove) ? 'all' : new Set();

    const scope = units;
    const looked = new Map([...this.scopeOf(scope)].map((unit) => [unit, this.versionOf(unit)]));
    this.memory.conclude(run, looked, plan.mayRemove);
    const changed = this.remember(run, scope);
    const statuses = this.statuses(view, after, scope, changed, touched);
    const unsaid = plan.mayRemove ? await this.announce(after, scope) : [];
    const [next] = this.waiting;
    const again = next === undefined ? {} : { again: new Set([next as ObjectKey]) };
    return { applied: run.applied, drift: run.drift, statuses, failed: [...this.failed(scope), ...unsaid], ...again };
  }

  /** What is wanted is rendered by what is known of the switch while the node is looked at, and what that shows is taken in behind it. */
  private async lookAndRender(
    view: HostView,
    touched: ConvergeOptions['touched'],
    mayRemove: boolean,
  ): Promise<readonly [ObservedSwitch, Units]> {
    const known = await this.driver.observe();
    const looking = touched === 'all' ? this.driver.observe({ fresh: true }) : known;
    const dirty = this.wanted.update(view, this.config(), known, touched, mayRemove);
    const observed = await looking;
    if (observed === known) return [observed, dirty];
    return [observed, join(dirty, this.wanted.update(view, this.config(), observed, new Set(), mayRemove))];
  }

  /**
   * The units of this convergence. Of the ports that are to be wired and are not, those beyond `mostArrivals` wait. Those that come now are first: one port does not
   * stand behind a thousand that came before it.
   */
  private portion(observed: ObservedSwitch, units: Units): Units {
    const waited = this.waiting;
    this.waiting = new Set();
    if (units === 'all') return units;
    const arriving = this.unwired(observed, units);
    if (arriving.length <= this.mostArrivals) return units;
    const inTurn = [...arriving.filter((unit) => !waited.has(unit)), ...arriving.filter((unit) => waited.has(unit))];
    this.waiting = new Set(inTurn.slice(this.mostArrivals));
    return new Set([...units].filter((unit) => !this.waiting.has(unit)));
  }

  /** An interface without a tag is a trunk of all networks where no flow cuts it off: that it must not be for longer because it waits. */
  private async shutWaiting(view: HostView, observed: ObservedSwitch): Promise<void> {
    if (this.waiting.size === 0 || enforces(possibleWith(view, this.config()))) return;
    const ports = observed.get(BR_INT)?.ports;
    const changes = [...this.wanted.tagsOf(this.waiting)]
      .filter(({ name }) => ports?.get(name)?.tag === null)
      .map((want) => ({ op: 'set-tag' as const, want: { ...want, tag: DEAD_VLAN } }));
    if (changes.length > 0) await this.driver.apply({ op: 'transact', changes });
  }

  /** Units of ports whose interface is to be wired and is not. */
  private unwired(observed: ObservedSwitch, units: Iterable<string>): string[] {
    const ports = observed.get(BR_INT)?.ports;
    const found = new Set<string>();
    for (const { name, tag, owner } of this.wanted.tagsOf(units))
      if (tag !== DEAD_VLAN && (ports?.get(name)?.tag ?? DEAD_VLAN) === DEAD_VLAN) found.add(owner);
    return [...found];
  }

  /** Ports whose interface is to be wired and is not: what their network knows of them is of another place, or nothing. */
  private noteArrivals(observed: ObservedSwitch, units: Units): void {
    for (const unit of this.unwired(observed, this.scopeOf(units))) this.arriving.add(unit);
  }

  /**
   * Says of the ports that arrived where they are now, once all about them is in force. By an old view nothing is said: the port may be elsewhere by now. Of a router's
   * ports only this switch is told: others are told by the L3 agent, when the router has its addresses. So it is of ports without addresses. Returns those of which it
   * could not be said, which the next convergence tries again.
   */
  private async announce(after: ObservedSwitch, scope: Units): Promise<Refusal[]> {
    const ports = new Map<string, Announcement>();
    for (const unit of [...this.arriving].filter((each) => scope === 'all' || scope.has(each)).sort()) {
      const plan = this.wanted.portPlan(unit);
      const seen = plan?.device && after.get(BR_INT)?.ports.get(plan.device.name);
      if (plan && !this.told.get(unit)?.startsWith('ACTIVE')) continue;
      if (!plan || !seen || seen.ofport === null) {
        this.arriving.delete(unit);
        continue;
      }
      const frames = isRouterPort(plan.port) ? [] : announcementsOf(plan.port);
      ports.set(unit, { ofport: seen.ofport, frames: frames.length > 0 ? frames : [frameToItself(plan.port)] });
    }
    if (ports.size === 0) return [];
    this.unfinished = join(this.unfinished, new Set(ports.keys()));
    try {
      await this.driver.apply({ op: 'announce', ports: [...ports.values()] });
    } catch (error) {
      if (error instanceof OvsUnavailable) throw error;
      const reason = `it was not said where the port is now: ${(error as Error).message}`;
      return [...ports.keys()].map((key) => ({ key, reason }));
    }
    for (const unit of ports.keys()) this.arriving.delete(unit);
    if (this.unfinished !== 'all') this.unfinished = new Set([...this.unfinished].filter((unit) => !ports.has(unit)));
    return [];
  }

  /** Failures of these units, and always those of what is no object of the API: no status says that they last. */
  private failed(scope: Units): Refusal[] {
    return [...this.failures]
      .filter(
        ([owner, { unit }]) => scope === 'all' || scope.has(unit) || unit === REST || !isObject(reportedFor(owner)),
      )
      .map(([owner, { reason }]) => ({ key: reportedFor(owner), reason }));
  }

  /** Bridges, ports and tags, or the part of them that `part` leaves. */
  private async build(
    run: Run,
    observed: ObservedSwitch,
    units: Units,
    plan: PlanOptions,
    fresh: boolean,
    part: (desired: Desired, found: ObservedSwitch) => Desired = (desired) => desired,
  ): Promise<ObservedSwitch> {
    const terms = { mayRemove: plan.mayRemove, countsDrift: fresh };
    const options = this.partial(plan, units);
    for (const { unit, key, reason } of this.wanted.refusals(this.scopeOf(units)))
      run.fail(key, { unit, reason, kind: 'planned' });
    const agent = this.agent(
      DATABASE,
      (found, some) => {
        const { changes, refused } = planBuild(part(this.desired(some, units), found.switch), found.switch, options);
        return { tasks: changes.map(changeTask), refused: refused.map(refusal) };
      },
      async () => ({ switch: await this.driver.observe(), flows: NO_FLOWS_SEEN }),
    );
    const found = { switch: observed, flows: NO_FLOWS_SEEN };
    const apply: OvsAgent['apply'] = (pieces) => {
      const applying = agent.apply(pieces);
      // Flows are next: all of a node are worked out while the switch makes its ports.
      if (units === 'all') void this.wanted.desired('all').flows;
      return applying;
    };
    const scope = this.scopeOf(units);
    const { switch: after } = await settle({ ...agent, apply }, this.memory, run, found, scope, terms);
    for (const place of this.wanted.leavingPorts) {
      const slash = place.indexOf('/');
      if (!after.get(place.slice(0, slash))?.ports.has(place.slice(slash + 1))) this.wanted.leavingPorts.delete(place);
    }
    this.noteUnopened(run, after, units);
    this.noteUplinks(run, after, units);
    return after;
  }

  /** Provider bridges by which no packet leaves, and uplinks that do not work while others do. */
  private noteUplinks(run: Run, after: ObservedSwitch, units: Units): void {
    for (const { name, provider, owner } of this.desired(this.scopeOf(units), units).bridges) {
      if (!provider) continue;
      const { cut, failing } = uplinksOf(name, after);
      if (cut !== null) run.fail(owner, { unit: unitOf(owner), kind: 'planned', reason: cut });
      for (const each of failing)
        run.fail(`uplink/${each.name}`, { unit: unitOf(owner), kind: 'planned', reason: each.reason });
    }
  }

  /** Ports of ours that the switch could not open, with the switch's own error. */
  private noteUnopened(run: Run, after: ObservedSwitch, units: Units): void {
    const fail = (owner: string, unit: string, bridge: string, name: string, error: string) =>
      run.fail(owner, { unit, kind: 'planned', reason: `the switch cannot open port ${name} of ${bridge}: ${error}` });
    const desired = this.desired(this.scopeOf(units), units);
    const known = new Set<string>();
    for (const { bridge, name, owner } of desired.ports) {
      known.add(`${bridge}/${name}`);
      const port = after.get(bridge)?.ports.get(name);
      const error = port && !isJoined(port, after) ? port.error : null;
      if (error !== null) fail(owner || `bridge/${bridge}`, unitOf(owner), bridge, name, error);
    }
    if (units === 'all')
      for (const bridge of after.values())
        for (const port of bridge.ports.values())
          if (
            port.error !== null &&
            !isJoined(port, after) &&
            isOurs(bridge, port) &&
            !known.has(`${bridge.name}/${port.name}`)
          )
            fail(`bridge/${bridge.name}`, REST, bridge.name, port.name, port.error);
  }

  /** Flows of the bridges that these units have, or had, flows on. */
  private async flowsOf(run: Run, after: ObservedSwitch, units: Units, fresh: boolean): Promise<Found['flows']> {
    const desired = this.desired(this.scopeOf(units), units);
    const names =
      units === 'all'
        ? bridgesOfOurs(desired, after)
        : inFlowOrder([...desired.flows.keys(), ...this.wanted.leavingFlows.keys()], after);
    const flows = names.length > 0 ? await this.driver.flows(names, { fresh, wanted: desired.flows }) : NO_FLOWS_SEEN;
    for (const name of names)
      if (!flows.has(name)) {
        const owner = `bridge/${name}`;
        run.fail(owner, { unit: unitOfKey(owner), kind: 'planned', reason: unmade(name) });
      }
    return flows;
  }

  /** True when flows were read anew meanwhile. */
  private async applyFlows(run: Run, found: Found, units: Units, plan: PlanOptions, fresh: boolean): Promise<boolean> {
    this.noteRules(found.flows.get(BR_INT));
    const options = { ...this.partial(plan, units), keepRules: !plan.mayRemove && this.rulesInForce === true };
    const gone = new Map([...this.wanted.leavingFlows].map(([bridge, keys]) => [bridge, new Set(keys)]));
    const restarted = new Set([...found.flows].filter(([, { ours }]) => ours.size === 0).map(([name]) => name));
    const written = new Set<string>();
    let seen = found.flows;
    const agent: OvsAgent = {
      ...this.agent(
        flowStages([...found.flows.keys()]),
        (now, these) => {
          const { steps, refused } = planFlows(this.desired(these, units), now.switch, now.flows, options);
          const tasks = steps.flatMap((step) => flowTasks(step, now.flows.get(step.bridge)));
          return { tasks, refused: refused.map(refusal) };
        },
        async () => {
          const { flows: wanted } = this.desired(this.scopeOf(units), units);
          seen = new Map([...seen, ...(await this.driver.flows([...written], { fresh, wanted, filled: restarted }))]);
          written.clear();
          return { switch: found.switch, flows: seen };
        },
      ),
      apply: (pieces) => {
        const [first] = pieces;
        if (first && first.kind !== 'change') written.add(first.bridge);
        return this.driver.apply(stepOf(pieces));
      },
      // A restarted switch has no flows, and a flow that was wanted until now was put there by this agent: neither is drift.
      isDrift: ({ step }) =>
        step.kind !== 'change' &&
        step.kind !== 'forget' &&
        !restarted.has(step.bridge) &&
        !(step.kind === 'remove' && gone.get(step.bridge)?.has(step.remove)),
    };
    const terms = { mayRemove: plan.mayRemove, countsDrift: fresh };
    const last = await settle(agent, this.memory, run, found, this.scopeOf(units), terms);
    for (const [bridge, now] of last.flows) {
      this.compared.set(bridge, now);
      const keys = this.wanted.leavingFlows.get(bridge);
      for (const key of keys ?? []) if (!now.ours.has(key)) keys?.delete(key);
      if (keys?.size === 0) this.wanted.leavingFlows.delete(bridge);
    }
    return [...last.flows].some(([bridge, now]) => found.flows.get(bridge) !== now);
  }

  /** Rules that were in force before this agent started count until its view is in sync. A switch that was restarted has none. */
  private noteRules(integration: ObservedFlows | undefined): void {
    if (!integration) return;
    if (integration.ours.size === 0) this.rulesInForce = false;
    this.rulesInForce ??= integration.ours.has(FIRST_RULE_FLOW);
  }

  /** Removes or releases bridges of ours that are not wanted any more. */
  private async release(run: Run, observed: ObservedSwitch, plan: PlanOptions): Promise<ObservedSwitch> {
    const agent = this.agent(
      DATABASE,
      (found, units) => ({
        tasks: planRelease(this.desired(units, 'all'), found.switch, plan).map(changeTask),
        refused: [],
      }),
      async () => ({ switch: await this.driver.observe(), flows: NO_FLOWS_SEEN }),
    );
    const found = { switch: observed, flows: NO_FLOWS_SEEN };
    const terms = { mayRemove: plan.mayRemove, countsDrift: false };
    return (await settle(agent, this.memory, run, found, this.scopeOf('all'), terms)).switch;
  }

  private agent(
    stages: readonly Stage[],
    plan: (found: Found, units: ReadonlySet<string>) => Plan<Piece>,
    observe: () => Promise<Found>,
  ): OvsAgent {
    return {
      stages,
      plan,
      observe,
      apply: (pieces) => this.driver.apply(stepOf(pieces)),
      wanted: (unit) => this.versionOf(unit),
      refusal: (_owner, _step, error) => error.message,
      stuck: (_owner, [piece]) => stuckText(piece),
      isFatal: (error) => error instanceof OvsUnavailable,
      isDrift: ({ step }) => step.kind !== 'change' || ('want' in step.change && step.change.op !== 'note-uplinks'),
    };
  }

  /** When only some units are compared, the plan gets the list of what is to be removed; when all are, whatever is not wanted is. */
  private partial(plan: PlanOptions, units: Units): PlanOptions {
    const { leavingFlows: flows, leavingPorts: ports } = this.wanted;
    return units === 'all' ? plan : { ...plan, leaving: { flows, ports } };
  }

  /** What is wanted for these units; for all when everything is compared, since what is not wanted is removed. */
  private desired(units: ReadonlySet<string>, compared: Units): Desired {
    return this.wanted.desired(compared === 'all' ? 'all' : units);
  }

  private scopeOf(units: Units): ReadonlySet<string> {
    return units === 'all' ? this.wanted.all().add(REST) : new Set(units).add(REST);
  }

  private versionOf(unit: string): string | null {
    return unit === REST ? REST : this.wanted.versionOf(unit);
  }

  /** Replaces the failures of the units that were looked at. Returns the owners whose failure is new, gone or another. */
  private remember(run: Run, scope: Units): Set<string> {
    const now = new Map(run.failures);
    for (const [owner, failure] of this.failures)
      if (scope !== 'all' && !scope.has(failure.unit) && failure.unit !== REST) now.set(owner, failure);
    const changed = new Set(
      [...new Set([...this.failures.keys(), ...now.keys()])].filter(
        (owner) => this.failures.get(owner)?.reason !== now.get(owner)?.reason,
      ),
    );
    this.failures = now;
    return changed;
  }

  /** Of the ports that were looked at, and of those that a failure of their network or bridge concerns. Reported when touched, or when it changed since the last report. */
  private statuses(
    view: HostView,
    after: ObservedSwitch,
    scope: Units,
    changed: ReadonlySet<string>,
    touched: ConvergeOptions['touched'],
  ): ObjectStatus[] {
    const units = new Set(scope === 'all' ? this.wanted.all() : scope);
    for (const owner of changed)
      if (owner.startsWith('network/'))
        for (const unit of this.wanted.portUnitsOf(owner.slice('network/'.length))) units.add(unit);
      else if (owner.startsWith('bridge/')) for (const unit of this.wanted.all()) units.add(unit);
    const statuses: ObjectStatus[] = [];
    for (const unit of [...units].filter((each) => each.startsWith('port/')).sort()) {
      const plan = this.wanted.portPlan(unit);
      if (!plan) {
        this.told.delete(unit);
        continue;
      }
      const { port, device, down, fault, needs } = plan;
      const key = keyOf(port);
      const failure = needs.map((need) => this.failures.get(need)?.reason).find((reason) => reason !== undefined);
      const seen = device && after.get(device.bridge)?.ports.get(device.name);
      const reason = failure ?? down ?? (seen?.ofport ? deviceTrouble(seen) : 'its interface was unplugged');
      const status = failure !== undefined || fault ? 'ERROR' : reason === undefined ? 'ACTIVE' : 'DOWN';
      // What is wrong beyond the wire, where the wire is well.
      const said = reason ?? (seen?.leavesChecksums ? leavesChecksums(seen.name) : undefined);
      const text = `${status} ${said ?? ''}`;
      if (touched === 'all' || touched.has(key) || this.told.get(key) !== text)
        statuses.push({
          kind: 'port',
          id: port.id,
          position: view.position,
          status,
          ...(said === undefined ? {} : { reason: said.slice(0, 500) }),
        });
      this.told.set(key, text);
    }
    return statuses;
  }
}

const leavesChecksums = (device: string): string =>
  `the guest of interface ${device} leaves checksums to a switch that does none (datapath_type netdev), so its TCP stands still: its definition must switch them off, <host csum='off' .../> and <guest csum='off' .../> in <driver> of its interface (docs/how-to/run-libvirt-guests.md)`;
const unmade = (bridge: string): string =>
  `the switch does not answer for bridge ${bridge}, so it has no flows: it could not make the bridge (see ovs-vsctl show and ovs-vswitchd.log); an operator must mend its settings, for example datapath_type, or delete it (ovs-vsctl del-br ${bridge})`;
/** On every switch that enforces rules. */
const FIRST_RULE_FLOW = keyOfFlow(RULES.stateful.ingress, 0, '');

const refusal = ({ key, reason }: Refusal) => ({ unit: unitOfKey(key), owner: key, reason });
const unitOfKey = (key: string): string => (key === `bridge/${BR_INT}` || key === `bridge/${BR_TUN}` ? BASE : key);

const isObject = (key: string): boolean => KINDS.some((kind) => key.startsWith(`${kind}/`));
const sizeOf = (units: Units): number => (units === 'all' ? Infinity : units.size);
const join = (a: Units, b: Units): Units => (a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b]));

/**
 * Where flows alone decide (nothing is given to NORMAL), a tag wires nothing and cuts off nothing: it only shows others which network a port is in. But each change of
 * the database has the switch look at all its ports, and meanwhile it takes no flows. So a port that comes or goes gets its flows first. A device that is opened
 * anew gets another number, which its flows must have: that is done before.
 */
const withoutTags = (desired: Desired, found: ObservedSwitch): Desired => ({
  ...desired,
  tags: desired.tags.filter(({ bridge, name }) => found.get(bridge)?.ports.get(name)?.device === 'replaced'),
});

/** Those of ports that the switch has opened, or cannot open: an interface that it is about to open would wait for the tag. It tells when it has done it. */
const tagsOfOpened = (desired: Desired, found: ObservedSwitch): Desired => ({
  ...desired,
  bridges: [],
  ports: [],
  tags: desired.tags.filter(({ bridge, name }) => {
    const port = found.get(bridge)?.ports.get(name);
    return port !== undefined && (port.ofport !== null || port.error !== null);
  }),
});

/**
 * A patch port whose peer is there and names it. When a peer was made again, the switch leaves its error at the other end for a while (seen: more than 20 s), and what
 * needs both must not wait for that.
 */
const isJoined = (port: ObservedPort, observed: ObservedSwitch): boolean =>
  port.type === 'patch' &&
  port.ofport !== null &&
  [...observed.values()].some(({ ports }) => {
    const peer = ports.get(port.options['peer'] ?? '');
    return peer?.type === 'patch' && peer.ofport !== null && peer.options['peer'] === port.name;
  });

/** Patch and tunnel ports of ours, and the local port of a bridge of ours. */
const isOurs = (bridge: ObservedBridge, port: ObservedPort): boolean =>
  port.ifaceId === null && (port.mark !== null || (bridge.mark !== null && port.name === bridge.name));
