/** `plumb lab exec`: a command on a node, in an instance, or outside. */
import { runAttached } from './daemon.js';
import { insideInstance } from './instance.js';
import { identify } from './process-identity.js';
import { keeperUnit, placeOf, type Place } from './place.js';
import { nodeOf, type LabSpec } from './spec.js';
import type { LabState } from './state.js';
import { readRunning } from './unit.js';

const systemFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** argv that runs a command at this place of the lab. Throws, naming all places, when there is none of this name. */
export function argvAt(spec: LabSpec, state: LabState, where: string, command: readonly string[]): string[] {
  const instance = state.instances.find(({ name }) => name === where);
  if (instance !== undefined) return [...insideInstance(runningPlace(spec, instance.host), instance), ...command];
  const names = ['outside', 'mgmt', ...spec.nodes.map(({ host }) => host)];
  if (names.includes(where)) return [...runningPlace(spec, where).enter, ...command];
  throw new Error(
    `no "${where}" in this lab; there are: ${[...names, ...state.instances.map(({ name }) => name)].join(', ')}`,
  );
}

/** What a command on a node must know as the node's agents do, beside what it finds there: `plumb replay` makes the same node. */
export function nodeEnvironment(spec: LabSpec, where: string): Record<string, string> {
  const metadata = nodeOf(spec, where)?.metadata;
  return metadata === undefined ? {} : { PLUMB_METADATA: metadata };
}

/** Runs it with this terminal and answers its exit code. */
export function execAt(spec: LabSpec, state: LabState, where: string, command: readonly string[]): Promise<number> {
  const own = Object.entries(process.env).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const path = [process.env['PATH'] ?? '/usr/bin:/bin', ...systemFolders].join(':');
  // The child inherits the lab's id: `down` ends whatever it leaves running.
  const env = { ...Object.fromEntries(own), ...nodeEnvironment(spec, where), PATH: path, PLUMB_LAB_ID: state.labId };
  return runAttached(argvAt(spec, state, where, command), env);
}

/** A place of a running lab. */
export function runningPlace(spec: LabSpec, name: string): Place {
  const keeper = readRunning(spec.stateDir, keeperUnit(name));
  if (keeper === null || identify(keeper.pid)?.startTime !== keeper.startTime) {
    throw new Error(`${name} does not run: "plumb lab up" mends it`);
  }
  return placeOf(spec, name, keeper.pid, true);
}
