import { existsSync } from 'node:fs';
import { freemem } from 'node:os';
import path from 'node:path';
import { run } from '@plumbline/exec';

const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const has = (program: string): boolean => folders.some((folder) => existsSync(path.join(folder, program)));

/** Debian's package for each program that the engine and its images need. */
const needed: readonly { readonly program: string; readonly debianPackage: string }[] = [
  { program: 'dockerd', debianPackage: 'docker.io' },
  { program: 'docker', debianPackage: 'docker.io' },
  { program: 'debootstrap', debianPackage: 'debootstrap' },
  { program: 'slirp4netns', debianPackage: 'slirp4netns' },
];
const neededBytes = 6 * 1024 ** 3;

/** The reason why no engine can be started here, with what to install; null: one can be. */
export function whyNoEngine(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = needed.filter(({ program }) => !has(program)).map(({ debianPackage }) => debianPackage);
  if (missing.length > 0) return `needs ${[...new Set(missing)].join(', ')}`;
  if (freemem() < neededBytes) return `needs ${neededBytes / 1024 ** 3} GB of free memory: images are kept in it`;
  return null;
}

/** argv of Compose: the plugin of newer engines, or Debian's program. Null when there is neither. Needs no engine. */
export async function composeProgram(): Promise<readonly string[] | null> {
  const plugin = ['docker', 'compose'];
  const answers = await run([...plugin, 'version']).then(
    () => true,
    () => false,
  );
  if (answers) return plugin;
  return has('docker-compose') ? ['docker-compose'] : null;
}
