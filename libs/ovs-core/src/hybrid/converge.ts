/**
 * Makes the rules of ports with a bridge of their own what the view says, by the engine of @plumbline/reconcile, and says of each port whether it may be wired.
 *
 * Called twice in each convergence of a node: `protect` before the switch wires ports, `sweep` after it has cut others off (plan.ts says why).
 */
import { type ObjectKey, type Port } from '@plumbline/contracts';
import { type Agent, Memory, Run, settle } from '@plumbline/reconcile';
import { type HostView, objectIn } from '@plumbline/topology';
import type { ObservedSwitch } from '../driver.js';
import { Numbers } from '../firewall/numbers.js';
import { BR_INT } from '../marks.js';
import { planOptions } from '../plan.js';
import { enforces, type Guard, isHere, isInactiveHere, type OvsNodeConfig, type Refusal } from '../render.js';
import { sameData } from '../same.js';
import type { FilterDriver, FilterStep, FoundFilter } from './driver.js';
import { bridgeEnd, bridgeOf, portChain, switchEnd, tapOf } from './names.js';
import { ADDING, hasOurs, planAdding, planSweeping, REST_OWNER, SWEEPING, UNIT } from './plan.js';
import { BASE_OWNER, type FilterWant, JUDGING, renderFilter, VERSIONS } from './wanted.js';
import { Zones } from './zones.js';

/** `touched` with the node itself: something may have been changed there, and it is looked at. */
export type ProtectOptions = Readonly<{ touched: ReadonlySet<ObjectKey> | 'all'; mayRemove: boolean }>;
/** `guards`: of each port with a bridge, why it is not well; null: it is. */
export type Protected = Readonly<{ applied: number; drift: number; guards: ReadonlyMap<string, Guard | null> }>;
export type Swept = Readonly<{ applied: number; failed: readonly Refusal[] }>;

const NO_BRIDGES =
  'the kernel of this node shows iptables nothing of what passes a bridge: an operator must load br_netfilter (modprobe br_netfilter), or use PLUMB_FIREWALL=openflow';
const NOTHING: FilterWant = { sets: [], chains: [], lines: [] };

/** One node's bridges. What it remembers can be lost. */
export class BridgeFirewall {
  private readonly memory = new Memory();
  private readonly numbers = new Numbers();
  private readonly zones = new Zones();
  private want = NOTHING;
  private version = 0;
  /** Owner -> the owners that it needs; never in a circle. */
  private needs: ReadonlyMap<string, readonly string[]> = new Map();
  /** Of what is no port's: said until it is well. */
  private failed: readonly Refusal[] = [];
  /** Nothing was refused, and nothing is left that could not be removed by an old view. */
  private complete = false;
  /** Whether the last call of `protect` looked at the node. */
  private looked = false;
  /** Nothing of ours was left, and nothing is wanted: nobody else makes what bears our mark. */
  private clean = false;
  /** A look that is under way. */
  private looking: Promise<FoundFilter> | null = null;
  /** As last seen; null: look again. */
  private found: FoundFilter | null = null;
  private run = new Run();
  private guards: Protected['guards'] = new Map();

  constructor(private readonly driver: FilterDriver) {}

  /** What is wanted, as of the last convergence. */
  get asked(): FilterWant {
    return this.want;
  }

