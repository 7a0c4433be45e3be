/**
 * The levels of test (the file's suffix says what it needs, see jest.config.mjs), and how each is run.
 *
 * `together`: one jest, its workers side by side; such specs share nothing but loopback ports and folders with names of their own.
 * `alone`: a jest for each spec in namespaces of its own (see alone.sh), so that two that make devices, namespaces and labs can run side by side, and that none
 * sees what another, or the machine's past, left in /run or among the host's devices.
 */
import { isRoot } from './machine.mjs';
import { missingPackages } from './packages.mjs';

export const LEVELS = [
  { name: 'unit', needsRoot: false, needsPrograms: false, run: 'together' },
  { name: 'int', needsRoot: false, needsPrograms: true, run: 'together' },
  { name: 'node', needsRoot: true, needsPrograms: true, run: 'alone' },
  { name: 'e2e', needsRoot: true, needsPrograms: true, run: 'alone' },
  { name: 'chaos', needsRoot: true, needsPrograms: true, run: 'alone' },
];

/** Specs that fetch what they build from mirrors: they keep the machine's own network. Started first, because they also take longest. */
const NEEDS_INTERNET = ['test/compose/'];
export const needsInternet = (file) => NEEDS_INTERNET.some((folder) => file.startsWith(folder));

/** Why this level cannot be run here, or null. */
export function whyNot(level) {
  if (level.needsRoot && !isRoot()) return 'needs root: it makes network namespaces';
  const missing = level.needsPrograms ? missingPackages().map(({ name }) => name) : [];
  return missing.length > 0 ? `needs ${missing.join(', ')}` : null;
}
