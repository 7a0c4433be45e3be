// The fast path: commands started by a small long-lived helper process.
//
// Goals: a command costs the same whatever the memory of this process (forking it costs 2 ms at 50 MB and 35 ms at 262);
// many at the same time; a helper that dies is replaced, and the requests it had are reported, never silently repeated.
// Design: one child, written to and read from through pipes (helper/spawner.pl). The first request starts it, and restarts
// it after its death. At most `maxConcurrent` requests are in flight, the rest wait here in order of arrival.
// Road not taken: repeating what was in flight when the helper died. A command may have done its work: the caller must
// observe the node first, which a reconciler does anyway.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { getSystemErrorMessage } from './errno.js';
import { commandEnvironment } from './environment.js';
import { CommandFailed, SysctlFailed } from './errors.js';
import {
  AnswerReader,
  answerKind,
  decodeRead,
  decodeWritten,
  encodeRequest,
  requestType,
  type Answer,
} from './frames.js';
import {
  checkArgv,
  defaultNetnsDir,
  defaultTimeoutMs,
  netnsPath,
  sysctlPath,
  type AskOptions,
  type FrameAnswer,
  type FrameQuestion,
  type Runner,
  type RunOptions,
  type RunResult,
  type SysctlOptions,
} from './runner.js';

/** How a Spawner is set up. */
export interface SpawnerOptions {
  /** Where namespace names are looked up, as the helper's mount namespace sees it. Default /run/netns. */
  readonly netnsDir?: string;
  /** Commands running at the same time. Default 16. */
  readonly maxConcurrent?: number;
  /** A command that starts the helper, given after it: `unshare ...` or `nsenter ...`. All commands then run in the namespaces that it enters. */
  readonly under?: readonly string[];
  /** How long a killed command, or the helper at `close`, may take to be gone. Default 5,000 ms. */
  readonly killGraceMs?: number;
}

type Helper = ChildProcessByStdio<Writable, Readable, Readable>;

interface Request {
  readonly id: number;
  readonly argv: readonly string[];
  readonly type: number;
  readonly fields: readonly (number | string)[];
  readonly netnsPath: string;
  readonly options: RunOptions;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  timer?: NodeJS.Timeout;
  timedOut?: boolean;
}

const helperFile = fileURLToPath(new URL('../helper/spawner.pl', import.meta.url));

/** Runs commands and sysctls through the helper process. Close it when done: an open helper keeps the program alive. */
export class Spawner implements Runner {
  private readonly netnsDir: string;
  private readonly maxConcurrent: number;
  private readonly under: readonly string[];
  private readonly killGraceMs: number;
  private readonly waiting: Request[] = [];
  private readonly running = new Map<number, Request>();
  private helper: Helper | undefined;
  private nextId = 1;
  private closed = false;

  constructor(options: SpawnerOptions = {}) {
    this.netnsDir = options.netnsDir ?? defaultNetnsDir;
    this.maxConcurrent = options.maxConcurrent ?? 16;
    this.under = options.under ?? [];
    this.killGraceMs = options.killGraceMs ?? 5000;
  }

  /** The helper's process id, while there is one. */
  get helperPid(): number | undefined {
    return this.helper?.pid;
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    checkArgv(argv);
    const env = Object.entries(options.env ?? {});
    const fields = [argv.length, ...argv, env.length, ...env.flat(), options.stdin ?? ''];
    const answer = await this.ask(argv, requestType.run, fields, options);
    const result = { stdout: answer.stdout.toString('utf8'), stderr: answer.stderr.toString('utf8') };
    if (answer.kind !== answerKind.exited || !(options.okCodes ?? [0]).includes(answer.value)) {
      throw failureOf(argv, options, answer, result);
    }
    return { ...result, code: answer.value };
  }

  async readSysctls(keys: readonly string[], options: SysctlOptions = {}): Promise<ReadonlyMap<string, string>> {
    return this.readAll(requestType.read, 'read-sysctls', keys, keys.map(sysctlPath), options);
  }

  async writeSysctls(values: Readonly<Record<string, string>>, options: SysctlOptions = {}): Promise<void> {
    const pairs = Object.entries(values).map(([key, value]) => ({ key, value, name: sysctlPath(key) }));
    return this.setAll(requestType.write, 'write-sysctls', pairs, options);
  }

  async readTxChecksum(devices: readonly string[], options: SysctlOptions = {}): Promise<ReadonlyMap<string, boolean>> {
    const found = await this.readAll(requestType.offloads, 'read-tx-checksum', devices, devices, options);
    return new Map([...found].map(([device, value]) => [device, value === '1']));
  }

