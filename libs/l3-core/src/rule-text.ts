/**
 * Found and wanted rules as text: reading what iptables-save prints, and the smallest input for `iptables-restore --noflush` that makes found into
 * wanted. Nothing is written where the text is the same; of a table only the chains that differ are; where rules are only missing they are inserted one
 * by one, because deleting rules costs the kernel a grace period (some 15 ms) and inserting does not. A table is committed whole or not at all.
 *
 * Road not taken: writing all chains at each change, as the reference does. It is simpler, slower, and clears the counters of rules that did not change.
 */
import { isOurChain, withoutComment } from './marks.js';
import { Jump, SavedTables, Table } from './state.js';

/** Reads iptables-save's output. Counters, policies and comments lines are left out. */
export function parseSaved(text: string): SavedTables {
  const tables = new Map<string, Map<string, string[]>>();
  let chains = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) tables.set(line.slice(1), (chains = new Map()));
    else if (line.startsWith(':')) chains.set(line.slice(1, line.indexOf(' ')), []);
    else if (line.startsWith('-A ')) {
      const end = line.indexOf(' ', 3);
      chains.get(line.slice(3, end))?.push(line.slice(end + 1));
    }
  }
  return tables;
}

/** The same shape from wanted tables: what a node shows when they are all applied and nobody else wrote rules. */
export function savedFrom(tables: readonly Table[]): SavedTables {
  return new Map(
    tables.map(({ table, jumps, chains }) => {
      const saved = new Map<string, string[]>();
      for (const { hook, rule } of jumps) saved.set(hook, [...(saved.get(hook) ?? []), rule]);
      for (const { name, rules } of chains) saved.set(name, [...rules]);
      return [table, saved];
    }),
  );
}

/** True for a rule of a built-in chain that leads into a chain of ours. */
export function isOurJump(rule: string): boolean {
  const target = /(?:^| )-[jg] (\S+)$/.exec(rule)?.[1];
  return target !== undefined && isOurChain(target);
}

/** Input lines for `iptables-restore --noflush`; none when found is wanted. Without `mayRemove` no rule or chain goes that is not replaced. */
export function restoreLines(wanted: readonly Table[], found: SavedTables, mayRemove: boolean): string[] {
  return wanted.flatMap(({ table, jumps, chains }) => {
    const saved = found.get(table) ?? new Map<string, readonly string[]>();
    const declared: string[] = [];
    const lines: string[] = [];
    for (const { name, rules } of chains) {
      const have = saved.get(name);
      if (have === undefined) {
        declared.push(`:${name} - [0:0]`);
        lines.push(...rules.map((rule) => `-A ${name} ${rule}`));
        continue;
      }
      const inserts = insertions(rules, have, (rule) => rule);
      if (inserts) lines.push(...inserts.map(({ at, rule }) => `-I ${name} ${at} ${rule}`));
      else if (mayRemove) {
        // A declared chain is emptied first; within the commit, so that no packet sees it empty.
        declared.push(`:${name} - [0:0]`);
        lines.push(...rules.map((rule) => `-A ${name} ${rule}`));
      } else {
        const missing = missingAmong(rules, have);
        lines.push(...missing.map(({ at, rule }) => `-I ${name} ${at} ${rule}`));
      }
    }
    lines.push(...jumpLines(jumps, saved));
    if (mayRemove) {
      const names = new Set(chains.map((chain) => chain.name));
      const gone = [...saved.keys()].filter((name) => isOurChain(name) && !names.has(name));
      declared.push(...gone.map((name) => `:${name} - [0:0]`));
      lines.push(...gone.map((name) => `-X ${name}`));
    }
    return declared.length + lines.length === 0 ? [] : [`*${table}`, ...declared, ...lines, 'COMMIT'];
  });
}

type Insertion = { readonly at: number; readonly rule: string };

/** What to insert, and where (counted from 1, after the insertions before it), to make `have` into `want`; null when that takes more. */
function insertions(
  want: readonly string[],
  have: readonly string[],
  by: (rule: string) => string,
): Insertion[] | null {
  const inserts: Insertion[] = [];
  let next = 0;
  for (const [index, rule] of want.entries()) {
    if (next < have.length && by(have[next] ?? '') === by(rule)) next += 1;
    else inserts.push({ at: index + 1, rule });
  }
  return next === have.length ? inserts : null;
}

/** Rules not among `have`, each behind the rule it follows in `want`; what a rule does counts, not which event it names. */
function missingAmong(want: readonly string[], have: readonly string[]): Insertion[] {
  const now = have.map(withoutComment);
  const inserts: Insertion[] = [];
  let behind = 0;
  for (const rule of want) {
    const at = now.indexOf(withoutComment(rule));
    if (at >= 0) behind = at + 1;
    else {
      now.splice(behind, 0, withoutComment(rule));
      behind += 1;
      inserts.push({ at: behind, rule });
    }
  }
  return inserts;
}

/** Our jumps in a built-in chain, others' rules left as they are. If ours differ, in text or order, all of ours are hung anew in the one commit. */
function jumpLines(jumps: readonly Jump[], saved: ReadonlyMap<string, readonly string[]>): string[] {
  const hooks = new Set([...jumps.map((jump) => jump.hook), ...[...saved.keys()].filter((name) => !isOurChain(name))]);
  return [...hooks].flatMap((hook) => {
    const want = jumps.filter((jump) => jump.hook === hook);
    const have = (saved.get(hook) ?? []).filter(isOurJump);
    if (have.length === want.length && want.every((jump, index) => jump.rule === have[index])) return [];
    const first = want.filter((jump) => jump.place === 'first');
    const last = want.filter((jump) => jump.place === 'last');
    return [
      ...have.map((rule) => `-D ${hook} ${rule}`),
      ...first.map(({ rule }, index) => `-I ${hook} ${index + 1} ${rule}`),
      ...last.map(({ rule }) => `-A ${hook} ${rule}`),
    ];
  });
}
