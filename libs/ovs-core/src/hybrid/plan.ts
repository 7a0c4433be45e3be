/**
 * What separates the bridges' rules from what is wanted, as tasks of the engine. Three parts, for two reasons: nothing may pass while the rules are not whole, and
 * nothing may pass when they are gone. So what is added comes before the switch wires a port, and what goes after the switch has cut it off.
 *
 *   kernel, sets, rules     add and change            sweep, sweep-sets     chains, lines and sets that nobody wants
 *
 * Without `mayRemove` the view may be old: rules in force stay as they are, and so do sets; what is not there is made.
 */
import type { IpVersion, SavedTables } from '@plumbline/iptables';
import { mendingOf, targetOf } from '@plumbline/iptables';
import type { Plan, Refusal, Stage, Task } from '@plumbline/reconcile';
import type { FilterStep, FoundFilter } from './driver.js';
import { isOurChain } from './names.js';
import { BASE_OWNER, type FilterWant, HOOKS, neededHooks, VERSIONS } from './wanted.js';

type Hooks = ReturnType<typeof neededHooks>;

/** All bridges are looked at as one. */
export const UNIT = 'bridges';
/** What nobody wants. */
export const REST_OWNER = 'rest of the bridges';

export const ADDING: readonly Stage[] = ['kernel', 'sets', 'rules'].map((name) => ({ name, batch: 'all' }));
export const SWEEPING: readonly Stage[] = ['sweep', 'sweep-sets'].map((name) => ({ name, batch: 'all' }));

const task = (stage: string, owner: string, step: FilterStep, needs: readonly string[] = []): Task<FilterStep> => ({
  ...{ stage, unit: UNIT, owner, step, needs },
  ...(stage.startsWith('sweep') && { removes: true }),
});

const EMPTY: readonly string[] = [];
const linesIn = (tables: SavedTables, table: string, chain: string): readonly string[] | undefined =>
  tables.get(table)?.get(chain);

/** `isFrozen`: nothing of this owner is changed. */
export function planAdding(
  want: FilterWant,
  found: FoundFilter,
  options: Readonly<{ mayRemove: boolean; isFrozen: (owner: string) => boolean }>,
): Plan<FilterStep> {
  const hooks = neededHooks(want);
  const refused = cannot(found, hooks);
  if (refused.length > 0) return { tasks: [], refused };
  const { mayRemove, isFrozen } = options;
  const tasks: Task<FilterStep>[] = [];
  for (const version of VERSIONS)
    if (!found.bridged[version]) tasks.push(task('kernel', BASE_OWNER, { op: 'show-bridged', version }));
  for (const { name, version, entries, owner } of want.sets) {
    const have = found.sets.get(name);
    if (have && !mayRemove) continue;
    const add = [...entries].filter((entry) => !have?.has(entry)).sort();
    const remove = [...(have ?? [])].filter((entry) => !entries.has(entry)).sort();
    if (!have || add.length + remove.length > 0)
      tasks.push(task('sets', owner, { op: 'set', name, version, add, remove }));
  }
  for (const version of VERSIONS) tasks.push(...hanging(version, found.tables[version], hooks));
  for (const { version, table, chain, lines, owner, needs } of want.chains) {
    const have = linesIn(found.tables[version], table, chain);
    if (have && (!mayRemove || sameLines(have, lines))) continue;
    if (!isFrozen(owner)) tasks.push(task('rules', owner, { op: 'chain', version, table, chain, lines }, needs));
  }
  const shared = new Map(VERSIONS.map((version) => [version, sharedLines(found.tables[version])]));
  for (const { version, table, chain, line, owner, needs } of want.lines) {
    const have = shared.get(version)?.get(`${table} ${chain} ${matchOf(line)}`) ?? EMPTY;
    if (have.includes(line) || (have.length > 0 && !mayRemove) || isFrozen(owner)) continue;
    tasks.push(task('rules', owner, { op: 'add-line', version, table, chain, line }, needs));
    for (const each of have) tasks.push(task('rules', owner, { op: 'drop-line', version, table, chain, line: each }));
  }
  return { tasks, refused: [] };
}

