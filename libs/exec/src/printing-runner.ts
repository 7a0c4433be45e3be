// A Runner that prints what it would do, as a script that a person can read and run.
//
// Goal: `--dry-run` prints the very batches, in order; run as a shell script they do the same work.
// Design: commands marked `reads` go to a real runner when there is one, since a plan needs to see the node; all else
// is printed. Without a reader the node looks empty, which is what a rebuild from nothing starts from.
import { CommandFailed } from './errors.js';
import { NOTHING_SEEN, type NetworkQuestion, type SeenNetwork } from './network.js';
import {
  checkArgv,
  defaultNetnsDir,
  netnsPath,
  sysctlPath,
  type FrameAnswer,
  type FrameQuestion,
  type NetnsSettings,
  type Runner,
  type RunOptions,
  type RunResult,
  type SysctlOptions,
} from './runner.js';
import { shellCommand } from './shell-text.js';

/** How a PrintingRunner is set up. */
export interface PrintingRunnerOptions {
  /** Runs the commands that change nothing. Without it they answer as on an empty node: no output, no parameters. */
  readonly reader?: Runner;
  /** Gets each command as it comes. */
  readonly print?: (command: string) => void;
  /** As in Spawner. */
  readonly netnsDir?: string;
}

/** Records commands in order instead of running them. */
export class PrintingRunner implements Runner {
  /** What would have been run, each a shell command with its input as a here-document. */
  readonly commands: string[] = [];
  private readonly options: PrintingRunnerOptions;

  constructor(options: PrintingRunnerOptions = {}) {
    this.options = options;
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    checkArgv(argv);
    if (options.reads) return (await this.options.reader?.run(argv, options)) ?? { stdout: '', stderr: '', code: 0 };
    const env = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
    this.record(env.length > 0 ? ['env', ...env, ...argv] : argv, options.netns, options.stdin);
    return { stdout: '', stderr: '', code: 0 };
  }

  async readSysctls(keys: readonly string[], options: SysctlOptions = {}): Promise<ReadonlyMap<string, string>> {
    return (await this.options.reader?.readSysctls(keys, options)) ?? new Map();
  }

  async writeSysctls(values: Readonly<Record<string, string>>, options: SysctlOptions = {}): Promise<void> {
    const pairs = Object.entries(values).map(
      ([key, value]) => `${sysctlPath(key).slice('/proc/sys/'.length)}=${value}`,
    );
    if (pairs.length > 0) this.record(['sysctl', '-q', '-w', ...pairs], options.netns);
  }

  async readTxChecksum(devices: readonly string[], options: SysctlOptions = {}): Promise<ReadonlyMap<string, boolean>> {
    return (await this.options.reader?.readTxChecksum(devices, options)) ?? new Map();
  }

  async setTxChecksum(devices: readonly string[], on: boolean, options: SysctlOptions = {}): Promise<void> {
    for (const device of devices) this.record(['ethtool', '-K', device, 'tx', on ? 'on' : 'off'], options.netns);
  }

  async setEach(all: readonly NetnsSettings[]): Promise<readonly null[]> {
    for (const { netns, sysctls = {}, txChecksum = {} } of all) {
      await this.writeSysctls(sysctls, { netns });
      for (const [device, on] of Object.entries(txChecksum)) await this.setTxChecksum([device], on, { netns });
    }
    return all.map(() => null);
  }

  /** Sending a frame changes nothing on the node, so it is not printed. */
  async sendFrames(): Promise<void> {}

  /** Nothing is sent, so nobody answers. */
  async askFrames(questions: readonly FrameQuestion[]): Promise<readonly FrameAnswer[]> {
    return questions.map(() => ({ frame: null, error: null }));
  }

  /** Without a reader there is no namespace, and nothing in the node's own. */
  async look(
    question: NetworkQuestion,
    netnses?: readonly string[],
  ): Promise<readonly (SeenNetwork | CommandFailed)[]> {
    const { reader } = this.options;
    if (reader) return reader.look(question, netnses);
    const detail = 'nothing is on the node that is printed for';
    return netnses
      ? netnses.map((netns) => new CommandFailed({ argv: ['look'], reason: 'netns', code: null, netns, detail }))
      : [NOTHING_SEEN];
  }

  /** Records a line that is no command, such as a comment or a change made over a socket. */
  note(line: string): void {
    this.commands.push(line);
    this.options.print?.(line);
  }

  private record(argv: readonly string[], netns?: string, stdin?: string): void {
    const inside =
      netns === undefined
        ? argv
        : ['nsenter', `--net=${netnsPath(netns, this.options.netnsDir ?? defaultNetnsDir)}`, '--', ...argv];
    this.note(shellCommand(inside, stdin));
  }
}