  async setTxChecksum(devices: readonly string[], on: boolean, options: SysctlOptions = {}): Promise<void> {
    const pairs = devices.map((device) => ({ key: device, value: on ? '1' : '0', name: device }));
    return this.setAll(requestType.offload, 'set-tx-checksum', pairs, options);
  }

  async sendFrames(device: string, frames: readonly Uint8Array[], options: SysctlOptions = {}): Promise<void> {
    const pairs = frames.map((frame) => ({ key: device, value: Buffer.from(frame).toString('hex'), name: device }));
    return this.setAll(requestType.frames, 'send-frames', pairs, options);
  }

  async askFrames(questions: readonly FrameQuestion[], { forMs, times }: AskOptions): Promise<readonly FrameAnswer[]> {
    if (questions.length === 0) return [];
    const fields = questions.flatMap(({ netns, device, frame, answers }) => {
      const bad = answers.find((pattern) => !/^[0-9a-f.]+$/.test(pattern));
      if (bad !== undefined) throw new TypeError(`${JSON.stringify(bad)} cannot be the start of a frame`);
      const path = netns === undefined ? '' : netnsPath(netns, this.netnsDir);
      return [path, device, Buffer.from(frame).toString('hex'), answers.join('|')];
    });
    const argv = ['ask-frames', ...questions.map(({ netns, device }) => (netns ? `${netns}/${device}` : device))];
    const options = { timeoutMs: forMs + defaultTimeoutMs };
    const answer = await this.ask(argv, requestType.ask, [forMs, times, questions.length, ...fields], options);
    if (answer.kind !== answerKind.exited || answer.value !== 0) throw failureOf(argv, options, answer, noText);
    return decodeRead(answer.stdout).map(({ errno, text }) => ({
      frame: text === '' ? null : Buffer.from(text, 'hex'),
      error: errno === 0 ? null : getSystemErrorMessage(errno),
    }));
  }

  /** Ends the helper and every command it runs; requests without an answer are rejected. May be called again. */
  async close(): Promise<void> {
    this.closed = true;
    const helper = this.helper;
    this.rejectAll('closed', 'the spawner was closed', [...this.running.values(), ...this.waiting.splice(0)]);
    if (!helper || helper.exitCode !== null || helper.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => helper.once('close', () => resolve()));
    helper.stdin.end();
    const timer = setTimeout(() => helper.kill('SIGKILL'), this.killGraceMs);
    await ended;
    clearTimeout(timer);
  }

  private async readAll(
    type: number,
    verb: string,
    keys: readonly string[],
    names: readonly string[],
    options: SysctlOptions,
  ): Promise<ReadonlyMap<string, string>> {
    if (keys.length === 0) return new Map();
    const argv = [verb, ...keys];
    const answer = await this.ask(argv, type, [names.length, ...names], options);
    if (answer.kind !== answerKind.exited || answer.value !== 0) throw failureOf(argv, options, answer, noText);
    const files = decodeRead(answer.stdout);
    return new Map(
      keys.flatMap((key, index) => {
        const file = files[index];
        return file && file.errno === 0 ? [[key, file.text.replace(/\n$/, '')] as const] : [];
      }),
    );
  }

  private async setAll(
    type: number,
    verb: string,
    pairs: readonly { readonly key: string; readonly value: string; readonly name: string }[],
    options: SysctlOptions,
  ): Promise<void> {
    if (pairs.length === 0) return;
    const argv = [verb, ...pairs.map(({ key, value }) => `${key}=${value}`)];
    const fields = [pairs.length, ...pairs.flatMap(({ name, value }) => [name, value])];
    const answer = await this.ask(argv, type, fields, options);
    if (answer.kind !== answerKind.exited || answer.value !== 0) throw failureOf(argv, options, answer, noText);
    const errnos = decodeWritten(answer.stdout);
    const failed = pairs.flatMap(({ key, value }, index) => {
      const errno = errnos[index] ?? 0;
      return errno === 0 ? [] : [{ key, value, error: getSystemErrorMessage(errno) }];
    });
    if (failed.length > 0) throw new SysctlFailed(failed, options.netns);
  }

