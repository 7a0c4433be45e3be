/**
 * Units: the lab's long-lived processes, desired and running, as files.
 *
 *     units/<name>.json   what should run      written by `plumb lab`,  read by the supervisor
 *     run/<name>.json     what runs            written by the supervisor, read by everyone
 *     logs/<name>.log     its output
 *
 * The desired state is a folder, so that a killed supervisor, or a command that Ctrl-C interrupted, leaves a state that the next one can read. Road not taken: a
 * control socket; its path (108 characters at most) would not fit into every state folder.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import { readJson } from './files.js';

export const Unit = z.object({
  name: z.string().regex(/^[A-Za-z0-9_:-]+$/),
  /** Starting order; units are stopped in reverse. */
  order: z.number().int(),
  argv: z.array(z.string()).min(1),
  env: z.record(z.string(), z.string()),
  /** Whether it is restarted when it ends. */
  restart: z.boolean(),
  /** Commands run after every start, in order, each retried until it succeeds: they set what a switch loses when it is restarted. */
  afterStart: z.array(z.array(z.string()).min(1)),
  stopSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGKILL']),
});
export type Unit = z.infer<typeof Unit>;

export const RunningUnit = z.object({
  /** `digestOf` the unit that was started: tells whether its file changed since. */
  digest: z.string(),
  pid: z.number().int(),
  startTime: z.string(),
  /** How many times it was restarted. */
  restarts: z.number().int(),
  /** `starting` until afterStart is done; `ended` when it ended and is not (yet) restarted. */
  phase: z.enum(['starting', 'running', 'ended']),
  /** How the last run ended: exit code, signal or error. */
  lastEnd: z.string().nullable(),
});
export type RunningUnit = z.infer<typeof RunningUnit>;

/** The lab's folders and files. */
export const layout = (stateDir: string) => ({
  units: path.join(stateDir, 'units'),
  unit: (name: string) => path.join(stateDir, 'units', `${name}.json`),
  run: path.join(stateDir, 'run'),
  running: (name: string) => path.join(stateDir, 'run', `${name}.json`),
  logs: path.join(stateDir, 'logs'),
  log: (name: string) => path.join(stateDir, 'logs', `${name}.log`),
  supervisor: path.join(stateDir, 'supervisor.json'),
});

/** A hash of the unit's file: differs when the unit was changed. In whatever order its fields are written. */
export const digestOf = (unit: Unit): string =>
  createHash('sha256')
    .update(JSON.stringify(Unit.parse(unit)))
    .digest('hex')
    .slice(0, 16);

/** What runs under this name, or null. */
export function readRunning(stateDir: string, name: string): RunningUnit | null {
  const json = readJson(layout(stateDir).running(name));
  return json === null ? null : RunningUnit.parse(json);
}
