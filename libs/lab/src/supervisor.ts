/**
 * The lab's supervisor runs the processes that the folder of units describes, and restarts those that end.
 *
 * It does for the lab what systemd does on a real node. All its state is in files. When it is killed, the processes go on without it; a new supervisor first ends
 * what the last one left (a process cannot wait for another's children) and starts all of it again.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync, watch } from 'node:fs';
import { run } from '@plumbline/exec';
import { startDetached } from './daemon.js';
import { readJson, removeFile, writeWhole } from './files.js';
import { identify, signal, waitGone, type ProcessIdentity } from './process-identity.js';
import { digestOf, layout, readRunning, Unit, type RunningUnit } from './unit.js';

const firstBackoffMs = 100;
const lastBackoffMs = 3_000;
/** A process that lived this long counts as healthy: when it ends, the backoff begins again. */
const settledMs = 10_000;
const stopTimeoutMs = 5_000;
const hookRetryMs = 50;
const hookTimeoutMs = 20_000;

interface Slot {
  readonly unit: Unit;
  readonly digest: string;
  child: ChildProcess | null;
  identity: ProcessIdentity | null;
  startedAt: number;
  restarts: number;
  backoffMs: number;
  retryAt: number;
  lastEnd: string | null;
  /** Counts starts, so that an afterStart of an earlier start gives up. */
  generation: number;
}

export class Supervisor {
  private readonly slots = new Map<string, Slot>();
  private stopping = false;
  private busy = false;
  private again = false;

  constructor(private readonly stateDir: string) {}

  /** Runs until `stop()`: follows the folder, and looks at it every second in any case. */
  async start(): Promise<void> {
    const where = layout(this.stateDir);
    for (const folder of [where.units, where.run, where.logs]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    await this.endLeftovers();
    watch(where.units, () => void this.reconcile());
    setInterval(() => void this.reconcile(), 1_000);
    await this.reconcile();
  }

  /** Stops all units in reverse order; resolves when they are gone. */
  async stop(): Promise<void> {
    this.stopping = true;
    const slots = [...this.slots.values()];
    const orders = [...new Set(slots.map((slot) => slot.unit.order))].sort((a, b) => b - a);
    for (const order of orders) {
      await Promise.all(slots.filter((slot) => slot.unit.order === order).map((slot) => this.stopSlot(slot)));
    }
  }

  private async reconcile(): Promise<void> {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    try {
      do {
        this.again = false;
        if (!this.stopping) await this.makeSo();
      } while (this.again);
    } finally {
      this.busy = false;
    }
  }

  private async makeSo(): Promise<void> {
    const wanted = new Map(readUnits(this.stateDir).map((unit) => [unit.name, unit]));
    const outdated = [...this.slots.values()].filter((slot) => {
      const unit = wanted.get(slot.unit.name);
      return unit === undefined || digestOf(unit) !== slot.digest;
    });
    await Promise.all(outdated.map((slot) => this.stopSlot(slot)));
    for (const unit of [...wanted.values()].sort((a, b) => a.order - b.order)) {
      const slot = this.slots.get(unit.name) ?? newSlot(unit);
      this.slots.set(unit.name, slot);
      if (slot.child === null && Date.now() >= slot.retryAt && !this.stopping) this.startSlot(slot);
    }
  }

  private startSlot(slot: Slot): void {
    const child = startDetached(slot.unit.argv, {
      logFile: layout(this.stateDir).log(slot.unit.name),
      env: slot.unit.env,
    });
    slot.child = child;
    slot.identity = child.pid === undefined ? null : identify(child.pid);
    slot.startedAt = Date.now();
    slot.generation += 1;
    const generation = slot.generation;
    child.once('error', (error) => this.ended(slot, child, error.message));
    child.once('exit', (code, killedBy) => this.ended(slot, child, killedBy ?? `code ${code}`));
    this.record(slot, slot.unit.afterStart.length > 0 ? 'starting' : 'running');
    if (slot.unit.afterStart.length > 0) void this.runHooks(slot, generation);
  }

  private async runHooks(slot: Slot, generation: number): Promise<void> {
    const until = Date.now() + hookTimeoutMs;
    for (const argv of slot.unit.afterStart) {
      for (;;) {
        if (slot.generation !== generation || slot.child === null) return;
        const error = await run(argv).then(
          () => null,
          (failure: unknown) => String(failure),
        );
        if (error === null) break;
        if (Date.now() > until) {
          console.error(`${slot.unit.name}: given up after its start: ${error}`);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, hookRetryMs));
      }
    }
    if (slot.generation === generation && slot.child !== null) this.record(slot, 'running');
  }

  private ended(slot: Slot, child: ChildProcess, how: string): void {
    if (slot.child !== child) return;
    const livedMs = Date.now() - slot.startedAt;
    slot.child = null;
    slot.identity = null;
    slot.lastEnd = how;
    if (livedMs > settledMs) slot.backoffMs = firstBackoffMs;
    slot.retryAt = slot.unit.restart ? Date.now() + slot.backoffMs : Number.POSITIVE_INFINITY;
    const waitMs = slot.backoffMs;
    slot.backoffMs = Math.min(slot.backoffMs * 2, lastBackoffMs);
    slot.restarts += slot.unit.restart ? 1 : 0;
    if (this.slots.get(slot.unit.name) !== slot || this.stopping) return;
    console.error(`${slot.unit.name} ended: ${how}`);
    this.record(slot, 'ended', child.pid);
    if (slot.unit.restart) setTimeout(() => void this.reconcile(), waitMs);
  }

  private async stopSlot(slot: Slot): Promise<void> {
    this.slots.delete(slot.unit.name);
    slot.generation += 1;
    if (slot.identity !== null) await endProcess(slot.identity, slot.unit.stopSignal);
    removeFile(layout(this.stateDir).running(slot.unit.name));
  }

  private record(slot: Slot, phase: RunningUnit['phase'], pid = slot.identity?.pid ?? 0): void {
    const running: RunningUnit = {
      digest: slot.digest,
      pid,
      startTime: slot.identity?.startTime ?? '',
      restarts: slot.restarts,
      phase,
      lastEnd: slot.lastEnd,
    };
    writeWhole(layout(this.stateDir).running(slot.unit.name), JSON.stringify(running));
  }

  private async endLeftovers(): Promise<void> {
    for (const name of jsonNames(layout(this.stateDir).run)) {
      const left = readRunning(this.stateDir, name);
      if (left !== null) await endProcess(left, 'SIGTERM');
      removeFile(layout(this.stateDir).running(name));
    }
  }
}

/** Ends exactly this process: its stop signal first, SIGKILL after five seconds. */
export async function endProcess(target: ProcessIdentity, stopSignal: NodeJS.Signals): Promise<void> {
  signal(target, stopSignal);
  if (await waitGone([target], stopTimeoutMs)) return;
  signal(target, 'SIGKILL');
  await waitGone([target], stopTimeoutMs);
}

function newSlot(unit: Unit): Slot {
  return {
    unit,
    digest: digestOf(unit),
    child: null,
    identity: null,
    startedAt: 0,
    restarts: 0,
    backoffMs: firstBackoffMs,
    retryAt: 0,
    lastEnd: null,
    generation: 0,
  };
}

function readUnits(stateDir: string): Unit[] {
  return jsonNames(layout(stateDir).units)
    .map((name) => readJson(layout(stateDir).unit(name)))
    .filter((json) => json !== null)
    .map((json) => Unit.parse(json));
}

function jsonNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length));
}
