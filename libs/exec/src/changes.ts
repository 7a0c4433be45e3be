/**
 * Hears of changes of a node from programs that print a line for each (ip-monitor(8), xtables-monitor(8)), whoever changes it.
 *
 * What changed does not matter much: whoever listens looks at the node. What the listener itself changes is heard as well, and costs one look that finds nothing to do,
 * for a look changes nothing. Changes within a moment are one look, and there is one a second at most, so that somebody who changes things without end cannot keep
 * the listener busy.
 *
 * Nothing may depend on it: should a program end, or the kernel drop messages (ENOBUFS), it is started anew, and what was missed meanwhile is for its listener to find.
 * Whoever listens may say why there is nothing to hear (`onFailed`): where it never works, changes are found later, and nothing else shows it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Spawner } from './spawner.js';

const GATHER_MS = 50;
const PAUSE_MS = 1_000;
const AGAIN_MS = 5_000;

/** `onAgain`: it had ended, and is about to be started anew. `onFailed`: it ended, with the reason; once for the same reason. */
type Following = Readonly<{
  signal: AbortSignal;
  onAgain?: (() => void) | undefined;
  onFailed?: ((error: Error) => void) | undefined;
}>;

/** Passes on each whole line that the program prints, until `signal` is aborted. */
export function followLines(
  runner: Pick<Spawner, 'follow'>,
  argv: readonly string[],
  onLine: (line: string) => void,
  options: Following & Readonly<{ netns?: string }>,
): void {
  const { signal, netns } = options;
  let rest = '';
  const hear = (text: string): void => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
  const follow = (): Promise<void> => {
    rest = '';
    return runner.follow(argv, hear, { signal, ...(netns !== undefined && { netns }) });
  };
  keepGoing(follow, options);
}

/** Has `follow` begun anew five seconds after it ended, whyever it did, until `signal` is aborted. */
export function keepGoing(follow: () => Promise<void>, { signal, onAgain, onFailed }: Following): void {
  let told = '';
  const failed = (reason: unknown): void => {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    if (!signal.aborted && error.message !== told) onFailed?.(error);
    told = error.message;
  };
  void (async () => {
    while (!signal.aborted) {
      await follow().catch(failed);
      await delay(AGAIN_MS, undefined, { ref: false, signal });
      onAgain?.();
    }
  })().catch(() => undefined);
}

/** Has `look` called 50 ms after the returned function was, and a second after it ended once more if that was called again meanwhile. `look` may fail. */
export function gathered(look: () => Promise<void> | void, signal: AbortSignal): () => void {
  let wanted = false;
  let running = false;
  const run = async (): Promise<void> => {
    await delay(GATHER_MS, undefined, { ref: false, signal });
    while (wanted) {
      wanted = false;
      await look();
      await delay(PAUSE_MS, undefined, { ref: false, signal });
    }
  };
  return () => {
    wanted = true;
    if (running) return;
    running = true;
    void run()
      .catch(() => undefined)
      .finally(() => (running = false));
  };
}
