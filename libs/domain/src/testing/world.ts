/**
 * A log of libs/topology/src/testing that decisions are written to. Its commits check what the real one checks (claims taken, claims that must not be there)
 * and say so loudly, because in a single thread a decision must never be in conflict. Ids and random numbers are counted, not random, so that a failure repeats.
 */
import { AnyObject, EventType, Kind, KINDS, known, NODE_ROLES, Recorded } from '@plumbline/contracts';
import { claimsOf, prepare, type Prepared, Topology } from '@plumbline/topology';
import { id, metaOf, World as Log } from '@plumbline/topology/testing';
import { Actor, SYSTEM } from '../actor.js';
import type { Context, Decide } from '../context.js';
import { DomainError } from '../errors.js';
import { admitNode } from '../nodes/admission.js';
import type { SegmentPolicy } from '../networks/segments.js';

export const POLICY: SegmentPolicy = {
  vlanRanges: [{ physicalNetwork: 'physnet2', first: 100, last: 102 }],
  vniRange: { first: 1, last: 1000 },
};
const META = { ...metaOf(0), projectId: 'p' };

/** Hosts that a new world admits to everything. */
const HOSTS = ['net1', 'net2', 'net3', 'cmp1', 'cmp2', 'cmp3'];
const PHYSICAL_NETWORKS = ['physnet1', 'physnet2'];

export class World {
  private readonly world = new Log();
  readonly topology: Topology = this.world.topology;
  readonly log: readonly Recorded[] = this.world.log;
  private readonly claims = new Set<string>();
  private ids = 0;
  private seed = 1;

  private readonly context: Context = {
    newId: () => id((this.ids += 1)),
    randomInt: (below) => {
      this.seed = (this.seed * 48271) % 2147483647;
      return this.seed % below;
    },
    now: META.time,
    held: (claim) => this.claims.has(claim),
    actor: SYSTEM,
  };

  constructor(admitted: readonly string[] = HOSTS) {
    for (const host of admitted) this.admit(host);
  }

  /** By default to every role, and to the physical networks that worlds have. */
  admit(
    host: string,
    roles: readonly string[] = NODE_ROLES,
    physicalNetworks: readonly string[] = PHYSICAL_NETWORKS,
  ): void {
    this.do(admitNode({ host, roles, physicalNetworks, bridges: {} }));
  }

  /** Decides, checks and commits on behalf of somebody. */
  as<T>(actor: Actor, decide: Decide<T>): T {
    return this.do((topology, context) => decide(topology, { ...context, actor }));
  }

  /** Decides, checks and commits. Throws what the decision throws. */
  do<T>(decide: Decide<T>): T {
    const { result, prepared } = this.prepare(decide);
    const released = new Set(prepared.release);
    for (const prefix of prepared.none)
      for (const claim of this.claims)
        if (claim.startsWith(prefix) && !released.has(claim)) throw new Error(`${claim} is held under ${prefix}`);
    for (const claim of prepared.take)
      if (this.claims.has(claim) && !released.has(claim)) throw new Error(`${claim} is taken already`);
    for (const claim of released) this.claims.delete(claim);
    for (const claim of prepared.take) this.claims.add(claim);
    for (const { event } of prepared.events) this.world.append(event, META);
    return result;
  }

  /** Hosts that the command would tell if it were decided now, sorted. Stores nothing, so other commands can be done before the command itself is. */
  told(decide: Decide<unknown>): readonly string[] {
    return this.prepare(decide).prepared.hosts;
  }

  /** What the decision depends on: stream -> version it must have when it is stored. */
  expected(decide: Decide<unknown>): Prepared['expect'] {
    return this.prepare(decide).prepared.expect;
  }

  private prepare<T>(decide: Decide<T>): Readonly<{ result: T; prepared: Prepared }> {
    const { result, ...decision } = decide(this.topology, this.context);
    return { result, prepared: prepare(this.topology, decision, META) };
  }

  /** Types of the events the decision made. */
  eventsOf(decide: Decide<unknown>): EventType[] {
    const before = this.log.length;
    this.do(decide);
    return this.log.slice(before).map((recorded) => known(recorded.event)?.type as EventType);
  }

  /** Type and message of the refusal; fails when there is none, and when a refused command left something behind. */
  refusal(decide: Decide<unknown>): string {
    const before = this.log.length;
    try {
      this.do(decide);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (this.log.length !== before) throw new Error('a refused command was stored', { cause: error });
      return `${error.type}: ${error.message}`;
    }
    throw new Error('the command was not refused');
  }

  get<K extends Kind>(kind: K, id: string): Extract<AnyObject, { kind: K }> {
    const object = this.topology.get(kind, id);
    if (!object) throw new Error(`${kind} ${id} does not exist`);
    return object;
  }

  /** The claims held; equal to what the objects claim, or the log and its claims have come apart. */
  heldClaims(): string[] {
    const follow = KINDS.flatMap((kind) => this.topology.all(kind).flatMap((object) => claimsOf(object))).sort();
    const held = [...this.claims].sort();
    if (JSON.stringify(follow) !== JSON.stringify(held)) throw new Error('claims do not follow from the objects');
    return held;
  }
}
