/**
 * Finds what a text names among things of a node. People paste what their tools print: a line of iptables-save, of dump-flows, of `ip addr`, a name, an address. Texts are compared as
 * lists of words, without what tools add or leave out (counters, ages, the position in a comment).
 *
 * The first of these that finds anything is the answer: things whose name or text is the text; things that have all its words; of the things whose name is in the text those that say most.
 */
import { PROTOCOL_NUMBERS, type Thing } from '@plumbline/contracts';

type Named = Pick<Thing, 'sort' | 'place' | 'name' | 'text' | 'owner' | 'uses' | 'position'>;

/** Words that say nothing of which thing is meant. */
const NOISE = new Set([
  ...[
    'iptables',
    'ip6tables',
    'iptables-nft',
    'ip6tables-nft',
    'sudo',
    'ovs-ofctl',
    'ip',
    'add',
    'addr',
    'route',
    '-t',
    '-a',
    '-i',
    '-w',
  ],
  ...[
    '--wait',
    'inet',
    'inet6',
    'scope',
    'global',
    'link',
    'onlink',
    'valid_lft',
    'preferred_lft',
    'forever',
    'noprefixroute',
    'secondary',
  ],
  ...[
    'brd',
    'proto',
    'metric',
    'dev',
    'send_flow_rem',
    'reset_counts',
    'link/ether',
    'state',
    'up',
    'unknown',
    'qlen',
    'qdisc',
    'noqueue',
  ],
]);
/** Parts of what tools print that change by themselves or say when. */
const PASSING = [
  /-m comment --comment (?:"[^"]*"|\S+)/gi,
  /\[\d+:\d+\]/g,
  /\b(?:duration|n_packets|n_bytes|idle_age|hard_age|idle_timeout|hard_timeout|importance)=[\d.]+s?,?/gi,
  /\bcookie=0x[0-9a-f]+,?/gi,
  /\btable=0\b,?/gi,
  /\b(?:src|brd|link\/loopback) [0-9a-f.:/]+/gi,
  /\blink-netns(?:id)? \S+/gi,
];

/** A chain as `iptables-save` declares it, behind what it does with packets that end it. */
const DECLARED = /(^|\s):([a-z][\w.-]*) (?:-|accept|drop)(?=\s|$)/g;
/** Of `ip link`: a device with the other end of its pair, and the colon behind its name. */
const DEVICE = /^([a-z][\w.-]*)(?:@[\w.-]+)?:?$/;
/** A protocol in a rule: iptables prints names that the node's /etc/protocols has, and rules of instances' bridges are kept with numbers. */
const PROTOCOL = /(^|\s)(-p|--ctproto) ([a-z][\w-]*)(?=\s|$)/g;
const NUMBERS: Readonly<Record<string, number>> = {
  ...PROTOCOL_NUMBERS,
  ...{ ipencap: 4, ipv6: 41, ospfigp: 89, mh: 135, 'ipv6-mh': 135 },
};
const numbered = (text: string): string =>
  text.replace(PROTOCOL, (whole, before: string, option: string, name: string) =>
    Object.hasOwn(NUMBERS, name) ? `${before}${option} ${NUMBERS[name]}` : whole,
  );
