/** Programs of a kind, whichever agent started them, or none. */
import { readFileSync } from 'node:fs';
import { allPids, variableOf } from './proc.js';
import { MARK } from './mark.js';

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // it has ended
  }
};

/** `<command line> (pid <number>)` of each process of one of these names without our mark, as it is seen from here. Another user's is seen with CAP_SYS_PTRACE only. */
export const unmarkedPrograms = (names: readonly string[]): string[] =>
  allPids()
    .filter((pid) => names.includes(read(`/proc/${pid}/comm`).trimEnd()) && variableOf(pid, MARK) === null)
    .map((pid) => `${read(`/proc/${pid}/cmdline`).split('\0').join(' ').trim()} (pid ${pid})`);

/** Names of the processes of one of these commands that agents started, whichever: `<name>` of their marks. */
export const markedPrograms = (names: readonly string[]): string[] => [
  ...new Set(
    allPids().flatMap((pid) => {
      if (!names.includes(read(`/proc/${pid}/comm`).trimEnd())) return [];
      return /^[^/]*\/(.+):[^:]*$/.exec(variableOf(pid, MARK) ?? '')?.[1] ?? [];
    }),
  ),
];
