/** Prints and stores results; and the statistics that all benchmarks use. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const benchDir = path.join(projectDir, '.plumb', 'bench');

const round = (value) => Math.round(value * 100) / 100;
const PROCESSES = 50;

/** How busy the machine is: load averages of 1, 5 and 15 minutes, and what a shell takes to run /bin/true now (about 1 ms on an idle machine). */
export function loadNow() {
  const start = performance.now();
  spawnSync('sh', ['-c', `i=0; while [ $i -lt ${PROCESSES} ]; do /bin/true; i=$((i+1)); done`]);
  return { averages: os.loadavg().map(round), processMs: round((performance.now() - start) / PROCESSES) };
}

/** The value below which the share `p` (0 to 1) of the samples lies. */
export function quantile(samples, p) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? Number.NaN;
}
export const median = (samples) => quantile(samples, 0.5);

/** Runs `work(index)` `count` times, at most `clients` at a time; resolves with the milliseconds of each and of all. */
export async function crowd(count, clients, work) {
  const ms = [];
  let next = 0;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < count) {
        const index = next++;
        const start = performance.now();
        await work(index);
        ms.push(performance.now() - start);
      }
    }),
  );
  return { ms, totalMs: performance.now() - begin };
}

/** Whether a part of a benchmark is to run: all are when none is named. Throws for names that it does not have. */
export function choice(parts, known) {
  const unknown = parts.filter((part) => !known.includes(part));
  if (unknown.length > 0) throw new Error(`no part "${unknown.join(' ')}"; there are: ${known.join(', ')}`);
  return (part) => parts.length === 0 || parts.includes(part);
}

/** `target`: `{ atMost }` or `{ atLeast }`. */
export function verdict({ value, target }) {
  if (!target) return '';
  const met = 'atMost' in target ? value <= target.atMost : value >= target.atLeast;
  return met ? 'met' : 'missed';
}

const shown = (value) =>
  typeof value !== 'number' ? String(value) : value >= 100 ? value.toFixed(0) : value.toFixed(2);

export function printTable({ bench, load, rows }) {
  const lines = rows.map((row) => [
    row.name,
    `${shown(row.value)} ${row.unit}`.trim(),
    !row.target ? '' : 'atMost' in row.target ? `<= ${row.target.atMost}` : `>= ${row.target.atLeast}`,
    verdict(row),
    row.detail ?? '',
  ]);
  const all = [['', 'measured', 'target', '', ''], ...lines];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((line) => line[column].length)));
  const busy = ({ averages, processMs }) => `load ${averages.join(' ')}, a process ${processMs} ms`;
  console.log(`\n${bench}   (before: ${busy(load.before)}; after: ${busy(load.after)})`);
  for (const line of all) console.log(`  ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd());
}

/** CPU milliseconds spent so far by these processes and all that descend from them, ended ones included (proc(5), ticks of 10 ms). */
export function cpuMs(...roots) {
  const found = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1).split(' ');
      const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
      found.set(Number(name), { parent: Number(fields[1]), ms: ticks * 10 });
    } catch {
      // The process ended meanwhile: its CPU time is counted in its parent's.
    }
  }
  const below = (pid) => roots.includes(pid) || (found.has(pid) && below(found.get(pid).parent));
  return [...found.keys()].filter(below).reduce((sum, pid) => sum + found.get(pid).ms, 0);
}
