/**
 * A process lives on in the namespace that it was started in when somebody deletes that namespace, also when there is another one of the same name. Nobody hears it
 * there, and /proc shows it running.
 */
import { readlinkSync } from 'node:fs';
import type { Spawner } from '@plumbline/exec';
import type { Found } from './types.js';

/** Namespaces by name are files of this folder (ip-netns(8)). */
const FOLDER = '/run/netns';

/**
 * Names among `found` whose process is not in the namespace that `netnsOf` says (null: it is not asked). One command for all, none without any. `runner`: one on the
 * node, whose /run may be another than this program's.
 */
export async function strayed(
  runner: Pick<Spawner, 'run'>,
  { processes }: Found,
  netnsOf: (name: string) => string | null,
): Promise<ReadonlySet<string>> {
  const asked = processes.flatMap(({ name, pid, main }) => {
    const netns = main ? netnsOf(name) : null;
    return netns === null ? [] : [{ name, netns, inode: inodeOf(pid) }];
  });
  if (asked.length === 0) return new Set();
  const files = [...new Set(asked.map(({ netns }) => `${FOLDER}/${netns}`))].sort();
  // It ends with 1 behind a name that is not there.
  const { stdout } = await runner.run(['stat', '-L', '-c', '%i %n', '--', ...files], { reads: true, okCodes: [0, 1] });
  const inodes = new Map(stdout.split('\n').map((line) => line.split(' ').reverse() as [string, string]));
  // Null: it ended meanwhile.
  const wrong = asked.filter(({ netns, inode }) => inode !== null && inodes.get(`${FOLDER}/${netns}`) !== inode);
  return new Set(wrong.map(({ name }) => name));
}

/** The namespace of a process, as `net:[4026531840]`. */
function inodeOf(pid: number): string | null {
  try {
    return /\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** As found, but these processes are not what they were started as: a plan starts them anew. */
export const anew = (found: Found, names: ReadonlySet<string>): Found =>
  names.size === 0
    ? found
    : { ...found, processes: found.processes.map((each) => (names.has(each.name) ? { ...each, digest: '' } : each)) };
