/**
 * Arithmetic of prefixes as sets of addresses: merged, taken from one another, cut into blocks. A set is a list of ranges in address order that do not touch;
 * its prefixes are the largest aligned blocks of them, so that any prefix inside the set is inside exactly one.
 */
import { intToAddress, prefixLengthOf, rangeOf } from '@plumbline/contracts';

type Span = Readonly<{ first: bigint; last: bigint }>;

const byFirst = (a: Span, b: Span): number => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0);
const bitsOf = (version: 4 | 6): number => (version === 4 ? 32 : 128);

function united(cidrs: readonly string[]): Span[] {
  const spans: Span[] = [];
  for (const { first, last } of cidrs.map(rangeOf).sort(byFirst)) {
    const before = spans.at(-1);
    if (before && first <= before.last + 1n)
      spans[spans.length - 1] = { first: before.first, last: last > before.last ? last : before.last };
    else spans.push({ first, last });
  }
  return spans;
}

/** What is in `spans` and not in `taken`; both united. */
function difference(spans: readonly Span[], taken: readonly Span[]): Span[] {
  const left: Span[] = [];
  let next = 0;
  for (const { first, last } of spans) {
    let from = first;
    while (next < taken.length && (taken[next] as Span).last < first) next += 1;
    for (let n = next; n < taken.length && (taken[n] as Span).first <= last; n += 1) {
      const hole = taken[n] as Span;
      if (hole.first > from) left.push({ first: from, last: hole.first - 1n });
      from = hole.last + 1n;
    }
    if (from <= last) left.push({ first: from, last });
  }
  return left;
}

/** The largest aligned blocks of a span, in address order. */
function blocks({ first, last }: Span, version: 4 | 6): string[] {
  const bits = bitsOf(version);
  const cidrs: string[] = [];
  for (let from = first; from <= last;) {
    let length = bits;
    let size = 1n;
    while (length > 0 && (from & (size * 2n - 1n)) === 0n && from + size * 2n - 1n <= last) {
      size *= 2n;
      length -= 1;
    }
    cidrs.push(`${intToAddress(from, version)}/${length}`);
    from += size;
  }
  return cidrs;
}

const prefixesOf = (spans: readonly Span[], version: 4 | 6): string[] => spans.flatMap((span) => blocks(span, version));

/** The fewest prefixes that hold the same addresses, canonical, in address order. All are of one version. */
export const mergedPrefixes = (cidrs: readonly string[], version: 4 | 6): string[] =>
  prefixesOf(united(cidrs), version);

/** What is left of `cidrs` without `taken`, as prefixes in address order. */
export const prefixesWithout = (cidrs: readonly string[], taken: readonly string[], version: 4 | 6): string[] =>
  prefixesOf(difference(united(cidrs), united(taken)), version);

/** True when every address of `inner` is in `outer`. */
export const coverAll = (outer: readonly string[], inner: readonly string[]): boolean =>
  difference(united(inner), united(outer)).length === 0;

/** True when some address is in both. */
export const anyOverlap = (some: readonly string[], others: readonly string[]): boolean =>
  sizeOf(difference(united(some), united(others))) !== sizeOf(united(some));

const sizeOf = (spans: readonly Span[]): bigint => spans.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);

/** A prefix of this length in the free prefixes: the lowest in the smallest one that has room. Null when none has. */
export function smallestFit(free: readonly string[], length: number, version: 4 | 6): string | null {
  let best: string | null = null;
  for (const cidr of free)
    if (prefixLengthOf(cidr) <= length && (best === null || prefixLengthOf(cidr) > prefixLengthOf(best))) best = cidr;
  return best === null ? null : `${intToAddress(rangeOf(best).first, version)}/${length}`;
}
