/**
 * Connections that are still to be ended, noted on the node itself. The rule that made them is gone or leads elsewhere with the same commit that writes the
 * note; the note goes when they have been ended, so an agent that dies in between loses nothing. Each note is a rule behind all others of its chain that
 * returns: it does nothing but be found by a process that has no memory.
 *
 * An address that leaves needs no note: without its rule it says the same of itself (plan.ts).
 */
import { Taken, TAKEN_PATTERN, takenFrom, takenMatch, takenText } from './forwardings.js';
import { CHAIN_PREFIX } from './marks.js';
import { SavedTables, Table } from './state.js';

/** All connections of an address; with `forwarded` those that came in by a forwarding and were answered by `answeredBy`. */
export type Ending = Readonly<{ address: string; forwarded: (Taken & Readonly<{ answeredBy: string }>) | null }>;

/** Chain of the nat table that sends outside addresses to inside ones. */
export const INWARD = `${CHAIN_PREFIX}PREROUTING`;

const noteOf = ({ address, forwarded }: Ending): string =>
  forwarded
    ? `${takenMatch(forwarded)} -m comment --comment "plumb:ending:${forwarded.answeredBy}" -j RETURN`
    : `-d ${address}/32 -m comment --comment "plumb:ending" -j RETURN`;
const OF_ADDRESS = /^-d (\S+)\/32 -m comment --comment "?plumb:ending"? -j RETURN$/;
const OF_FORWARDING = new RegExp(`^${TAKEN_PATTERN} -m comment --comment "?plumb:ending:([0-9.]+)"? -j RETURN$`);

/** Equal for equal endings. */
export const endingText = ({ address, forwarded }: Ending): string =>
  forwarded ? `${takenText(forwarded)} ${forwarded.answeredBy}` : address;

/** What is noted on the node. */
export function endingsIn(found: SavedTables): Ending[] {
  return (found.get('nat')?.get(INWARD) ?? []).flatMap((rule): Ending[] => {
    const address = OF_ADDRESS.exec(rule)?.[1];
    if (address) return [{ address, forwarded: null }];
    const match = OF_FORWARDING.exec(rule);
    const taken = match && takenFrom(match.slice(1, 5));
    return taken ? [{ address: taken.address, forwarded: { ...taken, answeredBy: match[5] ?? '' } }] : [];
  });
}

/** Wanted tables with these notes. */
export const withEndings = (tables: readonly Table[], endings: readonly Ending[]): readonly Table[] =>
  tables.map((each) =>
    each.table !== 'nat' || endings.length === 0
      ? each
      : {
          ...each,
          chains: each.chains.map((chain) =>
            chain.name === INWARD ? { ...chain, rules: [...chain.rules, ...endings.map(noteOf)] } : chain,
          ),
        },
  );

/** Input that takes the notes away. */
export const endedLines = (endings: readonly Ending[]): string[] => [
  '*nat',
  ...endings.map((ending) => `-D ${INWARD} ${noteOf(ending)}`),
  'COMMIT',
];

/** Floating address -> fixed address, as the NAT rules found say it. */
export function translationsIn(found: SavedTables): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const rule of found.get('nat')?.get(INWARD) ?? []) {
    const match = /^-d (\S+)\/32 .*-j DNAT --to-destination (\S+)$/.exec(rule);
    if (match?.[1] && match[2]) pairs.set(match[1], match[2]);
  }
  return pairs;
}
