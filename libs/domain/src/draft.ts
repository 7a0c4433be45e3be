/**
 * Draft: the objects as they would be with what this command has decided so far. A command that makes several things (a bulk create, a router with its
 * gateway, a floating IP with its port) decides each against what the ones before it made; all of it becomes one `Decision`.
 *
 * A draft also keeps the decision's preconditions (`reads`, `none`), so that every change of a concurrent command that matters shows either in the version
 * of a stream that this command expects or in a claim (libs/topology/src/claims.ts lists the claims).
 */
import { AnyObject, keyOf, Kind, ObjectKey, PlumbEvent } from '@plumbline/contracts';
import { claimsOf, Decision, Future, type OfKind, Topology } from '@plumbline/topology';
import { groundsToSee } from './access.js';
import type { Context } from './context.js';

export class Draft {
  private readonly future: Future;
  private readonly read = new Set<ObjectKey>();
  private readonly none = new Set<string>();
  private readonly retaken = new Set<string>();
  private readonly beside = new Set<ObjectKey>();
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

  /** The object, if it exists and the actor may see it; the RBAC policy that allows this becomes a precondition. */
  visible<K extends Kind>(kind: K, id: string): OfKind<K> | undefined {
    const object: OfKind<K> | undefined = this.get(kind, id);
    const grounds = object && groundsToSee(this, this.context.actor, object);
    for (const key of grounds ?? []) if (key.startsWith('rbacpolicy/')) this.dependOn(key);
    return grounds ? object : undefined;
  }

  /** Objects of one kind by an index term of the topology (`network/<id>`, `host/<host>`, ...). */
  find<K extends Kind>(kind: K, term: string): OfKind<K>[] {
    return this.future.find(kind, term);
  }

  all<K extends Kind>(kind: K): OfKind<K>[] {
    return this.future.all(kind);
  }

  /** Makes this object (or its absence) a precondition: if it changes meanwhile, the command is decided again. */
  dependOn(key: ObjectKey): void {
    this.read.add(key);
  }

  /** Precondition: nothing is claimed under this prefix, except what the command releases itself. */
  expectNone(prefix: string): void {
    this.none.add(prefix);
  }

  /** Precondition: nothing is claimed under this prefix except by these objects, and these do not change. */
  expectOnly(prefix: string, holders: readonly AnyObject[]): void {
    this.none.add(prefix);
    for (const holder of holders) {
      this.dependOn(keyOf(holder));
      for (const claim of claimsOf(holder)) if (claim.startsWith(prefix)) this.retaken.add(claim);
    }
  }

  /** Names an object of this draft that was made beside the one that was asked for: no limit refuses it. */
  exempt(key: ObjectKey): void {
    this.beside.add(key);
  }

  /** True when this claim is held: in the log, by a command in flight of this process, or earlier in this draft. */
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
    const retake = this.retaken.size > 0 ? { retake: [...this.retaken] } : {};
    const exempt = this.beside.size > 0 ? { exempt: [...this.beside] } : {};
    return { events: future.events, reads: [...this.read], none: [...this.none], ...retake, ...exempt, future };
  }
}
