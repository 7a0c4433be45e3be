/**
 * Units: the lab's long-lived processes, wanted and running, as files.
 *
 *     units/<name>.json   what is wanted       written by `plumb lab`,  read by the supervisor
 *     run/<name>.json     what runs            written by the supervisor, read by everyone
 *     logs/<name>.log     its output
 *
 * The wanted state is a folder and not a conversation: a supervisor that was killed, or a command broken off by Ctrl-C, leaves a state that the next one
 * can read. A control socket would be the usual way; its path (108 characters at most) would not fit into every state folder.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';
import { readJson } from './files.js';

export const Unit = z.object({
  name: z.string().regex(/^[a-z0-9-]+$/),
  /** Starting order; stopped in reverse. */
  order: z.number().int(),
  argv: z.array(z.string()).min(1),
  env: z.record(z.string(), z.string()),
  /** Start it again when it ends. */
  restart: z.boolean(),
  /** Run after every start, in order, each repeated until it succeeds: what a switch forgets when it is restarted. */
  afterStart: z.array(z.array(z.string()).min(1)),
  stopSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGKILL']),
});
export type Unit = z.infer<typeof Unit>;

export const RunningUnit = z.object({
  /** Which wording of the unit this is about. */
  digest: z.string(),
  pid: z.number().int(),
  startTime: z.string(),
  /** How many times it was started again. */
  restarts: z.number().int(),
  /** `starting` until afterStart is done; `ended` when it ended and is not (yet) started again. */
  phase: z.enum(['starting', 'running', 'ended']),
  /** How it ended the last time. */
  lastEnd: z.string().nullable(),
});
export type RunningUnit = z.infer<typeof RunningUnit>;

/** Where a lab keeps what. */
export const layout = (stateDir: string) => ({
  units: path.join(stateDir, 'units'),
  unit: (name: string) => path.join(stateDir, 'units', `${name}.json`),
  run: path.join(stateDir, 'run'),
  running: (name: string) => path.join(stateDir, 'run', `${name}.json`),
  logs: path.join(stateDir, 'logs'),
  log: (name: string) => path.join(stateDir, 'logs', `${name}.log`),
  supervisor: path.join(stateDir, 'supervisor.json'),
});

/** Tells two wordings of a unit apart. */
export const digestOf = (unit: Unit): string =>
  createHash('sha256').update(JSON.stringify(unit)).digest('hex').slice(0, 16);

/** What runs under this name, or null. */
export function readRunning(stateDir: string, name: string): RunningUnit | null {
  const json = readJson(layout(stateDir).running(name));
  return json === null ? null : RunningUnit.parse(json);
}
