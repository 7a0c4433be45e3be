/** Objects that a text refers to, there or gone, as far as the log leads to them. */
import {
  canonicalAddress,
  type AnyObject,
  type Kind,
  keyOf,
  KINDS,
  type ObjectKey,
  known,
  subjectOf,
} from '@plumbline/contracts';
import type { EventStore } from '@plumbline/event-store';
import { nameOf, type Reference } from '@plumbline/reasons';
import { declarationOf, isWritten, MODEL, objectOfStream, type Topology } from '@plumbline/topology';

/** `searches`: also by reading the log backwards, which takes long. `project`: only objects of this one have a name; null: all. */
export type Terms = Readonly<{
  topology: Topology;
  log: Pick<EventStore, 'streamsUnder' | 'mentions'>;
  upTo: number;
  searches: boolean;
  project: string | null;
}>;

/** `unsaid`: ids, addresses and MACs in the text that led to nothing: the log may tell of them (`saidOf`). */
export type Referred = Readonly<{
  keys: readonly ObjectKey[];
  unsaid: readonly string[];
  /** Addresses and MACs beside what led to something: the text may be about them, where no node has it. */
  beside: readonly string[];
}>;
/** `unknown`: what could not be found out, in words. */
export type Said = Readonly<{ keys: readonly ObjectKey[]; unknown: readonly string[] }>;

/** Objects of one text. */
const MOST = 20;
/** Time to read the log for what is gone, and for how many texts. */
const SEARCH_MS = 2_000;
const MOST_SEARCHES = 3;
/** Kinds with events: what is derived of them is asked for by what it is derived from. */
const WRITTEN = KINDS.filter((kind) => isWritten(declarationOf(MODEL, kind)));
/** Kinds that have no name of their own. */
const NAMELESS: readonly Kind[] = ['placement', 'quota', 'rbacpolicy', 'portforwarding', 'securitygrouprule'];

/** By what is in memory and by names of streams: quickly. */
export async function referredBy(reference: Reference, { topology, log, project }: Terms): Promise<Referred> {
  const keys = new Set<ObjectKey>();
  const unsaid: string[] = [];
  const { object } = reference;
  if (object?.kind) return { keys: [`${object.kind}/${object.id}`], unsaid, beside: [] };
  for (const id of reference.ids) {
    const found = await withId(id, topology, log);
    if (found.length === 0) unsaid.push(id);
    for (const key of found) keys.add(key);
  }
  for (const { kind, begins } of reference.shortIds)
    for (const stream of await log.streamsUnder(`${kind}-${begins}`, MOST)) {
      const key = objectOfStream(stream);
      if (key) keys.add(key);
    }
  const texts = [...reference.addresses, ...reference.macs];
  const beside = keys.size === 0 ? [] : texts.slice(0, MOST_SEARCHES);
  if (keys.size === 0) {
    for (const text of texts) for (const key of holdersOf(topology, text)) keys.add(key);
    if (keys.size === 0) unsaid.push(...texts.slice(0, MOST_SEARCHES));
  }
  if (keys.size === 0) for (const key of withName(topology, reference.text, project)) keys.add(key);
  return { keys: [...keys].slice(0, MOST), unsaid: unsaid.slice(0, MOST_SEARCHES), beside };
}

async function withId(id: string, topology: Topology, log: Terms['log']): Promise<ObjectKey[]> {
  // A placement has its network's id.
  const there = WRITTEN.filter((kind) => kind !== 'placement' && topology.get(kind, id) !== undefined);
  if (there.length > 0) return there.map((kind) => `${kind}/${id}` as const);
  const streams = await Promise.all(WRITTEN.map((kind) => log.streamsUnder(`${kind}-${id}`, 1)));
  return streams.flat().flatMap((stream) => objectOfStream(stream) ?? []);
}

/** Objects that events with one of these texts are about, the latest first: of what is gone. Each text is one that no event has by chance. */
export async function saidOf(texts: readonly string[], { log, upTo, searches }: Terms): Promise<Said> {
  const keys = new Set<ObjectKey>();
  const unknown: string[] = [];
  const end = performance.now() + SEARCH_MS;
  for (const text of texts) {
    if (!searches) {
      unknown.push(`whether ${text} was something that is gone: ask an administrator, or by its id`);
      continue;
    }
    const withinMs = Math.ceil(end - performance.now());
    const events = withinMs > 0 ? await log.mentions(`"${text}"`, { upTo, most: MOST, withinMs }) : null;
    if (!events)
      unknown.push(
        `whether ${text} was something that is gone: the log could not be read through for it within ${SEARCH_MS} ms`,
      );
    for (const { event } of events ?? []) {
      const typed = known(event as Parameters<typeof known>[0]);
      if (typed) keys.add(subjectOf(typed).key);
    }
  }
  return { keys: [...keys].slice(0, MOST), unknown };
}

/** Ports and floating IPs with this address or MAC, on whichever network. */
function holdersOf(topology: Topology, text: string): ObjectKey[] {
  const isMac = text.split(':').length === 6 && !text.includes('::') && text.length === 17;
  return topology
    .all('network')
    .flatMap(({ id }) =>
      isMac
        ? topology.find('port', `mac/${id}/${text}`).map(keyOf)
        : [
            ...topology.find('floatingip', `address/${id}/${canonicalAddress(text)}`).map(keyOf),
            ...topology.find('port', `address/${id}/${canonicalAddress(text)}`).map(keyOf),
          ],
    );
}

function withName(topology: Topology, text: string, project: string | null): ObjectKey[] {
  if (text === '' || text.length > 255) return [];
  return WRITTEN.filter((kind) => !NAMELESS.includes(kind)).flatMap((kind) => {
    const among: readonly AnyObject[] =
      project === null ? topology.all(kind) : topology.find(kind, `project/${project}`);
    return among.filter((each) => nameOf(each) === text).map(keyOf);
  });
}
