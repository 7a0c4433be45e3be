/**
 * The Runner of the fast path: commands and questions to the kernel, by a small helper process that lives as long as this does (helper-process.ts).
 */
import { StringDecoder } from 'node:string_decoder';
import { commandEnvironment } from './environment.js';
import type { CommandFailed, SysctlFailed } from './errors.js';
import { failureOf } from './failure-of.js';
import { answerKind, requestType } from './frames.js';
import type { NetworkQuestion, SeenNetwork } from './network.js';
import { HelperProcess, type HelperOptions } from './helper-process.js';
import { KernelQuestions } from './kernel-questions.js';
import { Looks } from './looks.js';
import {
  checkArgv,
  type AskOptions,
  type FrameAnswer,
  type FrameQuestion,
  type LoggedOptions,
  type LoggedPacket,
  type NetnsSettings,
  type OutgoingFrame,
  type Runner,
  type RunOptions,
  type RunResult,
  type SysctlOptions,
} from './runner.js';

/** Runs commands and asks the kernel through the helper process. Close it when done: an open helper keeps the program alive. */
export class Spawner implements Runner {
  private readonly helper: HelperProcess;
  private readonly kernel: KernelQuestions;
  private readonly looks: Looks;

  constructor(options: HelperOptions = {}) {
    this.helper = new HelperProcess(options);
    this.kernel = new KernelQuestions(this.helper);
    this.looks = new Looks(this.helper);
  }

  /** The helper's process id, while there is one. */
  get helperPid(): number | undefined {
    return this.helper.pid;
  }

  /** Starts the helper now. Rejects with CommandFailed, reason `not-started`, in words when no command can be run on this node. */
  async start(): Promise<void> {
    await this.run(['true'], { reads: true });
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    checkArgv(argv);
    const env = Object.entries(options.env ?? {});
    const fields = [argv.length, ...argv, env.length, ...env.flat(), options.stdin ?? ''];
    const { onStdout } = options;
    const decoder = new StringDecoder('utf8');
    const asked = onStdout
      ? { type: requestType.follow, onMore: (bytes: Buffer): void => onStdout(decoder.write(bytes)) }
      : { type: requestType.run };
    const answer = await this.helper.ask({ argv, fields, options, ...asked });
    const result = { stdout: answer.stdout.toString('utf8'), stderr: answer.stderr.toString('utf8') };
    if (answer.kind !== answerKind.exited || !(options.okCodes ?? [0]).includes(answer.value)) {
      throw failureOf(argv, options, answer, result);
    }
    return { ...result, code: answer.value };
  }

  /**
   * Runs a command that goes on until `signal` is aborted, and passes on what it prints as it comes: text, cut anywhere. Resolves once it has ended because of
   * the signal; rejects with CommandFailed when it ended by itself, or could not be started. It takes one of the places of commands that run at the same time.
   */
  async follow(
    argv: readonly string[],
    onText: (text: string) => void,
    { signal, netns }: { readonly signal: AbortSignal; readonly netns?: string },
  ): Promise<void> {
    checkArgv(argv);
    const decoder = new StringDecoder('utf8');
    const options = { timeoutMs: 0, ...(netns !== undefined && { netns }) };
    const fields = [argv.length, ...argv, 0, ''];
    const onMore = (bytes: Buffer): void => onText(decoder.write(bytes));
    const answer = await this.helper.ask({ argv, type: requestType.follow, fields, options, onMore, signal });
    if (signal.aborted) return;
    throw failureOf(argv, options, answer, { stdout: '', stderr: answer.stderr.toString('utf8') });
  }

  /**
   * Starts a command that goes on without this program: in a session of its own, in the folder `/`, with `env` and the search path of commands as its whole
   * environment. What it writes goes to `logFile`, which is emptied first. Answers its pid once it is started; rejects with CommandFailed when it cannot be.
   */
  async startDetached(
    argv: readonly string[],
    options: { readonly logFile: string; readonly netns?: string; readonly env?: Readonly<Record<string, string>> },
  ): Promise<number> {
    checkArgv(argv);
    const { PATH = '' } = commandEnvironment();
    const env = Object.entries({ PATH, LC_ALL: 'C', ...options.env });
    const fields = [argv.length, ...argv, env.length, ...env.flat(), options.logFile];
    const asked = options.netns === undefined ? {} : { netns: options.netns };
    const answer = await this.helper.ask({ argv, type: requestType.detach, fields, options: asked });
    if (answer.kind !== answerKind.exited || answer.value !== 0) throw failureOf(argv, asked, answer);
    return Number(answer.stdout.toString('utf8'));
  }

  async readSysctls(keys: readonly string[], options: SysctlOptions = {}): Promise<ReadonlyMap<string, string>> {
    return this.kernel.readSysctls(keys, options);
  }

  async writeSysctls(values: Readonly<Record<string, string>>, options: SysctlOptions = {}): Promise<void> {
    return this.kernel.writeSysctls(values, options);
  }

  async readTxChecksum(devices: readonly string[], options: SysctlOptions = {}): Promise<ReadonlyMap<string, boolean>> {
    return this.kernel.readTxChecksum(devices, options);
  }

  async setTxChecksum(devices: readonly string[], on: boolean, options: SysctlOptions = {}): Promise<void> {
    return this.kernel.setTxChecksum(devices, on, options);
  }

  setEach(all: readonly NetnsSettings[]): Promise<readonly (SysctlFailed | CommandFailed | null)[]> {
    return this.kernel.setEach(all);
  }

  async sendFrames(frames: readonly OutgoingFrame[]): Promise<void> {
    return this.kernel.sendFrames(frames);
  }

  async askFrames(questions: readonly FrameQuestion[], options: AskOptions): Promise<readonly FrameAnswer[]> {
    return this.kernel.askFrames(questions, options);
  }

  look(question: NetworkQuestion, netnses?: readonly string[]): Promise<readonly (SeenNetwork | CommandFailed)[]> {
    return this.looks.look(question, netnses);
  }

  /**
   * Passes on each packet that rules with NFLOG (iptables-extensions(8)) give to the group, in this namespace. One listener a group; ends as `follow` does, and
   * takes one of the places of commands as it does.
   */
  followLogged(
    which: LoggedOptions,
    onPacket: (packet: LoggedPacket) => void,
    options: { readonly signal: AbortSignal; readonly netns?: string },
  ): Promise<void> {
    return this.kernel.followLogged(which, onPacket, options);
  }

  /** Ends the helper and every command it runs; requests without an answer are rejected. May be called again. */
  close(): Promise<void> {
    return this.helper.close();
  }
}
