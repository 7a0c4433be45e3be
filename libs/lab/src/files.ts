/** Small files that are replaced in one step: a reader sees the old text or the new one, also after a crash. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Where a lab with this state folder says what it is. */
export const stateFile = (stateDir: string): string => path.join(stateDir, 'lab.json');

/** Writes the file in one step, making its folder (root only) when needed. */
export function writeWhole(file: string, text: string, mode = 0o600): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.${process.pid}.next`;
  writeFileSync(next, text, { mode });
  chmodSync(next, mode);
  renameSync(next, file);
}

/** The file's JSON, or null when there is no such file. A damaged file throws with its path. */
export function readJson(file: string): unknown {
  const text = readText(file);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${file} is damaged: remove the folder ${path.dirname(file)} after "plumb lab down"`);
  }
}

/** The file's text, or null when there is no such file. */
export function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** Removes a file if there is one. */
export function removeFile(file: string): void {
  rmSync(file, { force: true });
}

/** Removes the folder if it is empty. */
export function removeEmptyFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTEMPTY') throw error;
  }
}

/** The system's code of an error (`ENOENT`), or undefined. By shape, not by class: under jest the system's errors come from another realm. */
export function errorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
