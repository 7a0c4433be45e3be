/**
 * The L3 port on a real node. Steps that one tool can do together are one process: consecutive steps of ip(8) in one namespace are one `ip -batch`, all
 * OVS ports one transaction, IPv4 and IPv6 rules two restores side by side.
 *
 * Commands go through a Runner (@plumbline/exec): with its PrintingRunner, and PrintingPorts, the same code prints what it would do.
 */
import { CommandFailed, type NetnsSettings, Runner, SysctlFailed } from '@plumbline/exec';
import {
  type Announcement,
  dialect,
  L3Driver,
  L3State,
  L3Step,
  isOurDevice,
  netnsOf,
  outsideDevice,
  outsideOf,
  outsideSysctl,
  portOfProgram,
  Probe,
  ProbeAnswer,
  StepsRefused,
} from '@plumbline/l3-core';
import type { SupervisionStep } from '@plumbline/processes';
import { Announcer } from './announcer.js';
import { endConnections, endForwarded, endUntranslated, farewell } from './connections.js';
import { ipLine, ipNetnsOf, IpStep, isDoneAlready } from './ip-lines.js';
import { observedRouter, observeNetnses, observeOutsides, outsidesIn, type RawRouter, readRouters } from './observe.js';
import { PortStep, SwitchPorts } from './ports.js';
import { probeAddresses } from './prober.js';
import { observePrograms, Programs, unitsOfPrograms } from './programs.js';
import { RulesMemory } from './rules-memory.js';

type SettingStep = Extract<L3Step, { op: 'set-sysctls' | 'set-tx-checksum' }>;

export type NodeL3DriverOptions = Readonly<{
  /** When addresses are announced, in milliseconds after they are there. Default 0, 1000, 2500. */
  announceAfterMs?: readonly number[];
  /** How long an answer to address probes is waited for, in milliseconds. Default 1000. */
  probeMs?: number;
  /** Without it no program is looked at, begun or ended. */
  programs?: Programs;
}>;

/** Close it when done: announcements under way are dropped. */
export class NodeL3Driver implements L3Driver {
  private readonly announcer: Announcer;
  private readonly probeMs: number;
  private readonly programs: Programs | null;
  /** Router -> the outer ends of its links when it was last read. A guess that saves time and decides nothing. */
  private readonly outsides = new Map<string, readonly string[]>();
  private readonly rules = new RulesMemory();
  /** Router -> when the last look at it that was not in vain began. */
  private readonly looks = new Map<string, number>();
  /** Units that had programs when the node was last listed. */
  private withPrograms: ReadonlySet<string> = new Set();

  constructor(
    private readonly runner: Runner,
    private readonly ports: SwitchPorts,
    options: NodeL3DriverOptions = {},
  ) {
    this.announcer = new Announcer(runner, ports, options.announceAfterMs);
    this.probeMs = options.probeMs ?? 1000;
    this.programs = options.programs ?? null;
  }

  async list(): Promise<readonly string[]> {
    const [namespaces, programs] = await Promise.all([
      observeNetnses(this.runner),
      this.programs ? unitsOfPrograms(this.programs) : [],
    ]);
    for (const id of this.outsides.keys())
      if (!namespaces.includes(id)) {
        this.outsides.delete(id);
        this.looks.delete(id);
      }
    this.rules.keepOnly(new Set(namespaces.map(netnsOf)));
    this.withPrograms = new Set(programs);
    return [...new Set([...namespaces, ...programs])];
  }