/** What nobody wants, the view being up to date. `base`: our chains are to stay where the kernel reaches them. */
export function planSweeping(want: FilterWant, found: FoundFilter, base: boolean): Plan<FilterStep> {
  const tasks: Task<FilterStep>[] = [];
  const sweep = (step: FilterStep, stage = 'sweep'): void => void tasks.push(task(stage, REST_OWNER, step));
  const sets = new Set(want.sets.map(({ name }) => name));
  const needed = base ? neededHooks(want) : [];
  for (const version of VERSIONS) {
    const tables = found.tables[version];
    const chains = new Set(want.chains.filter((each) => each.version === version).map(({ chain }) => chain));
    for (const { table, hook, chain } of HOOKS) {
      const wanted = new Set(
        want.lines
          .filter((each) => each.version === version && each.table === table && each.chain === chain)
          .map(({ line }) => line),
      );
      const stays = needed.some((each) => each.chain === chain);
      if (stays) chains.add(chain);
      for (const line of linesIn(tables, table, stays ? chain : hook) ?? EMPTY)
        if (stays ? !wanted.delete(line) : targetOf(line) === chain)
          sweep({ op: 'drop-line', version, table, chain: stays ? chain : hook, line });
    }
    for (const [table, all] of tables)
      for (const chain of all.keys())
        if (isOurChain(chain) && !chains.has(chain)) sweep({ op: 'drop-chain', version, table, chain });
  }
  for (const name of found.sets.keys()) if (!sets.has(name)) sweep({ op: 'drop-set', name }, 'sweep-sets');
  return { tasks, refused: [] };
}

/** Whether anything on the node is ours. */
export const hasOurs = (found: FoundFilter): boolean =>
  found.sets.size > 0 ||
  VERSIONS.some((version) => [...found.tables[version].values()].some((all) => [...all.keys()].some(isOurChain)));

/** Our jump comes first: what another program accepted before it would never be judged. */
function hanging(version: IpVersion, tables: SavedTables, hooks: Hooks): Task<FilterStep>[] {
  return hooks.flatMap(({ table, hook, chain }) => {
    const lines = linesIn(tables, table, hook) ?? EMPTY;
    const jumps = lines.filter((each) => each === `-j ${chain}`).length;
    const declare = linesIn(tables, table, chain) === undefined;
    if (!declare && jumps === 1 && lines[0] === `-j ${chain}`) return [];
    return task('rules', BASE_OWNER, { op: 'hang', version, table, hook, chain, jumps, declare });
  });
}

/** Why nothing can be judged on bridges of this node, in words. */
function cannot({ unreadable }: FoundFilter, hooks: Hooks): Refusal[] {
  const [first] = unreadable.filter(({ table }) => hooks.some((each) => each.table === table));
  if (!first) return [];
  const tool = first.version === 4 ? 'iptables-save' : 'ip6tables-save';
  const reason = `${tool} cannot show table ${first.table}, mostly since another tool (nft) wrote rules into it: an operator must ${mendingOf('', first.version, first.table)}`;
  return [{ unit: UNIT, owner: BASE_OWNER, reason }];
}

/** The lines of the chains that all ports share, by chain and by what they are for. */
function sharedLines(tables: SavedTables): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { table, chain } of HOOKS)
    for (const line of linesIn(tables, table, chain) ?? EMPTY) {
      const key = `${table} ${chain} ${matchOf(line)}`;
      const known = found.get(key);
      if (known) known.push(line);
      else found.set(key, [line]);
    }
  return found;
}

/** What a shared line is for: the bridge of a port. */
const matchOf = (line: string): string => /^-i \S+/.exec(line)?.[0] ?? line;

const sameLines = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((line, at) => line === b[at]);
