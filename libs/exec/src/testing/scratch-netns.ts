import { run } from '../run.js';

let made = 0;

/** A namespace of a test's own. */
export interface ScratchNetns {
  readonly name: string;
  readonly path: string;
  /** Removes it; may be called again. */
  remove(): Promise<void>;
}

/** Makes a network namespace with a name no other test has, `lo` up. Needs root. */
export async function makeNetns(prefix = 'plumbtest'): Promise<ScratchNetns> {
  const name = `${prefix}-${process.pid}-${++made}`;
  await run(['ip', 'netns', 'add', name]);
  await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
  let removed = false;
  return {
    name,
    path: `/run/netns/${name}`,
    async remove() {
      if (removed) return;
      removed = true;
      await run(['ip', 'netns', 'del', name]);
    },
  };
}
