/**
 * The helper process (helper/spawner.pl) and the requests that are with it.
 *
 * Goals: a request costs the same whatever the memory of this process (forking it costs 2 ms at 50 MB and 35 ms at 262 MB); many requests at the same time; a helper
 * that dies is replaced, and the requests that it had are reported as lost and never silently repeated.
 *
 * Design: one child, fed and read through pipes. The first request starts it, and the first request after its death starts it again. At most `maxConcurrent`
 * requests are with it, the others wait here in order of arrival. What a request asks for is its caller's business: a command (spawner.ts) or a question to the
 * kernel (kernel-questions.ts).
 *
 * Road not taken: repeating what was in flight when the helper died. A command may have done its work: its caller must look at the node first, which a reconciler
 * does anyway.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createRequire } from 'node:module';
import type { Readable, Writable } from 'node:stream';
import { commandEnvironment } from './environment.js';
import { CommandFailed, type FailureReason } from './errors.js';
import { AnswerReader, answerKind, encodeRequest, requestType, type Answer } from './frames.js';
import { defaultNetnsDir, defaultTimeoutMs, netnsPath, type RunOptions } from './runner.js';

/** How a helper is set up. */
export interface HelperOptions {
  /** Where namespace names are looked up, as the helper's mount namespace sees it. Default /run/netns. */
  readonly netnsDir?: string;
  /** Requests answered at the same time. Default 16. */
  readonly maxConcurrent?: number;
  /** A command that starts the helper, given after it: `unshare ...` or `nsenter ...`. All commands then run in the namespaces that it enters. */
  readonly under?: readonly string[];
  /** How long a killed command, or the helper at `close`, may take to be gone. Default 5,000 ms. */
  readonly killGraceMs?: number;
}

/** What is asked of the helper. */
export interface HelperRequest {
  /** What a failure is reported as: the command, or a question in the form of one. */
  readonly argv: readonly string[];
  /** As the helper numbers them. */
  readonly type: number;
  /** Behind id, type and namespace: counts and strings in order. */
  readonly fields: readonly (number | string)[];
  readonly options: Pick<RunOptions, 'netns' | 'timeoutMs' | 'stdin'>;
  /** Gets what the command prints while it runs, of a request that asks for that. */
  readonly onMore?: (text: Buffer) => void;
  /** Ends what is asked for; the answer then says that it was killed. */
  readonly signal?: AbortSignal;
}

type Helper = ChildProcessByStdio<Writable, Readable, Readable>;

interface Pending extends HelperRequest {
  readonly id: number;
  /** Whom it was given to, once it was: its end is this request's, another's is not. */
  helper?: Helper;
  readonly netnsPath: string;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  timer?: NodeJS.Timeout;
  /** Stops listening to its signal. */
  unhear?: () => void;
  timedOut?: boolean;
  /** Whoever hears what comes threw this: the command is ended, and the request rejected with it. */
  threw?: Readonly<{ error: Error }>;
}

/** By the name of its package: this file may be a part of a program that was bundled elsewhere. */
const helperFile = createRequire(import.meta.url).resolve('@plumbline/exec/helper/spawner.pl');
/** The helper's exit code (EX_UNAVAILABLE) when it cannot work on this node; stderr says why. */
const CANNOT_WORK = 69;

/** Close it when done: a helper that runs keeps the program alive. */
export class HelperProcess {
  /** Where namespace names are looked up. */
  readonly netnsDir: string;
  private readonly maxConcurrent: number;
  private readonly under: readonly string[];
  private readonly killGraceMs: number;
  private readonly waiting: Pending[] = [];
  private readonly running = new Map<number, Pending>();
  private helper: Helper | undefined;
  private nextId = 1;
  private closed = false;

  constructor(options: HelperOptions = {}) {
    this.netnsDir = options.netnsDir ?? defaultNetnsDir;
    this.maxConcurrent = options.maxConcurrent ?? 16;
    this.under = options.under ?? [];
    this.killGraceMs = options.killGraceMs ?? 5000;
  }

  /** Its process id, while there is one. */
  get pid(): number | undefined {
    return this.helper?.pid;
  }

