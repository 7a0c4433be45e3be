/**
 * Hears of every link, address, route and policy rule that changes in a router's namespace, or of a link's outer end, whoever changes it: one ip-monitor(8) for all
 * namespaces that the node's own knows by number (NETLINK_LISTEN_ALL_NSID), which is every one that has a link into it.
 *
 * Which change it was does not matter: the router is looked at. What the agent itself changes is heard as well, and costs one look that finds nothing to do, for
 * a look changes nothing. Changes within a moment are one look, and there is one a second at most, so that somebody who changes things without end cannot keep the agent busy.
 *
 * Nothing depends on it: should the program end, or the kernel drop messages (ENOBUFS), the rotation finds what was missed.
 * Road not taken: to tell the agent's own changes by the sender's port in each message. ip(8) does not print it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Spawner } from '@plumbline/exec';
import { routerIdOf } from '@plumbline/l3-core';

const MONITOR = ['ip', '-o', 'monitor', 'all-nsid', 'link', 'address', 'route', 'rule'];
const NAMES = ['ip', '-j', 'netns', 'list-id'];
const GATHER_MS = 50;
const PAUSE_MS = 1_000;
const AGAIN_MS = 5_000;

/** Calls `look` with routers to look at, by id, until the returned function is called. */
export function watchNamespaces(
  runner: Pick<Spawner, 'run' | 'follow'>,
  look: (routers: ReadonlySet<string>) => void,
): () => void {
  const end = new AbortController();
  const { signal } = end;
  const numbers = new Set<number>();
  const routers = new Set<string>();
  let rest = '';
  let flushing = false;

  const flush = async (): Promise<void> => {
    await delay(GATHER_MS, undefined, { ref: false, signal });
    while (numbers.size + routers.size > 0) {
      const asked = new Set(numbers);
      const found = new Set(routers);
      numbers.clear();
      routers.clear();
      // A number may have been another namespace's before: it is asked anew each time.
      if (asked.size > 0) for (const [number, id] of await names(runner)) if (asked.has(number)) found.add(id);
      if (found.size > 0 && !signal.aborted) look(found);
      await delay(PAUSE_MS, undefined, { ref: false, signal });
    }
  };
  const hear = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, number, id] = /^\[nsid (?:(\d+)\]|current\].* link-netns qrouter-(\S+))/.exec(line) ?? [];
      if (number !== undefined) numbers.add(Number(number));
      if (id !== undefined) routers.add(id);
    }
    if (flushing || numbers.size + routers.size === 0) return;
    flushing = true;
    void flush()
      .catch(() => undefined)
      .finally(() => (flushing = false));
  };
  void (async () => {
    while (!signal.aborted) {
      await runner.follow(MONITOR, hear, { signal }).catch(() => undefined);
      rest = '';
      await delay(AGAIN_MS, undefined, { ref: false, signal });
    }
  })().catch(() => undefined);
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
