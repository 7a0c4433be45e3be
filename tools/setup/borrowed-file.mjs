/**
 * Borrowing a system file: our text stands in a path for a while, then the path is as it was.
 *
 * The owner's file is renamed aside and renamed back, so that its mode, owner, times and link target stay untouched. Ours bears a marker line: after a
 * `kill -9` the next start recognises what was left behind and puts it right first. The road not taken, reading the file and writing it again,
 * loses what a copy cannot hold and everything when the process dies in between.
 */
import { existsSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

const MARKER = '# placed by the Plumbline setup while packages are installed; removed at its end';
const aside = (path) => `${path}.plumbline-saved`;
const exists = (path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** Undoes a loan that a killed setup left behind. Nothing of that kind there: changes nothing. */
export function returnFile(path) {
  if (exists(path) && existsSync(path) && readFileSync(path, 'utf8').includes(MARKER)) rmSync(path);
  if (exists(aside(path)) && !exists(path)) renameSync(aside(path), path);
}

/** Puts `text` at `path` until `returnFile(path)`. `text` may use the text that stood there (empty when none did). */
export function borrowFile(path, text, mode) {
  returnFile(path);
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (exists(path)) renameSync(path, aside(path));
  writeFileSync(path, text(before, MARKER), { mode, flag: 'wx' });
}

/** Runs `work` with the borrowed files in place and gives them back whatever happens: success, failure, SIGINT, SIGTERM, SIGHUP, exit. */
export async function withBorrowedFiles(loans, work) {
  const giveBack = () => loans.forEach(({ path }) => returnFile(path));
  let interruptedBy = null;
  // The signal waits until the package manager has stopped: taking the files away under its feet would start the services after all.
  const onSignal = (signal) => (interruptedBy = signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  signals.forEach((signal) => process.on(signal, onSignal));
  process.on('exit', giveBack);
  try {
    for (const { path, text, mode } of loans) borrowFile(path, text, mode);
    return await work();
  } finally {
    giveBack();
    process.off('exit', giveBack);
    signals.forEach((signal) => process.off(signal, onSignal));
    if (interruptedBy !== null) process.kill(process.pid, interruptedBy);
  }
}
