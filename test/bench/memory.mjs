/** Memory at rest: the API and each agent of the lab, with their helper processes listed separately. Resident set size (VmRSS, proc(5)), as `top` shows it. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readRunning } from '@plumbline/lab';
import { median } from './report.mjs';

const SETTLE_MS = 20_000;
const SAMPLES = 5;
const API_MB = 150;
const AGENT_MB = 110;

const field = (text, name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024;
const rssMb = (pid) => field(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS');
/** Proportional set size: a page that several processes map is divided among them. */
const pssMb = (pid) => field(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss');
/** All that descend from it. */
const descendantsOf = (pid) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
    .flatMap((child) => [child, ...descendantsOf(child)]);

/** Of a process and of what it started, in megabytes. */
export const residentMb = (pid) => ({
  own: rssMb(pid),
  helpers: descendantsOf(pid)
    .map(rssMb)
    .reduce((a, b) => a + b, 0),
});

export async function memoryBench(lab) {
  const units = readdirSync(path.join(lab.spec.stateDir, 'units'))
    .map((file) => file.replace(/\.json$/, ''))
    .filter((unit) => unit === 'api' || /-agent-/.test(unit));
  await delay(SETTLE_MS);
  const samples = new Map(units.map((unit) => [unit, []]));
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    for (const unit of units) {
      const { pid } = readRunning(lab.spec.stateDir, unit);
      samples.get(unit).push({ ...residentMb(pid), pss: pssMb(pid) });
    }
    await delay(1000);
  }
  return units.map((unit) => {
    const of = (key) => median(samples.get(unit).map((sample) => sample[key]));
    const whole = of('own') + of('helpers');
    return {
      name: `${unit}, at rest`,
      value: whole,
      unit: 'MB',
      target: { atMost: unit === 'api' ? API_MB : AGENT_MB },
      detail: `${of('own').toFixed(1)} its own (${of('pss').toFixed(1)} proportional), ${of('helpers').toFixed(1)} helper`,
    };
  });
}
