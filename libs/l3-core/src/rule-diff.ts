/**
 * The smallest change that makes found rules into wanted ones. Nothing is written where the lines are the same; of a table only the chains that differ are;
 * where rules are only missing they are inserted one by one, because deleting rules costs the kernel a grace period (some 15 ms) and inserting does not. At the end of a
 * chain they are appended: for a place in the middle iptables reads the whole chain. Of a long chain a few rules are taken away one by one, too: written anew it costs as
 * much as there are rules in it. A table is committed whole or not at all.
 *
 * Road not taken: writing all chains at each change, as the reference does. It is simpler, slower, and clears the counters of rules that did not change.
 */
import { dialect } from './dialects/index.js';
import { isOurChain } from './marks.js';
import { linesOf } from './rule-lines.js';
import { Chain, Edit, Jump, SavedTables, Table, TableEdits, TableName } from './rule.js';

/** True for a line of a hook that leads into a chain of ours. */
export function isOurJump(line: string): boolean {
  const target = dialect.targetOf(line);
  return target !== null && isOurChain(target);
}

/** Edits table by table, in the order of `wanted`; none when found is wanted. Without `mayRemove` no rule or chain goes that is not replaced. */
export function editsFor(wanted: readonly Table[], found: SavedTables, mayRemove: boolean): TableEdits[] {
  return wanted.flatMap(({ table, jumps, chains }) => {
    const saved = found.get(table) ?? new Map<string, readonly string[]>();
    const declared: Edit[] = [];
    const edits: Edit[] = [];
    const anew = ({ name, rules }: Chain): void => {
      declared.push({ edit: 'declare', chain: name });
      edits.push(...rules.map((rule): Edit => ({ edit: 'append', rule })));
    };
    for (const chain of chains) {
      const have = saved.get(chain.name);
      if (have === undefined) {
        anew(chain);
        continue;
      }
      const few = insertions(chain, have) ?? (mayRemove ? exchanges(table, chain, have) : null);
      if (few) edits.push(...few);
      // A declared chain is emptied first; within the commit, so that no packet sees it empty.
      else if (mayRemove) anew(chain);
      else edits.push(...missingAmong(chain, have));
    }
    edits.push(...jumpEdits(jumps, saved));
    if (mayRemove) {
      const names = new Set(chains.map((chain) => chain.name));
      const gone = [...saved.keys()].filter((name) => isOurChain(name) && !names.has(name));
      declared.push(...gone.map((chain): Edit => ({ edit: 'declare', chain })));
      edits.push(...gone.map((chain): Edit => ({ edit: 'delete-chain', chain })));
    }
    return declared.length + edits.length === 0 ? [] : [{ table, edits: [...declared, ...edits] }];
  });
}

/** What to insert to make `have` into the chain; null when that takes more. */
function insertions(chain: Chain, have: readonly string[]): Edit[] | null {
  const lines = linesOf(chain);
  const inserts: Edit[] = [];
  let next = 0;
  for (const [index, rule] of chain.rules.entries()) {
    if (next < have.length && have[next] === lines[index]) next += 1;
    else inserts.push(next === have.length ? { edit: 'append', rule } : { edit: 'insert', rule, at: index + 1 });
  }
  return next === have.length ? inserts : null;
}

/** A chain of so many rules is written anew as fast as it is searched for one of them. */
const SHORT = 20;
const FEW = 8;

/** A few rules to take away, and what to insert then, to make `have` into a long chain; null when it takes more. Only lines that can be rules of ours are named to the kernel. */
function exchanges(table: TableName, chain: Chain, have: readonly string[]): Edit[] | null {
  if (have.length <= SHORT) return null;
  const wanted = new Set(linesOf(chain));
  const gone = have.filter((line) => !wanted.has(line));
  if (gone.length > FEW || gone.some((line) => !dialect.parse(table, chain.name, line))) return null;
  const inserts = insertions(
    chain,
    have.filter((line) => wanted.has(line)),
  );
  return inserts && [...gone.map((line): Edit => ({ edit: 'remove-line', hook: chain.name, line })), ...inserts];
}

/** Rules not among `have`, each behind the rule it follows in the chain; what a rule does counts, not which event it names. */
function missingAmong(chain: Chain, have: readonly string[]): Edit[] {
  const now = have.map(dialect.effectOf);
  const lines = linesOf(chain);
  const inserts: Edit[] = [];
  let behind = 0;
  for (const [index, rule] of chain.rules.entries()) {
    const effect = dialect.effectOf(lines[index] ?? '');
    const at = now.indexOf(effect);
    if (at >= 0) behind = at + 1;
    else {
      now.splice(behind, 0, effect);
      behind += 1;
      inserts.push({ edit: 'insert', rule, at: behind });
    }
  }
  return inserts;
}

/** Our jumps from a hook, others' rules left as they are. If ours differ, in text or order, all of ours are hung anew in the one commit. */
function jumpEdits(jumps: readonly Jump[], saved: ReadonlyMap<string, readonly string[]>): Edit[] {
  const hooks = new Set([
    ...jumps.map(({ rule }) => rule.chain),
    ...[...saved.keys()].filter((name) => !isOurChain(name)),
  ]);
  return [...hooks].flatMap((hook): Edit[] => {
    const want = jumps.filter(({ rule }) => rule.chain === hook);
    const have = (saved.get(hook) ?? []).filter(isOurJump);
    if (have.length === want.length && want.every(({ rule }, index) => dialect.lineOf(rule) === have[index])) return [];
    const first = want.filter((jump) => jump.place === 'first');
    const last = want.filter((jump) => jump.place === 'last');
    return [
      ...have.map((line): Edit => ({ edit: 'remove-line', hook, line })),
      ...first.map(({ rule }, index): Edit => ({ edit: 'insert', rule, at: index + 1 })),
      ...last.map(({ rule }): Edit => ({ edit: 'append', rule })),
    ];
  });
}