  async protect(
    view: HostView,
    config: OvsNodeConfig,
    observed: ObservedSwitch,
    options: ProtectOptions,
  ): Promise<Protected> {
    const plugged = enforces(config) ? bridgedPorts(view, observed) : [];
    const hybrid = config.firewall === 'hybrid';
    const { touched } = options;
    this.looked = false;
    const none = !hybrid && (this.clean || (plugged.length === 0 && this.want === NOTHING && touched !== 'all'));
    if (none) return { applied: 0, drift: 0, guards: new Map() };
    const looks = touched === 'all' || touched.size === 0 || touched.has(`node/${view.host}`);
    if (!looks && this.found && this.complete && !concerns(touched))
      return { applied: 0, drift: 0, guards: this.guards };
    // A port that was touched may be plugged in anew, and one that was not well may be well: the copy in memory serves for rules alone.
    const alike =
      !looks &&
      plugged.every(({ id }) => !touched.has(`port/${id}`) && (this.guards.get(id) ?? null) === null) &&
      plugged.every(({ id }) => !hybrid || this.guards.has(id));
    this.run = new Run();
    this.looked = true;
    if (!hybrid && plugged.length === 0) {
      // Nothing is wired by what is there; what is left of ours there is swept.
      this.looking = this.driver.observe();
      this.looking.catch(() => undefined);
      this.render(view, []);
      this.guards = new Map();
      return { applied: 0, drift: 0, guards: this.guards };
    }
    let found = this.found !== null && alike ? this.found : await this.driver.observe();
    const seen = found;
    // Where flows judge, a bridge does only while the rules are there that it had before: nothing is put on a bridge anew.
    const ports = hybrid ? plugged : plugged.filter(({ id }) => isJudged(seen, id));
    this.found = null;
    this.zones.takeIn(
      found,
      ports.map(({ id }) => id),
    );
    this.render(view, ports);
    if (ports.length > 0 || hybrid) {
      const plan = planOptions(view, options.mayRemove);
      const terms = { mayRemove: plan.mayRemove, countsDrift: touched === 'all' };
      const isFrozen = (owner: string): boolean => plan.isFrozen(owner as ObjectKey);
      const agent = this.agent(ADDING, (now) => planAdding(this.want, now, { mayRemove: plan.mayRemove, isFrozen }));
      found = await settle(agent, this.memory, this.run, found, new Set([UNIT]), terms);
    }
    this.found = found;
    this.guards = new Map(ports.map((port) => [port.id, this.guardOf(port, found)] as const));
    return { applied: this.run.applied, drift: this.run.drift, guards: this.guards };
  }

  /** Takes away what nobody wants, by the view that `protect` was called with. */
  async sweep(view: HostView, config: OvsNodeConfig, options: ProtectOptions): Promise<Swept> {
    await this.endLook();
    const { run, found } = this;
    if (!this.looked) return { applied: 0, failed: this.failed };
    const before = run.applied;
    const { mayRemove } = planOptions(view, options.mayRemove);
    const base = config.firewall === 'hybrid' || this.want.lines.length > 0;
    if (found && (base || hasOurs(found))) {
      this.found = null;
      const agent = this.agent(SWEEPING, (now) => planSweeping(this.want, now, base));
      this.found = await settle(agent, this.memory, run, found, new Set([UNIT]), { mayRemove, countsDrift: false });
    }
    this.clean = !base && this.found !== null && !hasOurs(this.found);
    this.memory.conclude(run, new Map([[UNIT, `${this.version}`]]), mayRemove);
    this.complete = mayRemove && run.failures.size === 0;
    this.failed = [BASE_OWNER, REST_OWNER].flatMap((owner) => {
      const why = base || owner === REST_OWNER ? run.why(owner) : undefined;
      return why ? [{ key: `bridge/${BR_INT}`, reason: why.reason }] : [];
    });
    return { applied: run.applied - before, failed: this.failed };
  }

  /** What `protect` did not wait for. */
  private async endLook(): Promise<void> {
    const { looking } = this;
    if (!looking) return;
    this.looking = this.found = null;
    this.found = await looking;
    this.zones.takeIn(this.found, []);
  }

  private render(view: HostView, ports: readonly Port[]): void {
    const want = ports.length === 0 ? NOTHING : renderFilter(view, ports, this.numbers, (id) => this.zones.of(id));
    if (sameData(plain(want), plain(this.want))) return;
    this.want = want;
    this.version += 1;
    this.needs = new Map([...want.chains, ...want.lines].map(({ owner, needs }) => [owner, needs]));
  }

  private agent(
    stages: Agent<FoundFilter, FilterStep>['stages'],
    plan: (found: FoundFilter) => ReturnType<typeof planAdding>,
  ): Agent<FoundFilter, FilterStep> {
    return {
      stages,
      plan,
      observe: () => this.driver.observe(),
      apply: (steps) => this.driver.apply(steps),
      wanted: () => `${this.version}`,
      refusal: (_owner, step, error) =>
        step?.op === 'show-bridged' ? `${NO_BRIDGES} (${error.message})` : error.message,
      stuck: (_owner, [step]) => stuckText(step),
    };
  }