  async observe(
    routers: ReadonlySet<string>,
    outsides: readonly string[] = [],
    listsConnections: (routerId: string) => boolean = () => false,
  ): Promise<L3State> {
    const { runner } = this;
    const began = performance.now();
    const listed = [...routers].sort();
    const guessed = listed.flatMap((id) => this.outsides.get(id) ?? []);
    const asked = [...new Set([...outsides, ...guessed])];
    const hasPrograms = listed.some((id) => this.withPrograms.has(id));
    const [asSeen, observedSwitch, programs, read] = await Promise.all([
      observeOutsides(runner, asked),
      this.ports.observe(),
      this.programs && observePrograms(runner, this.programs, routers, hasPrograms),
      readRouters(runner, listed, this.rules, listsConnections),
    ]);
    const raw: RawRouter[] = [];
    const unreadable = new Map<string, string>();
    const unentered = new Map<string, string>();
    const damaged = new Set<string>();
    for (const each of read) {
      if ('reason' in each) {
        unreadable.set(each.id, each.reason);
        if (!each.entered) unentered.set(each.id, each.reason);
        this.outsides.delete(each.id);
        this.looks.delete(each.id);
      } else {
        raw.push(each);
        this.looks.set(each.id, began);
        const own = each.network.links.filter(({ name }) => isOurDevice(name));
        this.outsides.set(
          each.id,
          own.map(({ name }) => outsideOf(name)),
        );
      }
    }
    if (unentered.size > 0) {
      const there = new Set(await observeNetnses(runner));
      for (const [id, why] of unentered) {
        // setns(2): EINVAL, the file is no namespace. Any other reason says nothing of the namespace: it is not touched.
        if (there.has(id) && why.includes('EINVAL')) damaged.add(id);
        if (!there.has(id) || damaged.has(id)) unreadable.delete(id);
      }
    }
    const unasked = raw.flatMap(({ id }) => this.outsides.get(id) ?? []);
    const more = await observeOutsides(
      runner,
      unasked.filter((name) => !asked.includes(name)),
    );
    const seen = {
      links: new Map([...asSeen.links, ...more.links]),
      sysctls: new Map([...asSeen.sysctls, ...more.sysctls]),
    };
    const found = new Map(raw.map((each) => [each.id, observedRouter(each, seen)]));
    return { ...observedSwitch, routers: found, unreadable, damaged, outsides: outsidesIn(seen), programs };
  }

  /** When the last look at this router began, in milliseconds of performance.now(): what changed before, it has seen. */
  lookedAt(routerId: string): number {
    return this.looks.get(routerId) ?? -Infinity;
  }

  /** Has the rules of this router read at the next look, not worked out. For whoever looks without a reason. */
  reread(routerId: string): void {
    this.rules.reread(routerId);
  }

  async apply(steps: readonly L3Step[]): Promise<void> {
    for (let at = 0; at < steps.length;) {
      const first = steps[at] as L3Step;
      const key = batchOf(first);
      let end = at + 1;
      while (end < steps.length && batchOf(steps[end] as L3Step) === key) end += 1;
      const batch = steps.slice(at, end);
      try {
        await this.run(first.op, batch);
      } catch (error) {
        throw refusedIn(batch, at, error) ?? error;
      }
      at = end;
    }
  }

  /** What a port on the dead VLAN asks is heard by nobody: until it is wired, nothing is known. */
  async probe(probes: readonly Probe[]): Promise<readonly ProbeAnswer[]> {
    const wired = await this.ports.wired(new Set(probes.map(({ outside }) => outside)), WIRE_WAIT_MS);
    const heard = [
      ...(await probeAddresses(
        this.runner,
        probes.filter(({ outside }) => wired.has(outside)),
        this.probeMs,
      )),
    ];
    const unwired = (outside: string): ProbeAnswer => ({
      kind: 'unknown',
      reason: `the OVS agent has not wired port ${outside} yet`,
    });
    return probes.map(({ outside }) => (wired.has(outside) && heard.shift()) || unwired(outside));
  }

  close(): void {
    this.announcer.close();
  }

