/**
 * Draft: the objects as they would be with what this command has decided so far. A command that makes several things (a bulk create, a router with its
 * gateway, a floating IP with its port) decides each against what the ones before it made; all of it becomes one `Decision`.
 *
 * A draft also keeps what the decision stands on (`reads`, `none`), so that whatever a concurrent command may change in between is either in the version
 * of a stream that this command expects or in a claim: libs/topology/src/claims.ts lists the claims.
 */
import { AnyObject, keyOf, Kind, ObjectKey, PlumbEvent } from '@plumbline/contracts';
import { claimsOf, Decision, Future, type OfKind, Topology } from '@plumbline/topology';
import { groundsToSee } from './access.js';
import type { Context } from './context.js';

export class Draft {
  private readonly future: Future;
  private readonly read = new Set<ObjectKey>();
  private readonly none = new Set<string>();
  private readonly renewed = new Set<string>();
  private readonly taken = new Set<string>();
  private readonly released = new Set<string>();

  constructor(
    topology: Topology,
    readonly context: Context,
  ) {
    this.future = new Future(topology, context.now);
  }

  get<K extends Kind>(kind: K, id: string): OfKind<K> | undefined {
    return this.future.get(kind, id);
  }

  /** The object, if it is there and the actor sees it; the decision then stands on what lets it see it. */
  visible<K extends Kind>(kind: K, id: string): OfKind<K> | undefined {
    const object: OfKind<K> | undefined = this.get(kind, id);
    const grounds = object && groundsToSee(this, this.context.actor, object);
    for (const key of grounds ?? []) if (key.startsWith('rbacpolicy/')) this.standOn(key);
    return grounds ? object : undefined;
  }

  /** Objects of one kind by an index term of the topology (`network/<id>`, `host/<host>`, ...). */
  find<K extends Kind>(kind: K, term: string): OfKind<K>[] {
    return this.future.find(kind, term);
  }

  all<K extends Kind>(kind: K): OfKind<K>[] {
    return this.future.all(kind);
  }

  /** The decision stands on this object (or on its absence): when it changes meanwhile, all is decided again. */
  standOn(key: ObjectKey): void {
    this.read.add(key);
  }

  /** Nothing may be claimed under this prefix when the command is stored, beside what it releases itself. */
  expectNone(prefix: string): void {
    this.none.add(prefix);
  }

  /** Nothing may be claimed under this prefix when the command is stored, but by these objects, which must stay as they are until then. */
  expectOnly(prefix: string, holders: readonly AnyObject[]): void {
    this.none.add(prefix);
    for (const holder of holders) {
      this.standOn(keyOf(holder));
      for (const claim of claimsOf(holder)) if (claim.startsWith(prefix)) this.renewed.add(claim);
    }
  }

  /** True when nobody may take this claim: held in the log, on its way in this process, or taken earlier in this draft. */
  held(claim: string): boolean {
    if (this.taken.has(claim)) return true;
    return !this.released.has(claim) && this.context.held(claim);
  }

  record(event: PlumbEvent): void {
    const { before, after } = this.future.record(event);
    for (const claim of claimsOf(before)) {
      if (!this.taken.delete(claim)) this.released.add(claim);
    }
    for (const claim of claimsOf(after)) {
      if (!this.released.delete(claim)) this.taken.add(claim);
    }
  }

  /** Every object this draft changed, as it was and as it would be. */
  changes(): ReturnType<Future['changes']> {
    return this.future.changes();
  }

  decision(): Decision {
    const { future } = this;
    const renew = this.renewed.size > 0 ? { renew: [...this.renewed] } : {};
    return { events: future.events, reads: [...this.read], none: [...this.none], ...renew, future };
  }
}
