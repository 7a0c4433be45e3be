/**
 * `npm run check`, the inner loop: format, lint (with the import rules), types, unit tests. Two lanes at the same time, because every machine has at least two cores.
 */
import { spawn } from 'node:child_process';
import { projectDir, requireNode, SetupError } from './setup/machine.mjs';
import { installModules } from './setup/modules.mjs';

const node = (script, ...args) => [process.execPath, [script, ...args]];
const LANES = [
  [
    ['types', ...node('node_modules/typescript/bin/tsc', '--build')],
    ['programs', ...node('tools/programs.mjs')],
    ['width of documents', ...node('tools/doc-lines.mjs')],
    ['unused dependencies', ...node('tools/unused-dependencies.mjs')],
    ['generated docs', ...node('tools/reference-docs.mjs', '--check')],
    ['types of specs', ...node('node_modules/typescript/bin/tsc', '-p', 'tsconfig.spec.json', '--noEmit')],
  ],
  [
    ['format', ...node('node_modules/prettier/bin/prettier.cjs', '--check', '--cache', '--log-level', 'warn', '.')],
    // The import rules read nx's project graph and are skipped silently without one.
    ['project graph', ...node('node_modules/nx/dist/bin/nx.js', 'show', 'projects', '--json')],
    ['lint', ...node('node_modules/eslint/bin/eslint.js', '.')],
    ['import circles', ...node('tools/import-cycles.mjs')],
  ],
];
const UNIT = [
  'unit tests',
  ...node(
    '--experimental-vm-modules',
    '--no-warnings',
    'node_modules/jest/bin/jest.js',
    '--selectProjects',
    'unit',
    '--passWithNoTests',
    // By default jest leaves a core to whoever waits.
    '--maxWorkers=100%',
  ),
];

/** Runs one step; its output is shown only when it fails. */
function step([name, command, args]) {
  return new Promise((resolve) => {
    const started = Date.now();
    const child = spawn(command, args, { cwd: projectDir, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.once('close', (code) => {
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
      if (code !== 0) console.log(output.trimEnd());
      resolve(code === 0);
    });
  });
}

async function lane(steps) {
  let good = true;
  for (const each of steps) good = (await step(each)) && good;
  return good;
}

try {
  requireNode();
  process.umask(0o022);
  await installModules();
  const lanes = await Promise.all(LANES.map(lane));
  const good = [...lanes, await step(UNIT)].every(Boolean);
  console.log(good ? 'check: all good' : 'check: something failed, see above');
  process.exitCode = good ? 0 : 1;
} catch (error) {
  console.error(error instanceof SetupError ? error.message : error);
  process.exitCode = 1;
}