  private ask(
    argv: readonly string[],
    type: number,
    fields: readonly (number | string)[],
    options: RunOptions,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const path = options.netns === undefined ? '' : netnsPath(options.netns, this.netnsDir);
      const request = { id: this.nextId, argv, type, fields, netnsPath: path, options, resolve, reject };
      this.nextId = (this.nextId + 1) % 0xffffffff || 1;
      if (this.closed) return this.rejectAll('closed', 'the spawner was closed', [request]);
      this.waiting.push(request);
      this.sendMore();
    });
  }

  private sendMore(): void {
    while (this.running.size < this.maxConcurrent) {
      const request = this.waiting.shift();
      if (!request) return;
      this.helper ??= this.start();
      this.running.set(request.id, request);
      const helper = this.helper;
      helper.stdin.write(encodeRequest(request.id, request.type, request.netnsPath, request.fields));
      const timeoutMs = request.options.timeoutMs ?? defaultTimeoutMs;
      if (timeoutMs === 0) continue;
      request.timer = setTimeout(() => {
        request.timedOut = true;
        helper.stdin.write(encodeRequest(request.id, requestType.kill, '', []));
        // A process inside an uninterruptible system call survives SIGKILL for a while; the caller must not wait for it.
        request.timer = setTimeout(() => {
          this.rejectAll('timeout', `killed after ${timeoutMs} ms and still not gone`, [request]);
          this.sendMore();
        }, this.killGraceMs);
      }, timeoutMs);
    }
  }

  private start(): Helper {
    const [program = 'perl', ...rest] = [...this.under, 'perl', helperFile];
    const helper = spawn(program, rest, { stdio: ['pipe', 'pipe', 'pipe'], env: commandEnvironment() });
    const reader = new AnswerReader();
    let said = '';
    let gone = false;
    const lost = (why: string): void => {
      if (gone) return;
      gone = true;
      if (this.helper === helper) this.helper = undefined;
      const text = said.trim() ? `${why}: ${said.trim()}` : why;
      this.rejectAll('lost', `${text}; whether the command did its work is not known`, [...this.running.values()]);
      this.sendMore();
    };
    helper.stdout.on('data', (chunk: Buffer) => {
      for (const answer of reader.push(chunk)) this.answered(answer);
      this.sendMore();
    });
    helper.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-2000)));
    helper.stdin.on('error', () => undefined); // 'close' below reports its end
    helper.on('error', (error) => lost(`the spawner's helper process did not start (${error.message})`));
    helper.on('close', (code, signal) => lost(`the spawner's helper process ended (${signal ?? `code ${code}`})`));
    return helper;
  }

  private answered(answer: Answer): void {
    const request = this.running.get(answer.id);
    if (!request) return;
    this.running.delete(answer.id);
    clearTimeout(request.timer);
    if (request.timedOut && answer.kind === answerKind.signalled) {
      const timeoutMs = request.options.timeoutMs ?? defaultTimeoutMs;
      const output = { stdout: answer.stdout.toString('utf8'), stderr: answer.stderr.toString('utf8') };
      const told = { argv: request.argv, stdin: request.options.stdin, netns: request.options.netns, ...output };
      const detail = `killed after ${timeoutMs} ms`;
      request.reject(new CommandFailed({ ...told, reason: 'timeout', code: null, detail }));
    } else request.resolve(answer);
  }

  private rejectAll(reason: 'lost' | 'closed' | 'timeout', detail: string, requests: readonly Request[]): void {
    for (const request of requests) {
      this.running.delete(request.id);
      clearTimeout(request.timer);
      const told = { argv: request.argv, netns: request.options.netns };
      request.reject(new CommandFailed({ ...told, reason, code: null, detail }));
    }
  }
}

const noText = { stdout: '', stderr: '' };

function failureOf(
  argv: readonly string[],
  options: RunOptions,
  answer: Answer,
  output: { readonly stdout: string; readonly stderr: string },
): CommandFailed {
  const told = { argv, stdin: options.stdin, netns: options.netns, ...output };
  const why = getSystemErrorMessage(answer.value);
  switch (answer.kind) {
    case answerKind.signalled:
      return new CommandFailed({ ...told, reason: 'signal', code: null, detail: `ended by signal ${answer.value}` });
    case answerKind.noNetns:
      return new CommandFailed({
        ...told,
        reason: 'netns',
        code: null,
        detail: `the namespace could not be entered (${why})`,
      });
    case answerKind.notStarted:
      return new CommandFailed({ ...told, reason: 'not-started', code: null, detail: `could not be started (${why})` });
    default:
      return new CommandFailed({ ...told, reason: 'exit', code: answer.value });
  }
}
