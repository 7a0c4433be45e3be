/** What a session drives: the hands on the node. Implemented by the cores with their drivers. */
import { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';

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
