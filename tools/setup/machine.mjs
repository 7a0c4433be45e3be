/**
 * What kind of machine this is, and what this process may do on it. Plain Node without dependencies: it runs before `npm ci`.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder, wherever the command was started. */
export const projectDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** Oldest Node.js that works: the first 20.x whose `require` accepts ES modules, which jest and Nest 12 need. */
const OLDEST_NODE = [20, 19];

/** Something that the user must fix: printed as it is, without a stack. */
export class SetupError extends Error {}

/** Throws a SetupError when this Node.js is too old. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new SetupError(
    `Node.js ${process.versions.node} is too old: Plumbline needs ${OLDEST_NODE.join('.')} or newer (nodejs.org, nodesource.com).`,
  );
}

/** True when apt and dpkg are this system's own tools: Debian or a system derived from it. */
export function isDebian() {
  try {
    const release = readFileSync('/etc/os-release', 'utf8');
    return /^ID(_LIKE)?=.*\bdebian\b/m.test(release);
  } catch {
    return false;
  }
}

/** True when this process may make namespaces and install packages. */
export function isRoot() {
  return process.getuid?.() === 0;
}
