/**
 * The programs that advertise a router's interfaces: one radvd for each, in the router's namespace. Pure.
 *
 * One for each and not one for the router, as the reference has it: radvd withdraws what it advertised when it ends, and only then. So an interface that goes is
 * withdrawn by ending its own, also by an agent that knows nothing but what runs on the node, and one that cannot run is the trouble of one interface.
 *
 *   withdraw    before anything of the router is touched: what goes is taken back while its link still works (SIGTERM, router lifetime 0)
 *   silence     a router with interfaces that is here no more has moved (the API deletes none), and has its MAC there, too: what it said last would take away the route
 *               by the new place. So it is ended when its link is off the switch
 *   advertise   at the end: when the OVS agent has wired the port, the first one is heard
 */
import {
  anew,
  filesFolder,
  processOwner,
  processTasks,
  type Found,
  type SupervisionStep,
  type WantedProcess,
} from '@plumbline/processes';
import type { Task } from '@plumbline/reconcile';
import { Advertising } from './advertising.js';
import { advertiserName, netnsOf, routerOfProgram } from './marks.js';

/** Whose programs these are, and the folder of their folders (libs/processes). */
export type ProgramTerms = Readonly<{ owner: string; runDir?: string }>;

/** An agent's programs, of some routers or of all. */
export type FoundPrograms = ProgramTerms &
  Readonly<{
    found: Found;
    /** Name -> the prefixes that its file says. */
    prefixes: ReadonlyMap<string, readonly string[]>;
    /** Why they cannot be seen; null: they can. */
    unseen: string | null;
  }>;

export const CONFIG = 'radvd.conf';

/** `needs`: owners of tasks that must not have failed. */
export function radvdOf(
  routerId: string,
  { portId, text }: Advertising,
  { owner, runDir }: ProgramTerms,
  needs: readonly string[] = [],
): WantedProcess {
  const name = advertiserName(routerId, portId);
  const files = filesFolder(owner, name, runDir);
  return {
    name,
    netns: netnsOf(routerId),
    // What it makes itself is beside its files, for what is among them and not asked for is removed.
    argv: [
      'radvd',
      '--nodaemon',
      `--config=${files}/${CONFIG}`,
      `--pidfile=${files.replace(/files$/, 'pid')}`,
      '--logmethod=stderr',
      // Packets of tenants are read by a user without rights.
      '--username=radvd',
    ],
    files: [{ name: CONFIG, content: text, mode: 0o644 }],
    reload: 'signal',
    needs,
  };
}

type ProgramTask = Task<SupervisionStep>;

/** Tasks of one router's programs. `wanted`: what is to be advertised, all of it. `moved`: it is here no more. `needs`: what each must have to begin with, by its device. */
export function advertisingTasks(
  routerId: string,
  wanted: readonly Advertising[],
  programs: FoundPrograms | null,
  moved: boolean,
  needs: (device: string) => readonly string[] = () => [],
): { tasks: ProgramTask[]; impossible: { task: ProgramTask; reason: string }[] } {
  if (!programs) return { tasks: [], impossible: [] };
  const all = wanted.map((each) => radvdOf(routerId, each, programs, needs(each.device)));
  const { unseen } = programs;
  if (unseen !== null)
    return {
      tasks: [],
      impossible: all.map((process) => ({
        task: { stage: 'advertise', unit: routerId, owner: processOwner(process.name), step: startOf(process) },
        reason: `program ${process.name}: it is not known whether it runs: ${unseen}`,
      })),
    };
  const names = new Set(all.map(({ name }) => name));
  const tasks = processTasks(all, withdrawing(routerId, wanted, programs), {
    stage: 'advertise',
    unitOf: routerOfProgram,
  });
  const going = moved ? 'silence' : 'withdraw';
  return {
    tasks: tasks.map((task) => (names.has(task.step.step.name) ? task : { ...task, stage: going })),
    impossible: [],
  };
}

const startOf = (process: WantedProcess): SupervisionStep => ({
  op: 'process',
  step: { op: 'start-process', name: process.name, process },
});

/**
 * The router's own among those found. One that said a prefix which is not wanted any more is not what it was started as: it withdraws it when it ends, and never when
 * it reads its file again.
 */
function withdrawing(routerId: string, wanted: readonly Advertising[], { found, prefixes }: FoundPrograms): Found {
  const kept = new Map(wanted.map((each) => [advertiserName(routerId, each.portId), new Set(each.prefixes)]));
  const mine = (name: string): boolean => routerOfProgram(name) === routerId;
  const isOld = (name: string): boolean => (prefixes.get(name) ?? []).some((prefix) => !kept.get(name)?.has(prefix));
  const own = {
    processes: found.processes.filter(({ name }) => mine(name)),
    folders: new Map([...found.folders].filter(([name]) => mine(name))),
  };
  return anew(own, new Set(own.processes.map(({ name }) => name).filter(isOld)));
}
