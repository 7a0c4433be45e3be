/**
 * Processes on a real node. How a process without memory finds them:
 *
 *   mark      PLUMB_PROCESS=<owner>/<name>:<digest> in the environment that the process was started with. What it starts itself inherits the mark; the process
 *             that was started is told from these because it leads its session and its parent does not bear the mark.
 *   folder    <runDir>/<owner>/<name>/: `files/` (all of it ours), `log` (its output since its last
 *             start, emptied when it is larger than 256 KiB), `loaded` (which process has read which files).
 *             <runDir> is below /run, which a reboot empties together with the processes.
 *
 * Everything that bears another owner's mark, or none, is foreign and never touched. A node has one agent of an owner; two of the same owner would fight.
 *
 * A process is started in a session of its own by the exec helper (Spawner.startDetached), so it ends neither with the agent nor with the helper. The unit of an
 * agent that has such processes needs KillMode=process, or systemd would end them together with it.
 *
 * An end is noticed by a look at /proc every second: no descriptor is kept that a restarted agent would lack. Road not taken: being their parent. Then they end, or
 * lose their parent, with each update of an agent; and a pid file alone, which says nothing once the number was given to another process.
 */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Spawner } from '@plumbline/exec';
import type { BackoffSchedule } from '@plumbline/reconcile';
import { byName } from './by-name.js';
import { fileDigest, loadedMark, startDigest, wholeDigest } from './digests.js';
import { MARK } from './mark.js';
import { allPids, isRunning, mayReadAll, statOf, variableOf } from './proc.js';
import { holdText, Restarts } from './restarts.js';
import type {
  Found,
  FoundFolder,
  FoundProcess,
  Processes,
  ProcessIdentity,
  ProcessStep,
  WantedFile,
  WantedProcess,
} from './types.js';

const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const FILE = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/;

export interface NodeProcessesOptions {
  /** Whose processes these are, apart from all others on this machine: `dhcp-net1`. In the form of a process's name. */
  readonly owner: string;
  /** Where the folders are. Default /run/plumbline/processes. */
  readonly runDir?: string;
  /** Environment of every process, beside the search path. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long a process may take to end after SIGTERM. Default 5,000 ms. */
  readonly stopMs?: number;
  /** How often it is looked whether processes still run. Default 1,000 ms. */
  readonly watchMs?: number;
  /** How often a program is started that ends by itself. Default: `defaultRestarts`. */
  readonly restarts?: BackoffSchedule;
}

/** The folder that the files of a process are in: what `argv` names. */
export const filesFolder = (owner: string, name: string, runDir = DEFAULT_RUN_DIR): string =>
  path.join(runDir, owner, name, 'files');

const DEFAULT_RUN_DIR = '/run/plumbline/processes';

/** Value of the mark of a process that was started as `digest` says. */
export const markOf = (owner: string, name: string, digest: string): string => `${owner}/${name}:${digest}`;

/** All that a process has in its environment beside the search path. */
export const processEnvironment = (env: Readonly<Record<string, string>>, mark: string): Record<string, string> => ({
  LC_ALL: 'C',
  ...env,
  [MARK]: mark,
});

/** Close it when done: nothing is watched any more, and all processes go on. */
export class NodeProcesses implements Processes {
  private readonly folder: string;
  private readonly stopMs: number;
  private readonly watchMs: number;
  private readonly restarts: Restarts;
  private readonly watched = new Map<string, ProcessIdentity>();
  private timer: NodeJS.Timeout | null = null;
  private onEnd: ((names: readonly string[]) => void) | null = null;

  constructor(
    private readonly spawner: Pick<Spawner, 'startDetached'>,
    private readonly options: NodeProcessesOptions,
  ) {
    if (!NAME.test(options.owner)) throw new TypeError(`${JSON.stringify(options.owner)} cannot own processes`);
    this.folder = path.join(options.runDir ?? DEFAULT_RUN_DIR, options.owner);
    this.stopMs = options.stopMs ?? 5_000;
    this.watchMs = options.watchMs ?? 1_000;
    this.restarts = new Restarts(options.restarts);
  }