/** As sysctl(8) prints it; files have slashes. */
const SYSCTL = /^net(?:\.[\w-]+)+$/;
/** The words of a text; what has a prefix length is there without it, too. */
export function wordsOf(text: string): string[] {
  const plain = numbered(text.toLowerCase().replace(DECLARED, '$1-n $2'));
  const rest = PASSING.reduce((left, pattern) => left.replace(pattern, ' '), plain);
  return rest
    .split(/[\s,='"()[\]{};|\\]+/)
    .map((word) => (SYSCTL.test(word) ? word.replaceAll('.', '/') : word.replace(DEVICE, '$1')))
    .flatMap((word) => {
      const bare = /^([0-9a-f.:]+)\/\d+$/.exec(word)?.[1];
      const port = /^(\d+\.\d+\.\d+\.\d+):[\d-]+$/.exec(word)?.[1];
      return [word, ...(bare === undefined ? [] : [bare]), ...(port === undefined ? [] : [port])];
    })
    .filter((word) => word !== '' && !NOISE.has(word));
}

const plain = (text: string): string => wordsOf(text).join(' ');

/**
 * Each thing that the text names, in the order given. `positions`: those of the marks in the text; a thing of one of them is meant before others. `byMark`: where nothing has the
 * words, the things of these positions.
 */
export function find<T extends Named>(
  things: readonly T[],
  text: string,
  positions: readonly number[] = [],
  byMark = true,
): readonly T[] {
  const found = named(things, text);
  if (positions.length === 0 || (found.length === 0 && !byMark)) return found;
  const marked = (found.length > 0 ? found : things).filter(
    ({ position }) => position !== null && positions.includes(position),
  );
  return marked.length > 0 ? marked : found;
}

function named<T extends Named>(things: readonly T[], text: string): readonly T[] {
  const asked = plain(text);
  if (asked === '') return [];
  const index = indexOf(things);
  const isOf = (of: ReadonlySet<number>): readonly T[] =>
    [...of].sort((one, other) => one - other).map((at) => things[at] as T);
  const equal = isOf(
    new Set([...(index.lower.get(text.trim().toLowerCase()) ?? []), ...(index.plain.get(asked) ?? [])]),
  );
  if (equal.length > 0) return equal;
  const words = asked.split(' ');
  // Those of the word that the fewest have are looked at.
  const lists = words.map((word) => index.words.get(word) ?? []);
  const rarest = lists.reduce((least, list) => (list.length < least.length ? list : least));
  const having = rarest
    .map((at) => things[at] as T)
    .filter((thing) => words.every((word) => saidOf(thing).words.has(word)));
  const isLine = LINE.test(text);
  if (having.length > 0 && isLine) return closest(having);
  if (having.length > 0 || words.length < 2) return having;
  return within(things, index, words, isLine);
}

/** Things whose name is in the text: those that say most. */
function within<T extends Named>(
  things: readonly T[],
  index: Index,
  words: readonly string[],
  isLine: boolean,
): readonly T[] {
  const given = new Set(words.flatMap((word) => [word, word.replace(/\/\d+$/, '')]));
  const hosts = words.filter((word) => HOST.test(word));
  const places = words.filter((word) => NAMESPACE.test(word));
  const found = [...given]
    .flatMap((word) => index.begins.get(word) ?? [])
    .sort((one, other) => one - other)
    .map((at) => things[at] as T)
    .filter((thing) => {
      const { nameWords, words: its } = saidOf(thing);
      return (
        (places.length === 0 || places.some((place) => its.has(place))) &&
        nameWords.every((word) => given.has(word) || given.has(word.replace(/\/\d+$/, ''))) &&
        // A text about an address is not about the device or namespace that had it; nor is a whole line about where it was.
        hosts.every((host) => its.has(host)) &&
        (isLine
          ? nameWords.length > 2
          : !isPlace(thing.sort) || words.every((word) => its.has(word) || BESIDE.test(word)))
      );
    });
  // A route, and not the device that it leaves by.
  const said = (thing: T): number => saidOf(thing).nameWords.filter((word) => given.has(word)).length;
  const most = Math.max(0, ...found.map(said));
  return [...new Set(found)].filter((thing) => said(thing) === most);
}

/** A text that names one is about what is in it. */
const NAMESPACE = /^(?:qrouter|qdhcp)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Where others are: a text that says more is about what is there. */
const isPlace = (sort: string): boolean => sort === 'namespace' || sort === 'bridge';
/** What `ip netns` prints behind a name. */
const BESIDE = /^(?:id|\d+)$/;

/** By what things are found: their places in the list. Made once for each list. */
type Index = Readonly<{
  lower: ReadonlyMap<string, readonly number[]>;
  plain: ReadonlyMap<string, readonly number[]>;
  words: ReadonlyMap<string, readonly number[]>;
  /** By the first word of the name, without the length of a prefix. */
  begins: ReadonlyMap<string, readonly number[]>;
}>;
const indexes = new WeakMap<readonly Named[], Index>();

function indexOf(things: readonly Named[]): Index {
  const known = indexes.get(things);
  if (known) return known;
  const index = {
    lower: new Map<string, number[]>(),
    plain: new Map<string, number[]>(),
    words: new Map<string, number[]>(),
    begins: new Map<string, number[]>(),
  };
  const add = (map: Map<string, number[]>, key: string, at: number): void => {
    const list = map.get(key);
    if (list) list.push(at);
    else map.set(key, [at]);
  };
  for (const [at, thing] of things.entries()) {
    const { lower, name, text, words, nameWords } = saidOf(thing);
    add(index.lower, lower, at);
    for (const said of new Set([name, text])) add(index.plain, said, at);
    for (const word of words) add(index.words, word, at);
    const [first] = nameWords;
    if (first !== undefined) add(index.begins, first.replace(/\/\d+$/, ''), at);
  }
  indexes.set(things, index);
  return index;
}

/** An address without its length, or a MAC. */
const HOST = /^(?:\d+(?:\.\d+){3}|[0-9a-f]*:[0-9a-f:.]*:[0-9a-f.]*)$/;
/** A whole rule or flow, or a chain: one that says more is another one. */
const LINE = /(?:^|\s)-[AIN]\s|^(?:\S+ )?:\S+ |\bactions=/;

function closest<T extends Named>(things: readonly T[]): readonly T[] {
  const lengthOf = (thing: T): number => saidOf(thing).text.split(' ').length;
  const least = Math.min(...things.map(lengthOf));
  return things.filter((thing) => lengthOf(thing) === least);
}

/** A thing in words. `words`: all by which it can be asked for, those of its text and place and the ids of what it is for. */
type Said = Readonly<{
  lower: string;
  name: string;
  text: string;
  words: ReadonlySet<string>;
  nameWords: readonly string[];
}>;

const kept = new WeakMap<object, Said>();

/** Worked out once for each thing: a node has thousands, and a question is compared with all. */
function saidOf(thing: Named): Said {
  let said = kept.get(thing);
  if (!said) {
    const { sort, place, name, text, owner, uses } = thing;
    const keys = [...(owner === null ? [] : [owner]), ...uses];
    const [nameWords, textWords] = [wordsOf(name), wordsOf(text)];
    said = {
      ...{ lower: name.toLowerCase(), name: nameWords.join(' '), text: textWords.join(' '), nameWords },
      words: new Set([
        sort,
        ...wordsOf(place),
        // A file of a program is asked for by the program, too.
        ...place.split('/'),
        ...nameWords,
        ...textWords,
        ...keys,
        ...keys.map((key) => key.slice(key.indexOf('/') + 1)),
      ]),
    };
    kept.set(thing, said);
  }
  return said;
}
