/** npm packages and the build. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { runVisible } from './child.mjs';
import { projectDir, SetupError } from './machine.mjs';

/**
 * True when node_modules has what package-lock.json says. npm writes what it installed into node_modules/.package-lock.json as its last action, so an
 * interrupted installation is noticed as well. Optional packages of other platforms may be absent.
 */
export function modulesMatchLock(folder = projectDir) {
  const installedFile = path.join(folder, 'node_modules/.package-lock.json');
  if (!existsSync(installedFile)) return false;
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
  const { '': _root, ...locked } = JSON.parse(readFileSync(path.join(folder, 'package-lock.json'), 'utf8')).packages;
  for (const [where, want] of Object.entries(locked)) {
    const have = installed[where];
    if (have === undefined ? !mayBeAbsent(want) : have.version !== want.version) return false;
    if (have !== undefined && want.link === true && !existsSync(path.join(folder, where))) return false;
  }
  return Object.keys(installed).every((where) => where in locked);
}

const mayBeAbsent = (entry) => entry.optional === true || entry.devOptional === true || entry.extraneous === true;

/** Installs the npm packages of the lock file when node_modules differs from it. */
export async function installModules() {
  if (modulesMatchLock()) return;
  console.log('npm ci: installing the packages of package-lock.json');
  const code = await runVisible('npm', ['ci', '--include=dev', '--no-fund', '--no-audit'], { cwd: projectDir });
  if (code !== 0) throw new SetupError(`npm ci ended with code ${code}. It needs the npm registry: try "npm ping".`);
}

/** Compiles what changed since the last time, and makes programs of it: `npm run build`. */
export async function build() {
  for (const argv of [['node_modules/typescript/bin/tsc', '--build'], ['tools/programs.mjs']]) {
    const code = await runVisible(process.execPath, argv, { cwd: projectDir });
    if (code !== 0) throw new SetupError('The build failed: see the errors above.');
  }
}
