/**
 * Between rules as data and the lines of a node. A look at a router that is as it should be parses nothing: a found line that is the line of the wanted rule is that
 * rule. Only lines that differ are parsed.
 */
import { dialect } from './dialects/index.js';
import { isOurChain } from './marks.js';
import { Chain, RuleBody, SavedTables, Table, TableEdits } from './rule.js';
import { RouterState } from './state.js';

const written = new WeakMap<Chain, readonly string[]>();

/** The lines of a chain, in its order. Written once a chain. */
export function linesOf(chain: Chain): readonly string[] {
  let lines = written.get(chain);
  if (!lines) written.set(chain, (lines = chain.rules.map(dialect.lineOf)));
  return lines;
}

/** What a node shows when these tables are applied and nobody else wrote rules. */
export function savedFrom(tables: readonly Table[]): SavedTables {
  return new Map(
    tables.map(({ table, jumps, chains }) => {
      const saved = new Map<string, readonly string[]>();
      for (const { rule } of jumps) saved.set(rule.chain, [...(saved.get(rule.chain) ?? []), dialect.lineOf(rule)]);
      for (const chain of chains) saved.set(chain.name, linesOf(chain));
      return [table, saved];
    }),
  );
}

/**
 * The rules found in our chains of a table, in the order of each chain. Lines that cannot be rules of ours are left out: they are nothing that the caller looks for, and
 * differ from all that is wanted. `wanted` saves time and changes nothing.
 */
export function rulesIn(found: SavedTables, table: string, wanted: readonly Table[] = []): RuleBody[] {
  const chains = new Map(wanted.find((each) => each.table === table)?.chains.map((chain) => [chain.name, chain]));
  const rules: RuleBody[] = [];
  for (const [name, lines] of found.get(table) ?? []) {
    if (!isOurChain(name)) continue;
    const chain = chains.get(name);
    const want = chain ? linesOf(chain) : [];
    let next = 0;
    // Where a rule is missing or too much, those behind it are in other places, in the same order.
    let places: Map<string, number> | null = null;
    for (const line of lines) {
      let place: number | undefined = next;
      if (want[next] !== line) place = (places ??= new Map(want.map((each, at) => [each, at]))).get(line);
      if (place !== undefined) next = place + 1;
      const rule = (place !== undefined && chain?.rules[place]) || dialect.parse(table, name, line);
      if (rule) rules.push(rule);
    }
  }
  return rules;
}

/** Whether our chains of a table are on the node as they are wanted, and no others of ours: what their rules mean is known then. */
export function areAsWanted(found: SavedTables, table: string, wanted: readonly Table[]): boolean {
  const chains = wanted.find((each) => each.table === table)?.chains ?? [];
  const there = found.get(table) ?? new Map<string, readonly string[]>();
  const isSame = (chain: Chain): boolean => {
    const [lines, have] = [linesOf(chain), there.get(chain.name)];
    return have?.length === lines.length && lines.every((line, at) => line === have[at]);
  };
  return [...there.keys()].filter(isOurChain).length === chains.length && chains.every(isSame);
}

/** What a node shows after these edits if it showed `saved` before. Chains that they do not name are the same lists. */
export function editedBy(saved: SavedTables, edits: readonly TableEdits[]): SavedTables {
  const tables = new Map(saved);
  for (const { table, edits: all } of edits) {
    const chains = new Map(saved.get(table));
    const own = new Set<string>();
    const linesIn = (chain: string): string[] => {
      const lines = own.has(chain) ? (chains.get(chain) as string[]) : [...(chains.get(chain) ?? [])];
      own.add(chain);
      chains.set(chain, lines);
      return lines;
    };
    const without = (chain: string, line: string): void => {
      const lines = linesIn(chain);
      const at = lines.indexOf(line);
      if (at >= 0) lines.splice(at, 1);
    };
    for (const edit of all)
      switch (edit.edit) {
        case 'declare':
          chains.set(edit.chain, []);
          own.add(edit.chain);
          break;
        case 'append':
          linesIn(edit.rule.chain).push(dialect.lineOf(edit.rule));
          break;
        case 'insert':
          linesIn(edit.rule.chain).splice(edit.at - 1, 0, dialect.lineOf(edit.rule));
          break;
        case 'remove':
          without(edit.rule.chain, dialect.lineOf(edit.rule));
          break;
        case 'remove-line':
          without(edit.hook, edit.line);
          break;
        case 'delete-chain':
          chains.delete(edit.chain);
      }
    tables.set(table, chains);
  }
  return tables;
}

/** Equal for states that are the same on a node, and for no others. */
export const stateText = (state: RouterState): string =>
  JSON.stringify({
    ...state,
    rules4: [...savedFrom(state.rules4)].map(([table, chains]) => [table, ...chains]),
    rules6: [...savedFrom(state.rules6)].map(([table, chains]) => [table, ...chains]),
  });
