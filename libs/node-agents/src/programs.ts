/** An agent's programs on a node, found and run alike by the agent and by a replay. */
import { NodeProcesses, ownerOf, PrintingProcesses, type NodeProcessesOptions } from '@plumbline/processes';
import type { Spawner } from '@plumbline/exec';

/** `lab`: the id of the lab that the node is in. How the lab finds what it must end, and tells its own from another's. */
const optionsOf = (kind: string, host: string, lab: string | undefined): NodeProcessesOptions => ({
  owner: ownerOf(kind, host, lab),
  env: lab === undefined ? {} : { PLUMB_LAB_ID: lab },
});

/** On the node that this process runs on. Close its processes when done: the programs go on. */
export function programsOf(kind: string, runner: Spawner, host: string) {
  const options = optionsOf(kind, host, process.env['PLUMB_LAB_ID']);
  return { owner: options.owner, processes: new NodeProcesses(runner, options) };
}

/** Programs that are only printed; `runner`: of the node as it is, null as if none ran. */
export function printedPrograms(
  kind: string,
  host: string,
  {
    print,
    lab,
    runner,
  }: Readonly<{ print: (command: string) => void; lab: string | undefined; runner: Spawner | null }>,
) {
  const options = optionsOf(kind, host, lab);
  const real = runner && new NodeProcesses(runner, options);
  return { owner: options.owner, processes: new PrintingProcesses(print, options, real) };
}
