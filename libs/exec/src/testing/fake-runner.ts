import { CommandFailed } from '../errors.js';
import { NOTHING_SEEN, type NetworkQuestion, type SeenNetwork } from '../network.js';
import type {
  FrameAnswer,
  FrameQuestion,
  NetnsSettings,
  OutgoingFrame,
  Runner,
  RunOptions,
  RunResult,
  SysctlOptions,
} from '../runner.js';

/** What a fake host does with one command; undefined means that it does not know it. */
export type FakeCommand = (argv: readonly string[], options: RunOptions) => string | undefined;

/** A Runner on a fake host: commands are answered by a function over the fake's own state, sysctls kept in a map. */
export class FakeRunner implements Runner {
  /** Every command run, in order. */
  readonly calls: { readonly argv: readonly string[]; readonly options: RunOptions }[] = [];
  /** Parameters by namespace ('' for the host's own), then by key. */
  readonly sysctls = new Map<string, Map<string, string>>();
  /** Devices whose transmit checksums are made by the kernel, by namespace; all others leave them to the device. */
  readonly txChecksumOff = new Map<string, Set<string>>();
  /** Every frame sent, as hex. */
  readonly frames: { readonly netns: string; readonly device: string; readonly hex: string }[] = [];
  private failures: string[] = [];

  constructor(private readonly command: FakeCommand) {}

  /** The next command fails with this text. */
  failNext(stderr = 'failed on purpose'): void {
    this.failures.push(stderr);
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    this.calls.push({ argv, options });
    const failure = this.failures.shift();
    const told = { argv, stdin: options.stdin, netns: options.netns };
    if (failure !== undefined) throw new CommandFailed({ ...told, reason: 'exit', code: 1, stderr: failure });
    const stdout = this.command(argv, options);
    if (stdout === undefined) {
      throw new CommandFailed({ ...told, reason: 'exit', code: 1, stderr: 'the fake host does not know this command' });
    }
    return { stdout, stderr: '', code: 0 };
  }

  async readSysctls(keys: readonly string[], options: SysctlOptions = {}): Promise<ReadonlyMap<string, string>> {
    const known = this.sysctls.get(options.netns ?? '');
    return new Map(keys.flatMap((key) => (known?.has(key) ? [[key, known.get(key) ?? ''] as const] : [])));
  }

  async writeSysctls(values: Readonly<Record<string, string>>, options: SysctlOptions = {}): Promise<void> {
    const netns = options.netns ?? '';
    const known = this.sysctls.get(netns) ?? new Map<string, string>();
    this.sysctls.set(netns, known);
    for (const [key, value] of Object.entries(values)) known.set(key, value);
  }

  async readTxChecksum(devices: readonly string[], options: SysctlOptions = {}): Promise<ReadonlyMap<string, boolean>> {
    const off = this.txChecksumOff.get(options.netns ?? '');
    return new Map(devices.map((device) => [device, !off?.has(device)]));
  }

  async setTxChecksum(devices: readonly string[], on: boolean, options: SysctlOptions = {}): Promise<void> {
    const netns = options.netns ?? '';
    const off = this.txChecksumOff.get(netns) ?? new Set<string>();
    this.txChecksumOff.set(netns, off);
    for (const device of devices) {
      if (on) off.delete(device);
      else off.add(device);
    }
  }

  async setEach(all: readonly NetnsSettings[]): Promise<readonly null[]> {
    for (const { netns, sysctls = {}, txChecksum = {} } of all) {
      await this.writeSysctls(sysctls, { netns });
      for (const [device, on] of Object.entries(txChecksum)) await this.setTxChecksum([device], on, { netns });
    }
    return all.map(() => null);
  }

  async sendFrames(frames: readonly OutgoingFrame[]): Promise<void> {
    for (const { netns = '', device, frame } of frames)
      this.frames.push({ netns, device, hex: Buffer.from(frame).toString('hex') });
  }

  /** Nobody else is on a fake host's segments. */
  async askFrames(questions: readonly FrameQuestion[]): Promise<readonly FrameAnswer[]> {
    await this.sendFrames(questions);
    return questions.map(() => ({ frame: null, error: null }));
  }

  /** A fake host has no links. */
  async look(_question: NetworkQuestion, netnses: readonly string[] = ['']): Promise<readonly SeenNetwork[]> {
    return netnses.map(() => NOTHING_SEEN);
  }
}
