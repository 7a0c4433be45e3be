/** What is asked of a convergence and what became of it: one shape for both agents, whatever they converge. */
import { ObjectKey, ObjectStatus } from '@plumbline/contracts';

export type ConvergeOptions = Readonly<{
  /** Objects to look at, or all of them: a full observe (at start, on a timer, after a resync). Holds whatever changed in the view since the last call. */
  touched: ReadonlySet<ObjectKey> | 'all';
  /** False: add and repair only, for the view is not proven to be at a head of its log. */
  mayRemove: boolean;
  /** The view comes from the snapshot on disk and no control plane has confirmed it yet: outside addresses are probed first. */
  unverified: boolean;
  /**
   * Call it now and then in long work, where the node and what is remembered are as after a converge: what was asked for meanwhile is converged then, by a call within
   * this one, and the view is brought up to date for it. Absent: nothing else may be done meanwhile. Does not reject.
   */
  between?: () => Promise<void>;
  /** True: what was changed may be left to be read back by a later call (`Convergence.unread`). Default false. */
  readsLater?: boolean;
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
  /** Present when there is more to do than one convergence takes at once: call again with these, and with whatever is touched meanwhile. */
  again?: ReadonlySet<ObjectKey>;
  /** Present when something was changed and not read back, so that nothing of it is in `statuses` yet: call with these once nothing has been asked for for a moment. */
  unread?: ReadonlySet<ObjectKey>;
}>;
