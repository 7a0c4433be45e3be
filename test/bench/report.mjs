/** Where results go and how they look; and the small statistics all benchmarks share. */
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const benchDir = path.join(projectDir, '.plumb', 'bench');

/** Load averages of 1, 5 and 15 minutes. */
export const loadNow = () => os.loadavg().map((each) => Math.round(each * 100) / 100);

/** The value below which the share `p` (0 to 1) of the samples lies. */
export function quantile(samples, p) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? Number.NaN;
}
export const median = (samples) => quantile(samples, 0.5);

/** `count` times `work(index)`, at most `clients` at a time; answers each one's milliseconds and the whole. */
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
  console.log(`\n${bench}   (load before ${load.before.join(' ')}, after ${load.after.join(' ')})`);
  for (const line of all) console.log(`  ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd());
}
