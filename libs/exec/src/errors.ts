import { getSystemErrorMessage } from './errno.js';
import { shellLine } from './shell-text.js';

/** Why a command counts as failed. `lost` means that its outcome is not known. */
export type FailureReason = 'exit' | 'signal' | 'timeout' | 'not-started' | 'netns' | 'lost' | 'closed';

interface Failure {
  readonly argv: readonly string[];
  readonly reason: FailureReason;
  /** The exit code; null when the command did not end by itself. */
  readonly code: number | null;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly stdin?: string | undefined;
  readonly netns?: string | undefined;
  /** What happened, in words, for reasons without an exit code. */
  readonly detail?: string;
}

/**
 * A command that failed. The message says what was run, where, and why it failed; for a batch
 * (`ip -batch`, `iptables-restore`, `ovs-ofctl`) it also quotes the line of the input that was refused.
 */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly argv: readonly string[];
  readonly reason: FailureReason;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly netns: string | undefined;
  /** Of a batch: the number of the input line that was refused, from 1. */
  readonly failedLine: number | undefined;
  /** Of a batch: the text of that line. */
  readonly failedInput: string | undefined;

  constructor(failure: Failure) {
    const line = failure.stdin === undefined ? undefined : failedLine(failure.stderr ?? '');
    const input = line === undefined ? undefined : failure.stdin?.split('\n')[line - 1];
    super(describe(failure, line, input));
    this.argv = failure.argv;
    this.reason = failure.reason;
    this.code = failure.code;
    this.stdout = failure.stdout ?? '';
    this.stderr = failure.stderr ?? '';
    this.netns = failure.netns;
    this.failedLine = input === undefined ? undefined : line;
    this.failedInput = input;
  }
}

/** Nothing of a namespace that cannot be entered can be done. */
export const notEntered = (argv: readonly string[], netns: string | undefined, errno: number): CommandFailed => {
  const detail = `the namespace could not be entered (${getSystemErrorMessage(errno)})`;
  return new CommandFailed({ argv, netns, reason: 'netns', code: null, detail });
};

/** Kernel parameters that could not be written. The others of the same request were. */
export class SysctlFailed extends Error {
  override readonly name = 'SysctlFailed';
  constructor(
    readonly failed: readonly { readonly key: string; readonly value: string; readonly error: string }[],
    readonly netns: string | undefined,
  ) {
    const list = failed.map(({ key, value, error }) => `${key}=${value} (${error})`).join(', ');
    super(`kernel parameters not written${netns ? ` in namespace ${netns}` : ''}: ${list}`);
  }
}

/**
 * The input line a batch tool complains about: iproute2 says `Command failed -:3`, iptables-restore `line 3 failed`,
 * `line 3: RULE_APPEND failed` or `Error occurred at line: 3`, ovs-ofctl `-:3: ...`.
 */
export function failedLine(stderr: string): number | undefined {
  const found =
    /Command failed -:(\d+)/.exec(stderr) ??
    /Error occurred at line: (\d+)/.exec(stderr) ??
    /\bline (\d+)(?: failed|:)/.exec(stderr) ??
    /(?:^|\s)(?:-|<stdin>|\/dev\/stdin):(\d+):/.exec(stderr);
  return found ? Number(found[1]) : undefined;
}

function describe(failure: Failure, line: number | undefined, input: string | undefined): string {
  const where = failure.netns ? ` in namespace ${failure.netns}` : '';
  const what = failure.detail ?? `ended with code ${failure.code}`;
  const said = (failure.stderr ?? '').trim();
  const short = said.length > 2000 ? `${said.slice(0, 2000)}...` : said;
  const at = input === undefined ? '' : `; refused line ${line}: ${input.trim()}`;
  return `${shellLine(failure.argv)}${where}: ${what}${short ? `: ${short}` : ''}${at}`;
}