  /** Steps of one batch: same tool, same namespace. */
  private async run(op: L3Step['op'], steps: readonly L3Step[]): Promise<void> {
    switch (op) {
      case 'add-port':
      case 'remove-port':
        return this.ports.apply(steps as readonly PortStep[]);
      case 'silence-outside': {
        const names = (steps as readonly Extract<L3Step, { op: 'silence-outside' }>[]).map((step) => step.outside);
        return this.runner.writeSysctls(Object.fromEntries(names.map((name) => [outsideSysctl(name), '1'])));
      }
      case 'set-sysctls':
      case 'set-tx-checksum':
        return this.set(steps as readonly SettingStep[]);
      case 'reset-queue':
        await allOf((steps as readonly Extract<L3Step, { op: 'reset-queue' }>[]).map((step) => this.resetQueue(step)));
        return;
      case 'add-policy-rule':
      case 'remove-policy-rule':
        return this.setPolicyRules(
          steps as readonly Extract<L3Step, { op: 'add-policy-rule' | 'remove-policy-rule' }>[],
        );
      case 'restore':
        await allOf((steps as readonly Extract<L3Step, { op: 'restore' }>[]).map((step) => this.restore(step)));
        return;
      case 'end-connections':
        await allOf(
          (steps as readonly Extract<L3Step, { op: 'end-connections' }>[]).map((step) =>
            endConnections(this.runner, step),
          ),
        );
        return;
      case 'end-forwarded':
        await allOf(
          (steps as readonly Extract<L3Step, { op: 'end-forwarded' }>[]).map((step) => endForwarded(this.runner, step)),
        );
        return;
      case 'end-untranslated':
        await allOf(
          (steps as readonly Extract<L3Step, { op: 'end-untranslated' }>[]).map((step) =>
            endUntranslated(this.runner, step),
          ),
        );
        return;
      case 'farewell':
        await allOf(
          (steps as readonly Extract<L3Step, { op: 'farewell' }>[]).map((step) => farewell(this.runner, step)),
        );
        return;
      case 'announce':
        return this.announcer.announce(steps as readonly Announcement[]);
      case 'process':
        return this.runPrograms((steps as readonly SupervisionStep[]).map(({ step }) => step));
      case 'add-netns':
      case 'remove-netns':
      case 'add-link':
      case 'remove-link':
      case 'remove-device':
      case 'set-outside':
      case 'set-loopback-up':
      case 'set-link':
      case 'set-mtu':
      case 'add-address':
      case 'remove-address':
      case 'replace-route':
      case 'restore-route':
      case 'remove-route':
      case 'remove-neighbour':
        return this.ip(steps as readonly IpStep[]);
      default: {
        const unhandled: never = op;
        throw new Error(`no tool makes the step ${String(unhandled)}`);
      }
    }
  }

  /** One `ip -batch`. It ends at the first line that fails; if that line was done before, the rest is run in another. Rejects with StepsRefused for a line that cannot be. */
  private async ip(steps: readonly IpStep[]): Promise<void> {
    const [first] = steps;
    if (!first) return;
    const netns = ipNetnsOf(first);
    for (const step of steps)
      if (step.op === 'remove-address') this.announcer.forget(step.netns, step.address.split('/')[0] ?? '');
    let lines = steps.map(ipLine);
    const refused = (error: CommandFailed, line: number): Error => {
      const at = steps.length - lines.length + line - 1;
      return new StepsRefused([{ at, reason: kernelsWords(error.stderr) || error.message }], { cause: error });
    };
    while (lines.length > 0) {
      try {
        const stdin = `${lines.join('\n')}\n`;
        await this.runner.run(['ip', '-batch', '-'], netns ? { stdin, netns } : { stdin });
        for (const step of steps) if (step.op === 'add-netns') this.rules.made(step.netns);
        return;
      } catch (error) {
        if (!(error instanceof CommandFailed) || error.failedLine === undefined) throw error;
        if (!isDoneAlready(error.failedInput ?? '', error.stderr)) throw refused(error, error.failedLine);
        lines = lines.slice(error.failedLine);
      }
    }
  }

  /** What a program says before its port is wired is heard by nobody, and the next time is seconds later. */
  private async runPrograms(steps: readonly SupervisionStep['step'][]): Promise<void> {
    if (!this.programs) throw new Error('whoever does this has no programs on this node');
    const begin = steps.flatMap(({ op, name }) => (op === 'start-process' ? (portOfProgram(name) ?? []) : []));
    if (begin.length > 0) await this.ports.wired(new Set(begin.map(outsideDevice)), WIRE_WAIT_MS);
    await this.programs.processes.apply(steps);
  }

  /** One visit of each namespace. Rejects with StepsRefused. */
  private async set(steps: readonly SettingStep[]): Promise<void> {
    const byNetns = new Map<string, { sysctls: Record<string, string>; txChecksum: Record<string, boolean> }>();
    for (const step of steps) {
      const settings = byNetns.get(step.netns) ?? { sysctls: {}, txChecksum: {} };
      byNetns.set(step.netns, settings);
      if (step.op === 'set-sysctls') Object.assign(settings.sysctls, step.values);
      else settings.txChecksum[step.device] = step.on;
    }
    const all = [...byNetns].map(([netns, settings]): NetnsSettings => ({ netns, ...settings }));
    const outcomes = await this.runner.setEach(all);
    const failures = new Map(all.map(({ netns }, index) => [netns, outcomes[index] ?? null]));
    const refused = steps.flatMap((step, at) => {
      const failure = failures.get(step.netns) ?? null;
      if (!(failure instanceof SysctlFailed)) return failure ? [{ at, reason: failure.message }] : [];
      const mine = failure.failed.filter(({ key }) => isAbout(step, key)).map(({ error }) => error);
      return mine.length > 0 ? [{ at, reason: mine.join('; ') }] : [];
    });
    if (refused.length > 0) throw new StepsRefused(refused);
  }

