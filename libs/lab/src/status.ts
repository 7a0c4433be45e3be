/** Which processes of a lab run, and which do not. */
import { readdirSync, existsSync } from 'node:fs';
import { ApiClient } from './api-client.js';
import { loginsOf } from './known.js';
import { isRunning } from './process-identity.js';
import type { LabSpec } from './spec.js';
import { bootId, type LabState } from './state.js';
import { supervisorOf } from './supervision.js';
import { layout, readRunning } from './unit.js';

/** One process of the lab. */
export interface UnitStatus {
  readonly name: string;
  readonly pid: number;
  readonly running: boolean;
  readonly restarts: number;
  readonly lastEnd: string | null;
}

/** All units that should run, by name. */
export function unitStatuses(stateDir: string): UnitStatus[] {
  const folder = layout(stateDir).units;
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort()
    .map((name) => {
      const running = readRunning(stateDir, name);
      return {
        name,
        pid: running?.pid ?? 0,
        running: running !== null && running.phase === 'running' && isRunning(running),
        restarts: running?.restarts ?? 0,
        lastEnd: running?.lastEnd ?? null,
      };
    });
}

/** Whether its supervisor runs, so that what ends is started again. */
export const isSupervised = (spec: LabSpec, state: LabState): boolean =>
  state.bootId === bootId() && state.stage === 'ready' && state.logins !== null && supervisorOf(spec.stateDir) !== null;

/** Why this lab cannot be used, in words; empty when it can. */
export async function faultsOf(spec: LabSpec, state: LabState): Promise<string[]> {
  if (state.bootId !== bootId()) return ['the machine was restarted since'];
  if (state.stage !== 'ready') return ['it was never finished'];
  if (state.logins === null) return ['it was made by another release'];
  if (supervisorOf(spec.stateDir) === null) return ['its supervisor was ended'];
  const down = unitStatuses(spec.stateDir).filter((unit) => !unit.running);
  const faults = down.map((unit) => `${unit.name} does not run${unit.lastEnd === null ? '' : ` (${unit.lastEnd})`}`);
  if (state.apiUrl === null || !(await new ApiClient(state.apiUrl, loginsOf(state)[0]).answers()))
    faults.push('its API does not answer');
  return faults;
}

/** The status as lines for a terminal. */
export async function statusLines(spec: LabSpec, state: LabState): Promise<string[]> {
  const faults = await faultsOf(spec, state);
  const units = unitStatuses(spec.stateDir).map((unit) => {
    const trouble = unit.restarts > 0 ? `started again ${unit.restarts} times, last ended by ${unit.lastEnd}` : '';
    return `  ${unit.running ? 'up  ' : 'DOWN'} ${unit.name.padEnd(22)} ${String(unit.pid).padStart(7)}  ${trouble}`.trimEnd();
  });
  return [
    faults.length === 0 ? `the lab is up (${spec.stateDir})` : `the lab is not whole: ${faults.join('; ')}`,
    ...(state.apiUrl === null ? [] : [`  API          ${state.apiUrl}`]),
    ...(state.floatingIp === null ? [] : [`  floating IP  ${state.floatingIp}`]),
    ...state.instances.map((each) => `  ${each.name.padEnd(12)} ${each.ip} on ${each.host}`),
    ...units,
  ];
}
