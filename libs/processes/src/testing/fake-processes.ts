/** A node in memory that processes of one owner run on. It keeps them when the agent is gone, like a real one. */
import { byName } from '../by-name.js';
import { fileDigest, loadedMark, startDigest, wholeDigest } from '../digests.js';
import { holdText, Restarts } from '../restarts.js';
import type { Found, FoundProcess, Processes, ProcessStep, WantedFile, WantedProcess } from '../types.js';

type FakeFolder = { files: Map<string, WantedFile>; loaded: string | null };

export class FakeProcesses implements Processes {
  readonly running: FoundProcess[] = [];
  readonly folders = new Map<string, FakeFolder>();
  /** SIGHUPs, by name. */
  readonly reloads: string[] = [];
  /** Names of programs that end right after each start. */
  readonly shortLived = new Set<string>();
  /** Starts, by name. */
  readonly starts: string[] = [];
  /** Programs that are not installed: the first word of a command line. */
  readonly missing = new Set<string>();
  /** What each running process has read of its files. */
  private readonly read = new Map<string, ReadonlyMap<string, WantedFile>>();
  private readonly restarts = new Restarts();
  /** Above all process numbers that Linux gives (2^22): whoever asks /proc for one of these finds none. */
  private clock = 5_000_000;
  private failing = 0;

  /** `now`: milliseconds; default: so late each time that no start is too early. */
  constructor(private readonly now: () => number = longAfter()) {}

  /** The n-th step from here fails, and does nothing. */
  failNext(nth = 1): void {
    this.failing = nth;
  }

  /** Dies without the agent's doing. */
  crash(name: string): void {
    this.running.splice(0, this.running.length, ...this.running.filter((each) => each.name !== name));
  }

  /** As if it had been started by somebody who bears this mark; `child`: by the first process of that name. */
  begin(name: string, digest: string, child = false): FoundProcess {
    this.clock += 1;
    const pid = this.clock;
    const session = child ? (this.running.find((each) => each.name === name)?.session ?? 1) : pid;
    const process = { pid, startTime: String(this.clock), name, digest, main: !child, session };
    this.running.push(process);
    return process;
  }

  /** Somebody removes the folder; what runs goes on with what it has read. */
  wipe(name: string): void {
    this.folders.delete(name);
  }

  /** Content of the files that a running process works by; null when nothing runs by that name. */
  inForce(name: string): readonly string[] | null {
    if (!this.running.some((each) => each.name === name)) return null;
    return [...(this.read.get(name)?.values() ?? [])].map(({ content }) => content).sort();
  }

  names(): readonly string[] {
    return [...this.folders.keys()];
  }

  fileOf(name: string, file: string): string | null {
    return this.folders.get(name)?.files.get(file)?.content ?? null;
  }

  async observe(names?: ReadonlySet<string>): Promise<Found> {
    this.restarts.onlyTheseRun(new Set(this.running.map(({ name }) => name)), this.now());
    return {
      processes: [...this.running],
      folders: new Map(
        [...this.folders]
          .filter(([name]) => names?.has(name) ?? true)
          .map(([name, { files, loaded }]) => [
            name,
            { files: new Map([...files].map(([file, each]) => [file, fileDigest(each)])), loaded },
          ]),
      ),
    };
  }

  async apply(steps: readonly ProcessStep[]): Promise<void> {
    await byName(steps, async (step) => {
      if (this.failing > 0 && (this.failing -= 1) === 0) throw new Error('failed on purpose');
      this.run(step);
    });
  }

  private run(step: ProcessStep): void {
    const folder = this.folders.get(step.name) ?? { files: new Map<string, WantedFile>(), loaded: null };
    switch (step.op) {
      case 'write-files':
        for (const file of step.files) {
          const before = folder.files.get(file.name);
          if (!before || fileDigest(before) !== fileDigest(file)) folder.loaded = null;
          folder.files.set(file.name, file);
        }
        break;
      case 'remove-files':
        for (const file of step.files) folder.files.delete(file);
        break;
      case 'stop-process': {
        const gone = new Set(step.processes.map(({ pid }) => pid));
        if (this.running.some(({ pid, main }) => main && gone.has(pid))) this.restarts.forget(step.name);
        this.running.splice(0, this.running.length, ...this.running.filter(({ pid }) => !gone.has(pid)));
        return;
      }
      case 'start-process':
        if (this.running.some(({ name, digest }) => name === step.name && digest === startDigest(step.process))) return;
        if (this.running.some(({ name }) => name === step.name)) throw new Error(`another ${step.name} runs`);
        this.start(step.process, folder);
        break;
      case 'reload-process':
        if (!this.running.some(({ pid }) => pid === step.process.pid)) throw new Error(`${step.name} is gone`);
        if (folder.loaded === step.loaded) return;
        this.reloads.push(step.name);
        this.read.set(step.name, new Map(folder.files));
        folder.loaded = step.loaded;
        break;
      case 'remove-folder':
        this.restarts.forget(step.name);
        this.folders.delete(step.name);
        return;
    }
    this.folders.set(step.name, folder);
  }

  private start(wanted: WantedProcess, folder: FakeFolder): void {
    const { name, argv } = wanted;
    const whole = wholeDigest(wanted);
    const hold = this.restarts.hold(name, whole, this.now());
    if (hold) throw new Error(holdText(hold));
    if (this.missing.has(argv[0] ?? '')) throw new Error(`${argv[0]} could not be started (No such file or directory)`);
    this.restarts.started(name, whole, this.now());
    this.starts.push(name);
    this.read.set(name, new Map(folder.files));
    folder.loaded = loadedMark(this.begin(name, startDigest(wanted)), wanted);
    if (this.shortLived.has(name)) this.crash(name);
  }
}

/** A clock that is an hour later whenever it is looked at. */
function longAfter(): () => number {
  let nowMs = 0;
  return () => (nowMs += 3_600_000);
}
