/**
 * Makes the switch what the view says, by the engine of @plumbline/reconcile: render, observe, plan, apply, in the three parts of plan.ts.
 *
 * Goals: one object that cannot be applied harms itself only; a switch that is right is not touched; an event costs what it changes; statuses say what
 * was read back. Design: wanted.ts keeps what is wanted unit by unit and says which units to look at. All are looked at on `all`, when a bridge or a port
 * of ours changed, and when the flows of a bridge had to be read anew: the copy in memory was not true any more.
 */
import { isRouterPort, keyOf, KINDS, ObjectStatus } from '@plumbline/contracts';
import { Agent, Failure, Memory, Plan, Run, settle, Stage } from '@plumbline/reconcile';
import type { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';
import { ObservedBridge, ObservedFlows, ObservedPort, ObservedSwitch, OvsDriver, OvsUnavailable } from './driver.js';
import { RULES } from './firewall/tables.js';
import { keyOfFlow } from './flow.js';
import { announcementsOf } from './announcement.js';
import { BR_INT, BR_TUN, DEAD_VLAN } from './marks.js';
import { bridgesOfOurs, inFlowOrder, planBuild, planFlows, planOptions, PlanOptions, planRelease } from './plan.js';
import { BASE, deviceTrouble, type Guard, OvsNodeConfig, Refusal } from './render.js';
import { reportedFor, changeTask, DATABASE, flowStages, flowTasks, Piece, REST, stepOf, stuckText } from './steps.js';
import { uplinksOf } from './uplinks.js';
import { Desired, unitOf, WantedSwitch } from './wanted.js';

type Units = ReadonlySet<string> | 'all';
/** The database, and the flows of some bridges. */
type Found = Readonly<{ switch: ObservedSwitch; flows: ReadonlyMap<string, ObservedFlows> }>;
type OvsAgent = Agent<Found, Piece>;

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
  /** Whether the switch enforced rules that this agent did not write; null: not known yet. */
  private rulesInForce: boolean | null = null;

  constructor(
    private readonly driver: OvsDriver,
    private readonly config: () => OvsNodeConfig,
  ) {}

  /** Before each `converge` of a node whose instances may have bridges of their own: all that have one. */
  setGuards(guards: ReadonlyMap<string, Guard | null>): void {
    this.wanted.setGuards(guards);
  }

  leftOver(): readonly string[] {
    return this.wanted.leftOver();
  }

  /**
   * Never throws for one bad object; throws OvsUnavailable when nothing can be done. Not to be called while a call is under way. `touched` empty: what the switch
   * itself shows to have changed.
   */
  async converge(view: HostView, options: Omit<ConvergeOptions, 'unverified'>): Promise<Convergence> {
    const { touched } = options;
    if (touched !== 'all' && touched.size > 0 && sizeOf(this.unfinished) === 0 && !this.wanted.concerns(view, touched))
      return { applied: 0, drift: 0, statuses: [], failed: this.failed(new Set()) };
    const fresh = touched === 'all';
    const plan = planOptions(view, options.mayRemove);
    const observed = await this.driver.observe();
    const dirty = this.wanted.update(view, this.config(), observed, touched, plan.mayRemove);
    let units = join(this.unfinished, dirty);
    if (sizeOf(units) === 0) return { applied: 0, drift: 0, statuses: [], failed: this.failed(new Set()) };
    this.unfinished = units;

    this.noteArrivals(observed, units);
    const run = new Run();
    let built = await this.build(run, observed, units, plan, fresh);
    const flows = await this.flowsOf(run, built, units, fresh);
    const isPartial = units !== 'all';
    let anew = isPartial && [...flows].some(([name, found]) => this.compared.get(name) !== found);
    if (!anew) anew = (await this.applyFlows(run, { switch: built, flows }, units, plan, fresh)) && isPartial;
    if (anew) {
      // They were read anew, before these were written or meanwhile: the copy of that bridge in memory was not true any more.
      this.unfinished = units = 'all';
      built = await this.build(run, built, units, plan, fresh);
      const whole = await this.flowsOf(run, built, units, fresh);
      await this.applyFlows(run, { switch: built, flows: whole }, units, plan, fresh);
    }
    const after = units === 'all' ? await this.release(run, built, plan) : built;
    this.wanted.settle(after);
    // What a full comparison found but was not allowed to remove is on no list: once removal is allowed, everything is compared again.
    this.unfinished = units === 'all' && !plan.mayRemove ? 'all' : new Set();

    const scope = units;
    const looked = new Map([...this.scopeOf(scope)].map((unit) => [unit, this.versionOf(unit)]));
    this.memory.conclude(run, looked, plan.mayRemove);
    const changed = this.remember(run, scope);
    const statuses = this.statuses(view, after, scope, changed, touched);
    if (plan.mayRemove) await this.announce(after, scope);
    return { applied: run.applied, drift: run.drift, statuses, failed: this.failed(scope) };
  }

  /** Ports whose interface is to be wired and is not: what their network knows of them is of another place, or nothing. */
  private noteArrivals(observed: ObservedSwitch, units: Units): void {
    const ports = observed.get(BR_INT)?.ports;
    for (const { name, tag, owner } of this.wanted.tagsOf(this.scopeOf(units))) {
      const before = ports?.get(name)?.tag ?? DEAD_VLAN;
      if (tag !== DEAD_VLAN && before === DEAD_VLAN) this.arriving.add(owner);
    }
  }

  /**
   * Says of the ports that arrived where they are now, once all about them is in force. By an old view nothing is said: the port may be elsewhere by now. A router's
   * ports are announced by the L3 agent.
   */
  private async announce(after: ObservedSwitch, scope: Units): Promise<void> {
    const ports = [];
    for (const unit of [...this.arriving].filter((each) => scope === 'all' || scope.has(each)).sort()) {
      const plan = this.wanted.portPlan(unit);
      const seen = plan?.device && after.get(BR_INT)?.ports.get(plan.device.name);
      if (plan && !this.told.get(unit)?.startsWith('ACTIVE')) continue;
      this.arriving.delete(unit);
      if (!plan || !seen || seen.ofport === null || isRouterPort(plan.port)) continue;
      ports.push({ ofport: seen.ofport, frames: announcementsOf(plan.port) });
    }
    if (ports.length > 0) await this.driver.apply({ op: 'announce', ports });
  }

  /** Failures of these units, and always those of what is no object of the API: no status says that they last. */
  private failed(scope: Units): Refusal[] {
    return [...this.failures]
      .filter(
        ([owner, { unit }]) => scope === 'all' || scope.has(unit) || unit === REST || !isObject(reportedFor(owner)),
      )
      .map(([owner, { reason }]) => ({ key: reportedFor(owner), reason }));
  }

  /** Bridges, ports and tags. */
  private async build(
    run: Run,
    observed: ObservedSwitch,
    units: Units,
    plan: PlanOptions,
    fresh: boolean,
  ): Promise<ObservedSwitch> {
    const terms = { mayRemove: plan.mayRemove, countsDrift: fresh };
    const options = this.partial(plan, units);
    for (const { unit, key, reason } of this.wanted.refusals(this.scopeOf(units)))
      run.fail(key, { unit, reason, kind: 'planned' });
    const agent = this.agent(
      DATABASE,
      (found, some) => {
        const { changes, refused } = planBuild(this.desired(some, units), found.switch, options);
        return { tasks: changes.map(changeTask), refused: refused.map(refusal) };
      },
      async () => ({ switch: await this.driver.observe(), flows: NO_FLOWS_SEEN }),
    );
    const found = { switch: observed, flows: NO_FLOWS_SEEN };
    const { switch: after } = await settle(agent, this.memory, run, found, this.scopeOf(units), terms);
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
          seen = new Map([...seen, ...(await this.driver.flows([...written], { fresh }))]);
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
      const text = `${status} ${reason ?? ''}`;
      if (touched === 'all' || touched.has(key) || this.told.get(key) !== text)
        statuses.push({
          kind: 'port',
          id: port.id,
          position: view.position,
          status,
          ...(reason === undefined ? {} : { reason: reason.slice(0, 500) }),
        });
      this.told.set(key, text);
    }
    return statuses;
  }
}

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