  /** Calls back, within `watchMs`, with the names of processes that were found running and are gone, unless they were stopped here. */
  watch(onEnd: (names: readonly string[]) => void): void {
    this.onEnd = onEnd;
    this.timer ??= setInterval(() => this.look(), this.watchMs);
  }

  close(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
  }

  names(): readonly string[] {
    return namesIn(this.folder);
  }

  fileOf(name: string, file: string): string | null {
    return readOr(path.join(this.folderOf(name), 'files', checked(file)), null);
  }

  async observe(names?: ReadonlySet<string>): Promise<Found> {
    if (!mayReadAll())
      throw new Error(
        'the environment of other processes cannot be read: the agent needs the capability CAP_SYS_PTRACE',
      );
    const processes = this.marked();
    // What is gone stays in it until it was told: whoever observes may look at other processes only.
    const main = processes.filter((each) => each.main);
    for (const each of main) this.watched.set(each.name, each);
    this.restarts.onlyTheseRun(new Set(main.map(({ name }) => name)), performance.now());
    return { processes, folders: this.folders(names) };
  }

  async apply(steps: readonly ProcessStep[]): Promise<void> {
    // A start that is repeated finds what it started.
    const before = steps.some(({ op }) => op === 'start-process') ? this.marked() : [];
    await byName(steps, (step) => this.run(step, before));
  }

  private async run(step: ProcessStep, before: readonly FoundProcess[]): Promise<void> {
    const folder = this.folderOf(step.name);
    switch (step.op) {
      case 'write-files':
        for (const file of step.files) {
          const name = path.join('files', checked(file.name));
          if (digestOf(path.join(folder, name)) === fileDigest(file)) continue;
          // Whoever goes on from here, also another agent, has the process read it.
          rmSync(path.join(folder, 'loaded'), { force: true });
          writeWhole(folder, name, file);
        }
        return;
      case 'remove-files':
        for (const file of step.files) rmSync(path.join(folder, 'files', checked(file)), { force: true });
        return;
      case 'stop-process':
        if (step.processes.some((each) => each.pid === this.watched.get(step.name)?.pid && isRunning(each)))
          this.restarts.forget(step.name);
        this.watched.delete(step.name);
        return stop(step.processes, this.stopMs);
      case 'start-process':
        return this.start(step.process, folder, before);
      case 'reload-process':
        if (readOr(path.join(folder, 'loaded'), null) === step.loaded) return;
        signal(step.process, 'SIGHUP');
        return writeWhole(folder, 'loaded', { content: step.loaded, mode: 0o600 });
      case 'remove-folder':
        this.restarts.forget(step.name);
        this.watched.delete(step.name);
        return rmSync(folder, { recursive: true, force: true });
    }
  }

  private async start(wanted: WantedProcess, folder: string, before: readonly FoundProcess[]): Promise<void> {
    const digest = startDigest(wanted);
    if (before.some((each) => each.main && each.name === wanted.name && each.digest === digest && isRunning(each)))
      return;
    const whole = wholeDigest(wanted);
    const hold = this.restarts.hold(wanted.name, whole, performance.now());
    if (hold) throw new Error(`${holdText(hold)}. ${this.lastWords(folder)}`);
    makeFolder(path.join(folder, 'files'));
    const pid = await this.spawner.startDetached(wanted.argv, {
      logFile: path.join(folder, 'log'),
      env: { ...this.options.env, [MARK]: markOf(this.options.owner, wanted.name, digest) },
      ...(wanted.netns === null ? {} : { netns: wanted.netns }),
    });
    this.restarts.started(wanted.name, whole, performance.now());
    const started = statOf(pid);
    if (!started) throw new Error(`it ended as it was started. ${this.lastWords(folder)}`);
    this.watched.set(wanted.name, started);
    // An agent that ends before this line tells it once more to read what it has read: harmless.
    writeWhole(folder, 'loaded', { content: loadedMark(started, wanted), mode: 0o600 });
  }

  private lastWords(folder: string): string {
    const said = readOr(path.join(folder, 'log'), '').trim().slice(-500);
    return said === '' ? 'It said nothing' : `The last it said: ${said}`;
  }

