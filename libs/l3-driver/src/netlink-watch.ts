/**
 * Hears of every link, address, route and policy rule that changes in a router's namespace, or of a link's outer end, whoever changes it: one ip-monitor(8) for all
 * namespaces that the node's own knows by number (NETLINK_LISTEN_ALL_NSID), which is every one that has a link into it.
 *
 * Which change it was does not matter: the router is looked at. Nothing depends on it: the rotation finds what was missed.
 * Road not taken: to tell the agent's own changes by the sender's port in each message. ip(8) does not print it.
 */
import { followLines, gathered, type Spawner } from '@plumbline/exec';
import { routerIdOf } from '@plumbline/l3-core';

const MONITOR = ['ip', '-o', 'monitor', 'all-nsid', 'link', 'address', 'route', 'rule'];
const NAMES = ['ip', '-j', 'netns', 'list-id'];

/** Calls `look` with routers to look at, by id, until the returned function is called; `onFailed` with the reason when nothing is heard of. */
export function watchNamespaces(
  runner: Pick<Spawner, 'run' | 'follow'>,
  look: (routers: ReadonlySet<string>) => void,
  onFailed?: (error: Error) => void,
): () => void {
  const end = new AbortController();
  const { signal } = end;
  const numbers = new Set<number>();
  const routers = new Set<string>();

  const heard = gathered(async () => {
    const asked = new Set(numbers);
    const found = new Set(routers);
    numbers.clear();
    routers.clear();
    // A number may have been another namespace's before: it is asked anew each time.
    if (asked.size > 0) for (const [number, id] of await names(runner)) if (asked.has(number)) found.add(id);
    if (found.size > 0 && !signal.aborted) look(found);
  }, signal);
  const hear = (line: string): void => {
    const [, number, id] = /^\[nsid (?:(\d+)\]|current\].* link-netns qrouter-(\S+))/.exec(line) ?? [];
    if (number !== undefined) numbers.add(Number(number));
    if (id !== undefined) routers.add(id);
    if (numbers.size + routers.size > 0) heard();
  };
  followLines(runner, MONITOR, hear, { signal, onFailed });
  return () => end.abort();
}

/** Number and router of each router's namespace that has a number. */
async function names(runner: Pick<Spawner, 'run'>): Promise<(readonly [number: number, routerId: string])[]> {
  const { stdout } = await runner.run(NAMES, { reads: true });
  const all = JSON.parse(stdout || '[]') as { nsid: number; name?: string }[];
  return all.flatMap(({ nsid, name = '' }) => {
    const id = routerIdOf(name);
    return id === null ? [] : [[nsid, id] as const];
  });
}
