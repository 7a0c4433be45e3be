/**
 * Processes that are only printed, as lines of a shell script that does what NodeProcesses does: the same folders, files and marks, so that an agent finds all of it
 * as its own afterwards. `real`: the node as it is; null: as if nothing of this owner were there.
 */
import path from 'node:path';
import { shellCommand, shellLine, shellQuote } from '@plumbline/exec';
import { filesDigest, startDigest } from './digests.js';
import { filesFolder, markOf, processEnvironment, type NodeProcessesOptions } from './node-processes.js';
import type { Found, Processes, ProcessIdentity, ProcessStep, WantedFile, WantedProcess } from './types.js';

export class PrintingProcesses implements Processes {
  constructor(
    private readonly print: (command: string) => void,
    private readonly options: Pick<NodeProcessesOptions, 'owner' | 'runDir' | 'env'>,
    private readonly real: Processes | null = null,
  ) {}

  async observe(names?: ReadonlySet<string>): Promise<Found> {
    return (await this.real?.observe(names)) ?? { processes: [], folders: new Map() };
  }

  names(): readonly string[] {
    return this.real?.names() ?? [];
  }

  fileOf(name: string, file: string): string | null {
    return this.real?.fileOf(name, file) ?? null;
  }

  async apply(steps: readonly ProcessStep[]): Promise<void> {
    for (const step of steps) this.line(step);
  }

  private line(step: ProcessStep): void {
    const files = filesFolder(this.options.owner, step.name, this.options.runDir);
    const folder = path.dirname(files);
    switch (step.op) {
      case 'write-files':
        this.print(folderOf(files));
        for (const file of step.files) this.print(installed(file, path.join(files, file.name)));
        return;
      case 'remove-files':
        return this.print(shellLine(['rm', '-f', ...step.files.map((file) => path.join(files, file))]));
      case 'stop-process':
        return this.print(stopped(step.processes));
      case 'start-process':
        this.print(folderOf(files));
        return this.print(this.started(step.process, folder));
      case 'reload-process':
        this.print(shellLine(['kill', '-HUP', String(step.process.pid)]));
        return this.print(`${shellLine(['printf', '%s', step.loaded])} >${shellQuote(path.join(folder, 'loaded'))}`);
      case 'remove-folder':
        return this.print(shellLine(['rm', '-rf', folder]));
    }
  }

  /** A background command of a script leads no process group: setsid(1) then goes on as the same process, whose number the shell knows. */
  private started(wanted: WantedProcess, folder: string): string {
    const { owner, env = {} } = this.options;
    const mark = markOf(owner, wanted.name, startDigest(wanted));
    const variables = Object.entries(processEnvironment(env, mark));
    const inside = wanted.netns === null ? [] : ['nsenter', `--net=/run/netns/${wanted.netns}`, '--'];
    const clean = ['env', '-i', ...variables.map(([name, value]) => `${name}=${value}`)].map(shellQuote).join(' ');
    const log = shellQuote(path.join(folder, 'log'));
    const isThere = [
      shellLine(['grep', '-qsF', mark]) + ' /proc/$!/environ',
      ...(wanted.netns === null ? [] : [`[ /proc/$!/ns/net -ef /run/netns/${wanted.netns} ]`]),
    ].join(' && ');
    return [
      `${clean} PATH="$PATH" ${shellLine(['setsid', ...inside, ...wanted.argv])} </dev/null >>${log} 2>&1 &`,
      // Number, start time (proc(5): field 22, counted behind the name) and the files that it has read.
      `printf '%s %s %s' $! "$(sed 's/.*) //' /proc/$!/stat | cut -d' ' -f20)" ${filesDigest(wanted)} >${shellQuote(path.join(folder, 'loaded'))}`,
      // Until then it is a copy of the shell, and who looks finds no mark. One that ended at once is waited for five seconds.
      `tries=0; until ${isThere} || [ $((tries += 1)) -gt 500 ]; do sleep 0.01; done`,
    ].join('\n');
  }
}

/** Readable for the user that a program may change to. */
const folderOf = (files: string): string => `(umask 022; ${shellLine(['mkdir', '-p', files])})`;

/** A here-document ends in a newline; content that does not is printed by printf(1). */
function installed({ content, mode }: WantedFile, file: string): string {
  const install = ['install', '-m', mode.toString(8)];
  if (content === '') return shellLine([...install, '/dev/null', file]);
  if (content.endsWith('\n')) return shellCommand([...install, '/dev/stdin', file], content);
  return `${shellLine(['printf', '%s', content])} | ${shellLine([...install, '/dev/stdin', file])}`;
}

function stopped(processes: readonly ProcessIdentity[]): string {
  const pids = processes.map(({ pid }) => pid).join(' ');
  return `for each in ${pids}; do kill "$each" 2>/dev/null || true; while kill -0 "$each" 2>/dev/null; do sleep 0.1; done; done`;
}
