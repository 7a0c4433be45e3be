/** A command that did not do its work, from what the helper answered about it. */
import { getSystemErrorMessage } from './errno.js';
import { CommandFailed } from './errors.js';
import { answerKind, type Answer } from './frames.js';
import type { RunOptions } from './runner.js';

/** `output`: what it printed; none for a question to the kernel, whose output is not text. */
export function failureOf(
  argv: readonly string[],
  options: RunOptions,
  answer: Answer,
  output: { readonly stdout: string; readonly stderr: string } = { stdout: '', stderr: '' },
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
