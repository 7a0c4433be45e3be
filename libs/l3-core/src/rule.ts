/**
 * A firewall or NAT rule as data: what it matches, what it does, its owner (an API object) and the position of its event. Everything that decides (plan,
 * status, endings, forwardings) looks at this. How a rule is written and read on a node is a dialect's own (dialects/).
 *
 * The unions hold what we render and no more: a kind of match or action that is new is added here, and the compiler then names every dialect that lacks it.
 * Road not taken: rules as text lines. In the end lines are compared, but all code that had to know the meaning of a rule parsed the line again, each in its own way.
 */
import { ObjectKey, PortForwarding, PortRange } from '@plumbline/contracts';

/** A rule found is a line of the dialect: it is compared with the line of a wanted rule and parsed only where they differ. */
export type { SavedTables } from '@plumbline/iptables';

export type TableName = 'mangle' | 'raw' | 'filter' | 'nat';
/** Where the kernel calls a table: the chains that are there without us. */
export type Hook = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';
export type Protocol = PortForwarding['protocol'];
/** Bits of a packet's or connection's mark: those of `mask` are compared or written, the others are left alone. */
export type Mark = Readonly<{ value: number; mask: number }>;

/** A rule applies to a packet that all of its matches hold for; to every packet when it has none. `not` reverses a match. */
export type Match =
  /** One address, of either family. */
  | Readonly<{ on: 'source' | 'destination'; address: string }>
  /** `device`: one, or those that begin as this does before a `+` at the end. */
  | Readonly<{ on: 'input' | 'output'; device: string; not: boolean }>
  /** `ports`: of the destination, both ends included; null: all of the protocol. */
  | Readonly<{ on: 'protocol'; protocol: Protocol; ports: PortRange | null }>
  | Readonly<{ on: 'packet-mark' | 'connection-mark'; mark: Mark; not: boolean }>
  /** DNAT: the destination of this connection's first packet was translated. */
  | Readonly<{ on: 'connection-state'; state: 'DNAT'; not: boolean }>;

export type Action =
  /** `reset`: TCP is answered with a reset; of nothing else. */
  | Readonly<{ do: 'accept' | 'drop' | 'reset' }>
  | Readonly<{ do: 'jump'; chain: string }>
  /**
   * To this address. `ports` null: the packet keeps its port. `base`: the port of the matched range that is translated to the first of `ports`, and so on, one to
   * one; null where `ports` is a single one.
   */
  | Readonly<{ do: 'dnat'; to: string; ports: PortRange | null; base: number | null }>
  /** To this port of the router itself, at the address of the interface that the packet came in by. */
  | Readonly<{ do: 'redirect'; port: number }>
  /** From this address, and from a port that is chosen at random, so that two connections begun at once do not choose the same. */
  | Readonly<{ do: 'snat'; to: string }>
  | Readonly<{ do: 'set-mark'; mark: Mark }>
  /** From the packet's mark to the connection's, or back: these bits. */
  | Readonly<{ do: 'save-mark' | 'restore-mark'; mask: number }>
  /** Nothing happens to the packet: the rule is a note that connections must still be ended (endings.ts). `answeredBy` null: all of the address. */
  | Readonly<{ do: 'note-ending'; answeredBy: string | null }>;

/** `position`: of the event that last set what the rule says; null for a note, which no event set, and for what somebody else wrote. */
export type RuleBody = Readonly<{
  table: TableName;
  chain: string;
  match: readonly Match[];
  action: Action;
  position: number | null;
}>;

/** A wanted rule. `owner`: the API object that it exists for. The owner is not written on the node: a found rule has the owner of the equal wanted rule. */
export type Rule = RuleBody & Readonly<{ owner: ObjectKey }>;

/** A rule that is not in a chain yet. */
export type Draft = Pick<Rule, 'match' | 'action' | 'owner' | 'position'>;
/** Owner and position of a rule. */
export type Origin = Pick<Rule, 'owner' | 'position'>;
export const rule = ({ owner, position }: Origin, match: readonly Match[], action: Action): Draft => ({
  match,
  action,
  owner,
  position,
});
export const jump = (origin: Origin, chain: string): Draft => rule(origin, [], { do: 'jump', chain });

/** A chain of ours, all rules of it in order. */
export type Chain = Readonly<{ name: string; rules: readonly Rule[] }>;
/** A jump from a hook (the rule's `chain`) to a chain of ours, before or after what others have there. */
export type Jump = Readonly<{ rule: Rule; place: 'first' | 'last' }>;
export type Table = Readonly<{ table: TableName; jumps: readonly Jump[]; chains: readonly Chain[] }>;

/** One change of a table. */
export type Edit =
  /** The chain is made or, when it is there, emptied. */
  | Readonly<{ edit: 'declare'; chain: string }>
  | Readonly<{ edit: 'append'; rule: Rule }>
  /** `at`: counted from 1, after the edits before it. */
  | Readonly<{ edit: 'insert'; rule: Rule; at: number }>
  | Readonly<{ edit: 'remove'; rule: Rule }>
  /** A rule of a hook, as it was found. */
  | Readonly<{ edit: 'remove-line'; hook: string; line: string }>
  | Readonly<{ edit: 'delete-chain'; chain: string }>;

/** Made true whole or not at all; no packet sees a part of it. Declarations come first. */
export type TableEdits = Readonly<{ table: TableName; edits: readonly Edit[] }>;

/** The rules that edits write or remove, including those that they write again. */
export const rulesOf = (edits: readonly TableEdits[]): Rule[] =>
  edits.flatMap(({ edits: all }) => all.flatMap((each) => ('rule' in each ? [each.rule] : [])));
