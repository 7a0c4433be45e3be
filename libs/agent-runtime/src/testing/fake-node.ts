import { keyOf, ObjectKey, ObjectStatus } from '@plumbline/contracts';
import { canonical, HostView } from '@plumbline/topology';
import { Convergence, ConvergeOptions } from '@plumbline/topology';
import { LogBinding, Reconciler } from '../reconciler.js';

/** A node that holds each object as text, as the reconciler applied it. It outlives the sessions that work on it. */
export class FakeNode implements Reconciler, LogBinding {
  readonly made = new Map<ObjectKey, string>();
  readonly calls: ConvergeOptions[] = [];
  removed = 0;
  log: string | null = null;
  /** Called for each object that is made or removed; a reason makes it fail. */
  failure: (key: ObjectKey) => string | null = () => null;
  /** Reported beside what the view has. */
  extra: readonly ObjectStatus[] = [];
  /** When set, every converge rejects with it. */
  broken: Error | null = null;

  /** Each converge waits for this. */
  work: () => Promise<void> = () => Promise.resolve();

  boundLog = async (): Promise<string | null> => this.log;
  bind = async (log: string): Promise<void> => {
    this.log = log;
  };

  async converge(view: HostView, options: ConvergeOptions): Promise<Convergence> {
    this.calls.push(options);
    await this.work();
    if (this.broken) throw this.broken;
    const keys = options.touched === 'all' ? new Set([...view.objects.keys(), ...this.made.keys()]) : options.touched;
    const failed: { key: string; reason: string }[] = [];
    let applied = 0;
    for (const key of keys) {
      const object = view.objects.get(key);
      const text = object && canonical(object);
      if (text === this.made.get(key) || (!text && (!options.mayRemove || view.frozen.has(key)))) continue;
      const reason = this.failure(key);
      if (reason) {
        failed.push({ key, reason });
        continue;
      }
      applied += 1;
      if (text) this.made.set(key, text);
      else {
        this.made.delete(key);
        this.removed += 1;
      }
    }
    const bad = new Set(failed.map(({ key }) => key));
    const statuses = [...view.objects.values()]
      .filter((object) => object.kind === 'port' && keys.has(keyOf(object)) && !bad.has(keyOf(object)))
      .map(({ kind, id }) => ({ kind, id, position: view.position, status: 'ACTIVE' as const }));
    return { applied, drift: 0, statuses: [...statuses, ...this.extra], failed };
  }
}
