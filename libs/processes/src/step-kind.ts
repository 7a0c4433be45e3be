/**
 * Processes as a kind of step of the engine (libs/reconcile, types.ts). An agent puts `SupervisionStep` into its union of steps, a stage for them into its stages,
 * and hands on to these functions what is about a process. An agent of nothing but processes is in step-kind.unit.spec.ts.
 */
import type { Task } from '@plumbline/reconcile';
import { planProcesses, removes } from './plan.js';
import type { Found, ProcessStep, WantedProcess } from './types.js';

export type SupervisionStep = Readonly<{ op: 'process'; step: ProcessStep }>;

export type SupervisionTerms = Readonly<{
  /** A stage for these steps alone, so that the driver's StepsRefused names them by their place. `batch: 'all'` looks at /proc once for all that is started. */
  stage: string;
  /** The unit of a process, wanted or not: of what nobody asks for only the name is known. Equal names, equal units. */
  unitOf(name: string): string;
}>;

/** The engine's owner of all that is done about a process: what another task names in `needs` when it must wait for the process to run, or to be gone. */
export const processOwner = (name: string): string => `process/${name}`;

/**
 * What separates the found from the wanted processes. Pure; empty when all is as wanted. `wanted`: all processes of the units that are planned. Of other units none
 * is needed: the engine ignores what this says of them.
 */
export function processTasks(
  wanted: readonly WantedProcess[],
  found: Found,
  { stage, unitOf }: SupervisionTerms,
): Task<SupervisionStep>[] {
  const needs = new Map(wanted.map((each) => [each.name, each.needs ?? []]));
  return planProcesses(wanted, found, true).map((step) => ({
    step: { op: 'process', step },
    stage,
    unit: unitOf(step.name),
    owner: processOwner(step.name),
    needs: needs.get(step.name) ?? [],
    removes: removes(step, wanted),
  }));
}

const DOES: Readonly<Record<ProcessStep['op'], string>> = {
  'write-files': 'its files cannot be written',
  'remove-files': 'its old files cannot be removed',
  'stop-process': 'it cannot be stopped',
  'start-process': 'it does not run',
  'reload-process': 'it cannot be told to read its new files',
  'remove-folder': 'its folder cannot be removed',
};

/** `Agent.refusal`: what is wrong with the process and why. */
export const processRefusal = ({ step }: SupervisionStep, error: Error): string =>
  `program ${step.name}: ${DOES[step.op]}: ${error.message}`;

const STAYS: Readonly<Record<ProcessStep['op'], string>> = {
  'write-files': 'its files were written and are not as they were written',
  'remove-files': 'its old files were removed and are there again',
  'stop-process': 'it was stopped and runs again',
  'start-process': 'it was started and does not run',
  'reload-process': 'it was told to read its new files, and no trace of that is left',
  'remove-folder': 'its folder was removed and is there again',
};

/** `Agent.stuck`: what two applies did not make so, and who can mend it. `steps`: of one process, at least one. */
export function processStuck(steps: readonly SupervisionStep[]): string {
  const [first] = steps;
  if (!first) throw new TypeError('stuck without a step');
  const { name, op } = first.step;
  return `program ${name}: ${STAYS[op]}; whoever runs this node must see what else works on this program or its folder`;
}