  /**
   * The helper's answer, whatever it says. Rejects with CommandFailed when there will be none: reason `timeout`, `lost`, `closed`, or `not-started` when the
   * helper cannot work on this node.
   */
  ask(request: HelperRequest): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { netns } = request.options;
      const path = netns === undefined ? '' : netnsPath(netns, this.netnsDir);
      const pending: Pending = { ...request, id: this.nextId, netnsPath: path, resolve, reject };
      this.nextId = (this.nextId + 1) % 0xffffffff || 1;
      if (this.closed) return this.rejectAll('closed', 'the spawner was closed', [pending]);
      this.waiting.push(pending);
      this.sendMore();
    });
  }

  /** Ends the helper and every command it runs; requests without an answer are rejected. May be called again. */
  async close(): Promise<void> {
    this.closed = true;
    const { helper } = this;
    this.rejectAll('closed', 'the spawner was closed', [...this.running.values(), ...this.waiting.splice(0)]);
    if (!helper || helper.exitCode !== null || helper.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => helper.once('close', () => resolve()));
    helper.stdin.end();
    const timer = setTimeout(() => helper.kill('SIGKILL'), this.killGraceMs);
    await ended;
    clearTimeout(timer);
  }

  private sendMore(): void {
    while (this.running.size < this.maxConcurrent) {
      const request = this.waiting.shift();
      if (!request) return;
      this.helper ??= this.start();
      this.running.set(request.id, request);
      const { helper } = this;
      request.helper = helper;
      helper.stdin.write(encodeRequest(request.id, request.type, request.netnsPath, request.fields));
      const kill = (): void => void helper.stdin.write(encodeRequest(request.id, requestType.kill, '', []));
      if (request.signal?.aborted) kill();
      else if (request.signal) {
        const { signal } = request;
        signal.addEventListener('abort', kill);
        request.unhear = () => signal.removeEventListener('abort', kill);
      }
      const timeoutMs = request.options.timeoutMs ?? defaultTimeoutMs;
      if (timeoutMs === 0) continue;
      request.timer = setTimeout(() => {
        request.timedOut = true;
        kill();
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
    const takesNoMore = (): void => {
      if (this.helper === helper) this.helper = undefined;
    };
    const ended = (reason: FailureReason, why: string): void => {
      if (gone) return;
      gone = true;
      takesNoMore();
      const lostWithIt = [...this.running.values()].filter((request) => request.helper === helper);
      this.rejectAll(reason, why, lostWithIt);
      this.sendMore();
    };
    const lost = (why: string): void => {
      const text = said.trim() ? `${why}: ${said.trim()}` : why;
      ended('lost', `${text}; whether the command did its work is not known`);
    };
    helper.stdout.on('data', (chunk: Buffer) => {
      for (const answer of reader.push(chunk)) this.answered(answer);
      this.sendMore();
    });
    helper.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-2000)));
    helper.stdin.on('error', () => undefined); // 'close' below reports its end
    helper.on('error', (error) => lost(`the spawner's helper process did not start (${error.message})`));
    // Its last answers may still be in the pipe until 'close'; what is asked from here on is the next helper's.
    helper.on('exit', takesNoMore);
    helper.on('close', (code, signal) => {
      if (code === CANNOT_WORK) ended('not-started', `no command can be started on this node: ${said.trim()}`);
      else lost(`the spawner's helper process ended (${signal ?? `code ${code}`})`);
    });
    return helper;
  }

  private answered(answer: Answer): void {
    const request = this.running.get(answer.id);
    if (!request) return;
    if (answer.kind === answerKind.more) return this.passOn(request, answer.stdout);
    this.forget(request);
    if (request.threw) return request.reject(request.threw.error);
    if (request.timedOut && answer.kind === answerKind.signalled) {
      const timeoutMs = request.options.timeoutMs ?? defaultTimeoutMs;
      const output = { stdout: answer.stdout.toString('utf8'), stderr: answer.stderr.toString('utf8') };
      const told = { argv: request.argv, stdin: request.options.stdin, netns: request.options.netns, ...output };
      const detail = `killed after ${timeoutMs} ms`;
      request.reject(new CommandFailed({ ...told, reason: 'timeout', code: null, detail }));
    } else request.resolve(answer);
  }

  private passOn(request: Pending, bytes: Buffer): void {
    if (request.threw) return;
    try {
      request.onMore?.(bytes);
    } catch (error) {
      request.threw = { error: error instanceof Error ? error : new Error(String(error)) };
      request.helper?.stdin.write(encodeRequest(request.id, requestType.kill, '', []));
    }
  }

  /** It has its answer, or will have none. Its signal may live much longer. */
  private forget(request: Pending): void {
    this.running.delete(request.id);
    clearTimeout(request.timer);
    request.unhear?.();
  }

  private rejectAll(reason: FailureReason, detail: string, requests: readonly Pending[]): void {
    for (const request of requests) {
      this.forget(request);
      const told = { argv: request.argv, netns: request.options.netns };
      request.reject(new CommandFailed({ ...told, reason, code: null, detail }));
    }
  }
}
