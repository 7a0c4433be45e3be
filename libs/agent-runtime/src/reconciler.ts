/** What a session drives: the hands on the node. Implemented by the cores with their drivers. */
import { Convergence, ConvergeOptions, HostView } from '@plumbline/topology';

export interface Reconciler {
  /**
   * Makes the node what the view says. Called again only after it answered. One bad object is in `failed` and harms no other; it rejects only when nothing
   * at all can be done (no OVSDB). The view does not change until the answer; it is the same object at each call, brought up to date in between, and what
   * changed in it since the call before is in `options.touched`.
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
