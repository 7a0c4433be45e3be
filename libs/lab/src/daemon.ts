/**
 * Starts processes that outlive the command that starts them: own session, no terminal, output to a file.
 *
 * `@plumbline/exec` is for commands that run to their end; only the lab starts daemons.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';

/** Starts it and answers the child. The environment is exactly `env`. An error to start shows as the child's `error` event. */
export function startDetached(
  argv: readonly string[],
  options: { readonly logFile: string; readonly env: Readonly<Record<string, string>> },
): ChildProcess {
  const [file = '', ...args] = argv;
  mkdirSync(path.dirname(options.logFile), { recursive: true, mode: 0o700 });
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    return spawn(file, args, { detached: true, stdio: ['ignore', log, log], cwd: '/', env: { ...options.env } });
  } finally {
    closeSync(log);
  }
}

/** Runs a command in the foreground with this terminal and answers its exit code, as a shell would count it. */
export function runAttached(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const [file = '', ...args] = argv;
  // Ctrl-C reaches the child too. The child decides what to do; we wait for it.
  const ignore = () => {};
  process.on('SIGINT', ignore);
  return new Promise<number>((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'inherit', env: { ...env } });
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  }).finally(() => process.off('SIGINT', ignore));
}
