/** The way of one packet that is thought of through chains as SAVE printed them: from line to line, into chains and back. What a line does is for the caller to say. */

/** `on`: to the next line. `chain`: into that one; when that ends nothing, back behind the line (`-j`), or for `-g` behind the line that led here. */
export type Leads = 'accept' | 'drop' | 'return' | 'on' | Readonly<{ chain: string; comesBack: boolean }>;
export type Chains = ReadonlyMap<string, readonly string[]>;

/** Null: no line ended it, so what comes next is the policy of the hook. The kernel takes no chains that lead in a circle. */
export function walkChain(
  chains: Chains,
  chain: string,
  lineLeads: (chain: string, line: string) => Leads,
): 'accept' | 'drop' | null {
  for (const line of chains.get(chain) ?? []) {
    const leads = lineLeads(chain, line);
    if (leads === 'on') continue;
    if (leads === 'return') return null;
    if (leads === 'accept' || leads === 'drop') return leads;
    const verdict = walkChain(chains, leads.chain, lineLeads);
    if (verdict !== null || !leads.comesBack) return verdict;
  }
  return null;
}

export type Target = Readonly<{ name: string; options: string; comesBack: boolean }>;

/** What a line does with packets that it matches: a target of iptables, with its options, or a chain; null: nothing, it only counts. */
export function actionOf(line: string): Target | null {
  const [, how, name, options = ''] = /(?:^| )-([jg]) (\S+)(?: (.*))?$/.exec(withoutComment(line)) ?? [];
  return name === undefined ? null : { name, options, comesBack: how === 'j' };
}

/** A comment may say anything, also what looks like options. */
const withoutComment = (line: string): string => line.replace(/-m comment --comment (?:"(?:[^"\\]|\\.)*"|\S+) ?/g, '');
