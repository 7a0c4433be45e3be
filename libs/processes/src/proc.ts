/** What /proc says of processes (proc(5)). Read synchronously: these files are answered from memory, and a few microseconds each. */
import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessIdentity } from './types.js';

export type ProcessStat = ProcessIdentity & Readonly<{ parent: number; session: number }>;

/** Null when there is no process of this number; one that has ended and was not waited for yet counts as gone. */
export function statOf(pid: number): ProcessStat | null {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name in parentheses may contain anything, blanks and parentheses too: fields are counted from the last one.
  const [state, parent, , session, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = rest[15];
  if (state === 'Z' || state === 'X' || startTime === undefined) return null;
  return { pid, startTime, parent: Number(parent), session: Number(session) };
}

/** True while exactly this process runs. */
export const isRunning = ({ pid, startTime }: ProcessIdentity): boolean => statOf(pid)?.startTime === startTime;

export const allPids = (): number[] =>
  readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid));

/** The value of a variable in the environment that a process was started with; null without one. */
export function variableOf(pid: number, name: string): string | null {
  const environment = read(`/proc/${pid}/environ`);
  const at = environment === null ? -1 : `\0${environment}`.indexOf(`\0${name}=`);
  if (environment === null || at < 0) return null;
  const from = at + name.length + 1;
  const end = environment.indexOf('\0', from);
  return environment.slice(from, end < 0 ? undefined : end);
}

/** Linux capability that reading another user's /proc/<pid>/environ takes (capability.h). */
const CAP_SYS_PTRACE = 19n;

/** Whether this process may read every other's environment. */
export function mayReadAll(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(read('/proc/self/status') ?? '')?.[1];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_SYS_PTRACE) & 1n) === 1n;
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
