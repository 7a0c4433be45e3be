/** What `plumb lab` does with the supervisor: start it, add units, wait for them. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startDetached } from './daemon.js';
import { readJson, readText, removeFile, writeWhole } from './files.js';
import { identify, isRunning, signal, waitGone, type ProcessIdentity } from './process-identity.js';
import { digestOf, layout, readRunning, type RunningUnit, type Unit } from './unit.js';

const pollMs = 10;
const unitTimeoutMs = 25_000;
/** Each unit may take five seconds to stop, one after the other. */
const stopTimeoutMs = 30_000;

/** The environment that all processes of a lab start with: nothing from the caller but the mark of a test run. */
export function labEnvironment(labId: string): Record<string, string> {
  const testRun = process.env['PLUMB_TEST_RUN'];
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    PLUMB_LAB_ID: labId,
    ...(testRun === undefined ? {} : { PLUMB_TEST_RUN: testRun }),
  };
}

/** The running supervisor of this state folder, or null. */
export function supervisorOf(stateDir: string): ProcessIdentity | null {
  const json = readJson(layout(stateDir).supervisor);
  if (json === null || typeof json !== 'object' || !('pid' in json) || !('startTime' in json)) return null;
  const found = { pid: Number(json.pid), startTime: String(json.startTime) };
  return isRunning(found) ? found : null;
}

/** Starts the supervisor unless it runs. */
export function startSupervisor(projectDir: string, stateDir: string, labId: string): void {
  if (supervisorOf(stateDir) !== null) return;
  const script = path.join(projectDir, 'libs/lab/dist/supervisor-main.js');
  const child = startDetached([process.execPath, script, stateDir], {
    logFile: layout(stateDir).log('supervisor'),
    env: labEnvironment(labId),
  });
  child.unref();
  const identity = child.pid === undefined ? null : identify(child.pid);
  if (identity === null)
    throw new Error(`the lab's supervisor cannot be started: ${lastLines(stateDir, 'supervisor')}`);
  writeWhole(layout(stateDir).supervisor, JSON.stringify(identity));
}

/** Stops the supervisor and with it all units. Does nothing when none runs. */
export async function stopSupervisor(stateDir: string): Promise<void> {
  const supervisor = supervisorOf(stateDir);
  if (supervisor === null) return;
  signal(supervisor, 'SIGTERM');
  if (await waitGone([supervisor], stopTimeoutMs)) return;
  signal(supervisor, 'SIGKILL');
  await waitGone([supervisor], stopTimeoutMs);
}

/** Has the supervisor start a unit; resolves when it runs and its afterStart is done. Throws with the end of its log when it does not start. */
export async function ensureUnit(stateDir: string, unit: Unit): Promise<RunningUnit> {
  writeWhole(layout(stateDir).unit(unit.name), JSON.stringify(unit));
  const digest = digestOf(unit);
  const until = Date.now() + unitTimeoutMs;
  for (;;) {
    const running = readRunning(stateDir, unit.name);
    if (running !== null && running.digest === digest) {
      if (running.phase === 'running') return running;
      if (running.phase === 'ended' && !unit.restart) break;
    }
    if (Date.now() > until) break;
    await delay(pollMs);
  }
  throw new Error(`${unit.name} does not start: ${lastLines(stateDir, unit.name)}`);
}

/** Removes a unit; resolves when its process is gone. */
export async function removeUnit(stateDir: string, name: string): Promise<void> {
  removeFile(layout(stateDir).unit(name));
  const until = Date.now() + stopTimeoutMs;
  while (readRunning(stateDir, name) !== null) {
    if (Date.now() > until) throw new Error(`${name} does not stop`);
    await delay(pollMs);
  }
}

/** The end of a unit's log, for an error message. */
export function lastLines(stateDir: string, name: string): string {
  const file = layout(stateDir).log(name);
  const text = readText(file)?.trimEnd() ?? '';
  return text === '' ? `${file} is empty` : `the end of ${file}:\n${text.split('\n').slice(-8).join('\n')}`;
}