  private look(): void {
    for (const name of this.watched.keys()) emptyIfLarge(path.join(this.folder, name, 'log'));
    const gone = [...this.watched].filter(([, process]) => !isRunning(process)).map(([name]) => name);
    for (const name of gone) this.watched.delete(name);
    this.restarts.onlyTheseRun(new Set(this.watched.keys()), performance.now());
    if (gone.length > 0) this.onEnd?.(gone);
  }

  private folderOf(name: string): string {
    if (!NAME.test(name)) throw new TypeError(`${JSON.stringify(name)} cannot name a process`);
    return path.join(this.folder, name);
  }

  private marked(): FoundProcess[] {
    const prefix = `${this.options.owner}/`;
    const marks = new Map<number, { name: string; digest: string }>();
    for (const pid of allPids()) {
      const mark = variableOf(pid, MARK);
      if (!mark?.startsWith(prefix)) continue;
      const colon = mark.lastIndexOf(':');
      marks.set(pid, { name: mark.slice(prefix.length, colon), digest: mark.slice(colon + 1) });
    }
    return [...marks].flatMap(([pid, { name, digest }]): FoundProcess[] => {
      const stat = statOf(pid);
      if (!stat) return [];
      const { startTime, session, parent } = stat;
      return [{ pid, startTime, name, digest, session, main: session === pid && marks.get(parent)?.name !== name }];
    });
  }

  private folders(names?: ReadonlySet<string>): Map<string, FoundFolder> {
    const folders = new Map<string, FoundFolder>();
    for (const name of namesIn(this.folder)) {
      if (names && !names.has(name)) continue;
      const files = path.join(this.folder, name, 'files');
      const found = namesIn(files).flatMap((file): [string, string][] => {
        const digest = digestOf(path.join(files, file));
        return digest === null ? [] : [[file, digest]];
      });
      folders.set(name, {
        files: new Map(found),
        loaded: readOr(path.join(this.folder, name, 'loaded'), null),
      });
    }
    return folders;
  }
}

function checked(file: string): string {
  if (!FILE.test(file)) throw new TypeError(`${JSON.stringify(file)} cannot name a file of a process`);
  return file;
}

/**
 * Whoever reads the file finds all of the old or all of the new content. It is written beside the folder of files first: a program that reads all files of that
 * folder must not find half a file.
 */
function writeWhole(folder: string, file: string, { content, mode }: Pick<WantedFile, 'content' | 'mode'>): void {
  makeFolder(path.dirname(path.join(folder, file)));
  const next = path.join(folder, 'next');
  rmSync(next, { force: true });
  writeFileSync(next, content, { mode: 0o600 });
  chmodSync(next, mode);
  renameSync(next, path.join(folder, file));
}

/** Readable for the user that a program may change to, whatever the agent's umask is. */
function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true });
  for (let made = folder; first !== undefined && made.length >= first.length; made = path.dirname(made))
    chmodSync(made, 0o755);
}

/** Asks all to end, and insists after `graceMs`. */
async function stop(processes: readonly ProcessIdentity[], graceMs: number): Promise<void> {
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    for (const each of processes) signal(each, name);
    for (const end = performance.now() + graceMs; performance.now() < end; await delay(10))
      if (!processes.some(isRunning)) return;
  }
  const left = processes.filter(isRunning).map(({ pid }) => pid);
  throw new Error(`processes ${left.join(', ')} do not end, not by SIGKILL either`);
}

/** To exactly this process; nothing when it is gone. */
function signal(target: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isRunning(target)) return;
  try {
    process.kill(target.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

function readOr<T>(file: string, otherwise: T): string | T {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}

/** Whatever tenants make a program say, it does not fill /run, which is memory. The program appends, so it goes on at the beginning. */
function emptyIfLarge(log: string): void {
  try {
    if (statSync(log).size > MOST_LOG_BYTES) truncateSync(log);
  } catch {
    // It has just been removed, or cannot be: then there is nothing to save here.
  }
}
const MOST_LOG_BYTES = 256 * 1024;

/** Null: there is no such file. */
function digestOf(file: string): string | null {
  const mode = modeOf(file);
  return mode === null ? null : fileDigest({ content: readOr(file, ''), mode });
}

const modeOf = (file: string): number | null => {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() ? stat.mode & 0o7777 : null;
};
