/** One jest, its results, and what it left behind. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { projectDir } from './machine.mjs';
import { processesWith, stopAll } from './leftovers.mjs';

/** jest writes its results and then waits for what the tests left open: how long it may. */
const GRACE_MS = 20_000;
/** Signals that end a run. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const JEST = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js'];
/** Lines of jest's own about a single file, which say nothing beside the lines at our end. */
const TALK =
  /^(Test Suites|Tests|Snapshots|Time): |^Ran all test suites|^Test results written to|^Running one project|^No tests found/;

/**
 * Runs jest with `argv` under the command `under` (an argv to put before it, or none) and answers
 * `{ passed, failed, skipped, specs: [{ file, seconds }], said }`. A suite that cannot even be loaded counts as one failed test, and so does what is still
 * running at the end: everything the tests start inherits PLUMB_TEST_RUN=`run`, is named and stopped. `said`: what jest printed, or '' with `loud`, which
 * prints it as it comes.
 */
export async function runJest({ argv, under = [], env = {}, resultFile, run, loud }) {
  const [command, ...rest] = [...under, process.execPath, ...JEST, ...argv, '--json', `--outputFile=${resultFile}`];
  const child = spawn(command, rest, {
    cwd: projectDir,
    env: { ...process.env, ...env, PLUMB_TEST_RUN: run, CI: 'true' },
    stdio: ['ignore', 'ignore', loud ? 'inherit' : 'pipe'], // --json prints all results on stdout; people read stderr
    detached: true, // a process group of its own: a test that signals its group ends itself, not the whole run
  });
  const pass = (signal) => process.kill(-child.pid, signal); // what the terminal sends to our group alone
  for (const signal of STOP_SIGNALS) process.on(signal, pass);
  let said = '';
  child.stderr?.on('data', (chunk) => (said += chunk));
  const { code, leftOpen } = await ended(child, resultFile);
  for (const signal of STOP_SIGNALS) process.off(signal, pass);
  const left = await stopLeftovers(run);
  const counted = count(readResult(resultFile), code, leftOpen);
  const complaints = [...counted.complaints, ...left];
  const talk = said.split('\n').filter((line) => !TALK.test(line)).join('\n').trim(); // prettier-ignore
  return { ...counted, failed: counted.failed + (left.length > 0 ? 1 : 0), complaints, said: talk };
}

/** Spec files that these arguments choose, relative to the project, by name. */
export async function listSpecs(levels, jestArgs) {
  const argv = [...JEST, '--selectProjects', ...levels, '--listTests', '--json', ...jestArgs];
  const child = spawn(process.execPath, argv, { cwd: projectDir, stdio: ['ignore', 'pipe', 'inherit'] });
  let listed = '';
  child.stdout.on('data', (chunk) => (listed += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`jest --listTests ended with code ${code}`);
  return JSON.parse(listed)
    .map((file) => file.slice(projectDir.length + 1))
    .sort();
}

function count(result, code, leftOpen) {
  if (result === null)
    return { passed: 0, failed: 1, skipped: 0, specs: [], complaints: [`jest ended with code ${code} and no results`] };
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  const complaints = leftOpen ? ['the tests ended but left something open (a timer, a socket, a child process)'] : [];
  const unexplained = failed === 0 && (leftOpen || (code !== 0 && result.numTotalTestSuites > 0)) ? 1 : 0;
  return {
    passed: result.numPassedTests,
    failed: failed + unexplained,
    skipped: result.numPendingTests + result.numTodoTests,
    specs: result.testResults.map(({ name, startTime, endTime }) => ({
      file: name.slice(projectDir.length + 1),
      seconds: (endTime - startTime) / 1000,
    })),
    complaints,
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
    const end = (code) => {
      clearInterval(watch);
      resolve({ code, leftOpen });
    };
    child.once('error', () => end(127));
    // Not 'close': what the tests left running may hold the pipe.
    child.once('exit', end);
  });
}

function readResult(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

async function stopLeftovers(run) {
  const left = processesWith('PLUMB_TEST_RUN', run);
  await stopAll(left.map(({ pid }) => pid));
  return left.map(({ pid, command }) => `left running by the tests, stopped now: ${pid} ${command}`);
}
