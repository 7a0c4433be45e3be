/**
 * Identifies a process. Its number alone is not enough, because the kernel may have given it to another process since; number and start time together (proc(5),
 * field 22 of /proc/<pid>/stat) are unique until the next boot.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly startTime: string;
}

/** The identity of a running process, or null when there is none of this number (a zombie counts as gone). */
export function identify(pid: number): ProcessIdentity | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything, blanks and parentheses too: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const startTime = fields[19];
    return fields[0] === 'Z' || startTime === undefined ? null : { pid, startTime };
  } catch {
    return null;
  }
}

/** True while exactly this process runs. */
export function isRunning(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startTime === process.startTime;
}

/** Sends a signal to exactly this process; false when it is gone. */
export function signal(target: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isRunning(target)) return false;
  try {
    return process.kill(target.pid, name);
  } catch {
    return false;
  }
}

/** Waits until all of them are gone. False when some still run after `timeoutMs`. */
export async function waitGone(targets: readonly ProcessIdentity[], timeoutMs: number): Promise<boolean> {
  const until = Date.now() + timeoutMs;
  while (targets.some(isRunning)) {
    if (Date.now() > until) return false;
    await delay(10);
  }
  return true;
}

/** Processes other than this one with NAME=value in their environment. A process that has the lab's random id was started by the lab. */
export function processesWith(name: string, value: string): ProcessIdentity[] {
  const wanted = `${name}=${value}`;
  return allPids()
    .filter((pid) => pid !== process.pid && environmentOf(pid).includes(wanted))
    .map(identify)
    .filter((found) => found !== null);
}

/** All process numbers of this machine. */
export function allPids(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid));
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
