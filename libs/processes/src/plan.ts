/**
 * From wanted and found processes to steps. Pure. Processes are planned one by one, in the order of their names; the steps of one are in this order:
 *
 *   write-files    before anything reads them
 *   remove-files   so that a program that reads a folder does not find what is no longer wanted
 *   stop-process   what bears the name and is not what is wanted: a changed command line, a second copy, children of a process that died
 *   start-process  or, when it runs and its files have changed, reload-process
 *
 * Files that were not as wanted while the process ran, it may have read as they were: somebody removed its folder as it started, or changed a file and sent it the
 * signal. Whatever it is noted to have read, it reads them again.
 *
 * A step that stops what is started anew by the same plan makes room and is no removal. `removes` tells the two apart.
 */
import { fileDigest, loadedMark, startDigest } from './digests.js';
import type { Found, FoundProcess, ProcessStep, WantedProcess } from './types.js';

/** True for a step that takes away what nobody asks for: never without `mayRemove`. */
export const removes = (step: ProcessStep, wanted: readonly WantedProcess[]): boolean =>
  step.op === 'remove-files' || step.op === 'remove-folder' || !wanted.some(({ name }) => name === step.name);

/** Steps that make `wanted` of what was found; none when it is so. Without `mayRemove` only what starts or mends. */
export function planProcesses(wanted: readonly WantedProcess[], found: Found, mayRemove: boolean): ProcessStep[] {
  const steps: ProcessStep[] = [];
  const names = new Set(wanted.map(({ name }) => name));
  for (const each of [...wanted].sort((a, b) => (a.name < b.name ? -1 : 1))) planOne(each, found, steps);
  const left = new Set([...found.processes.map(({ name }) => name), ...found.folders.keys()]);
  for (const name of [...left].sort()) {
    if (names.has(name)) continue;
    const running = found.processes.filter((process) => process.name === name);
    if (running.length > 0) steps.push({ op: 'stop-process', name, processes: running.map(identityOf) });
    if (found.folders.has(name)) steps.push({ op: 'remove-folder', name });
  }
  return mayRemove ? steps : steps.filter((step) => !removes(step, wanted));
}

const identityOf = ({ pid, startTime }: FoundProcess) => ({ pid, startTime });

function planOne(wanted: WantedProcess, found: Found, steps: ProcessStep[]): void {
  const { name, files } = wanted;
  const folder = found.folders.get(name);
  const stale = files.filter((file) => folder?.files.get(file.name) !== fileDigest(file));
  if (stale.length > 0) steps.push({ op: 'write-files', name, files: stale });
  const extra = [...(folder?.files.keys() ?? [])].filter((file) => !files.some((each) => each.name === file));
  if (extra.length > 0) steps.push({ op: 'remove-files', name, files: extra.sort() });

  const running = found.processes.filter((process) => process.name === name);
  // The oldest of the right ones stays: it has served the longest.
  const [keep] = running
    .filter(
      ({ main, digest }) =>
        main && digest === startDigest(wanted) && !(stale.length > 0 && wanted.reload === 'restart'),
    )
    .sort((a, b) => Number(a.startTime) - Number(b.startTime));
  const others = running.filter(({ session }) => session !== keep?.session);
  if (others.length > 0) steps.push({ op: 'stop-process', name, processes: others.map(identityOf) });
  if (!keep) steps.push({ op: 'start-process', name, process: wanted });
  else if (wanted.reload === 'signal') {
    const loaded = loadedMark(keep, wanted);
    if (stale.length > 0 || folder?.loaded !== loaded)
      steps.push({ op: 'reload-process', name, process: identityOf(keep), loaded });
  }
}
