/** What a session calls to change the node. The cores implement it with their drivers. */
import { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';

export interface Reconciler {
  /**
   * Makes the node what the view says. Calls do not overlap, but for those that a call lets in by `options.between`, in which the view may change. An object that cannot be made is listed in `failed` and does not hold back others; the promise
   * rejects only when nothing at all can be done (no OVSDB). The view does not change otherwise while a call runs. Every call gets the same object, brought up to date
   * between calls; `options.touched` names what changed in it since the call before.
   */
  converge(view: HostView, options: ConvergeOptions): Promise<Convergence>;
}

/** Keeps on the node itself, apart from the snapshot, which log the node is bound to (OVSDB `external_ids:plumb-log`). */
export interface LogBinding {
  /** Null: not bound yet. */
  boundLog(): Promise<string | null>;
  /** Binds the node to this log. Idempotent. */
  bind(log: string): Promise<void>;
}
