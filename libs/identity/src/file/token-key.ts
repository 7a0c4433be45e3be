/** The secret that signs the built-in identity's tokens: 32 random bytes, base64url, alone in a file that only the API's user may read. */
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { writeSecret } from './identity-file.js';

const KEY_BYTES = 32;
const OTHERS_MAY_READ = 0o007;

/** Throws with the reason when the file is missing, holds no key, or is readable by everybody. */
export function readTokenKey(file: string): Buffer {
  const text = readFileSync(file, 'utf8').trim();
  if (!/^[A-Za-z0-9_-]+$/.test(text) || Buffer.from(text, 'base64url').length < KEY_BYTES)
    throw new Error(
      `${file} holds no key of ${KEY_BYTES} bytes or more in base64url: remove it, and "plumb user add" makes one`,
    );
  if ((statSync(file).mode & OTHERS_MAY_READ) !== 0)
    throw new Error(`${file} can be read by every user of this machine: run chmod 600 ${file}`);
  return Buffer.from(text, 'base64url');
}

/** Makes the file when there is none. Returns whether it did. */
export function ensureTokenKey(file: string): boolean {
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) return false;
  writeSecret(file, `${randomBytes(KEY_BYTES).toString('base64url')}\n`);
  return true;
}
