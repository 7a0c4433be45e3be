/**
 * Makes the switch what the view says: render, observe, plan, apply, in the three parts of plan.ts.
 *
 * Goals: one object that cannot be applied harms itself only; a switch that is right is not touched; status is said from what was seen afterwards.
 * Design: each part goes out as one batch. A batch that is refused is halved by owner until the one that is at fault stands alone: with k bad ones among n
 * that is some k log n batches, and one when all is well.
 * Road not taken: a batch an owner from the start. A process and a commit for each of a thousand ports.
 */
import { keyOf, ObjectStatus } from '@plumbline/contracts';
import { asError } from '@plumbline/reconcile';
import type { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';
import {
  FlowAdd,
  ObservedBridge,
  ObservedFlows,
  ObservedPort,
  ObservedSwitch,
  OvsDriver,
  OvsUnavailable,
} from './driver.js';
import { Owner } from './flow.js';
import {
  bridgesOfOurs,
  FlowStep,
  ownerOf,
  planBuild,
  planFlows,
  planOptions,
  PlanOptions,
  planRelease,
} from './plan.js';
import { Desired, OvsNodeConfig, PortPlan, render } from './render.js';

/** One switch's convergences, one after another. Remembers only what it takes to tell drift from news. */
export class OvsConverger {
  /** What the last convergence made true. */
  private last: Readonly<{ desired: Desired; failures: ReadonlyMap<string, string> }> | null = null;
  private told = new Map<string, string>();

  constructor(
    private readonly driver: OvsDriver,
    private readonly config: () => OvsNodeConfig,
  ) {}

  /** Never throws for one bad object; throws OvsUnavailable when nothing can be done. Not to be called while a call is under way. */
  async converge(view: HostView, options: Omit<ConvergeOptions, 'unverified'>): Promise<Convergence> {
    const plan = planOptions(view, options.mayRemove);
    const fresh = options.touched === 'all';
    const run = new Run(this.driver);
    const observed = await this.driver.observe();
    const desired = render(view, this.config(), observed, plan);
    for (const refusal of desired.refused) run.fail(refusal.key, refusal.reason);

    const build = planBuild(desired, observed, plan);
    for (const refusal of build.refused) run.fail(refusal.key, refusal.reason);
    await run.inParts(build.changes, ownerOf, (changes) => ({ op: 'transact', changes }));
    let after = build.changes.length > 0 ? await this.driver.observe() : observed;
    for (const bridge of after.values())
      for (const port of bridge.ports.values())
        if (port.error !== null && isOurs(bridge, port))
          run.fail(portOwner(desired, bridge.name, port.name), `port ${port.name} of ${bridge.name}: ${port.error}`);

    const flows = await this.driver.flows(bridgesOfOurs(desired, after), { fresh });
    const drift = fresh ? this.countDrift(desired, build.changes.map(pieceOf), after, flows, plan) : 0;
    await this.applyFlows(run, desired, after, flows, plan, fresh);

    const release = planRelease(desired, after, plan);
    await run.inParts(release, ownerOf, (changes) => ({ op: 'transact', changes }));
    if (release.length > 0) after = await this.driver.observe();

    this.last = { desired, failures: run.failures };
    return {
      applied: run.applied,
      drift,
      statuses: this.statuses(view, desired.portPlans, after, run.failures, options.touched),
      failed: [...run.failures].map(([key, reason]) => ({ key, reason })),
    };
  }

  /** Applies what differs; with `fresh` reads back, once more applies what still differs, and then says so instead of repeating it. */
  private async applyFlows(
    run: Run,
    desired: Desired,
    after: ObservedSwitch,
    flows: ReadonlyMap<string, ObservedFlows>,
    plan: PlanOptions,
    fresh: boolean,
  ): Promise<void> {
    let found = flows;
    for (let round = 1; ; round += 1) {
      const { steps, refused } = planFlows(desired, after, found, plan);
      for (const refusal of refused) run.fail(refusal.key, refusal.reason);
      const open = steps.map((step) => run.withoutFailed(step)).filter((step) => step !== null);
      if (open.length === 0) return;
      if (round > 2) {
        for (const step of open)
          for (const flow of step.add)
            run.fail(
              flow.owner || `bridge/${step.bridge}`,
              `cannot converge: the switch keeps another flow than "${flow.key}"`,
            );
        return;
      }
      for (const step of open) await run.flows(step);
      if (!fresh) return;
      const bridges = open.map((step) => step.bridge);
      found = await this.driver.flows(bridges, { fresh: true });
    }
  }

  private countDrift(
    desired: Desired,
    changed: readonly (string | null)[],
    observed: ObservedSwitch,
    flows: ReadonlyMap<string, ObservedFlows>,
    plan: PlanOptions,
  ): number {
    const { steps } = planFlows(desired, observed, flows, plan);
    if (!this.last || (changed.length === 0 && steps.length === 0)) return 0;
    const right = pieces(this.last.desired, this.last.failures);
    const now = pieces(desired, new Map());
    const wasRight = (piece: string | null): boolean =>
      piece !== null && right.has(piece) && right.get(piece) === now.get(piece);
    let drift = changed.filter(wasRight).length;
    for (const step of steps) {
      if (!flows.get(step.bridge)?.ours.size) continue; // a switch that was restarted holds nothing: that is not drift
      drift += step.add.filter((flow) => wasRight(`flow ${step.bridge} ${flow.key}`)).length;
      drift += step.remove.filter((key) => !right.has(`flow ${step.bridge} ${key}`)).length;
    }
    return drift;
  }

  private statuses(
    view: HostView,
    plans: readonly PortPlan[],
    after: ObservedSwitch,
    failures: ReadonlyMap<string, string>,
    touched: ConvergeOptions['touched'],
  ): ObjectStatus[] {
    const told = new Map<string, string>();
    const statuses: ObjectStatus[] = [];
    for (const { port, device, down, fault, needs } of plans) {
      const key = keyOf(port);
      const failure = needs.map((need) => failures.get(need)).find((reason) => reason !== undefined);
      const seen = device && after.get(device.bridge)?.ports.get(device.name);
      const reason = failure ?? down ?? (seen?.ofport ? undefined : 'its interface was unplugged');
      const status = failure !== undefined || fault ? 'ERROR' : reason === undefined ? 'ACTIVE' : 'DOWN';
      const text = `${status} ${reason ?? ''}`;
      told.set(key, text);
      if (touched === 'all' || touched.has(key) || this.told.get(key) !== text)
        statuses.push({
          kind: 'port',
          id: port.id,
          position: view.position,
          status,
          ...(reason === undefined ? {} : { reason: reason.slice(0, 500) }),
        });
    }
    this.told = told;
    return statuses;
  }
}

/** The steps of one convergence: counts, and keeps each failure with its owner. */
class Run {
  applied = 0;
  readonly failures = new Map<string, string>();

  constructor(private readonly driver: OvsDriver) {}

  fail(key: string, reason: string): void {
    if (!this.failures.has(key)) this.failures.set(key, reason);
  }

  /** Without what belongs to owners that failed already. Null when nothing is left. */
  withoutFailed(step: FlowStep): FlowStep | null {
    const add = step.add.filter((flow) => !this.failures.has(flow.owner || `bridge/${step.bridge}`));
    return add.length + step.remove.length === 0 ? null : { ...step, add };
  }

  async flows(step: FlowStep): Promise<void> {
    const { bridge } = step;
    type Piece = Readonly<{ add: FlowAdd } | { remove: string }>;
    const all: Piece[] = [...step.remove.map((remove) => ({ remove })), ...step.add.map((add) => ({ add }))];
    const owner = (piece: Piece): Owner => ('add' in piece ? piece.add.owner : '');
    await this.inParts(
      all,
      owner,
      (pieces) => ({
        op: 'flows',
        bridge,
        remove: pieces.flatMap((piece) => ('remove' in piece ? [piece.remove] : [])),
        add: pieces.flatMap((piece) => ('add' in piece ? [piece.add] : [])),
        forget: step.forget,
      }),
      `bridge/${bridge}`,
    );
  }

  /** One step for all; halved by owner while it is refused. What everything stands on (owner '') goes first. */
  async inParts<T>(
    items: readonly T[],
    ownerOfItem: (item: T) => Owner,
    step: (items: readonly T[]) => Parameters<OvsDriver['apply']>[0],
    base = 'bridge/br-int',
  ): Promise<void> {
    if (items.length === 0) return;
    try {
      await this.driver.apply(step(items));
      this.applied += 1;
      return;
    } catch (reason) {
      if (reason instanceof OvsUnavailable) throw reason;
      const owners = [...new Set(items.map(ownerOfItem))].sort((a, b) => Number(a !== '') - Number(b !== ''));
      if (owners.length === 1) return this.fail(owners[0] || base, asError(reason).message);
      const half = new Set(owners.slice(0, Math.ceil(owners.length / 2)));
      await this.inParts(
        items.filter((item) => half.has(ownerOfItem(item))),
        ownerOfItem,
        step,
        base,
      );
      await this.inParts(
        items.filter((item) => !half.has(ownerOfItem(item))),
        ownerOfItem,
        step,
        base,
      );
    }
  }
}

/** Patch and tunnel ports of ours, and the local port of a bridge of ours. */
const isOurs = (bridge: ObservedBridge, port: ObservedPort): boolean =>
  port.ifaceId === null && (port.mark !== null || (bridge.mark !== null && port.name === bridge.name));

const portOwner = (desired: Desired, bridge: string, name: string): string =>
  desired.ports.find((port) => port.bridge === bridge && port.name === name)?.owner || `bridge/${bridge}`;

/** Every piece that is desired and did not fail, as text: equal text and yet changed means that somebody else changed it. */
function pieces(desired: Desired, failures: ReadonlyMap<string, string>): Map<string, string> {
  const right = new Map<string, string>();
  const put = (owner: Owner, piece: string, text: string) => {
    if (!failures.has(owner)) right.set(piece, text);
  };
  for (const want of desired.bridges) put(want.owner, `bridge ${want.name}`, JSON.stringify(want));
  for (const want of desired.ports) put(want.owner, `port ${want.bridge} ${want.name}`, JSON.stringify(want));
  for (const want of desired.tags) put(want.owner, `tag ${want.bridge} ${want.name}`, JSON.stringify(want));
  for (const [bridge, flows] of desired.flows)
    for (const flow of flows) put(flow.owner, `flow ${bridge} ${flow.key}`, JSON.stringify(flow));
  return right;
}

function pieceOf(change: Parameters<typeof ownerOf>[0]): string | null {
  if (change.op === 'add-bridge' || change.op === 'set-bridge') return `bridge ${change.want.name}`;
  if (change.op === 'add-port' || change.op === 'set-port') return `port ${change.want.bridge} ${change.want.name}`;
  return change.op === 'set-tag' ? `tag ${change.want.bridge} ${change.want.name}` : null;
}
