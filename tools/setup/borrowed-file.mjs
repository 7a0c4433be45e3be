/**
 * Replaces a system file for a while, then restores it.
 *
 * The original file is renamed aside and renamed back, so its mode, owner, times and link target stay untouched. Our file has a marker line: after a
 * `kill -9` the next start recognises it and restores the original first. Road not taken: reading the file and writing it again. That loses what a copy
 * cannot hold, and everything when the process dies in between.
 */
import { existsSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

const MARKER = '# placed by the Plumbline setup while packages are installed; removed at its end';
const aside = (path) => `${path}.plumbline-saved`;
const exists = (path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** Restores a file that a killed setup left replaced. Otherwise changes nothing. */
export function returnFile(path) {
  if (exists(path) && existsSync(path) && readFileSync(path, 'utf8').includes(MARKER)) rmSync(path);
  if (exists(aside(path)) && !exists(path)) renameSync(aside(path), path);
}

/** Puts `text` at `path` until `returnFile(path)`. `text` gets the original text (empty when there is no file). */
export function borrowFile(path, text, mode) {
  returnFile(path);
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (exists(path)) renameSync(path, aside(path));
  writeFileSync(path, text(before, MARKER), { mode, flag: 'wx' });
}

/** Runs `work` with the files replaced, and restores them whatever happens: success, failure, SIGINT, SIGTERM, SIGHUP, exit. */
export async function withBorrowedFiles(loans, work) {
  const giveBack = () => loans.forEach(({ path }) => returnFile(path));
  let interruptedBy = null;
  // The signal waits until the package manager has stopped: restoring the files earlier would let it start the services after all.
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
