/**
 * All tests, level by level, then the slowest specs, and one plain line at the end: `N passed, N failed` (and `, N skipped` when some were).
 *
 * Most of the time goes where a machine waits, so as many specs run side by side as it has cores (levels.mjs says how). What they must not share they are given
 * once each: a database and a broker by their own set-up, a network and an empty /run by alone.sh. The table of processes they do share: a spec that looks for
 * processes by a name puts its own process id into it.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { listSpecs, runJest, STOP_SIGNALS } from './jest-process.mjs';
import { needsInternet, whyNot } from './levels.mjs';
import { projectDir } from './machine.mjs';
import { readOptions } from './options.mjs';
import { shuffled } from './order.mjs';
import { Timings } from './timings.mjs';

const ALONE = ['unshare', '--net', '--mount', '--propagation', 'private', '--', path.join(projectDir, 'tools/setup/alone.sh')]; // prettier-ignore

/** Lines of one spec that are shown. */
const MOST_LINES = 150;

/** Runs the tests. Answers the exit code: 0 only when tests ran, all levels of them, and none failed, or with --unprivileged all that can run. */
export async function runTests(args) {
  const options = readOptions(args);
  if (options.effort !== null) process.env.PLUMB_TEST_EFFORT = String(options.effort);
  if (options.seed !== null) process.env.PLUMB_TEST_SHUFFLE = String(options.seed);
  const results = options.results ?? mkdtempSync(path.join(tmpdir(), 'plumbline-test-'));
  const run = { ...options, id: randomUUID(), results, stopped: false };
  for (const signal of STOP_SIGNALS) process.on(signal, () => (run.stopped = true));

  const reasons = options.levels.map((level) => [level, whyNot(level)]);
  const levels = reasons.filter(([, reason]) => reason === null).map(([level]) => level);
  const total = { passed: 0, failed: 0, skipped: 0 };
  const timings = new Timings();
  const heard = (level, counted) => {
    for (const name of Object.keys(total)) total[name] += counted[name];
    for (const complaint of counted.complaints) console.error(`${level}: ${complaint}`);
    timings.add(level, counted.specs);
  };
  const steps = [
    ...levels.filter((level) => level.run === 'together').map((level) => () => runTogether(level, run, heard)),
    () => runAlone(levels.filter((level) => level.run === 'alone'), run, heard), // prettier-ignore
  ];
  for (const step of steps) if (!run.stopped) await step();
  if (options.results === null) rmSync(results, { recursive: true, force: true });

  for (const line of timings.lines()) console.log(line);
  if (options.seed !== null) console.log(`order of specs: --shuffle=${options.seed}`);
  if (options.effort !== null) console.log(`effort: --long=${options.effort}`);
  for (const [level, reason] of reasons) if (reason !== null) console.log(`not run: ${level.name} (${reason})`);
  if (run.stopped) console.log('interrupted: not everything was run');
  console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
  const complete = !run.stopped && (levels.length === reasons.length || options.unprivileged);
  // No test at all is a mistake in the pattern or in the configuration, not a success.
  return total.passed > 0 && total.failed === 0 && complete ? 0 : 1;
}

async function runTogether(level, run, heard) {
  console.log(`\n--- ${level.name}`);
  const sequencer = run.seed === null ? [] : ['--testSequencer=<rootDir>/tools/jest/shuffle.mjs'];
  const argv = ['--selectProjects', level.name, '--passWithNoTests', `--maxWorkers=${run.workers}`, ...sequencer, ...run.jestArgs]; // prettier-ignore
  const resultFile = path.join(run.results, `${level.name}.json`);
  heard(level.name, await runJest({ argv, resultFile, run: run.id, loud: true }));
}

/** One queue for all such levels: the long ones first, so that no core waits at the end. */
async function runAlone(levels, run, heard) {
  const names = levels.map(({ name }) => name);
  if (names.length === 0) return;
  console.log(`\n--- ${names.join(', ')}`);
  const files = await listSpecs(names, run.jestArgs);
  const queue = run.seed === null ? longFirst(files) : shuffled(files, run.seed);
  let started = 0;
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined && !run.stopped; file = queue.shift()) {
      const level = names.find((name) => file.endsWith(`.${name}.spec.ts`));
      const number = (started += 1);
      const counted = await runJest({
        argv: ['--selectProjects', level, '--passWithNoTests', '--runInBand', '--verbose=false', ...run.jestArgs],
        under: needsInternet(file) ? [] : ALONE,
        env: { PLUMB_TEST_FILE: file },
        resultFile: path.join(run.results, `${number}.json`),
        run: `${run.id}-${number}`,
        loud: false,
      });
      if (counted.said !== '') console.error(shortened(counted.said, `npm test -- --level=${level} ${file}`));
      heard(`${level} ${file}`, counted);
    }
  };
  await Promise.all(Array.from({ length: run.workers }, worker));
}

/** A spec's length is what is known of its time beforehand; what is built from mirrors takes longest. */
function longFirst(files) {
  const weight = (file) => (needsInternet(file) ? Infinity : statSync(path.join(projectDir, file)).size);
  return [...files].sort((a, b) => weight(b) - weight(a));
}

/** A spec whose set-up failed says so once for each of its tests: its beginning tells enough. */
function shortened(said, command) {
  const lines = said.split('\n');
  if (lines.length <= MOST_LINES) return said;
  return [...lines.slice(0, MOST_LINES), `... ${lines.length - MOST_LINES} more lines; alone: ${command}`].join('\n');
}
