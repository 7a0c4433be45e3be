/**
 * All tests, level by level, and one plain line at the end: `N passed, N failed` (and `, N skipped` when some were).
 *
 * Each level is one run of jest (the file's suffix says what it needs, see jest.config.mjs). A suite that cannot even be loaded counts as one failed
 * test. Everything the tests start inherits PLUMB_TEST_RUN in its environment: what is still alive at the end is named, stopped, and counted as a failure.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isRoot, projectDir } from './machine.mjs';
import { missingPackages } from './packages.mjs';
import { processesWith, stopAll } from './leftovers.mjs';

const LEVELS = [
  { name: 'unit', needsRoot: false, needsPrograms: false, serial: false },
  { name: 'int', needsRoot: false, needsPrograms: true, serial: true },
  { name: 'node', needsRoot: true, needsPrograms: true, serial: true },
  { name: 'e2e', needsRoot: true, needsPrograms: true, serial: true },
  { name: 'chaos', needsRoot: true, needsPrograms: true, serial: true },
];
/** jest writes its results and then waits for what the tests left open: how long it may. */
const GRACE_MS = 20_000;

/** Runs the tests; arguments go to jest (patterns, -t ...). Answers the exit code: 0 only when tests ran, all levels of them, and none failed, or with --unprivileged all that can run. */
export async function runTests(args) {
  const unprivileged = args.includes('--unprivileged');
  const jestArgs = args.filter((arg) => arg !== '--unprivileged');
  const runId = randomUUID();
  const results = mkdtempSync(path.join(tmpdir(), 'plumbline-test-'));
  const total = { passed: 0, failed: 0, skipped: 0 };
  const notRun = [];
  const state = { stopped: false };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => (state.stopped = true));

  for (const level of LEVELS) {
    const reason = whyNot(level);
    if (reason !== null) {
      notRun.push(`${level.name} (${reason})`);
      continue;
    }
    if (state.stopped) break;
    const count = await runLevel(level, jestArgs, path.join(results, `${level.name}.json`), runId);
    total.passed += count.passed;
    total.failed += count.failed;
    total.skipped += count.skipped;
  }
  total.failed += await stopLeftovers(runId);
  rmSync(results, { recursive: true, force: true });

  for (const name of notRun) console.log(`not run: ${name}`);
  if (state.stopped) console.log('interrupted: not everything was run');
  console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
  const complete = !state.stopped && (notRun.length === 0 || unprivileged);
  // No test at all is a mistake in the pattern or in the configuration, not a success.
  return total.passed > 0 && total.failed === 0 && complete ? 0 : 1;
}

function whyNot(level) {
  if (level.needsRoot && !isRoot()) return 'needs root: it makes network namespaces';
  const missing = level.needsPrograms ? missingPackages().map(({ name }) => name) : [];
  return missing.length > 0 ? `needs ${missing.join(', ')}` : null;
}

async function runLevel(level, jestArgs, resultFile, runId) {
  console.log(`\n--- ${level.name}`);
  const argv = [
    '--experimental-vm-modules',
    '--no-warnings',
    'node_modules/jest/bin/jest.js',
    '--selectProjects',
    level.name,
  ];
  argv.push(
    '--passWithNoTests',
    '--json',
    `--outputFile=${resultFile}`,
    ...(level.serial ? ['--runInBand'] : []),
    ...jestArgs,
  );
  const child = spawn(process.execPath, argv, {
    cwd: projectDir,
    env: { ...process.env, PLUMB_TEST_RUN: runId, CI: 'true' },
    stdio: ['ignore', 'ignore', 'inherit'], // --json prints all results on stdout; people read stderr
  });
  const { code, leftOpen } = await ended(child, resultFile);
  const result = readResult(resultFile);
  if (result === null) {
    console.error(`${level.name}: jest ended with code ${code} and no results`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  if (leftOpen)
    console.error(`${level.name}: the tests ended but left something open (a timer, a socket, a child process)`);
  const unexplained = failed === 0 && (leftOpen || (code !== 0 && result.numTotalTestSuites > 0)) ? 1 : 0;
  return {
    passed: result.numPassedTests,
    failed: failed + unexplained,
    skipped: result.numPendingTests + result.numTodoTests,
  };
}

/** Waits for jest; when its results are there and it still does not end, ends it. */
function ended(child, resultFile) {
  return new Promise((resolve) => {
    let resultSince = null;
    let leftOpen = false;
    const watch = setInterval(() => {
      if (readResult(resultFile) === null) return;
      resultSince ??= Date.now();
      if (Date.now() - resultSince < GRACE_MS) return;
      leftOpen = true;
      child.kill('SIGKILL');
    }, 1000);
    child.once('exit', (code) => {
      clearInterval(watch);
      resolve({ code, leftOpen });
    });
  });
}

function readResult(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

async function stopLeftovers(runId) {
  const left = processesWith('PLUMB_TEST_RUN', runId);
  for (const { pid, command } of left) console.error(`left running by the tests, stopped now: ${pid} ${command}`);
  await stopAll(left.map(({ pid }) => pid));
  return left.length > 0 ? 1 : 0;
}
