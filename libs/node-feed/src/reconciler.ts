/** What a session drives: the hands on the node. Implemented by the cores with their drivers. */
import { ObjectKey, ObjectStatus } from '@plumbline/contracts';
import { HostView } from '@plumbline/topology';

export type ConvergeOptions = Readonly<{
  /** Objects to look at, or all of them: a full observe (at start, on a timer, after a resync). */
  touched: ReadonlySet<ObjectKey> | 'all';
  /** False: add and repair only, for the view is not proven to be at a head of its log. */
  mayRemove: boolean;
  /** The view comes from the snapshot on disk and no control plane has confirmed it yet: outside addresses are probed first. */
  unverified: boolean;
}>;

export type Convergence = Readonly<{
  /** Mutating steps run. */
  applied: number;
  /** Of those: repairs of what was right before and what no event explains. Known on `all` after a first convergence only. */
  drift: number;
  /** Of every object looked at that has a status on this node. */
  statuses: readonly ObjectStatus[];
  /** Objects that could not be made so, by `<kind>/<id>` where one is to blame. They are tried again later. */
  failed: readonly Readonly<{ key: string; reason: string }>[];
}>;

export interface Reconciler {
  /**
   * Makes the node what the view says. Called again only after it answered. One bad object is in `failed` and harms no other; it rejects only when nothing
   * at all can be done (no OVSDB). The view is this call's own and does not change under it.
   */
  converge(view: HostView, options: ConvergeOptions): Promise<Convergence>;
}

/** Where the node itself remembers which log it is bound to, beside the snapshot (OVSDB `external_ids:plumb-log`). */
export interface LogBinding {
  /** Null: not bound yet. */
  boundLog(): Promise<string | null>;
  /** Binds the node. Again to the same log is success. */
  bind(log: string): Promise<void>;
}
