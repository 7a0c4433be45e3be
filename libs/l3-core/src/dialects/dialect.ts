/**
 * What differs between one packet filter's language and another's: how rules are written, how they are read back, and by which commands. No code outside this
 * folder knows it. A dialect is one file that implements this type, and its spec; index.ts says which one nodes use.
 */
import { RuleBody, SavedTables, TableEdits, TableName } from '../rule.js';

export type Dialect = Readonly<{
  /** Prints all tables of an IP version in the network namespace that it runs in. Changes nothing. */
  save: Readonly<Record<4 | 6, readonly string[]>>;
  /** Takes the lines of `inputOf` and applies each table whole or not at all; what they do not name stays. */
  restore: Readonly<Record<4 | 6, readonly string[]>>;
  /** What `save` printed, chain by chain. Counters and policies are left out. */
  tablesIn(saved: string): SavedTables;
  /** Tables that are there and that `save` cannot print: somebody wrote rules into them by another tool. What is in them is not known. */
  unreadableIn(saved: string): TableName[];
  /** For whoever looks after the node: how to see and take away what makes a table of this namespace unreadable. */
  mendingOf(netns: string, version: 4 | 6, table: TableName): string;
  /** The rule as `save` prints it, but for its chain. The same rule is the same line, whatever the order of its matches. */
  lineOf(rule: RuleBody): string;
  /** The reverse: `parse(table, chain, lineOf(rule))` is the rule. Null for a line that cannot be a rule of ours. */
  parse(table: string, chain: string, line: string): RuleBody | null;
  /** A line without the position in it: equal for rules that do the same. */
  effectOf(line: string): string;
  /** The chain that a line jumps to, whether the rule is ours or not; null when it does not jump. */
  targetOf(line: string): string | null;
  /** What `restore` reads; no lines for no edits. */
  inputOf(edits: readonly TableEdits[]): string[];
}>;
