/** What a walk (walk.ts) has found so far: its hops, and where it ends. */
import {
  keyOf,
  type Network,
  type ObjectKey,
  type Port,
  type Router,
  type TracedConnection,
  type TracedPacket,
} from '@plumbline/contracts';
import type { Objects } from '../doctor/subject.js';
import { type Hop, type HopKind, packetTold, type Verdict } from './told.js';

/** What the way there leaves behind for the way back. */
export type Passed = Readonly<{
  /** By network: the packet as it was there. */
  opened: Map<string, TracedPacket>;
  /** By router. */
  connections: Map<string, TracedConnection>;
}>;

export type Begin =
  | Readonly<{ at: 'port'; port: Port }>
  | Readonly<{ at: 'outside'; network: Network }>
  | Readonly<{ at: 'router'; router: Router }>;
export type Ended = Readonly<{
  verdict: Verdict;
  reason: string;
  why: string;
  object: ObjectKey | null;
  /** Who can answer; null: nobody. */
  at: Begin | null;
}>;

export const nameOf = (object: Readonly<{ id: string; name: string }>): string => object.name || object.id;

export class Trail {
  readonly hops: Hop[] = [];
  /** True: a part of it is not what a node said. */
  byLog = false;

  /** `answers`: this is the way back. `unknown` gets a sentence for each thing that is not known. */
  constructor(
    readonly objects: Objects,
    readonly passed: Passed,
    readonly answers: boolean,
    readonly unknown: Set<string>,
  ) {}

  hop(
    kind: HopKind,
    host: string | null,
    packet: TracedPacket,
    what: string,
    { position, ...more }: Partial<Omit<Hop, 'position'>> & Readonly<{ position?: number | null | undefined }> = {},
  ): void {
    this.hops.push({
      ...{ kind, host: host === '' ? null : host, place: '', what, of: null, packet: packetTold(packet), before: null },
      ...{ vni: null, vlan: null, object: null, position: position ?? null },
      ...more,
    });
  }

  arrives(why: string, object: Port | Router | Network, at: Begin): Ended {
    return { verdict: 'arrives', reason: 'arrives', why, object: keyOf(object), at };
  }

  dropped({ reason, why }: Readonly<{ reason: string; why: string }>, object: Port | Router | Network): Ended {
    return { verdict: 'dropped', reason, why, object: keyOf(object), at: null };
  }

  silent(host: string): void {
    this.byLog = true;
    this.unknown.add(`${host} did not answer: its part is from the log only`);
  }
}
