/**
 * Hears of every link, address, route and policy rule that changes in a router's namespace, or of a link's outer end, whoever changes it: one ip-monitor(8) for all
 * namespaces that the node's own knows by number (NETLINK_LISTEN_ALL_NSID), which is every one that has a link into it.
 *
 * Which change it was does not matter: the router is looked at, unless a look at it began after its last change was heard of; the agent's own changes are mostly such. Nothing depends on it: the rotation finds what was missed.
 * Which router a number is, is asked for once, for the answer costs as much as there are namespaces: until the kernel says that the number was given up or given anew.
 * Road not taken: to tell the agent's own changes by the sender's port in each message. ip(8) does not print it.
 */
import { followLines, gathered, type Spawner } from '@plumbline/exec';
import { routerIdOf } from '@plumbline/l3-core';

const MONITOR = ['ip', '-o', 'monitor', 'all-nsid', 'link', 'address', 'route', 'rule', 'nsid'];
const NAMES = ['ip', '-j', 'netns', 'list-id'];
/** Where a line is from; and of a line about a number of the node's own namespace, which number. */
const LINE =
  /^\[nsid (?:(?<number>\d+)|current)\](?:Deleted )?(?:nsid (?<about>\d+)\b|.* link-netns qrouter-(?<id>\S+))?/;

/**
 * Calls `look` with routers to look at, by id, until the returned function is called; `onFailed` with the reason when nothing is heard of. `lookedAt`: when the last look
 * at a router began, in milliseconds of performance.now().
 */
export function watchNamespaces(
  runner: Pick<Spawner, 'run' | 'follow'>,
  look: (routers: ReadonlySet<string>) => void,
  onFailed?: (error: Error) => void,
  lookedAt: (router: string) => number = () => -Infinity,
): () => void {
  const end = new AbortController();
  const { signal } = end;
  /** When the last change was heard of. */
  const numbers = new Map<number, number>();
  const routers = new Map<string, number>();

  const known = new KnownNumbers();
  const heard = gathered(async () => {
    const asked = new Map(numbers);
    const found = new Map(routers);
    numbers.clear();
    routers.clear();
    for (const [id, number] of await known.routersOf([...asked.keys()], () => names(runner)))
      found.set(id, Math.max(asked.get(number) ?? 0, found.get(id) ?? 0));
    const unseen = new Set([...found].flatMap(([id, heardAt]) => (lookedAt(id) > heardAt ? [] : [id])));
    if (unseen.size > 0 && !signal.aborted) look(unseen);
  }, signal);
  const hear = (line: string): void => {
    const { number, about, id } = LINE.exec(line)?.groups ?? {};
    if (about !== undefined) {
      if (number === undefined) known.forget(Number(about));
      return;
    }
    if (number !== undefined) numbers.set(Number(number), performance.now());
    else if (id !== undefined) routers.set(id, performance.now());
    if (numbers.size + routers.size > 0) heard();
  };
  // What was said while nobody listened is not known.
  followLines(runner, MONITOR, hear, { signal, onFailed, onAgain: () => known.forget() });
  return () => end.abort();
}

/** Which namespaces the numbers are: a router's, or (null) no router's. */
class KnownNumbers {
  private readonly known = new Map<number, string | null>();
  /** Counts what was forgotten: an answer that was asked for before that may speak of a namespace that is no more, and is used once. */
  private forgotten = 0;

  /** Without a number: all. */
  forget(number?: number): void {
    this.forgotten += 1;
    if (number === undefined) this.known.clear();
    else this.known.delete(number);
  }

  /** Those of these numbers that are a router's, each behind its router. */
  async routersOf(
    numbers: readonly number[],
    names: () => Promise<ReadonlyMap<number, string | null>>,
  ): Promise<(readonly [string, number])[]> {
    let all: ReadonlyMap<number, string | null> = this.known;
    if (numbers.some((number) => !all.has(number))) {
      const before = this.forgotten;
      all = await names();
      if (before === this.forgotten)
        for (const number of new Set([...all.keys(), ...numbers])) this.known.set(number, all.get(number) ?? null);
    }
    return numbers.flatMap((number) => {
      const id = all.get(number);
      return id ? [[id, number] as const] : [];
    });
  }
}

/** Each number that the node's own namespace has for one with a name, and its router. */
async function names(runner: Pick<Spawner, 'run'>): Promise<ReadonlyMap<number, string | null>> {
  const { stdout } = await runner.run(NAMES, { reads: true });
  const all = JSON.parse(stdout || '[]') as { nsid: number; name?: string }[];
  return new Map(all.map(({ nsid, name = '' }) => [nsid, routerIdOf(name)]));
}
