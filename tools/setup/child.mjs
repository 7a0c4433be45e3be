/** Child processes of the setup: argv arrays, no shell, output where the user sees it. */
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';

/**
 * Runs a command with this terminal's output and waits for its end. Returns the exit code; 128 + signal when it was killed, and 127 when it cannot be started.
 * The terminal sends Ctrl-C to the child as well, so the caller need not: it waits and then cleans up.
 */
export function runVisible(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    child.once('error', (error) => {
      console.error(`${command} cannot be started: ${error.message}`);
      resolve(127);
    });
    child.once('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 1)));
  });
}

/** Runs a command and returns its exit code and standard output. For short queries only. */
export function ask(command, args, options = {}) {
  const { status, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  return { code: status ?? 127, stdout: stdout ?? '' };
}
