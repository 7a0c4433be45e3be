/**
 * Entry point on a fresh clone: `npm run lab`, `npm test`, `npm run bench`. `prepare` is the first half of `npm test`
 * alone.
 *
 * Plain Node without dependencies. It checks the machine, installs what is missing (Debian packages, npm packages), builds, and starts the
 * command. A step with nothing to do does nothing, so a second start costs a second.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { runVisible } from './setup/child.mjs';
import { isRoot, projectDir, requireNode, SetupError } from './setup/machine.mjs';
import { build, installModules } from './setup/modules.mjs';
import { canMakeGuests, installPackages, makeFolders, missingPackages } from './setup/packages.mjs';
import { runTests } from './setup/tests.mjs';
import { unpackGuestPackages } from './setup/unpacked.mjs';

const [command, ...args] = process.argv.slice(2);
const wantsRoot = !args.includes('--help') && !args.includes('-h');

async function prepare(purpose) {
  requireNode();
  if (isRoot()) {
    await installPackages(purpose);
    makeFolders(purpose);
    if (purpose !== 'lab' && canMakeGuests) await unpackGuestPackages();
  } else if (missingPackages(purpose).length > 0)
    console.log(
      `Without root, not installed: ${missingPackages(purpose)
        .map((p) => p.name)
        .join(' ')}`,
    );
  await installModules();
  await build();
}

async function handOver(argv) {
  // The terminal sends Ctrl-C to the child too, and the child knows how to stop: wait for it instead of ending first.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
  return runVisible(process.execPath, argv, { cwd: projectDir });
}

async function main() {
  // Files that npm and the compiler make must be readable by the unprivileged users that the lab runs its processes as.
  process.umask(0o022);
  switch (command) {
    case 'lab':
      if (wantsRoot && !isRoot())
        throw new SetupError('The lab makes network namespaces: run it as root (sudo npm run lab).');
      if (args.includes('--guests') && !canMakeGuests)
        throw new SetupError(`--guests makes guests from packages of amd64; this machine is ${process.arch}.`);
      await prepare(args.includes('--guests') ? 'guests' : 'lab');
      return handOver(['apps/cli/dist/main.js', 'lab', ...args]);
    case 'prepare':
      await prepare('test');
      return 0;
    case 'test':
      await prepare('test');
      return runTests(args);
    case 'bench': {
      const entry = 'test/bench/main.mjs';
      if (!isRoot())
        throw new SetupError('The benchmarks make network namespaces: run them as root (sudo npm run bench).');
      if (!existsSync(path.join(projectDir, entry))) throw new SetupError(`This tree has no benchmarks (${entry}).`);
      await prepare('lab');
      return handOver([entry, ...args]);
    }
    default:
      throw new SetupError('usage: node tools/bootstrap.mjs lab|prepare|test|bench [arguments]');
  }
}

main().then(
  (code) => (process.exitCode = code),
  (error) => {
    console.error(error instanceof SetupError ? error.message : error);
    process.exitCode = 1;
  },
);
