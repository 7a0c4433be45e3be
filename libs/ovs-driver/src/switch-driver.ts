/**
 * The port of ovs-core on a real Open vSwitch: the database over its socket, flows by ovs-ofctl(8).
 *
 * Goals: one transaction and one bundle a bridge, whatever the number of objects; a converge for one port starts no process but the bundle's; every
 * change that others make is reported. Design: the mirror has what the database holds, and the flows of a bridge are kept from the last dump and what was
 * added since. That copy counts only while every port it knows has the number it had then (a flow names a number, not a name) and the switch is the same process.
 */
import { CommandFailed, type Runner } from '@plumbline/exec';
import {
  BR_INT,
  BR_TUN,
  type Flow,
  type FlowStep,
  ObservedBridge,
  ObservedFlows,
  ObservedSwitch,
  OvsDriver,
  OvsStep,
  OvsUnavailable,
  type TunnelEnd,
  WRITTEN_COOKIES,
} from '@plumbline/ovs-core';
import { OvsdbNotApplied, OvsdbOutcomeUnknown, OvsdbUnreachable } from '@plumbline/ovsdb';
import { bundlesOf } from './bundles.js';
import { emptyDatapathCache } from './datapath-cache.js';
import { bundleText, COPIES, DumpedFlows, namedFlows } from './flow-text.js';
import { guestOffloads } from './guest-offloads.js';
import { namesIn, operationsAfter, operationsFor, SwitchImage, SwitchRows, tunnelEnds } from './rows.js';
import type { CopiedPacket } from './packet-in.js';
import { packetOut } from './packet-out.js';
import { DatabaseNews, type SwitchNews } from './switch-news.js';
import { SwitchWatch } from './switch-watch.js';

export type SwitchDriverOptions = Readonly<{
  /** Directory of the bridges' management sockets. Default /run/openvswitch. */
  runDir?: string;
  /** How long one transaction or one ovs-ofctl may take; one that changes many flows longer (BUNDLE_FLOW_MS). Default 10,000. */
  timeoutMs?: number;
  /** At most so many packets a second are copied from br-int to this process, and so many at once. Default 100 and 25. */
  copies?: CopyLimit;
  /** False: do not hold a connection to the switch to notice its restart (a one-off command). Default true. */
  watch?: boolean;
  /** Where the switch's devices are; absent: where the agent runs. */
  netns?: string;
}>;

/**
 * What each flow adds to the time that a bundle may take: many times what it takes. A switch that has just begun with a thousand ports has much else to do, and a
 * bundle that is ended is begun anew with nothing done.
 */
const BUNDLE_FLOW_MS = 1;

/**
 * When a port is announced once more: what its old place sent last may be learned after the first announcement. QEMU does so, too, after a migration. A port that is
 * cut off meanwhile sends none of it.
 */
const ANNOUNCED_AGAIN_MS = [100, 300, 700, 1500, 3000];

export type CopyLimit = Readonly<{ packetsPerSecond: number; burstPackets: number }>;
const COPY_LIMIT: CopyLimit = { packetsPerSecond: 100, burstPackets: 25 };

/** `ports`: of the bridge, as they were when the flows were what they are. */
type Known = Readonly<{ flows: OwnFlows; ports: ObservedBridge['ports'] }>;
/** This driver's own: it is changed as bundles are carried out, and another object means that the flows were read anew. */
type OwnFlows = Readonly<{
  ours: Map<string, Readonly<{ actions: string; position: number }>>;
  foreign: ReadonlySet<string>;
  lostPorts: Set<number>;
}>;

export class SwitchDriver implements OvsDriver {
  private readonly known = new Map<string, Known>();
  private readonly listeners = new Set<(news: SwitchNews) => void>();
  private readonly image: SwitchImage;
  private readonly watch: SwitchWatch | null;
  private readonly database: DatabaseNews;
  private switchLost = false;
  /** Grows when the switch was lost and when it is back: what was read or written before says nothing of the switch that is there now. */
  private switchLife = 0;
  private readonly announcing = new Set<NodeJS.Timeout>();
  private readonly copyListeners = new Set<(packet: CopiedPacket) => void>();
  /** The switch limits copies as we want; forgotten with the switch, and looked at again when its flows are read. */
  private isLimited = false;
  private readonly copyLimit: CopyLimit;
  private readonly runDir: string;
  private readonly where: Pick<SwitchDriverOptions, 'netns'>;
  private readonly timeoutMs: number;

