/**
 * Connections that still have to be ended, noted on the node itself. The commit that removes or changes the rule which made them also writes the note. The note is
 * removed when they have been ended, so nothing is lost if the agent dies in between. Each note is a rule behind all others of its chain; it has no effect on
 * packets, and a process without memory finds it.
 *
 * An address that is being removed needs no note: an address without its rule means the same (plan.ts).
 */
import { ObjectKey } from '@plumbline/contracts';
import { Taken, takenBy, takenMatch, takenText } from './forwardings.js';
import { ownChain } from './marks.js';
import { Rule, RuleBody, Table, TableEdits } from './rule.js';

/** All connections of an address; with `forwarded` those that came in by a forwarding and were answered by `answeredBy`. */
export type Ending = Readonly<{ address: string; forwarded: (Taken & Readonly<{ answeredBy: string }>) | null }>;

/** Chain of the nat table that translates outside addresses to inside ones. */
export const INWARD = ownChain('PREROUTING');

/** The address of a rule that matches a destination and nothing else. */
function onlyDestination({ match }: RuleBody): string | null {
  const [to] = match;
  return match.length === 1 && to?.on === 'destination' ? to.address : null;
}
const isInward = ({ table, chain }: RuleBody): boolean => table === 'nat' && chain === INWARD;

const noteOf = ({ address, forwarded }: Ending, owner: ObjectKey): Rule => ({
  table: 'nat',
  chain: INWARD,
  match: forwarded ? takenMatch(forwarded) : [{ on: 'destination', address }],
  action: { do: 'note-ending', answeredBy: forwarded?.answeredBy ?? null },
  owner,
  position: null,
});

/** Equal for equal endings. */
export const endingText = ({ address, forwarded }: Ending): string =>
  forwarded ? `${takenText(forwarded)} ${forwarded.answeredBy}` : address;

/** The notes among these rules. */
export function endingsIn(rules: readonly RuleBody[]): Ending[] {
  const endings: Ending[] = [];
  for (const rule of rules) {
    const { action } = rule;
    if (action.do !== 'note-ending' || !isInward(rule)) continue;
    const { answeredBy } = action;
    const taken = takenBy(rule);
    const address = onlyDestination(rule);
    if (answeredBy !== null && taken) endings.push({ address: taken.address, forwarded: { ...taken, answeredBy } });
    if (answeredBy === null && address !== null) endings.push({ address, forwarded: null });
  }
  return endings;
}

/** Notes for these endings. The owner of a note is the owner of its address's rule, or the router when there is none. */
export function notesOf(endings: readonly Ending[], tables: readonly Table[], router: ObjectKey): Rule[] {
  if (endings.length === 0) return [];
  const owners = new Map<string, ObjectKey>();
  for (const { match, action, owner } of inwardOf(tables))
    if (action.do === 'dnat') for (const each of match) if (each.on === 'destination') owners.set(each.address, owner);
  return endings.map((ending) => noteOf(ending, owners.get(ending.address) ?? router));
}

const inwardOf = (tables: readonly Table[]): readonly Rule[] =>
  tables.find(({ table }) => table === 'nat')?.chains.find(({ name }) => name === INWARD)?.rules ?? [];

/** Wanted tables with these notes. */
export const withNotes = (tables: readonly Table[], notes: readonly Rule[]): readonly Table[] =>
  tables.map((each) =>
    each.table !== 'nat' || notes.length === 0
      ? each
      : {
          ...each,
          chains: each.chains.map((chain) =>
            chain.name === INWARD ? { ...chain, rules: [...chain.rules, ...notes] } : chain,
          ),
        },
  );

/** The edits that remove the notes. */
export const removalOf = (notes: readonly Rule[]): TableEdits[] => [
  { table: 'nat', edits: notes.map((rule) => ({ edit: 'remove', rule })) },
];

/** Floating address -> fixed address, as the NAT rules among these say it. */
export function translationsIn(rules: readonly RuleBody[]): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const rule of rules) {
    const { action } = rule;
    const address = action.do === 'dnat' && isInward(rule) ? onlyDestination(rule) : null;
    if (address !== null && action.do === 'dnat') pairs.set(address, action.to);
  }
  return pairs;
}
