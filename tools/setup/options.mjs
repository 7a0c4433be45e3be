/** What `npm test -- ...` takes for itself; all else goes to jest (patterns, -t ...). */
import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { LEVELS } from './levels.mjs';
import { SetupError } from './machine.mjs';

const LONG_EFFORT = 10;

/**
 * `--unprivileged`    what runs without root is enough
 * `--level=a,b`       these levels only
 * `--shuffle[=SEED]`  spec files in another order; the seed is printed
 * `--long[=N]`        N times the runs of property and fuzz tests and of loops that repeat a fault (default 10)
 * `--results=FOLDER`  keeps jest's results there, as JSON
 * `--workers=N`       so many specs side by side (default: one a core, at most four)
 */
export function readOptions(args) {
  const own = { unprivileged: false, levels: LEVELS, seed: null, effort: null, results: null, workers: null };
  const jestArgs = [];
  for (const arg of args) {
    const [, name, value] = /^--(unprivileged|level|shuffle|long|results|workers)(?:=(.*))?$/.exec(arg) ?? [];
    if (name === undefined) jestArgs.push(arg);
    else if (name === 'unprivileged') own.unprivileged = true;
    else if (name === 'level') own.levels = levelsNamed(value ?? '');
    else if (name === 'shuffle') own.seed = value === undefined ? randomInt(2 ** 31) : whole(arg, value, 0);
    else if (name === 'results') own.results = folder(arg, value);
    else if (name === 'long') own.effort = value === undefined ? LONG_EFFORT : whole(arg, value, 1);
    else own.workers = whole(arg, value, 1);
  }
  return { ...own, workers: own.workers ?? Math.min(4, availableParallelism()), jestArgs };
}

function levelsNamed(names) {
  return names.split(',').map((name) => {
    const level = LEVELS.find((each) => each.name === name);
    if (level === undefined)
      throw new SetupError(`--level: one or more of ${LEVELS.map((each) => each.name).join(', ')}, with commas`);
    return level;
  });
}

function whole(arg, value, least) {
  if (!/^\d{1,10}$/.test(value ?? '') || Number(value) < least)
    throw new SetupError(`${arg}: a whole number from ${least} on`);
  return Number(value);
}

function folder(arg, value) {
  if (value === undefined || value === '') throw new SetupError(`${arg}: the name of a folder`);
  mkdirSync(value, { recursive: true });
  return path.resolve(value);
}