  constructor(
    private readonly rows: SwitchRows,
    private readonly runner: Runner,
    options: SwitchDriverOptions = {},
  ) {
    this.runDir = options.runDir ?? '/run/openvswitch';
    this.where = options.netns === undefined ? {} : { netns: options.netns };
    this.timeoutMs = options.timeoutMs ?? 10_000;
    this.copyLimit = options.copies ?? COPY_LIMIT;
    this.image = new SwitchImage(rows);
    this.watch =
      options.watch === false
        ? null
        : new SwitchWatch(
            this.socketOf(BR_INT),
            (event) => this.switchTold(event),
            (packet) => {
              for (const listener of [...this.copyListeners]) listener(packet);
            },
          );
    this.database = new DatabaseNews(rows, (news) => this.tell(news));
  }

  /** Calls the listener with what others changed, until the returned function is called. This driver's own changes are not reported. */
  onNews(listener: (news: SwitchNews) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Calls the listener with each packet that a flow of ours copies, until the returned function is called. */
  onCopy(listener: (packet: CopiedPacket) => void): () => void {
    this.copyListeners.add(listener);
    return () => this.copyListeners.delete(listener);
  }

  /** What the switch says of the far ends of our tunnel ports, as of now; none while the database or the switch is away: nothing is known then. */
  tunnelEnds(): readonly TunnelEnd[] {
    return this.rows.inSync && !this.switchLost ? tunnelEnds(this.rows) : [];
  }

  /** Ends the watch; mirror and runner stay open. */
  close(): void {
    this.watch?.close();
    for (const timer of this.announcing) clearTimeout(timer);
    this.database.close();
    this.image.close();
    this.listeners.clear();
  }

  async observe({ fresh }: Readonly<{ fresh: boolean }> = { fresh: false }): Promise<ObservedSwitch> {
    if (!this.rows.inSync) throw new OvsUnavailable('no connection to ovsdb-server: is openvswitch-switch running?');
    const bridge = this.image.observe().get(BR_INT);
    if (!bridge) return this.image.observe();
    this.watch?.start();
    const offloads = fresh ? await guestOffloads(bridge, this.runner, this.where) : null;
    if (offloads) this.image.noteOffloads(offloads);
    return this.image.observe();
  }

  async flows(
    bridges: readonly string[],
    options: Parameters<OvsDriver['flows']>[1],
  ): Promise<ReadonlyMap<string, ObservedFlows>> {
    const observed = this.image.observe();
    const there = bridges.filter((name) => observed.has(name));
    const life = this.switchLife;
    const failures: Error[] = [];
    const found = await Promise.all(
      there.map(async (name) => {
        const copy = options.fresh && !options.filled?.has(name) ? null : this.stillTrue(name, observed);
        const known = copy && options.fresh && (await this.countWritten(name)) !== copy.ours.size ? null : copy;
        if (known) return [[name, known] as const];
        const dumped = await this.dump(name, observed, options.wanted?.get(name)).catch((error: unknown) => {
          if (!(error instanceof OvsUnavailable)) throw error;
          failures.push(error);
          return null;
        });
        if (!dumped) return [];
        const { ours, foreign, lostPorts } = dumped;
        const lost = new Set([...lostPorts, ...(name === BR_TUN ? this.renumbered(name, observed) : [])]);
        const flows = { ours: new Map(ours), foreign, lostPorts: lost };
        this.remember(name, flows, observed, life);
        return [[name, flows] as const];
      }),
    );
    const flows = new Map(found.flat());
    // The switch answers for each bridge that it could make: when it answers for none, it is the switch that is away.
    const [failure] = failures;
    if (failure && flows.size === 0) {
      if (there.includes(BR_INT) || !observed.has(BR_INT)) throw failure;
      await this.dump(BR_INT, observed);
    }
    return flows;
  }

  async apply(step: OvsStep): Promise<void> {
    if (step.op === 'flows') return this.applyFlows(step);
    if (step.op === 'announce') return this.announce(step);
    const operations = operationsFor(step.changes, this.rows);
    if (operations.length === 0) return;
    for (const change of step.changes) if (change.op === 'set-bridge') this.known.delete(change.want.name);
    const heard = this.database.expect(step.changes.flatMap(namesIn));
    try {
      await this.rows.commit(operations, { timeoutMs: this.timeoutMs });
      const after = operationsAfter(step.changes, this.rows);
      if (after.length > 0) await this.rows.commit(after, { timeoutMs: this.timeoutMs });
    } catch (error) {
      throw unavailable(error) ?? error;
    } finally {
      heard();
    }
  }

  private async announce({ ports }: Extract<OvsStep, { op: 'announce' }>): Promise<void> {
    if (this.image.observe().get(BR_INT)?.datapathType === 'netdev')
      await emptyDatapathCache(this.runner, this.runDir, this.timeoutMs).catch((error: unknown) => {
        if (!unavailable(error)) throw error;
      });
    const messages = ports.flatMap(({ ofport, frames }) => frames.map((frame) => packetOut(ofport, frame)));
    const send = (): void => messages.forEach((each) => this.watch?.send(each));
    send();
    for (const ms of ANNOUNCED_AGAIN_MS) {
      const timer = setTimeout(() => {
        this.announcing.delete(timer);
        send();
      }, ms);
      this.announcing.add(timer);
    }
  }

  private async applyFlows(step: FlowStep): Promise<void> {
    const known = this.known.get(step.bridge);
    const life = this.switchLife;
    // A port that gets another number while the bundle is under way: its flows have the old one, and are read again.
    const before = this.image.observe();
    this.known.delete(step.bridge);
    if (step.add.some(({ actions }) => actions.includes(COPIES))) await this.limitCopies(step.bridge);
    const bundles = bundlesOf(step, known?.flows.ours.size === 0);
    try {
      for (const beside of bundles) await all(beside.map((bundle) => this.send(bundle, step, before)));
    } catch (error) {
      const away = unavailable(error);
      // A bundle that was refused changed nothing: if it was all, the copy is still true.
      if (!away && known && bundles.length === 1 && life === this.switchLife) this.known.set(step.bridge, known);
      throw away ?? error;
    }
    if (!known) return;
    for (const key of step.remove) known.flows.ours.delete(key);
    for (const flow of step.add) known.flows.ours.set(flow.key, flow);
    for (const port of step.forgetPorts) known.flows.lostPorts.delete(port);
    this.remember(step.bridge, known.flows, before, life, known.ports);
  }

  /** `of`: the step that it is a part of. */
  private async send(bundle: FlowStep, of: FlowStep, observed: ObservedSwitch): Promise<void> {
    const { bridge } = bundle;
    const socket = `unix:${this.socketOf(bridge)}`;
    const argv = ['ovs-ofctl', '-O', 'OpenFlow14', '--no-names', '--bundle', 'add-flows', socket, '-'];
    const timeoutMs = this.timeoutMs + BUNDLE_FLOW_MS * (of.add.length + of.remove.length);
    const ports = observed.get(bridge)?.ports ?? new Map();
    await this.runner.run(argv, { stdin: bundleText(bundle, ports), timeoutMs });
  }

  /** All flows of a bridge with these ports as ovs-ofctl prints them (`--names`), a line each, for whoever looks: nothing of it is remembered. Throws OvsUnavailable. */
  async flowLines(bridge: string, ports: ObservedBridge['ports']): Promise<readonly string[]> {
    try {
      const lines = namedFlows(await this.printed(bridge), ports).split('\n');
      return lines.flatMap((line) => (line.startsWith(' ') ? [line.trim()] : []));
    } catch (error) {
      throw unavailable(error) ?? error;
    }
  }

  /** How many flows of ours a bridge has, without those that it learned; null: not known. A process, but thousands of flows are neither printed nor read. */
  private async countWritten(bridge: string): Promise<number | null> {
    const socket = `unix:${this.socketOf(bridge)}`;
    const argv = ['ovs-ofctl', '-O', 'OpenFlow14', 'dump-aggregate', socket, `cookie=${WRITTEN_COOKIES}`];
    // What is wrong with the switch is said by the dump that follows.
    const told = await this.runner.run(argv, { reads: true, timeoutMs: this.timeoutMs }).catch(() => null);
    const [, count] = /\bflow_count=(\d+)/.exec(told?.stdout ?? '') ?? [];
    return count === undefined ? null : Number(count);
  }

  private async printed(bridge: string, onStdout?: (text: string) => void): Promise<string> {
    const socket = `unix:${this.socketOf(bridge)}`;
    const argv = ['ovs-ofctl', '-O', 'OpenFlow14', '--no-stats', '--no-names', 'dump-flows', socket];
    const options = { reads: true, timeoutMs: this.timeoutMs, ...(onStdout && { onStdout }) };
    return (await this.runner.run(argv, options)).stdout;
  }

  /** `observed`: as `stillTrue` will compare it with what is then; so what this dump got wrong of a port that came or went meanwhile is dumped anew. */
  private async dump(bridge: string, observed: ObservedSwitch, wanted: readonly Flow[] = []): Promise<ObservedFlows> {
    try {
      const dumped = new DumpedFlows(observed.get(bridge)?.ports ?? new Map(), wanted);
      // Read while more is printed.
      dumped.take(await this.printed(bridge, (text) => dumped.take(text)));
      const flows = dumped.end();
      this.isLimited = false;
      if (dumped.copies && bridge === BR_INT) await this.limitCopies(bridge);
      return flows;
    } catch (error) {
      throw unavailable(error) ?? error;
    }
  }

  /**
   * Before a flow copies anything: one meter for all that the bridge copies to anybody (ovs-ofctl(8), the virtual meter `controller`). The datapath drops the copies
   * that are too many, so a flood costs the switch and this process no more.
   */
  private async limitCopies(bridge: string): Promise<void> {
    if (this.isLimited) return;
    const life = this.switchLife;
    const { packetsPerSecond, burstPackets } = this.copyLimit;
    const band = `bands=type=drop,rate=${packetsPerSecond},burst_size=${burstPackets}`;
    const meter = (verb: 'add' | 'mod') =>
      this.runner.run(
        [
          ...['ovs-ofctl', '-O', 'OpenFlow14', `${verb}-meter`, `unix:${this.socketOf(bridge)}`],
          `meter=controller,pktps,burst,${band}`,
        ],
        { timeoutMs: this.timeoutMs },
      );
    try {
      await meter('mod').catch((error: unknown) => {
        if (error instanceof CommandFailed && error.stderr.includes('UNKNOWN_METER')) return meter('add');
        throw error;
      });
    } catch (error) {
      throw unavailable(error) ?? error;
    }
    this.isLimited = life === this.switchLife;
  }

  /**
   * `life`: as it was before the flows were read or written. `former`: the ports with whose numbers those flows are on the switch that were neither read nor written
   * now. One that has another number by now keeps the former one here, so that its flows are read again.
   */
  private remember(
    bridge: string,
    flows: OwnFlows,
    observed: ObservedSwitch,
    life: number,
    former?: ObservedBridge['ports'],
  ): void {
    if (life !== this.switchLife) return;
    const now = observed.get(bridge)?.ports ?? new Map();
    const ports = renumberedIn(former, now).length > 0 ? new Map([...now, ...numberedPorts(former)]) : now;
    this.known.set(bridge, { flows, ports });
  }

  private stillTrue(bridge: string, observed: ObservedSwitch): ObservedFlows | null {
    const known = this.known.get(bridge);
    if (!known) return null;
    const ports = observed.get(bridge)?.ports;
    if (ports === known.ports) return known.flows;
    if (renumberedIn(known.ports, ports).length > 0) return null;
    if (ports) this.known.set(bridge, { flows: known.flows, ports });
    return known.flows;
  }

  /** Numbers that ports had when the flows were last known, and that they have no more: another port may have such a number by now. */
  private renumbered(bridge: string, observed: ObservedSwitch): number[] {
    return renumberedIn(this.known.get(bridge)?.ports, observed.get(bridge)?.ports);
  }

  private socketOf(bridge: string): string {
    return `${this.runDir}/${bridge}.mgmt`;
  }

  private switchTold(event: 'lost' | 'back'): void {
    this.switchLife += 1;
    this.known.clear();
    this.isLimited = false;
    this.switchLost = event === 'lost';
    this.image.forgetDevices();
    this.tell({ ports: [], all: false, reason: event === 'back' ? 'switch-back' : 'switch-lost' });
  }

  private tell(news: SwitchNews): void {
    for (const listener of [...this.listeners]) listener(news);
  }
}

const numberedPorts = (ports: ObservedBridge['ports'] = new Map()) =>
  [...ports].filter(([, { ofport }]) => ofport !== null);

/** The numbers of ports that have another one `now`, or none. */
const renumberedIn = (ports: ObservedBridge['ports'] | undefined, now: ObservedBridge['ports'] | undefined): number[] =>
  numberedPorts(ports).flatMap(([name, { ofport }]) =>
    ofport !== null && ofport !== now?.get(name)?.ofport ? [ofport] : [],
  );

/** Ends when all have ended; fails with the first failure. */
async function all(works: readonly Promise<void>[]): Promise<void> {
  for (const done of await Promise.allSettled(works)) if (done.status === 'rejected') throw done.reason;
}

/** An error that means that nothing can be done now, as the core's own; null for all others. */
function unavailable(error: unknown): OvsUnavailable | null {
  if (
    error instanceof OvsdbUnreachable ||
    error instanceof OvsdbOutcomeUnknown ||
    error instanceof OvsdbNotApplied ||
    (error instanceof CommandFailed &&
      (error.reason !== 'exit' ||
        /failed to connect|Connection refused|No such file or directory|is not a bridge or a socket|Broken pipe|Connection reset by peer|End of file/.test(
          error.stderr,
        )))
  )
    return new OvsUnavailable(error.message, { cause: error });
  return null;
}