  private async resetQueue({ netns, device, ingress }: Extract<L3Step, { op: 'reset-queue' }>): Promise<void> {
    // It may have gone meanwhile: what is left is read back.
    for (const which of ingress === null ? ['root'] : ['root', ingress])
      await this.runner.run(['tc', 'qdisc', 'delete', 'dev', device, which], { netns, okCodes: [0, 2] });
  }

  /** One after the other: a rule of ours is made again after one of the same priority has gone. */
  private async setPolicyRules(
    steps: readonly Extract<L3Step, { op: 'add-policy-rule' | 'remove-policy-rule' }>[],
  ): Promise<void> {
    for (const step of steps) {
      const { netns, version, priority } = step;
      const rule = ['pref', `${priority}`, ...(step.op === 'add-policy-rule' ? ['table', step.table] : [])];
      const verb = step.op === 'add-policy-rule' ? 'add' : 'delete';
      // It may be there, or gone, already: what is left is read back.
      await this.runner.run(['ip', `-${version}`, 'rule', verb, ...rule], { netns, okCodes: [0, 2] });
    }
  }

  private async restore({ netns, version, lines, edits }: Extract<L3Step, { op: 'restore' }>): Promise<void> {
    try {
      await this.runner.run(dialect.restore[version], { stdin: `${lines.join('\n')}\n`, netns });
      this.rules.edited(netns, version, edits);
    } catch (error) {
      this.rules.forget(netns);
      throw error;
    }
  }
}

/** The OVS agent of a booting node works at the same time. What takes it longer is tried again later. */
const WIRE_WAIT_MS = 1000;

/** Consecutive steps with the same answer are done together. */
function batchOf(step: L3Step): string {
  const netns = ipNetnsOf(step);
  if (netns !== null) return `ip ${netns}`;
  switch (step.op) {
    case 'add-port':
    case 'remove-port':
      return 'ports';
    case 'set-sysctls':
    case 'set-tx-checksum':
      return 'settings';
    case 'add-policy-rule':
    case 'remove-policy-rule':
      return `policy ${step.netns}`;
    case 'restore':
    case 'end-connections':
    case 'end-forwarded':
    case 'end-untranslated':
    case 'farewell':
      return `${step.op} ${step.netns}`;
    default:
      return step.op;
  }
}

/** What ip(8) says of a line, without the line's number. */
const kernelsWords = (stderr: string): string =>
  stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^Command failed -:\d+$/.test(line.trim()))
    .join(' ')
    .trim();

/** Which steps of a batch, that begins at `first`, an error speaks of; null when it does not say. */
function refusedIn(batch: readonly L3Step[], first: number, error: unknown): StepsRefused | null {
  if (error instanceof StepsRefused)
    return new StepsRefused(
      error.refused.map(({ at, reason }) => ({ at: first + at, reason })),
      { cause: error },
    );
  // Nothing of a namespace that cannot be entered can be done.
  if (error instanceof CommandFailed && error.reason === 'netns')
    return new StepsRefused(
      batch.map((_step, index) => ({ at: first + index, reason: error.message })),
      { cause: error },
    );
  if (!(error instanceof SysctlFailed)) return null;
  const refused = batch.flatMap((step, index) => {
    const why = error.failed.filter(({ key }) => isAbout(step, key)).map((each) => each.error);
    return why.length > 0 ? [{ at: first + index, reason: why.join('; ') }] : [];
  });
  return refused.length > 0 ? new StepsRefused(refused, { cause: error }) : null;
}

/** `key`: a kernel parameter, or the device whose offload was to be set. */
function isAbout(step: L3Step, key: string): boolean {
  if (step.op === 'set-sysctls') return Object.hasOwn(step.values, key);
  if (step.op === 'silence-outside') return outsideSysctl(step.outside) === key;
  return step.op === 'set-tx-checksum' && step.device === key;
}

/** Waits for all, then rejects with the first failure: nothing is left running behind the caller's back. */
async function allOf(all: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(all)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
