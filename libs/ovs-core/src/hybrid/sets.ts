/** The sets of a node as `ipset save` prints them, whoever made them. */

/** Addresses and prefixes of a set by its name; null: of a type, or with options, whose meaning is not known here. */
export type Sets = ReadonlyMap<string, readonly string[] | null>;

const CREATE = /^create (\S+) (?:hash:net|hash:ip) /;
/** `nomatch` takes a prefix out of a greater one; what has a timeout may be gone. */
const ADD = /^add (\S+) (\S+)$/;

export function setsIn(saved: string): Sets {
  const sets = new Map<string, string[] | null>();
  for (const line of saved.split('\n')) {
    const [what, name = ''] = line.split(' ', 2);
    if (what === 'create') sets.set(name, CREATE.test(line) ? [] : null);
    if (what !== 'add') continue;
    const entry = ADD.exec(line)?.[2];
    if (entry === undefined) sets.set(name, null);
    else sets.get(name)?.push(entry);
  }
  return sets;
}
