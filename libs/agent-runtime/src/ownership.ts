/**
 * Whether this machine owns its host's name. Two machines may have been given one name, and only one of them may make the node (docs/design/delivery.md, "Whose
 * node it is"). The API decides and says it in every beacon; who is refused changes nothing on its node.
 *
 * - Before a beacon says who owns, the agent works as it always did: a node boots alone (invariant 13). Only a machine that was told before its last stop that
 *   another one owns stays as it is.
 * - What the last beacon said holds until another says otherwise, also while the control plane is silent: otherwise a refused machine would begin to build
 *   whenever the API restarts.
 * - Beacons come from several processes, which may be seconds apart. One with a lower term than the last is not believed while the higher one is fresh.
 */
import type { AgentKind, Beacon, Owner } from '@plumbline/contracts';
import type { MachineIdentity } from './machine.js';

export type OwnershipOptions = Readonly<{
  agent: AgentKind;
  machine: MachineIdentity;
  /** This process (`runOf`). */
  run: string;
  nowMs(): number;
  /** The machine was refused when its agent last stopped: why. */
  refusedBefore: string | null;
}>;

/** How long a beacon counts against one with a lower term. */
const freshMs = 5_000;

export class Ownership {
  private told: Readonly<{ owner: Owner | null; log: string; atMs: number }> | null = null;
  /** The highest term heard of: a report that repeats it proves that this run was alive then. */
  heard = 0;

  constructor(private readonly options: OwnershipOptions) {}

  /** Takes in what a beacon says. True: a report must be sent now, so that the API learns that this run is here. */
  beacon(beacon: Beacon): boolean {
    if (!beacon.owners) return false;
    const { agent, machine, run, nowMs } = this.options;
    const owner = Object.hasOwn(beacon.owners, agent) ? (beacon.owners[agent] ?? null) : null;
    const { told } = this;
    const term = told?.owner?.term ?? 0;
    const stale =
      told !== null && told.log === beacon.log && (owner?.term ?? 0) < term && nowMs() - told.atMs < freshMs;
    if (stale) return false;
    this.told = { owner, log: beacon.log, atMs: nowMs() };
    this.heard = Math.max(this.heard, owner?.term ?? 0);
    if (machine.id === null) return false;
    return owner === null || (owner.machine === machine.id && !owner.contested && owner.run !== run);
  }

  /** The machine that owns, as far as is known. */
  get owner(): string | null {
    return this.told?.owner?.machine ?? null;
  }

  /** Why this machine is refused; null while it is not. */
  get refusal(): string | null {
    const { machine, refusedBefore } = this.options;
    if (!this.told) return refusedBefore;
    const { owner } = this.told;
    if (machine.id === null) return machine.fault ?? 'this machine has no identity';
    if (owner === null) return null;
    if (owner.machine !== machine.id)
      return `another machine owns this host's name (identity ${owner.machine}; this one is ${machine.id}): stop one of the two; "plumb node release" lets another machine own the name`;
    if (owner.contested)
      return `two machines run with one identity (${machine.id}), as after a copy of a machine or of its state folder: stop one, remove node.id from its state folder, and run "plumb node release"`;
    return null;
  }

  /** False: nothing may be changed on the node now. While nobody owns the name, the API is about to say who does. */
  get mayChange(): boolean {
    return this.refusal === null && this.told?.owner !== null;
  }
}