  /** A port is wired only while all that judges it is in place; then a newer rule that is refused is said, and the older ones hold. */
  private guardOf(port: Port, found: FoundFilter): Guard | null {
    const plugged = plugFault(port.id, found);
    if (plugged !== null) return { reason: plugged, holds: false };
    const failure = this.run.why(BASE_OWNER) ?? this.failureOf(`port/${port.id}`);
    if (!failure) return null;
    const holds =
      this.run.why(BASE_OWNER) === undefined &&
      VERSIONS.every((version) => {
        const tables = found.tables[version];
        const judged = JUDGING.every(({ table, chain }) =>
          tables
            .get(table)
            ?.get(chain)
            ?.some((line) => line.startsWith(`-i ${bridgeOf(port.id)} `)),
        );
        return judged && (tables.get('filter')?.get(portChain(port.id))?.length ?? 0) > 0;
      });
    return { reason: failure.reason, holds };
  }

  /** Of a port, or of what it needs. */
  private failureOf(owner: string): { reason: string } | undefined {
    if (this.run.failures.size === 0) return undefined;
    const own = this.run.why(owner);
    if (own) return own;
    for (const need of this.needs.get(owner) ?? []) {
      const found = this.failureOf(need);
      if (found) return found;
    }
    return undefined;
  }
}

/** Whether packets of the port's bridge are led to rules of ours. */
const isJudged = (found: FoundFilter, portId: string): boolean =>
  VERSIONS.some((version) =>
    JUDGING.some(({ table, chain }) =>
      found.tables[version]
        .get(table)
        ?.get(chain)
        ?.some((line) => line.startsWith(`-i ${bridgeOf(portId)} `)),
    ),
  );

/** Whether rules on bridges may depend on one of these. */
const concerns = (touched: ReadonlySet<ObjectKey>): boolean => [...touched].some((key) => CONCERNING.test(key));
const CONCERNING = /^(?:port|securitygroup|securitygrouprule|securitygroupmember|addressgroup|packetlog)\//;

/** Ports of this node whose instance has a bridge of its own, by id. */
export function bridgedPorts(view: HostView, observed: ObservedSwitch): Port[] {
  const ports = new Map<string, Port>();
  for (const { name, ifaceId } of observed.get(BR_INT)?.ports.values() ?? []) {
    if (ifaceId === null || name !== switchEnd(ifaceId)) continue;
    const port = objectIn(view, 'port', ifaceId);
    if (port && (isHere(view, port) || isInactiveHere(view, port))) ports.set(port.id, port);
  }
  return [...ports.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Why packets between the instance and br-int would not pass its bridge. */
function plugFault(portId: string, { links }: FoundFilter): string | null {
  const [inside, outside, bridge] = [bridgeEnd(portId), switchEnd(portId), bridgeOf(portId)];
  const [near, far] = [links.get(inside), links.get(outside)];
  const joined = near && far && near.peer === outside && far.peer === inside;
  const mend = 'whoever plugs it in must make the bridge and the pair as os-vif does, and plug it in anew';
  if (!joined) return `${outside} is not one end of a veth pair whose other end is ${inside}: ${mend}`;
  if (near.master !== bridge || !links.has(bridge)) return `${inside} is not in the bridge ${bridge}: ${mend}`;
  const tap = tapOf(portId);
  const its = links.get(tap);
  // An instance that is not started yet has none.
  if (its && its.master !== bridge)
    return `${tap} is not in the bridge ${bridge}: whoever took it out must put it in again (ip link set ${tap} master ${bridge})`;
  const down = [inside, bridge, ...(its ? [tap] : [])].find((name) => !links.get(name)?.up);
  return down === undefined ? null : `${down} is set down: whoever did so must set it up (ip link set ${down} up)`;
}

const plain = ({ sets, chains, lines }: FilterWant): unknown => [
  sets.map(({ name, entries }) => [name, [...entries]]),
  chains,
  lines,
];

function stuckText(step: FilterStep | undefined): string {
  const what =
    step === undefined
      ? 'rules'
      : 'chain' in step
        ? `chain ${step.chain} of table ${step.table} (IPv${step.version})`
        : 'name' in step
          ? `set ${step.name}`
          : `bridge-nf-call-${step.version === 4 ? 'iptables' : 'ip6tables'}`;
  return `this node does not keep ${what} as it was written, twice; an operator must look which program changes it (iptables-save, ipset list)`;
}
