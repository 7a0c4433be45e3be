/** The L3 agent's programs on a node, found and run alike by the agent and by a replay. */
import type { Spawner } from '@plumbline/exec';
import { NodeProcesses, ownerOf } from '@plumbline/processes';

/** Close its processes when done: the programs go on. */
export function programsOf(runner: Spawner, host: string) {
  // How the lab finds what it must end, and tells its own from another's.
  const { PLUMB_LAB_ID: lab } = process.env;
  const owner = ownerOf('l3', host, lab);
  const env = lab === undefined ? {} : { PLUMB_LAB_ID: lab };
  return { owner, processes: new NodeProcesses(runner, { owner, env }) };
}
