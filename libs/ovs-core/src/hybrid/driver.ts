/**
 * The port to the bridges of a node's instances: what can be observed, and the steps. Implemented by libs/ovs-driver. It knows nothing of the switch.
 */
import type { IpVersion, SavedTables } from '@plumbline/iptables';

/** A device of the node. `peer`: of a veth whose other end is here too, the name of that. */
export type FoundLink = Readonly<{ peer: string | null; master: string | null; up: boolean }>;

export type FoundFilter = Readonly<{
  /** Whether the kernel shows bridged packets to iptables (br_netfilter), by IP version. */
  bridged: Readonly<Record<IpVersion, boolean>>;
  /** Lines are `comparable` (rule-text.ts). */
  tables: Readonly<Record<IpVersion, SavedTables>>;
  /** Tables that cannot be read: mostly since somebody wrote into them with another tool. */
  unreadable: readonly Readonly<{ version: IpVersion; table: string }>[];
  /** Sets with names of ours; entries as ipset(8) prints them. */
  sets: ReadonlyMap<string, ReadonlySet<string>>;
  links: ReadonlyMap<string, FoundLink>;
}>;

type InTable = Readonly<{ version: IpVersion; table: string; chain: string }>;

export type FilterStep =
  /** The kernel shows bridged packets of this version to iptables. */
  | Readonly<{ op: 'show-bridged'; version: IpVersion }>
  /** The set is there, with these entries more and those fewer. */
  | Readonly<{ op: 'set'; name: string; version: IpVersion; add: readonly string[]; remove: readonly string[] }>
  | Readonly<{ op: 'drop-set'; name: string }>
  /** A chain that the kernel reaches by a jump, which is first in `hook`. `jumps`: jumps to it that are in the hook now; `declare`: the chain is not there. */
  | (InTable & Readonly<{ op: 'hang'; hook: string; jumps: number; declare: boolean }>)
  /** The chain has exactly these rules. */
  | (InTable & Readonly<{ op: 'chain'; lines: readonly string[] }>)
  | (InTable & Readonly<{ op: 'add-line' | 'drop-line'; line: string }>)
  /** Its rules go first, in the same commit; nothing may lead to it any more. */
  | (InTable & Readonly<{ op: 'drop-chain' }>);

export interface FilterDriver {
  /** Everything that bears our mark, and the devices. Changes nothing. Where a tool is missing, what it would show is not there. */
  observe(): Promise<FoundFilter>;
  /**
   * Makes these steps true. Those of one table and IP version are one commit: a packet sees the rules before it or after it. Repeating a step that was done is
   * success.
   */
  apply(steps: readonly FilterStep[]): Promise<void>;
}
