// The slow path: one execa call, one process. For commands that a program runs a few times in its life; so execa, which takes
// a tenth of a second to load, is loaded by the first of them.
import { readFile, writeFile } from 'node:fs/promises';
import { CommandFailed, SysctlFailed } from './errors.js';
import { commandEnvironment } from './environment.js';
import type { NetworkQuestion, SeenNetwork } from './network.js';
import {
  checkArgv,
  defaultNetnsDir,
  defaultTimeoutMs,
  netnsPath,
  sysctlPath,
  type AskOptions,
  type FrameAnswer,
  type FrameQuestion,
  type NetnsSettings,
  type OutgoingFrame,
  type Runner,
  type RunOptions,
  type RunResult,
  type SysctlOptions,
} from './runner.js';
import { Spawner } from './spawner.js';

/**
 * Runs one command without a shell and waits for its end. In a namespace it is started by nsenter(1).
 * Rejects with CommandFailed unless it ends with one of `okCodes` in time.
 */
export async function run(
  argv: readonly string[],
  options: RunOptions = {},
  netnsDir: string = defaultNetnsDir,
): Promise<RunResult> {
  checkArgv(argv);
  const path = options.netns === undefined ? undefined : netnsPath(options.netns, netnsDir);
  const [file = '', ...rest] = path === undefined ? argv : ['nsenter', `--net=${path}`, '--', ...argv];
  const { execa } = await import('execa');
  const result = await execa(file, rest, {
    input: options.stdin ?? '',
    timeout: options.timeoutMs ?? defaultTimeoutMs,
    killSignal: 'SIGKILL',
    env: { ...commandEnvironment(), ...options.env },
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    maxBuffer: 256 * 1024 * 1024,
  });
  const stdout = result.stdout ?? '';
  const stderr = result.stderr ?? '';
  const told = { argv, stdout, stderr, stdin: options.stdin, netns: options.netns };
  if (result.timedOut) {
    throw new CommandFailed({
      ...told,
      reason: 'timeout',
      code: null,
      detail: `killed after ${options.timeoutMs ?? defaultTimeoutMs} ms`,
    });
  }
  if (result.signal !== undefined) {
    throw new CommandFailed({ ...told, reason: 'signal', code: null, detail: `ended by ${result.signal}` });
  }
  if (result.exitCode === undefined) {
    const detail = `could not be started (${result.code ?? 'unknown error'})`;
    throw new CommandFailed({ ...told, reason: 'not-started', code: null, detail });
  }
  if (path !== undefined && result.exitCode === 1 && stderr.startsWith('nsenter: cannot open')) {
    throw new CommandFailed({ ...told, reason: 'netns', code: null, detail: 'the namespace could not be entered' });
  }
  if (path !== undefined && result.exitCode === 127 && stderr.startsWith('nsenter: failed to execute')) {
    throw new CommandFailed({ ...told, reason: 'not-started', code: null, detail: 'could not be started' });
  }
  if (!(options.okCodes ?? [0]).includes(result.exitCode)) {
    throw new CommandFailed({ ...told, reason: 'exit', code: result.exitCode });
  }
  return { stdout, stderr, code: result.exitCode };
}

/** The slow path as a Runner. Keeps nothing open; each sysctl in a namespace costs a process. */
export class ExecaRunner implements Runner {
  private readonly netnsDir: string;

  constructor(options: { readonly netnsDir?: string } = {}) {
    this.netnsDir = options.netnsDir ?? defaultNetnsDir;
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return run(argv, options, this.netnsDir);
  }

  async readSysctls(keys: readonly string[], options: SysctlOptions = {}): Promise<ReadonlyMap<string, string>> {
    const values = new Map<string, string>();
    for (const key of keys) {
      const text = await this.read(sysctlPath(key), options.netns);
      if (text !== undefined) values.set(key, text.replace(/\n$/, ''));
    }
    return values;
  }

  async writeSysctls(values: Readonly<Record<string, string>>, options: SysctlOptions = {}): Promise<void> {
    const failed: { key: string; value: string; error: string }[] = [];
    for (const [key, value] of Object.entries(values)) {
      const path = sysctlPath(key);
      try {
        if (options.netns === undefined) await writeFile(path, value, { flag: 'r+' });
        else await this.run(['tee', '--', path], { stdin: value, netns: options.netns });
      } catch (error) {
        if (error instanceof CommandFailed && error.reason !== 'exit') throw error;
        failed.push({ key, value, error: error instanceof Error ? error.message : String(error) });
      }
    }
    if (failed.length > 0) throw new SysctlFailed(failed, options.netns);
  }

  readTxChecksum(devices: readonly string[], options: SysctlOptions = {}): Promise<ReadonlyMap<string, boolean>> {
    return this.once((spawner) => spawner.readTxChecksum(devices, options));
  }

  setTxChecksum(devices: readonly string[], on: boolean, options: SysctlOptions = {}): Promise<void> {
    return this.once((spawner) => spawner.setTxChecksum(devices, on, options));
  }

  setEach(all: readonly NetnsSettings[]): Promise<readonly (SysctlFailed | CommandFailed | null)[]> {
    return this.once((spawner) => spawner.setEach(all));
  }

  sendFrames(frames: readonly OutgoingFrame[]): Promise<void> {
    return this.once((spawner) => spawner.sendFrames(frames));
  }

  askFrames(questions: readonly FrameQuestion[], options: AskOptions): Promise<readonly FrameAnswer[]> {
    return this.once((spawner) => spawner.askFrames(questions, options));
  }

  look(question: NetworkQuestion, netnses?: readonly string[]): Promise<readonly (SeenNetwork | CommandFailed)[]> {
    return this.once((spawner) => spawner.look(question, netnses));
  }

  /** For requests that no single command can do: a helper process that lives for one call. */
  private async once<T>(ask: (spawner: Spawner) => Promise<T>): Promise<T> {
    const spawner = new Spawner({ netnsDir: this.netnsDir });
    try {
      return await ask(spawner);
    } finally {
      await spawner.close();
    }
  }

  private async read(path: string, netns: string | undefined): Promise<string | undefined> {
    if (netns === undefined) return readFile(path, 'utf8').catch(() => undefined);
    const result = await this.run(['cat', '--', path], { netns, okCodes: [0, 1] });
    return result.code === 0 ? result.stdout : undefined;
  }
}
